"""Lists of any length in pages, by way of a spool."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, closing
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import msgspec
import structlog
from anyio import to_thread

from osfsync.cloud import parsing
from osfsync.cloud.body import Body
from osfsync.cloud.bounds import Raws
from osfsync.cloud.calls import Call
from osfsync.cloud.elements import Elements
from osfsync.cloud.fields import RecordReader
from osfsync.cloud.filelist import MOST_RECORDS, PAGE, Emit, read_file_list
from osfsync.cloud.lockstep import Lockstep
from osfsync.cloud.parsing import Page
from osfsync.cloud.sender import Sender
from osfsync.cloud.spool import Edges, Spool, fill, open_spool
from osfsync.cloud.wrappers import head_of
from osfsync.domain.errors import InterruptedBodyError, ProtocolError
from osfsync.domain.model import DataFile

log = structlog.get_logger(__name__)

_T = TypeVar("_T")

LARGEST_XML = 2_000_000_000
"""Bytes of one answer, which lie on the disk; a file takes 200 to 300 of them."""

LARGEST_JSON = 128_000_000
"""Bytes of one answer, which lie on the disk, at worst in memory; a file takes 100 to 200 of them."""

LARGEST_LOG = 16_000_000
"""Bytes of one answer that tells what was said; a week of a talkative device has a tenth of it."""

MOST_PAGES = 10_000

LISTED_ANEW = 2
"""Times that a list is read again whose counts contradict it."""

_CHUNK = 131_072  # bytes; some 9 ms of parsing
_LARGE_JSON = 500_000  # bytes; from here on a list is read in pieces, and decoding leaves the loop
_BOM = b"\xef\xbb\xbf"
_NO_PAGE = Page((), None, None, None)


async def xml_pages(sender: Sender, call: Call, reader: RecordReader) -> AsyncGenerator[list[DataFile], None]:
    """Files of an XML list. The connection is free again before the first page comes."""
    with open_spool() as spool:
        edges = await sender.send(call, partial(_fill_xml, spool))
        await spool.seek(0)
        if edges.size <= _CHUNK:  # nearly always: no thread of its own, and one hop
            whole = partial(_read_whole, await spool.read(_CHUNK), reader, call.what)
            found, failure = await to_thread.run_sync(whole, limiter=sender.lanes.parsing)
            for page in found:
                yield page
            if failure is not None:
                raise failure
            return

        def parse(chunks: parsing.Chunks, emit: Emit) -> None:
            read_file_list(chunks, reader, call.what, emit)

        # Closing is quick: the parser stands still unless it is fed.
        with closing(Lockstep(parse)) as parser:
            chunk = b"-"
            while chunk:
                chunk = await spool.read(_CHUNK)
                for page in await to_thread.run_sync(parser.feed, chunk, limiter=sender.lanes.parsing):
                    yield page


def _read_whole(
    text: bytes, reader: RecordReader, what: str
) -> tuple[list[list[DataFile]], ProtocolError | None]:
    """Pages, and why there are no more of them: what was found before a failure counts."""
    pages: list[list[DataFile]] = []
    try:
        read_file_list([text], reader, what, pages.append)
    except ProtocolError as error:
        return pages, error
    return pages, None


async def _fill_xml(spool: Spool, body: Body) -> Edges:
    edges = await fill(spool, LARGEST_XML, body)
    if _xml_is_cut(edges.head.lstrip(), edges.tail.rstrip()):
        raise _cut(body)
    return edges


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
    names: Sequence[str],
    largest: int | None = None,
) -> AsyncGenerator[Raws, None]:
    """Records of a JSON list, undecoded; follows its pages where the platform did not give all at once.

    Args:
        sender: sends the calls.
        call_for: makes the call for a page by its number, from 0.
        names: stems of the names that the list may have.
        largest: bytes that one answer may have; LARGEST_JSON where None.

    Raises:
        ProtocolError: the list is known to be incomplete.
    """
    seen, total, first, former, before = 0, 0, 0, _NOTHING, 0
    with open_spool() as spool:
        for number in range(MOST_PAGES):
            call = call_for(number)
            edges = await sender.send(call, partial(_fill_json, spool, largest or LARGEST_JSON))
            answer = _Answer(spool, edges, names, call.what)
            if number and former.begins(beginning := await answer.begin()):
                if number == 1 and beginning:
                    before = 1  # its pages are numbered from 1, or it ignores the number
                    continue
                if seen >= total > first:  # the last page told of more, and there is none
                    return
                raise _incomplete(call, seen, None)
            begun, ahead = False, seen
            async with aclosing(answer.pieces()) as pieces:
                async for piece in pieces:
                    begun = True
                    yield piece
                    seen += former.fresh(piece)
                    _refuse_many(call, seen)
            first, page = first or seen, answer.page.of_all(seen - ahead)
            _refuse_shrunk(call, page, total)
            total = page.total or 0
            if not goes_on(page, number - before, seen):
                if page.total is not None and seen < page.total:
                    raise _incomplete(call, seen, page.total)
                return
            if not begun:
                if number:
                    raise _incomplete(call, seen, page.total)
                before = 1  # its pages are numbered from 1
            former = await _Marks.of(answer)
    raise ProtocolError(f"The {call_for(0).what} has more than {MOST_PAGES} pages.")


@dataclass(slots=True)
class _Answer:
    """One answer in the spool: its records in pieces of up to PAGE, and what it says of the list.

    Attributes:
        names: stems of the names that the list may have.
        page: without its records; known once all pieces were taken.
    """

    spool: Spool
    edges: Edges
    names: Sequence[str]
    what: str
    page: Page = _NO_PAGE

    async def begin(self) -> Raws:
        """The first records; none where there are none."""
        async with aclosing(self.pieces()) as pieces:
            async for piece in pieces:
                return piece
        return ()

    async def pieces(self) -> AsyncGenerator[Raws]:
        """From the first one on, however often. Raises ProtocolError."""
        head, within = b"", None
        if self.edges.size > _LARGE_JSON and (found := head_of(self.edges.head, self.names)) is not None:
            head, within = found
        await self.spool.seek(len(head))
        rest: list[msgspec.Raw] = []
        if within is None:
            text = await self.spool.read(self.edges.size)
        else:
            elements = Elements(partial(parsing.elements, what=self.what))
            while chunk := await self.spool.read(_CHUNK):
                rest += elements.feed(chunk)
                full = len(rest) - len(rest) % PAGE
                for start in range(0, full, PAGE):
                    yield rest[start : start + PAGE]
                del rest[:full]
            text = head + elements.rest
        page = await _off_loop(len(text), partial(parsing.page, text, self.what, self.names, within))
        self.page = replace(page, records=())
        records = [*rest, *page.records] if rest else page.records
        for start in range(0, len(records), PAGE):
            yield records[start : start + PAGE]


@dataclass(frozen=True, slots=True)
class _Marks:
    """The records of a page, to know them again: its neighbour may overlap, or be the same."""

    first: int | None
    all: frozenset[int]

    @classmethod
    async def of(cls, answer: _Answer) -> "_Marks":
        marks = [_mark(record) async for piece in answer.pieces() for record in piece]
        return cls(marks[0] if marks else None, frozenset(marks))

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


def _refuse_many(call: Call, seen: int) -> None:
    if seen > MOST_RECORDS:
        raise ProtocolError(f"The {call.what} has more than {MOST_RECORDS:,} entries.")


def _refuse_shrunk(call: Call, page: Page, total: int) -> None:
    """Raise ProtocolError where a page's total is less than that of the page before it."""
    if page.total is not None and page.total < total:  # what followed moved up, over the pages' edge
        raise ProtocolError(f"The {call.what} got shorter while it was read.", hint="Try again later.")


