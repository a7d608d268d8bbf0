"""Writes a ZIP archive piece by piece; never more than one member in memory."""

import zipfile
from collections.abc import Iterable, Iterator
from io import SEEK_SET, RawIOBase, UnsupportedOperation


class _Window(RawIOBase):
    """A file of which only the part after the last `take` can still be written.

    That is all that zipfile wants: when a member ends it goes back to the member's head, to note the size
    and checksum there. So readers that never seek can read the archive as well.
    """

    def __init__(self) -> None:
        super().__init__()
        self._taken = 0
        self._open = bytearray()
        self._position = 0

    def seekable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        if whence != SEEK_SET or offset < self._taken:
            raise UnsupportedOperation("this part of the archive is gone")
        self._position = offset
        return offset

    def write(self, data: bytes | bytearray | memoryview) -> int:  # type: ignore[override]  # zipfile writes these
        at = self._position - self._taken
        self._open[at : at + len(data)] = data
        self._position += len(data)
        return len(data)

    def take(self) -> bytes:
        piece = bytes(self._open)
        self._taken += len(piece)
        self._open.clear()
        return piece


def zipped(members: Iterable[tuple[str, bytes]]) -> Iterator[bytes]:
    """The archive of (name, content), members stored as they are: OSFZ is compressed already."""
    window = _Window()
    with zipfile.ZipFile(window, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content)
            yield window.take()
    yield window.take()
