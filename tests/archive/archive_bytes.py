"""Content and checks for the tests of this folder."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from osfsync.archive.base import Archive, Body, Placed
from osfsync.archive.owner import MARK
from osfsync.archive.paths import PART_FOLDER
from osfsync.content import check_for
from osfsync.domain.model import ContentCheck, Held, Verification

_META = b'<optimeas><channels><channel index="0" sizeoflengthvalue="2"/></channels></optimeas>'


def osf(blocks: int = 3) -> bytes:
    return b"OSF4 %d\n%b" % (len(_META), _META) + b"\0\0\x0a\0\x08012345678" * blocks


def osfz(blocks: int = 3) -> bytes:
    return gzip.compress(osf(blocks))


def body(
    path: str, data: bytes | None = None, size: int | None = None, check: ContentCheck | None = None
) -> Body:
    return Body(path, osf() if data is None else data, size, check or check_for(path))


async def receive(archive: Archive, path: str, pieces: list[bytes], size: int | None = None) -> Held:
    async with archive.receive(path, size, check_for(path)) as receiver:
        await receiver.write(pieces)
        return (await receiver.commit()).held


def is_whole(held: object, data: bytes) -> bool:
    if isinstance(held, Placed):
        held = held.held
    return (
        isinstance(held, Held)
        and (held.size, held.sha256) == (len(data), sha256(data).hexdigest())
        and held.verification is Verification.WHOLE
        and held.fetched_at.utcoffset() is not None
    )


def files_below(root: Path) -> dict[str, bytes]:
    """All files, part files too, by their path."""
    return {
        file.relative_to(root).as_posix(): file.read_bytes()
        for file in root.rglob("*")
        if file.is_file() and file != root / PART_FOLDER / MARK
    }


def parts_below(root: Path) -> list[str]:
    return sorted(file.name for file in (root / PART_FOLDER).glob("*.part"))


class HeldUpCheck:
    """A check that stops in its thread until it is let go."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.go_on = threading.Event()
        self.threads: set[int] = set()

    def update(self, piece: bytes | bytearray | memoryview) -> None:
        assert piece
        self.threads.add(threading.get_ident())
        self.reached.set()
        assert self.go_on.wait(30)

    def finish(self) -> Verification:
        self.threads.add(threading.get_ident())
        return Verification.LENGTH


@contextmanager
def let_go_at_the_end(check: HeldUpCheck) -> Iterator[HeldUpCheck]:
    try:
        yield check
    finally:
        check.go_on.set()
