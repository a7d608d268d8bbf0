"""What a run counted so far: written by the stages, read by the progress display and the summary."""

from dataclasses import dataclass, field

from osfsync.domain.errors import OsfsyncError
from osfsync.domain.summary import DeviceCounts, FileCounts, Problem

PROBLEMS_KEPT = 1000


@dataclass(slots=True)
class Tally:
    """Counters of one run. Devices go by id, so that several windows of one device count once."""

    devices_seen: int = 0
    devices_done: set[str] = field(default_factory=set)
    devices_failed: set[str] = field(default_factory=set)
    devices_limited: set[str] = field(default_factory=set)
    listed: int = 0
    held: int = 0
    fetched: int = 0
    failed: int = 0
    device_only: int = 0
    requested: int = 0
    quarantined: int = 0
    filtered: int = 0
    to_fetch: int = 0
    bytes: int = 0
    received: int = 0
    orders_sent: int = 0
    orders_refused: int = 0
    transfer_limit_reached: bool = False
    problems: list[Problem] = field(default_factory=list)
    problems_dropped: int = 0

    def problem(self, device: str, file: str | None, reason: str, explanation: str) -> None:
        """Remember a problem; the list is bounded, the counters are not."""
        if len(self.problems) < PROBLEMS_KEPT:
            self.problems.append(Problem(device, file, reason, explanation))
        else:
            self.problems_dropped += 1

    def error(self, device: str, file: str | None, error: OsfsyncError) -> None:
        """Remember an error as a problem."""
        self.problem(device, file, error.slug, str(error))

    def device_counts(self) -> DeviceCounts:
        """Devices so far."""
        return DeviceCounts(
            self.devices_seen, len(self.devices_done - self.devices_failed), len(self.devices_failed)
        )

    def file_counts(self) -> FileCounts:
        """Files so far; what was to be fetched and met no end yet is left."""
        settled = (
            self.held
            + self.fetched
            + self.failed
            + self.device_only
            + self.requested
            + self.quarantined
            + self.filtered
        )
        return FileCounts(
            listed=self.listed,
            held=self.held,
            fetched=self.fetched,
            failed=self.failed,
            device_only=self.device_only,
            requested=self.requested,
            quarantined=self.quarantined,
            filtered=self.filtered,
            left=self.listed - settled,
        )
