"""Gives a file another path, also where the file system refuses links and renames. Blocking.

Merged, remote and FUSE file systems refuse them with almost any error (EXDEV, EPERM, EIO, ENOSYS, EMLINK, …),
so no list of errors decides: whatever can't be linked or renamed is copied.
"""

import errno
import os
import re
import shutil
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from threading import Lock

from osfsync.archive.durable import sync_folder
from osfsync.archive.failures import FULL, is_in_use

_READ = 1 << 20
_TOKEN = 8  # bytes
_COPY = re.compile(rf"\.[0-9a-f]{{{2 * _TOKEN}}}\.osfsync-copy")
_COPYING_IS_NO_HELP = FULL | {
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ENOTEMPTY,
    errno.EROFS,
    errno.ENAMETOOLONG,
}
_one_copy_at_a_time = Lock()  # whatever lies beside a target meanwhile is then a killed run's


def rename(source: str, target: str) -> None:
    """Give a file that is durable another path, over what lies there; its bytes stay durable. Raises OSError.

    Where it can't be renamed, a copy beside the target is.
    """
    try:
        os.replace(source, target)  # noqa: PTH105 - millions of them: see `Tree`
    except OSError as error:
        if error.errno in _COPYING_IS_NO_HELP or is_in_use(error) or os.path.isdir(target):  # noqa: PTH112
            raise
        try:
            _rename_a_copy(Path(source), Path(target))
        except OSError as second:
            raise (second if second.errno in FULL else error) from second


def link(source: str, target: Path) -> None:
    """Make `target`, which does not exist, a second name of a file or a durable copy. Raises OSError."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno in _COPYING_IS_NO_HELP:
            raise
        copy(Path(source), target)


def copy(source: Path, target: Path) -> None:
    """Copy a file to `target`, which does not exist, durably; whole or not at all. Raises OSError."""
    try:
        with source.open("rb") as old, target.open("xb") as new:
            shutil.copyfileobj(old, new, _READ)
            new.flush()
            os.fsync(new.fileno())
    except OSError:
        with suppress(OSError):
            target.unlink()
        raise


def _rename_a_copy(source: Path, target: Path) -> None:
    new = target.with_name(f".{token_hex(_TOKEN)}.osfsync-copy")
    with _one_copy_at_a_time:
        for left in target.parent.iterdir():
            if _COPY.fullmatch(left.name):
                left.unlink(missing_ok=True)
        try:
            copy(source, new)
            os.replace(new, target)  # noqa: PTH105 - as above
        except OSError:
            with suppress(OSError):
                new.unlink(missing_ok=True)
            raise
    sync_folder(target.parent)  # before the only other copy goes
    with suppress(OSError):  # a part file that stays is removed by the next run
        source.unlink()
