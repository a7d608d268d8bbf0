"""Judges a file's bytes on their way: length, hash, content."""

from hashlib import sha256

from osfsync.archive.base import Complete
from osfsync.domain.errors import DamagedError
from osfsync.domain.model import ContentCheck, Held, Verification, utc_now

_NEVER_AT_SOURCE = frozenset({"not-osf", "empty", "length", "unpacked-size", "tail-cut"})
"""Checks that refuse bytes however often they arrive: another thing than the file, or a cut version of it."""

_OPENING = frozenset({"compression", "magic"})
"""Checks that a message in plain text fails as well."""

_HEAD = 512
_OSF = (b"OSF", b"OCEAN_STREAM")


class Intake:
    """Takes a file's bytes in order. For worker threads.

    With `complete`, damaged content is hashed to its end: the same bytes twice are what the platform has.
    """

    def __init__(
        self, expected_size: int | None, check: ContentCheck, complete: Complete | None = None
    ) -> None:
        self._expected = expected_size
        self._check = check
        self._complete = None if expected_size is None else complete
        self._damage: DamagedError | None = None
        self._head = b""
        self._hash = sha256()
        self._size = 0

    @property
    def size(self) -> int:
        """Bytes that were taken."""
        return self._size

    def digest(self) -> str:
        """The hash, in hex, of what was taken so far."""
        return self._hash.hexdigest()

    def expect(self, size: int) -> None:
        """Compare the length before any byte is looked at. Raises DamagedError."""
        if self._expected is not None and size != self._expected:
            raise DamagedError("length", f"There are {size} bytes, {self._expected} were expected.")

    def take(self, piece: bytes | memoryview) -> None:
        """Take the next bytes. Raises DamagedError as soon as they can't be the file."""
        self._size += len(piece)
        if self._expected is not None and self._size > self._expected:
            raise DamagedError(
                "length", f"There are more than the {self._expected} bytes that were expected."
            )
        if len(self._head) < _HEAD:
            self._head += piece[: _HEAD - len(self._head)]
        if self._damage is None:
            try:
                self._check.update(piece)
            except DamagedError as error:
                self._note(error)
        self._hash.update(piece)

    def finish(self) -> Held:
        """Judge the end. Raises DamagedError: `length` ahead of what the content check says."""
        self.expect(self._size)
        verification = Verification.DAMAGED_AT_SOURCE
        if self._damage is None:
            try:
                verification = self._check.finish()
            except DamagedError as error:
                self._note(error)
        check = None if self._damage is None else self._judge(self._damage)
        return Held(self._size, self.digest(), utc_now(), verification, check)

    def _note(self, damage: DamagedError) -> None:
        """Remember damage that may be the source's. Raises any other."""
        if self._complete is None or damage.check in _NEVER_AT_SOURCE:
            raise damage
        self._damage = damage

    def _judge(self, damage: DamagedError) -> str:
        """The failed check, where the same bytes were refused before. Raises the damage otherwise."""
        if damage.check in _OPENING and _is_text(self._head):
            raise damage
        digest = self.digest()
        if self._complete is None or self._complete.refused != digest:
            damage.sha256 = digest
            raise damage
        return damage.check


def judge(
    data: bytes, expected_size: int | None, check: ContentCheck, complete: Complete | None = None
) -> Held:
    """Judge a whole file in memory. Raises DamagedError, `length` ahead of all others."""
    intake = Intake(expected_size, check, complete)
    intake.expect(len(data))
    intake.take(data)
    return intake.finish()


def _is_text(head: bytes) -> bool:
    """Whether the first bytes are a message in plain text, and not the opening of an OSF file."""
    return (
        not head.startswith(_OSF)
        and all(byte >= ord(" ") or byte in b"\t\r\n" for byte in head)
        and _is_utf8(head)
    )


def _is_utf8(head: bytes) -> bool:
    """Whether bytes are UTF-8, but for a character that is cut at their end."""
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data"
    return True
