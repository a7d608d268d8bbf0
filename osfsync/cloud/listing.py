"""Lists of any length in pages: XML by way of a spool, JSON page by page."""

import errno
from collections.abc import AsyncGenerator, Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, Protocol, cast

import msgspec
from aiofiles.tempfile.temptypes import AsyncSpooledTemporaryFile
from anyio import to_thread

from osfsync.cloud import parsing
from osfsync.cloud.body import Body
from osfsync.cloud.bounds import Raws
from osfsync.cloud.calls import Call
from osfsync.cloud.fields import RecordReader
from osfsync.cloud.filelist import MOST_RECORDS, PAGE, Emit, read_file_list
from osfsync.cloud.lockstep import Lockstep
from osfsync.cloud.parsing import Page
from osfsync.cloud.sender import Sender
from osfsync.domain.errors import DiskFullError, InterruptedBodyError, ProtocolError
from osfsync.domain.model import DataFile

LARGEST_XML = 2_000_000_000
"""Bytes of one answer, which lie on the disk; a file takes 200 to 300 of them."""

LARGEST_JSON = 128_000_000
"""Bytes of one answer, which lie in memory; a file takes 100 to 200 of them."""

LARGEST_LOG = 16_000_000
"""Bytes of one answer that tells what was said; a week of a talkative device has a tenth of it."""

MOST_PAGES = 10_000

_IN_MEMORY = 4_000_000  # bytes of a spool; a longer one lies on the disk
_CHUNK = 131_072  # bytes; some 9 ms of parsing
_FULL = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)})
_EDGE = 1_000  # bytes at the start and the end of a text
_LARGE_JSON = 500_000  # bytes; from here on decoding leaves the loop


class _Writable(Protocol):
    async def write(self, piece: bytes, /) -> int: ...


class _Spool(_Writable, Protocol):
    """What is used of a file that lies in memory as long as it is small."""

    async def read(self, size: int, /) -> bytes: ...
    async def seek(self, offset: int, /) -> int: ...
    async def truncate(self) -> None: ...


async def xml_pages(sender: Sender, call: Call, reader: RecordReader) -> AsyncGenerator[list[DataFile], None]:
    """Files of an XML list. The connection is free again before the first page comes."""
    # Opened and closed here, not by the wrapper in a thread: cancellation must not leave it open.
    with SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
        spool = cast("_Spool", AsyncSpooledTemporaryFile(cast("BinaryIO", file), loop=None, executor=None))
        await sender.send(call, partial(_fill, spool))
        await spool.seek(0)

        def parse(chunks: parsing.Chunks, emit: Emit) -> None:
            read_file_list(chunks, reader, call.what, emit)

        # Closing is quick: the parser stands still unless it is fed.
        with closing(Lockstep(parse)) as parser:
            chunk = b"-"
            while chunk:
                chunk = await spool.read(_CHUNK)
                for page in await to_thread.run_sync(parser.feed, chunk):
                    yield page


async def _fill(spool: _Spool, body: Body) -> None:
    await spool.seek(0)
    await spool.truncate()
    head = tail = b""
    async for piece in body.plain_pieces(LARGEST_XML):
        head = head if len(head) >= _EDGE else (head + piece)[:_EDGE]
        tail = (tail + piece)[-_EDGE:]
        await _keep(spool, piece)
    if _xml_is_cut(head.lstrip(), tail.rstrip()):
        raise _cut(body)


async def _keep(spool: _Writable, piece: bytes) -> None:
    try:
        await spool.write(piece)
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise DiskFullError(
            "No space is left in the system's folder for temporary files, where a long file list is kept.",
            hint="Make room there, or name another folder in the environment variable TMPDIR.",
        ) from error


def _xml_is_cut(head: bytes, tail: bytes) -> bool:
    root = head.find(b"<FileList")
    if root >= 0:
        opening, closed, _ = head[root:].partition(b">")
        is_empty = bool(closed) and opening.endswith(b"/")
        return not is_empty and not tail.endswith(b"</FileList>")
    return head.startswith(b"<") and (not tail.endswith(b">") or tail.endswith(b"?>"))


