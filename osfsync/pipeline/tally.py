"""What a run counted so far: written by the stages, read by the progress display and the summary."""

from dataclasses import dataclass, field
from datetime import datetime

from osfsync.domain.errors import OsfsyncError
from osfsync.domain.model import Held, utc_now
from osfsync.domain.summary import DeviceCounts, FileCounts, Problem

PROBLEMS_KEPT = 1000


@dataclass(slots=True)
class Tally:
    """Counters of one run. Devices go by id, so that several windows of one device count once.

    `devices_suspect` are those whose list was empty though it named files on the server before, or could not
    be compared with the server's own: there may be more than was seen.
    `unsettled` are devices of which something could be had and is not here: failed, damaged or left.
    `doubtful` are those whose list came empty though the server's own list names files of the same days.
    `at_once` is how many downloads may be under way at present, as the platform bears it.
    `pending` are hashes of the files that were counted as device-only or requested; None where no later
    round will ask.
    `devices_unidentified` counts entries of the device list without an id.
    `devices_knowing` are those whose server's own list names files that the server does not have.
    """

    began: datetime = field(default_factory=utc_now)
    devices_seen: int = 0
    devices_done: set[str] = field(default_factory=set)
    devices_failed: set[str] = field(default_factory=set)
    devices_suspect: set[str] = field(default_factory=set)
    devices_limited: set[str] = field(default_factory=set)
    devices_unidentified: int = 0
    listed: int = 0
    held: int = 0
    fetched: int = 0
    given_up: int = 0
    given_up_damaged: int = 0
    failed_files: set[tuple[str, str]] = field(default_factory=set)
    damaged_files: set[tuple[str, str]] = field(default_factory=set)
    unsettled: set[str] = field(default_factory=set)
    doubtful: set[str] = field(default_factory=set)
    device_only: int = 0
    requested: int = 0
    filtered: int = 0
    lost: int = 0
    pending: set[int] | None = None
    to_fetch: int = 0
    bytes: int = 0
    received: int = 0
    at_once: int = 0
    orders_sent: int = 0
    transfer_limit_reached: bool = False
    server_lists_refused: bool = False
    devices_knowing: set[str] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)
    problems_dropped: int = 0

    @property
    def failed(self) -> int:
        """Files that could not be fetched, those given up before included."""
        return self.given_up + len(self.failed_files)

    @property
    def quarantined(self) -> int:
        """Files that arrived damaged, those given up before included."""
        return self.given_up_damaged + len(self.damaged_files)

    def file_fetched(self, device_id: str, name: str, former: Held | None = None) -> None:
        """A file is in place; if it failed in an earlier window of this run, it did not.

        `former` is what was held in its place. A file that grows while a run waits is counted once.
        """
        self.fetched += former is None or former.fetched_at < self.began
        self.failed_files.discard((device_id, name))
        self.damaged_files.discard((device_id, name))

    def file_absent(self, device_id: str, name: str) -> None:
        """A download showed that a file is only on its device; it is no failure."""
        self.device_only += 1
        if self.pending is not None:
            self.pending.add(hash((device_id, name)))

    def problem(self, device: str, file: str | None, reason: str, explanation: str) -> None:
        """Remember a problem; the list is bounded, the counters are not."""
        if len(self.problems) < PROBLEMS_KEPT:
            self.problems.append(Problem(device, file, reason, explanation))
        else:
            self.problems_dropped += 1

    def told_problems(self) -> tuple[Problem, ...]:
        """The problems that were kept, and a word on those that were not."""
        if not self.problems_dropped:
            return tuple(self.problems)
        text = f"{self.problems_dropped} more problems; `osfsync missing` tells every file's."
        return (*self.problems, Problem("(more)", None, "more", text))

    def error(self, device: str, file: str | None, error: OsfsyncError) -> None:
        """Remember an error as a problem."""
        self.problem(device, file, error.slug, str(error))

    def device_counts(self) -> DeviceCounts:
        """Devices so far."""
        failed, unknown = self.devices_failed | self.devices_suspect, self.devices_unidentified
        return DeviceCounts(
            self.devices_seen + unknown, len(self.devices_done - failed), len(failed) + unknown
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
            lost=self.lost,
            quarantined=self.quarantined,
            filtered=self.filtered,
            left=max(0, self.listed - settled),
        )
