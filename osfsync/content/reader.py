"""A process of its own that reads what is in files: `python -m osfsync.content.reader`.

The vendor's reader is native code that trusts the lengths in a file: a broken one may make it ask for
gigabytes, and end the process that it runs in. Prints an empty line
when it is ready, takes a path a line, as base64 in JSON (it may be no text), and answers a line for each. It
ends with the process that started it, whatever it is doing then.
"""

import faulthandler
import os
import stat
import sys
from pathlib import Path
from queue import SimpleQueue
from threading import Thread

import msgspec

from osfsync.content.index import UnreadableContentError, available, read_content
from osfsync.domain.contents import Content

MEMORY = 3_000_000_000
"""Bytes of address space that the process may have, where the system knows such a limit."""


PATIENCE = 120.0
"""Seconds for one file."""


class Answer(msgspec.Struct):
    """What is in one file, or a sentence that says why that can't be told; `absent` for now only."""

    content: Content | None = None
    problem: str = ""
    absent: bool = False


def main() -> None:
    """Answer until no more is asked."""
    _limit_memory()
    available()  # loads the vendor's reader: where that can't be, no file is to blame
    asked: SimpleQueue[bytes] = SimpleQueue()
    Thread(target=_listen, args=(asked,), daemon=True).start()
    _print(b"")
    while True:
        line = asked.get()
        faulthandler.dump_traceback_later(
            2 * PATIENCE, exit=True
        )  # also where native code lets no thread run
        _print(msgspec.json.encode(_answer(Path(os.fsdecode(msgspec.json.decode(line, type=bytes))))))
        faulthandler.cancel_dump_traceback_later()


def _listen(asked: "SimpleQueue[bytes]") -> None:
    """Pass on what is asked; the end of it is the end of the other process."""
    for line in sys.stdin.buffer:
        asked.put(line)
    os._exit(0)


def _print(line: bytes) -> None:
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


def _answer(path: Path) -> Answer:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for
            return Answer(
                problem="It can't be read: it is a folder, a pipe, a socket or a device.", absent=True
            )
        return Answer(content=read_content(path))
    except UnreadableContentError as error:
        return Answer(problem=str(error))
    except UnicodeEncodeError:
        return Answer(problem="Its path is no text, and the vendor's reader takes no other.")
    except OSError as error:
        return Answer(problem=f"It can't be read: {error.strerror or error}.", absent=True)


def _limit_memory() -> None:
    if sys.platform == "win32":
        return  # there a broken file may take what there is; the process ends all the same
    import resource  # noqa: PLC0415 - not on Windows

    _, most = resource.getrlimit(resource.RLIMIT_AS)
    wanted = MEMORY if most == resource.RLIM_INFINITY else min(MEMORY, most)
    resource.setrlimit(resource.RLIMIT_AS, (wanted, most))


if __name__ == "__main__":
    main()
