"""Where a long answer lies until it is read: in memory as long as it is small, then on the disk."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, Protocol, cast

from aiofiles.tempfile.temptypes import AsyncSpooledTemporaryFile

from osfsync.cloud.body import Body
from osfsync.domain.errors import ConfigError, DiskFullError

_IN_MEMORY = 500_000  # bytes; of thousands of files, and there are two for each list that is read
_EDGE = 1_000  # bytes at the start and the end of a text
_FULL = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)})


class _Writable(Protocol):
    async def write(self, piece: bytes, /) -> int: ...
    async def flush(self) -> None: ...


class Spool(_Writable, Protocol):
    """What is used of a file that lies in memory as long as it is small."""

    async def read(self, size: int, /) -> bytes:
        """As of a file; likewise the others."""

    async def seek(self, offset: int, /) -> int:
        """From the start."""

    async def truncate(self) -> None:
        """Drop what follows."""


@dataclass(frozen=True, slots=True)
class Edges:
    """Of an answer in the spool: its size in bytes, its first and its last bytes."""

    size: int
    head: bytes
    tail: bytes


@contextmanager
def open_spool() -> Iterator[Spool]:
    """An empty one; it is gone at the end."""
    # Opened and closed here, not by the wrapper in a thread: cancellation must not leave it open.
    file = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - see below
    try:
        yield cast("Spool", AsyncSpooledTemporaryFile(cast("BinaryIO", file), loop=None, executor=None))
    finally:
        with suppress(OSError):  # nobody wants what a full disk has left in its buffer
            file.close()


async def fill(spool: Spool, largest: int, body: Body) -> Edges:
    """Take a whole body, in place of what lay there before.

    Raises:
        InterruptedBodyError, ProtocolError: as `Body.plain_pieces`, with `largest` as its bound.
        DiskFullError: there is no room where the system keeps temporary files.
        ConfigError: there is no such place.
    """
    await spool.seek(0)
    await spool.truncate()
    size, head, tail = 0, b"", b""
    async for piece in body.plain_pieces(largest):
        head = head if len(head) >= _EDGE else (head + piece)[:_EDGE]
        tail = (tail + piece)[-_EDGE:]
        size += len(piece)
        await _keep(spool, piece)
    with _room():
        await spool.flush()  # a disk may be full for the last bytes alone
    return Edges(size, head, tail)


async def _keep(spool: _Writable, piece: bytes) -> None:
    with _room():
        await spool.write(piece)


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:  # the standard library tried all it knows
        raise ConfigError(
            "A long file list needs a folder for temporary files, and none can be written.",
            hint="Name one in the environment variable TMPDIR.",
        ) from error
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise DiskFullError(
            "No space is left in the system's folder for temporary files, where a long file list is kept.",
            hint="Make room there, or name another folder in the environment variable TMPDIR.",
        ) from error
