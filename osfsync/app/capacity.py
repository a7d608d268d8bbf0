"""What the system lets this process have: open files, threads, address space."""

import ctypes
import sys
import threading
from contextlib import suppress

import msgspec

from osfsync.cloud.settings import LimitSettings
from osfsync.domain.machine import FILES, THREADS, MachineLimitError

_OTHERS = 40
"""Open files of all else: streams, loop, libraries, the state with its readers, locks, small files."""

_FEWEST = 36
"""Open files without which a run ends half-way."""

_FEWEST_TO_READ = 24
"""The same for a command that only reads."""

_OF_A_DOWNLOAD = 2  # its connection and its part file
_THREADS_AT_ONCE = 6
"""The loop's own four, whose start it takes for granted (it aborts the process), and two that read."""

_STACK = 1_048_576  # bytes of a thread's stack where the address space is limited; eight times that is usual
_M_ARENA_MAX = -8  # glibc: how many arenas there are, each of which reserves 64 MB


def fitting(limits: LimitSettings, most: int | None) -> LimitSettings:
    """The limits, lowered where `most` files can be open; None means that nothing is known to bound them.

    Raises MachineLimitError where a run can't work with so few.
    """
    if most is None:
        return limits
    if most < _FEWEST:
        raise MachineLimitError(FILES)
    room = max(1, (most - _OTHERS) // _OF_A_DOWNLOAD)
    return msgspec.structs.replace(
        limits, downloads=min(limits.downloads, room), listings=min(limits.listings, max(1, room // 2))
    )


def most_open_files() -> int | None:
    """How many files this process may have open; None where the system has no such limit."""
    if sys.platform == "win32":
        return None
    import resource  # noqa: PLC0415 - not on Windows

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def make_room() -> None:
    """Let threads reserve little where memory is limited; see that a few threads and files are allowed.

    Raises MachineLimitError where they are not.
    """
    most = most_open_files()
    if most is not None and most < _FEWEST_TO_READ:
        raise MachineLimitError(FILES)
    _reserve_little()
    end = threading.Event()
    started: list[threading.Thread] = []
    try:
        for _ in range(_THREADS_AT_ONCE):
            thread = threading.Thread(target=end.wait, daemon=True)
            thread.start()
            started.append(thread)
    except RuntimeError as error:
        raise MachineLimitError(THREADS) from error
    finally:
        end.set()
        for thread in started:
            thread.join()


def _reserve_little() -> None:
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - not on Windows

    if resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY:
        return
    threading.stack_size(_STACK)
    with suppress(AttributeError):  # not glibc
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