async def json_pages(
    sender: Sender,
    call_for: Callable[[int], Call],
    read: Callable[[bytes, str], Page] = parsing.page,
    largest: int | None = None,
) -> AsyncGenerator[Raws, None]:
    """Records of a JSON list, undecoded; follows its pages where the platform did not give all at once.

    Args:
        sender: sends the calls.
        call_for: makes the call for a page by its number, from 0.
        read: takes an answer apart.
        largest: bytes that one answer may have; LARGEST_JSON where None.

    Raises:
        ProtocolError: the list is known to be incomplete.
    """
    seen, total, first, former = 0, 0, 0, _NOTHING
    for number in range(MOST_PAGES):
        call = call_for(number)
        body = await sender.send(call, partial(_whole, largest=largest or LARGEST_JSON))
        page = await _off_loop(len(body), partial(read, body, call.what))
        if number and former.begins(page.records):
            if seen >= total > first:  # the last page told of more, and there is none
                return
            raise _incomplete(call, seen, page)
        if page.total is not None and page.total < total:  # what followed moved up, over the pages' edge
            raise ProtocolError(f"The {call.what} got shorter while it was read.", hint="Try again later.")
        total = page.total or 0
        for start in range(0, len(page.records), PAGE):
            yield page.records[start : start + PAGE]
        seen += former.fresh(page.records)
        first = first or seen
        if seen > MOST_RECORDS:
            raise ProtocolError(f"The {call.what} has more than {MOST_RECORDS:,} entries.")
        if not goes_on(page, number, seen):
            if page.total is not None and seen < page.total:
                raise _incomplete(call, seen, page)
            return
        if not page.records:
            raise _incomplete(call, seen, page)
        former = _Marks.of(page.records)
    raise ProtocolError(f"The {call_for(0).what} has more than {MOST_PAGES} pages.")


@dataclass(frozen=True, slots=True)
class _Marks:
    """The records of a page, to know them again: its neighbour may overlap, or be the same."""

    first: int | None
    all: frozenset[int]

    @classmethod
    def of(cls, records: Raws) -> "_Marks":
        marks = [_mark(record) for record in records]
        return cls(marks[0], frozenset(marks))

    def begins(self, records: Raws) -> bool:
        return not records or _mark(records[0]) == self.first

    def fresh(self, records: Raws) -> int:
        return sum(_mark(record) not in self.all for record in records) if self.all else len(records)


def _mark(record: msgspec.Raw) -> int:
    return hash(bytes(record))


_NOTHING = _Marks(None, frozenset())


def goes_on(page: Page, number: int, seen: int) -> bool:
    """Whether a list has records beyond the `seen` of its pages 0 to `number`, by what the last one tells.

    Where it contradicts itself, more is asked for: a total may be that of the page.
    """
    if page.has_next or (page.total_pages is not None and number + 1 < page.total_pages):
        return True
    if page.has_next is not None or page.total_pages is not None:
        return False
    return page.total is not None and seen < page.total


def _incomplete(call: Call, seen: int, page: Page) -> ProtocolError:
    of = f" of {page.total}" if page.total is not None else ", though it tells of more"
    return ProtocolError(
        f"The {call.what} is incomplete: the platform gave {seen} entries{of}.", hint="Try again later."
    )


async def _whole(body: Body, largest: int) -> bytes:
    read = await body.read(largest)
    if read[:1] in {b"[", b"{"} and not read[-_EDGE:].rstrip().endswith((b"]", b"}")):
        raise _cut(body)
    return read


def _cut(body: Body) -> InterruptedBodyError:
    """A cut that shows in the text alone: HTTP tells none where no length is announced."""
    return InterruptedBodyError(f"The {body.what} ended early.")


async def _off_loop(size: int, work: Callable[[], Page]) -> Page:
    return await to_thread.run_sync(work) if size > _LARGE_JSON else work()
