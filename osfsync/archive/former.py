"""The version of a file that another one is about to replace: kept, unless the new one goes on from it."""

import errno
import os
import shutil
import stat
from pathlib import Path
from secrets import token_hex

from osfsync.archive.durable import sync_folder

_READ = 1 << 20
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS, errno.EXDEV})
"""What file systems without hard links, or with no more of them, say."""


def keep_former(part: str, target: str, folder: Path) -> None:
    """Put the file at `target` durably into `folder` too, before `part` is renamed over it. Raises OSError.

    For a new version that is not proven to be whole. One that begins with all bytes of the former is that
    recording gone on, and loses nothing.
    """
    try:
        status = os.lstat(target)
    except (FileNotFoundError, NotADirectoryError):
        return
    if not stat.S_ISREG(status.st_mode) or _begins_with(part, target):
        return
    folder.mkdir(exist_ok=True)
    kept = folder / f"{token_hex(8)}{Path(target).suffix[:16]}"
    try:
        os.link(target, kept)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        _copy(target, kept)
    sync_folder(folder)


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