class IncompleteListError(ProtocolError):
    """The platform gave fewer entries than it counts: one may have been added or removed meanwhile."""


async def read_anew(read: Callable[[], Awaitable[_T]]) -> _T:
    """Read a list, and again where its counts contradict it. Raises as `read` does the last time."""
    for _ in range(LISTED_ANEW):
        try:
            return await read()
        except IncompleteListError as error:
            log.info("a list is read again", error=str(error))
    return await read()


def _incomplete(call: Call, seen: int, total: int | None) -> IncompleteListError:
    of = f" of {total}" if total is not None else ", though it tells of more"
    return IncompleteListError(
        f"The {call.what} is incomplete: the platform gave {seen} entries{of}.", hint="Try again later."
    )


async def _fill_json(spool: Spool, largest: int, body: Body) -> Edges:
    edges = await fill(spool, largest, body)
    if edges.size == 0 and not body.framed:
        raise _cut(body)
    if edges.size == 0 and body.length == 0:  # 204 has no length: it says that there is nothing
        raise ProtocolError(f"The {body.what} came empty.")
    begins, ends = edges.head.removeprefix(_BOM)[:1], edges.tail.rstrip(b" \t\r\n\0")[-1:]
    if begins in {b"[", b"{"} and ends not in {b"]", b"}"}:
        raise _cut(body)
    return edges


def _cut(body: Body) -> InterruptedBodyError:
    """A cut that shows in the text alone: HTTP tells none where no length is announced."""
    return InterruptedBodyError(f"The {body.what} ended early.")


async def _off_loop(size: int, work: Callable[[], Page]) -> Page:
    return await to_thread.run_sync(work) if size > _LARGE_JSON else work()
