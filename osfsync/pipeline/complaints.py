"""What is told of lists that could not be read, or not be believed; and what that means for the run."""

from dataclasses import dataclass

import structlog

from osfsync.cloud.client import ListNotes
from osfsync.domain.errors import CloudError, ForbiddenError, NotFoundError, RefusedError
from osfsync.domain.model import Device, TimeWindow
from osfsync.pipeline.tally import Tally
from osfsync.reports.text import amount

log = structlog.get_logger(__name__)

EMPTY = "empty-list"
SKIPPED = "unreadable-records"
FIELDS_CHANGED = "list-fields-changed"
FIELDS_CHANGED_TEXT = (
    "The file list has other fields than the lists before. It was read by them, as their names are plain; "
    "`osfsync doctor` shows which."
)
WERE = ("were", "was")
HAVE = ("have", "has")

REFUSALS = (ForbiddenError, NotFoundError, RefusedError)
"""A platform may refuse days for their age, and give the next."""


@dataclass(frozen=True, slots=True)
class Complaints:
    """Each tells one kind of problem; what else it does is in its words."""

    tally: Tally

    def failed(self, device: Device, older: TimeWindow | None, error: CloudError) -> None:
        """A list could not be had: the device fails. `older` are its days, where they are not the newest."""
        self.tally.devices_failed.add(device.id)
        self.tally.unsettled.add(device.id)
        days = "" if older is None else f"Of older days, {older}: "
        self.tally.problem(device.name, None, error.slug, f"{days}{error}")

    def not_compared(self, device: Device, error: CloudError) -> None:
        """The device counts as failed, unless the platform keeps its own lists from this account at all."""
        log.warning("lists are not compared", device=device.name, reason=error.slug, error=str(error))
        if isinstance(error, REFUSALS):
            self._refused(error)
            return
        self.tally.unsettled.add(device.id)
        if device.id not in self.tally.devices_suspect:
            self.tally.devices_suspect.add(device.id)
            text = f"Files that only the server's own list names can't be seen in this run. {error}"
            self.tally.problem(device.name, None, "not-compared", text)

    def _refused(self, error: CloudError) -> None:
        """Once in a run: it is seldom one device's alone."""
        if not self.tally.server_lists_refused:
            self.tally.server_lists_refused = True
            text = f"Files that only the server's own lists name can't be seen. {error}"
            self.tally.problem("(platform)", None, "not-compared", text)

    def empty(self, device: Device, files: int) -> None:
        """A device's list came empty, and the server's own contradicts it. Syncs list these days again."""
        self.tally.unsettled.add(device.id)
        self.tally.doubtful.add(device.id)
        text = (
            "The device's list came empty, though the server's own list names "
            f"{amount(files, 'file')} of the same days: what is only on the device may be hidden."
        )
        self.tally.problem(device.name, None, EMPTY, text)

    def skipped(self, device: Device, notes: ListNotes) -> None:
        """Single records of a list are unreadable: the device counts as failed, its other files do not."""
        if notes.differs:
            self.tally.problem(device.name, None, FIELDS_CHANGED, FIELDS_CHANGED_TEXT)
        if not notes.skips:
            return
        self.tally.devices_suspect.add(device.id)
        self.tally.unsettled.add(device.id)
        text = f"{amount(notes.skips, 'record')} could not be read and {WERE[notes.skips == 1]} skipped. "
        self.tally.problem(device.name, None, SKIPPED, text + notes.skipped[0])

    def unidentified(self, skips: int) -> None:
        """Entries of the device list have no id: they count as devices that failed."""
        if not skips:
            return
        self.tally.devices_unidentified = skips
        text = (
            f"{amount(skips, 'device')} of the device list {HAVE[skips == 1]} no readable id; the others are "
            "not affected. Ask an administrator of the tenant to look at the device list."
        )
        self.tally.problem("(platform)", None, SKIPPED, text)

    def limited(self, device: Device, error: ForbiddenError, what: str) -> None:
        """The account may not read `what` of a device; once in a run."""
        if device.id in self.tally.devices_limited:
            return
        self.tally.devices_limited.add(device.id)
        self.tally.problem(
            device.name,
            None,
            error.slug,
            f"The account may not read this device's {what}, so files that are only on the device "
            "cannot be seen; the server's own files are mirrored. Ask an administrator of the tenant for "
            f"the permission to view device {what}.",
        )

    def limited_days(self, device: Device, window: TimeWindow, error: ForbiddenError) -> None:
        """The account may not read the device's list of older days."""
        text = f"Of older days, such as {window}, the device's list may not be read. {error}"
        self.tally.problem(device.name, None, error.slug, text)

    def left(self, device: Device, left: int) -> None:
        """Older days that are left for another night."""
        self.tally.unsettled.add(device.id)
        text = f"{amount(left, 'older period')} left for another night: the platform fails on such."
        self.tally.problem(device.name, None, "days-left", text)
