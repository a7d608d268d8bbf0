"""A list of files and their hashes, as `sha256sum -c` reads it."""

from collections.abc import AsyncGenerator, AsyncIterable, Sequence
from contextlib import aclosing
from pathlib import Path

from osfsync.archive.beside import write_beside

_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r"}
_ESCAPED = str.maketrans(_ESCAPES)


def line_of(sha256: str, path: str) -> bytes:
    """One line. As coreutils does, a backslash before the hash says that the name has escapes in it."""
    told = path.translate(_ESCAPED)
    mark = "" if told == path else "\\"
    return f"{mark}{sha256}  {told}\n".encode()


async def write_manifest(target: Path, files: AsyncIterable[Sequence[tuple[str, str]]]) -> int:
    """Write pages of (SHA-256, path) to `target`; answers how many there are. Raises as `write_beside`."""
    count = 0

    async def pieces() -> AsyncGenerator[bytes]:
        nonlocal count
        async for page in files:
            yield b"".join(line_of(sha256, path) for sha256, path in page)
            count += len(page)

    async with aclosing(pieces()) as stream:
        await write_beside(target, stream)
    return count
