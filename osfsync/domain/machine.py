"""Limits of the machine: what the errors mean that a program meets there, and what to do."""

import errno
import re
from dataclasses import dataclass

from osfsync.domain.errors import ExitCode, OsfsyncError, leaves


@dataclass(frozen=True, slots=True)
class Limit:
    """What the system gives no more of, and what to do."""

    message: str
    hint: str


FILES = Limit(
    "The system lets this program open no more files or connections.",
    "Raise the limit (`ulimit -n`, LimitNOFILE= of systemd) to 256 or more.",
)
THREADS = Limit(
    "The system lets this program start no more threads or processes.",
    "Raise the limit of processes (`ulimit -u`, TasksMax= of systemd, pids.max of a container) to 64 or "
    "more, and that of address space (`ulimit -v`) to 2 GB or more.",
)
MEMORY = Limit(
    "The system gives this program no more memory.",
    "Raise the limit (`ulimit -v`, MemoryMax= of systemd, that of a container), or lower limits.downloads.",
)
_NO_OBJECT = re.compile(r"without (setting an exception|exception set)")
"""What the interpreter says where it gets no memory in the middle of an import."""

_BY_NUMBER = {errno.EMFILE: FILES, errno.ENFILE: FILES, errno.EAGAIN: THREADS, errno.ENOMEM: MEMORY}


class MachineLimitError(OsfsyncError):
    """The system allows this program too little: files, threads, processes or memory."""

    exit_code = ExitCode.USAGE
    slug = "machine-limit"

    def __init__(self, limit: Limit) -> None:
        super().__init__(limit.message, hint=limit.hint)


def machine_limit(error: BaseException) -> MachineLimitError | None:
    """The limit that an error (or one in its group, or one that caused it) met; None where it met none."""
    for leaf in leaves(error):
        cause: BaseException | None = leaf
        while cause is not None:
            found = _limit_of(cause)
            if found is not None:
                return MachineLimitError(found)
            cause = cause.__cause__
    return None


def _limit_of(error: BaseException) -> Limit | None:
    if isinstance(error, MemoryError) or (isinstance(error, SystemError) and _NO_OBJECT.search(str(error))):
        return MEMORY
    if isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        return THREADS
    return _BY_NUMBER.get(error.errno or 0) if isinstance(error, OSError) else None
