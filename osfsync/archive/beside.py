"""Files that are written for a user, beside the archive: whole or not at all, and durable."""

import os
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing, suppress
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

from anyio import CancelScope, to_thread

from osfsync.archive.durable import sync_folder
from osfsync.archive.failures import translate
from osfsync.domain.errors import ArchiveError, DiskFullError


async def write_beside(target: Path, pieces: AsyncIterable[bytes]) -> int:
    """Write to `target`, over what lies there; answers how many bytes there are.

    Raises ArchiveError where it can't be written, DiskFullError.
    """
    part = target.with_name(f".{target.name}.{token_hex(4)}")
    size = 0
    try:
        file = await to_thread.run_sync(part.open, "xb")
        try:
            async for piece in pieces:
                await to_thread.run_sync(file.write, piece)
                size += len(piece)
            await to_thread.run_sync(_finish, file, part, target)
        finally:
            with CancelScope(shield=True):
                await to_thread.run_sync(_clear_away, file, part)
    except OSError as error:
        known = translate(error, f"writing {target}", target.parent)
        if isinstance(known, DiskFullError):
            raise known from error
        raise ArchiveError(f"{target} can't be written: {error.strerror}.") from error
    return size


async def put_beside(target: Path, data: bytes) -> int:
    """The same for what lies in memory."""

    async def one() -> AsyncGenerator[bytes]:
        yield data

    async with aclosing(one()) as pieces:
        return await write_beside(target, pieces)


def _finish(file: BinaryIO, part: Path, target: Path) -> None:
    file.flush()
    os.fsync(file.fileno())
    file.close()
    os.replace(part, target)  # noqa: PTH105 - atomic on every system
    sync_folder(target.parent)


def _clear_away(file: BinaryIO, part: Path) -> None:
    with suppress(OSError):
        file.close()
    part.unlink(missing_ok=True)
