"""Who told the newest that a device's lists name: the device, or others who put files on the server. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from osfsync.domain.dialogue import CLOCKS_AHEAD
from osfsync.domain.model import DataFile, StorageStatus
from osfsync.domain.reach import QUIET_AFTER


@dataclass(slots=True)
class Tellers:
    """What one round's lists of one device showed.

    A device out of contact tells nothing, but the platform may get its files all the same, by whoever has
    its memory card.

    Attributes:
        device: the newest recording of which the device tells that it has it.
        others: the newest of those that the server alone holds: dropped by the device, or never told by it.
        others_untimed: whether there are any of those of which the list tells no times.
    """

    device: datetime | None = None
    others: datetime | None = None
    others_untimed: bool = False

    def note(self, files: Iterable[DataFile], now: datetime) -> None:
        """Note a page; what lies ahead was told under a clock that was wrong."""
        for file in files:
            end = file.end or file.start
            others = file.status is StorageStatus.SERVER_ONLY
            if end is None:
                self.others_untimed |= others
            elif end > now + CLOCKS_AHEAD:
                continue
            elif others:
                self.others = end if self.others is None else max(self.others, end)
            else:
                self.device = end if self.device is None else max(self.device, end)

    def are_doubtful(self, now: datetime) -> bool:
        """Whether only the device's last contact tells if the news is its own."""
        if self.device is not None and now - self.device <= QUIET_AFTER:
            return False
        if self.others is None:
            return self.others_untimed
        return now - self.others <= QUIET_AFTER
