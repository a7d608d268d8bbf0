"""Judges a file's bytes on their way: length, hash, content."""

from hashlib import sha256

from osfsync.domain.errors import DamagedError
from osfsync.domain.model import ContentCheck, Held, utc_now


class Intake:
    """Takes a file's bytes in order. For worker threads."""

    def __init__(self, expected_size: int | None, check: ContentCheck) -> None:
        self._expected = expected_size
        self._check = check
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
        self._check.update(piece)
        self._hash.update(piece)

    def finish(self) -> Held:
        """Judge the end. Raises DamagedError: `length` ahead of what the content check says."""
        self.expect(self._size)
        verification = self._check.finish()
        return Held(self._size, self.digest(), utc_now(), verification)


def judge(data: bytes, expected_size: int | None, check: ContentCheck) -> Held:
    """Judge a whole file in memory. Raises DamagedError, `length` ahead of all others."""
    intake = Intake(expected_size, check)
    intake.expect(len(data))
    intake.take(data)
    return intake.finish()
