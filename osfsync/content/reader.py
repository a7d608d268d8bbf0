"""A process of its own that reads what is in files: `python -m osfsync.content.reader`.

The vendor's reader is native code that trusts the lengths in a file: a broken one may make it ask for
gigabytes, and end the process that it runs in. Takes a path a line, as base64 in JSON (it may be no text),
and answers a line for each.
"""

import os
import sys
from pathlib import Path

import msgspec

from osfsync.content.index import UnreadableContentError, read_content
from osfsync.domain.contents import Content

MEMORY = 3_000_000_000
"""Bytes of address space that the process may have, where the system knows such a limit."""


class Answer(msgspec.Struct):
    """What is in one file, or a sentence that says why that can't be told; `absent` for now only."""

    content: Content | None = None
    problem: str = ""
    absent: bool = False


def main() -> None:
    """Answer until no more is asked."""
    _limit_memory()
    for line in sys.stdin.buffer:
        answer = _answer(Path(os.fsdecode(msgspec.json.decode(line, type=bytes))))
        sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
        sys.stdout.buffer.flush()


def _answer(path: Path) -> Answer:
    try:
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
