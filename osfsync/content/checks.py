"""Which check a file gets, by its name and by how sure its length is."""

from osfsync.content.osf import OsfCheck
from osfsync.content.osfz import OsfzCheck
from osfsync.domain.errors import DamagedError
from osfsync.domain.model import ContentCheck, Verification


class LengthCheck:
    """Takes any bytes: of a file that is no OSF file by its name, only the length can be compared."""

    def update(self, piece: bytes | bytearray | memoryview) -> None:
        """Take the next bytes."""

    def finish(self) -> Verification:
        """There is nothing to judge."""
        return Verification.LENGTH


class _OnlyWhole:
    def __init__(self, check: ContentCheck) -> None:
        self._check = check

    def update(self, piece: bytes | bytearray | memoryview) -> None:
        self._check.update(piece)

    def finish(self) -> Verification:
        found = self._check.finish()
        if found is Verification.TAIL_CUT:
            raise DamagedError(
                "tail-cut", "The file is cut: only one that does not end in the middle may be taken."
            )
        return found


def only_whole(check: ContentCheck) -> ContentCheck:
    """The same check, but one that refuses what ends in the middle: DamagedError `tail-cut`.

    For a file that is to replace a held one, or whose length is not confirmed: there a cut may as well
    have happened on the way.
    """
    return _OnlyWhole(check)


def shows_its_end(name: str) -> bool:
    """Whether content alone shows that such a file is not cut: a compressed one ends with its checksum.

    A plain one may be cut after any block and look whole.
    """
    return name.casefold().endswith(".osfz")


def check_for(name: str) -> ContentCheck:
    """A fresh check for one file, by the suffix of its name, case-insensitive."""
    folded = name.casefold()
    if folded.endswith(".osf"):
        return OsfCheck()
    if folded.endswith(".osfz"):
        return OsfzCheck()
    return LengthCheck()
