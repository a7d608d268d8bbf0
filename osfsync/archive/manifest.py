"""A list of files and their hashes, as `sha256sum -c` reads it."""

import os
from collections.abc import AsyncIterable, Sequence
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

from anyio import CancelScope, to_thread

from osfsync.archive.durable import sync_folder
from osfsync.archive.failures import translate
from osfsync.domain.errors import ArchiveError, DiskFullError

_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r"}
_ESCAPED = str.maketrans(_ESCAPES)


def line_of(sha256: str, path: str) -> bytes:
    """One line. As coreutils does, a backslash before the hash says that the name has escapes in it."""
    told = path.translate(_ESCAPED)
    mark = "" if told == path else "\\"
    return f"{mark}{sha256}  {told}\n".encode()


async def write_manifest(target: Path, files: AsyncIterable[Sequence[tuple[str, str]]]) -> int:
    """Write pages of (SHA-256, path) to `target`, over what lies there: whole or not at all, and durable.

    Answers how many files there are. Raises ArchiveError where it can't be written, DiskFullError.
    """
    part = target.with_name(f".{target.name}.{token_hex(4)}")
    count = 0
    try:
        file = await to_thread.run_sync(part.open, "xb")
        try:
            async for page in files:
                text = b"".join(line_of(sha256, path) for sha256, path in page)
                await to_thread.run_sync(file.write, text)
                count += len(page)
            await to_thread.run_sync(_finish, file, part, target)
        finally:
            with CancelScope(shield=True):
                await to_thread.run_sync(_clear_away, file, part)
    except OSError as error:
        known = translate(error, f"writing {target}", target.parent)
        if isinstance(known, DiskFullError):
            raise known from error
        raise ArchiveError(f"The manifest {target} can't be written: {error.strerror}.") from error
    return count


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
