"""What the system's errors mean for an archive: one border, so that nothing else interprets errno."""

import errno
import shutil
import sys
from pathlib import Path

from osfsync.domain.errors import ArchiveError, DiskFullError, OsfsyncError

FULL = {errno.ENOSPC, errno.EDQUOT}
_FULL_ON_WINDOWS = {39, 112, 1295}  # ERROR_HANDLE_DISK_FULL, ERROR_DISK_FULL, ERROR_DISK_QUOTA_EXCEEDED
_IN_USE_ON_WINDOWS = {5, 32, 33}  # access denied (an open target of a rename), sharing and lock violations
_TOO_LONG_ON_WINDOWS = {3, 206}  # path not found (beyond 260 characters), file name too long

_HINTS = {
    errno.EACCES: "Give the user who runs osfsync the right to write there.",
    errno.EPERM: "Give the user who runs osfsync the right to write there.",
    errno.EROFS: "The file system is mounted read-only: mount it writable.",
    errno.ENAMETOOLONG: "Move the archive to a shorter path.",
    errno.EXDEV: "The archive must lie on one file system: mount the disk at the archive's root instead.",
    errno.EFBIG: "The file system can't hold a file of this size: move the archive to another one.",
    errno.EISDIR: "A folder lies where the file should go: move it away.",
    errno.ENOTDIR: "A file lies where a folder should be: move it away.",
    errno.EEXIST: "A file lies where a folder should be: move it away.",
    errno.ENOENT: "Is the disk still mounted, and does no other run use this archive?",
    errno.EIO: "The disk reports an error: check its health.",
}


def translate(error: OSError, doing: str, root: Path) -> OsfsyncError:
    """DiskFullError or ArchiveError for what the system refused.

    Args:
        error: as it was raised.
        doing: what was tried and on which path, such as "writing d/a.osf".
        root: the archive's folder; its free space is told where the disk is full.
    """
    if error.errno in FULL or _windows_code(error) in _FULL_ON_WINDOWS:
        return DiskFullError(
            f"The disk is full (or a quota is used up) while {doing}: {_free(root)} in {root}.",
            hint="Free some space (where bytes are left, remove files: no more of them fit); "
            "the next run goes on where this one stopped.",
        )
    reason = error.strerror or str(error)
    return ArchiveError(f"The archive {root} can't be used while {doing}: {reason}.", hint=_hint(error))


def is_in_use(error: OSError) -> bool:
    """Whether Windows refuses because a program has the file open (or its access list does)."""
    return _windows_code(error) in _IN_USE_ON_WINDOWS


def _hint(error: OSError) -> str:
    if is_in_use(error):
        return "Close the program that has the file open, and see that the user may write there."
    if _windows_code(error) in _TOO_LONG_ON_WINDOWS:
        return "Allow long paths in Windows, or move the archive to a shorter path."
    return _HINTS.get(error.errno or 0, "")


def _windows_code(error: OSError) -> int | None:
    return getattr(error, "winerror", None) if sys.platform == "win32" else None


def _free(root: Path) -> str:
    try:
        return f"{shutil.disk_usage(root).free:,} bytes are free"
    except OSError:
        return "the free space can't be told"
