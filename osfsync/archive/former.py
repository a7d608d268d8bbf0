"""The version of a file that another one is about to replace: kept, where that one may be less."""

import errno
import os
import shutil
import stat
from pathlib import Path

from osfsync.archive.durable import sync_folder
from osfsync.domain.model import Verification

_READ = 1 << 20
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS, errno.EXDEV})
"""What file systems without hard links, or with no more of them, say."""


def is_worth_keeping(part: str, target: str, verification: Verification) -> bool:
    """Whether what `part` is to replace at `target` may hold more than it. Raises OSError.

    Not where the new version was checked to its last byte, nor where it begins with all bytes of the former:
    that recording went on. A compressed one has shown its end; it is only suspect where it is smaller.
    """
    if verification is Verification.WHOLE:
        return False
    try:
        former = os.lstat(target)
    except (FileNotFoundError, NotADirectoryError):
        return False
    if not stat.S_ISREG(former.st_mode):
        return False
    if verification is Verification.HEADER and target.casefold().endswith(".osfz"):
        return os.lstat(part).st_size < former.st_size
    return not _begins_with(part, target)


def keep(target: str, kept: Path) -> None:
    """Make `kept` a second, durable name of the file at `target`, or a copy of it. Raises OSError."""
    try:
        os.link(target, kept)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        _copy(target, kept)
    sync_folder(kept.parent)


def _begins_with(part: str, former: str) -> bool:
    with Path(part).open("rb") as new, Path(former).open("rb") as old:
        while piece := old.read(_READ):
            if new.read(len(piece)) != piece:
                return False
    return True


def _copy(source: str, target: Path) -> None:
    with Path(source).open("rb") as old, target.open("xb") as new:
        shutil.copyfileobj(old, new, _READ)
        new.flush()
        os.fsync(new.fileno())
