"""What lies at a path that another file is about to get: kept, where that one may be less."""

import os
import stat
import zlib
from collections.abc import Iterator
from hashlib import file_digest, sha256
from pathlib import Path
from typing import BinaryIO

from osfsync.archive.durable import sync_folder
from osfsync.archive.moving import link, rename
from osfsync.domain.model import Held, Verification

_READ = 1 << 20
_GZIP_OR_ZLIB = 47  # zlib tells which one it is

_SHOWS_NO_END = frozenset({Verification.LENGTH, Verification.DAMAGED_AT_SOURCE})

MOST_COMPARED = 2_000_000_000
"""Unpacked bytes of two versions that are compared, some seconds' work; a longer old version is kept."""


def is_worth_keeping(part: str, target: str, verification: Verification, former: Held | None) -> bool:
    """Whether what `part` is to replace at `target` may hold more than it. Raises OSError.

    Not where the new file begins with all of its bytes: that recording went on, or is the same. Of a
    compressed one that is held, and is not larger than the new one, the unpacked bytes are compared: a logger
    may use a name again for another recording. A folder is never replaced, and so never kept.
    """
    try:
        before = os.lstat(target)
    except (FileNotFoundError, NotADirectoryError):
        return False
    if not stat.S_ISREG(before.st_mode):
        return not stat.S_ISDIR(before.st_mode)
    if os.lstat(part).st_size >= before.st_size and _begins_with(part, target):
        return False
    shows_its_end = verification not in _SHOWS_NO_END and target.casefold().endswith(".osfz")
    if not shows_its_end or former is None or os.lstat(part).st_size < before.st_size:
        return True
    return not (_is(target, former) and _unpacks_to_more(part, target))


def undo(target: str, kept: Path) -> None:
    """Take back what `keep` did, unless something has replaced the file all the same. Raises OSError.

    A network file system may rename, lose its answer, and find nothing to rename when it is asked again.
    """
    if not os.path.lexists(target):
        rename(str(kept), target)
    elif _is_the_same(target, kept):
        kept.unlink()


def _is_the_same(target: str, kept: Path) -> bool:
    """Whether two names are one file's, or have the same bytes. Raises OSError."""
    here, there = os.lstat(target), os.lstat(kept)
    if os.path.samestat(here, there):
        return True
    return here.st_size == there.st_size and stat.S_ISREG(here.st_mode) and _reads_alike(target, str(kept))


def keep(target: str, kept: Path) -> None:
    """Make `kept` a second, durable name of the file at `target`, or a copy of it. Raises OSError.

    What is no file has no use where it lies: it is moved.
    """
    if not stat.S_ISREG(os.lstat(target).st_mode):
        os.replace(target, kept)  # noqa: PTH105 - both are plain text or used as such
        sync_folder(Path(target).parent)
    else:
        link(target, kept)
    sync_folder(kept.parent)


def _begins_with(part: str, former: str) -> bool:
    """Whether a file begins with all bytes of another; no, where those can't be read."""
    try:
        return _reads_alike(part, former)
    except OSError:
        return False


def _reads_alike(part: str, former: str) -> bool:
    with Path(part).open("rb") as new, Path(former).open("rb") as old:
        while piece := old.read(_READ):
            if new.read(len(piece)) != piece:
                return False
    return True


def _unpacks_to_more(part: str, former: str) -> bool:
    """Whether the unpacked bytes of a file begin with all those of another; no, where that is unknown."""
    try:
        with Path(part).open("rb") as new, Path(former).open("rb") as old:
            return _continues(_unpacked(new), _unpacked(old))
    except (OSError, zlib.error):
        return False


def _continues(new: Iterator[bytes], old: Iterator[bytes]) -> bool:
    ahead, total = b"", 0
    for piece in old:
        total += len(piece)
        while len(ahead) < len(piece) and (more := next(new, b"")):
            ahead += more
        if total > MOST_COMPARED or not ahead.startswith(piece):
            return False
        ahead = ahead[len(piece) :]
    return True


def _unpacked(file: BinaryIO) -> Iterator[bytes]:
    """The bytes in a file that is one gzip or zlib stream, at most `_READ` at once.

    Raises OSError, zlib.error.
    """
    stream = zlib.decompressobj(_GZIP_OR_ZLIB)
    while not stream.eof and (packed := stream.unconsumed_tail or file.read(_READ)):
        while plain := stream.decompress(packed, _READ):
            yield plain
            packed = stream.unconsumed_tail
    if stream.unused_data.strip(b"\0") or file.read(1):
        raise zlib.error("more follows the stream than a little padding")


def _is(target: str, held: Held) -> bool:
    """Whether the very bytes that are held lie there; no, where they can't be read."""
    try:
        if os.lstat(target).st_size != held.size:
            return False
        with Path(target).open("rb") as file:
            return file_digest(file, sha256).hexdigest() == held.sha256
    except OSError:
        return False
