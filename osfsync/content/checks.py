"""Which check a file gets, by its name."""

from osfsync.content.osf import OsfCheck
from osfsync.content.osfz import OsfzCheck
from osfsync.domain.model import ContentCheck, Verification


class LengthCheck:
    """Takes any bytes: of a file that is no OSF file by its name, only the length can be compared."""

    def update(self, piece: bytes | bytearray | memoryview) -> None:
        """Take the next bytes."""

    def finish(self) -> Verification:
        """There is nothing to judge."""
        return Verification.LENGTH


def check_for(name: str) -> ContentCheck:
    """A fresh check for one file, by the suffix of its name, case-insensitive."""
    folded = name.casefold()
    if folded.endswith(".osf"):
        return OsfCheck()
    if folded.endswith(".osfz"):
        return OsfzCheck()
    return LengthCheck()
