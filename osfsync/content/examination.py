"""The check of a file that is read once more: as when it came, and by the checksums that it carries."""

from osfsync.content.checks import LengthCheck, check_for
from osfsync.content.checksums import Checksums
from osfsync.content.osf import OsfCheck
from osfsync.content.osfz import OsfzCheck
from osfsync.domain.model import ContentCheck, Verification
from osfsync.domain.verdict import Check, Damage

_OF_COMPRESSION = ("compression", "gzip-", "zlib-", "trailing-data")


class _WithChecksums:
    """Plain OSF, judged and summed up."""

    def __init__(self) -> None:
        self.sums = Checksums()
        self._check = OsfCheck()

    def update(self, piece: bytes | bytearray | memoryview) -> None:
        self._check.update(piece)
        self.sums.update(piece)

    def finish(self) -> Verification:
        return self._check.finish()


class Examination:
    """A fresh check for one file, by the suffix of its name; it tells what it looked at.

    `size` is the held one: what was held with no bytes is right with none.
    """

    def __init__(self, name: str, size: int) -> None:
        plain, usual = _WithChecksums(), check_for(name)
        self._sums = plain.sums
        self._check: ContentCheck = plain
        self._packed = size > 0 and isinstance(usual, OsfzCheck)
        if self._packed:
            self._check = OsfzCheck(plain)
        elif size == 0 or isinstance(usual, LengthCheck):
            self._check = LengthCheck()

    def update(self, piece: bytes | bytearray | memoryview) -> None:
        """Take the next bytes."""
        self._check.update(piece)

    def finish(self) -> Verification:
        """Judge the end."""
        return self._check.finish()

    def looked_at(self, content: Verification | Damage) -> tuple[Check, ...]:
        """What of the content was looked at, given what came of it."""
        told: list[Check] = [Check.COMPRESSION] if self._packed else []
        if isinstance(content, Damage):
            if not content.check.startswith(_OF_COMPRESSION):
                told.append(Check.HEADER)
        elif content in {Verification.WHOLE, Verification.TAIL_CUT}:
            told.append(Check.STRUCTURE)
        elif content is Verification.HEADER:
            told.append(Check.HEADER)
        return (*told, Check.CRC32C) if self._sums.carried else tuple(told)
