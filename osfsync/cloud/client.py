"""The verbs: what can be asked of the platform, in domain types."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, closing
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from osfsync.cloud import calls, parsing
from osfsync.cloud.attempts import Attempts, Tries, Worth
from osfsync.cloud.body import Body, too_large
from osfsync.cloud.bounds import Raws
from osfsync.cloud.calls import Call
from osfsync.cloud.field_book import FieldBook
from osfsync.cloud.field_words import Meaning
from osfsync.cloud.fields import ListNotes, RecordReader
from osfsync.cloud.lanes import Ceiling
from osfsync.cloud.listing import LARGEST_LOG, json_pages, read_anew, xml_pages
from osfsync.cloud.login import Login
from osfsync.cloud.models import Reading
from osfsync.cloud.orders import Orders
from osfsync.cloud.ranges import Proof, Reply, Rest
from osfsync.cloud.sender import Sender, hedged, retryable
from osfsync.cloud.session import open_session
from osfsync.cloud.settings import CloudSettings, FieldNames, LimitSettings
from osfsync.domain.errors import (
    CloudError,
    ForbiddenError,
    NotFoundError,
    ProtocolError,
    RefusedError,
    TokenGoneError,
)
from osfsync.domain.list_fields import FieldChoice
from osfsync.domain.model import (
    CommunicationEvent,
    DataFile,
    Device,
    ListingSource,
    Tenant,
    TimeWindow,
    utc_now,
)

if TYPE_CHECKING:
    from osfsync.cloud.layout import ServerNames

__all__ = ["Body", "CloudClient", "ListNotes", "Proof", "Reply", "Rest", "Tries", "open_client"]

_T = TypeVar("_T")

_LARGEST_TEXT = 1_000_000
"""Bytes of an answer that is one token or one small object."""
_LARGEST_TELEMETRY = 8_000_000
MOST_DEVICES = 100_000
MOST_EVENTS = 200_000
"""Of one tenant, and of one device in one window: both lie in memory."""


class CloudClient:
    """One account's view of one tenant. Made by `open_client`; all workers share one.

    Every verb logs in when needed, waits for its turn under the limits, is repeated where that helps, and
    raises a CloudError where it fails; a LoginRefusedError or TenantError is final for all of them, an
    UnauthorizedError for that call only.
    """

    def __init__(
        self, sender: Sender, login: Login, fields: FieldNames, largest_file: int | None, origin: str
    ) -> None:
        self._sender = sender
        self._login = login
        self._orders = Orders(sender)
        self.device_list_fields = FieldBook(ListingSource.DEVICE_LIST, "cloud.fields.xml", fields.xml)
        self.server_list_fields = FieldBook(ListingSource.SERVER_LIST, "cloud.fields.json", fields.json)
        self._server_names: dict[str, ServerNames] = {}  # of the window that was read last, by device
        self._largest_file = largest_file
        self._origin = origin
        self._credentials: dict[str, str] = {}
        self._lanes = sender.lanes

    @property
    def open_lanes(self) -> int:
        """How many downloads may be under way at present, as the platform bears it."""
        return self._lanes.open

    @property
    def field_books(self) -> tuple[FieldBook, FieldBook]:
        """What is known of the records of both lists."""
        return self.device_list_fields, self.server_list_fields

    @property
    def server_list_has_status(self) -> bool:
        """Whether the records of the server's own list say where a file lies."""
        layout = self.server_list_fields.layout
        return layout is not None and layout.path(Meaning.STATUS) is not None

    def expect_fields(self, choices: Iterable[FieldChoice]) -> None:
        """Read lists by the fields that earlier runs chose; a list without them is an error."""
        known = list(choices)
        for book in self.field_books:
            book.expected = {choice.meaning: choice.path for choice in known if choice.source is book.source}

    def distrust_sizes(self) -> None:
        """Stop using the sizes of the device's list, or of the server's where only that one is read."""
        device, server = self.field_books
        (server if device.layout is None else device).distrust_sizes()

    @property
    def largest_file(self) -> int | None:
        """Bytes that a file may have; None means no limit."""
        return self._largest_file

    @property
    def clock_offset(self) -> timedelta | None:
        """How far the platform's clock is ahead of ours, to the second; None before it told its time."""
        return self._sender.clock_offset

    @property
    def answers(self) -> Mapping[int, int]:
        """How many answers the platform gave, by HTTP status."""
        return self._sender.answers

    async def tenants(self) -> list[Tenant]:
        """Tenants that the account reaches; the first login post only."""
        return await self._sender.repeat("login", self._login.tenants)

    async def tenant(self) -> Tenant:
        """The chosen tenant; logs in. Raises TenantError, LoginRefusedError."""
        return await self._sender.repeat("login", self._login.tenant)

    async def devices(self, notes: ListNotes | None = None) -> list[Device]:
        """All devices of the tenant; entries without an id are left out, and counted in `notes`.

        Raises:
            ProtocolError: the list is known to be incomplete, or no entry has an id.
        """
        return await read_anew(partial(self._devices, notes))

    async def _devices(self, notes: ListNotes | None) -> list[Device]:
        tenant = await self.tenant()

        def call_for(page: int) -> Call:
            return calls.devices(tenant.id, page)

        found: dict[str, Device] = {}
        skips = 0
        async with aclosing(json_pages(self._sender, call_for, parsing.DEVICES)) as pages:
            async for records in pages:
                devices = parsing.devices(records)
                skips += len(records) - len(devices)
                found |= {device.id: device for device in devices}
                if len(found) > MOST_DEVICES:
                    raise ProtocolError(f"The device list has more than {MOST_DEVICES:,} entries.")
        parsing.check_identified(found.values(), skips)
        if notes is not None:
            notes.skips += skips
        return list(found.values())

    async def check_listing(self, device: Device) -> None:
        """Get ready for `files`. Raises ForbiddenError where the device's credentials are refused."""
        await self._credentials_of(device)

    async def files(
        self, device: Device, window: TimeWindow, notes: ListNotes | None = None
    ) -> AsyncGenerator[list[DataFile], None]:
        """All known files of a device with their storage status, in pages.

        What `server_entries` gave for the same device before serves as evidence for the list's fields.

        Args:
            device: whose files.
            window: the period.
            notes: receives what else the list holds.

        Raises:
            ForbiddenError: the account may not read the device's credentials; see `server_files`.
        """
        try:
            call = calls.file_list(device, await self._credentials_of(device), window)
            reader = RecordReader(
                device.id,
                call.what,
                self.device_list_fields,
                window=window,
                server=self._server_names.pop(device.id, None),
            )
            async with self._lanes.listings, aclosing(xml_pages(self._sender, call, reader)) as pages:
                async for page in pages:
                    yield page
            if notes is not None:
                notes.take(reader)
        except CloudError:
            # It may have been replaced.
            self._credentials.pop(device.id, None)
            raise

    async def server_files(
        self, device: Device, window: TimeWindow, notes: ListNotes | None = None
    ) -> AsyncGenerator[list[DataFile], None]:
        """Files that the server has, in pages; needs no credentials."""
        async with aclosing(self._server_list(device, window, parsing.server_files, notes)) as pages:
            async for page in pages:
                yield page

    async def server_entries(
        self, device: Device, window: TimeWindow
    ) -> AsyncGenerator[list[tuple[str, int | None]], None]:
        """Their names and sizes alone, in the same pages: it costs a third."""
        async with aclosing(self._server_list(device, window, parsing.server_entries, None)) as pages:
            async for page in pages:
                yield page

    async def _server_list(
        self,
        device: Device,
        window: TimeWindow,
        read: Callable[[Raws, RecordReader, str], list[_T]],
        notes: ListNotes | None,
    ) -> AsyncGenerator[list[_T], None]:
        def call_for(page: int) -> Call:
            return calls.server_files(device, window, page)

        what = call_for(0).what
        reader = RecordReader(device.id, what, self.server_list_fields, window=window, needs_status=False)
        async with self._lanes.listings, aclosing(json_pages(self._sender, call_for, parsing.FILES)) as pages:
            async for records in pages:
                if found := read(records, reader, what):
                    yield found
        reader.check_skips()
        if notes is not None:
            notes.take(reader)
        self._server_names[device.id] = reader.names

    async def order(self, device: Device, window: TimeWindow, tag: str) -> None:
        """Queue a command to the device: deliver the files of `window`. Returns when it is queued.

        Repeated only where it certainly was not queued.
        """
        await self.tenant()
        await self._orders.send(device, window, tag)

    @asynccontextmanager
    async def download(
        self, device: Device, name: str, rest: Rest | None = None, *, listed: int | None = None
    ) -> AsyncIterator[Body]:
        """One file: both steps, one try; see `retrying`.

        Nothing is asked for where the size that was `listed` is more than `limits.max_file_size`.

        A download token that has run out meanwhile is renewed once. Where only the `rest` is wanted,
        `Body.reply` tells whether it is the rest or the whole: the whole is what comes where the file is not
        provably the same any more, and where the platform gives no parts.

        Raises:
            ProtocolError: what came is labelled as compressed on the way and not of the `listed` size, or is
                a part of the file that was not asked for.
            TooLargeError: the file is larger than wanted; `Body.pieces` raises it where that shows late.
        """
        known = max(listed or 0, 0 if rest is None else rest.size)
        self._refuse_large(calls.download_token(device, name), known)
        async with self._lanes.downloads:
            body = None if rest is None else await self._open_rest(device, name, rest)
            if body is None:
                body = await self._open(device, name, None)
            with closing(body):
                if listed is None or body.length != listed:
                    body.refuse_encoded()  # bytes of the listed size are the file, whatever the label
                self._refuse_large(body.call, body.length)
                if body.reply is Reply.OTHER:
                    raise ProtocolError(f"The {body.what} brought a part of it, which was not asked for.")
                yield body

    async def _open_rest(self, device: Device, name: str, rest: Rest) -> Body | None:
        """The rest or the whole; None where the answer is neither. It is let go then, its token used up."""
        try:
            body = await self._open(device, name, rest)
        except RefusedError:  # 416, or whatever a platform says that can't do this
            return None
        if body.reply is Reply.OTHER:
            body.close()
            return None
        return body

    async def _open(self, device: Device, name: str, rest: Rest | None) -> Body:
        async def once(hedges: int) -> Body:
            token = await self._token(calls.download_token(device, name))
            call = calls.download(device, name, token, rest, self._largest_file)
            try:
                return await self._sender.once(call, hedges)
            except NotFoundError as error:
                raise TokenGoneError(error.message, hint=error.hint) from None

        try:
            return await hedged(once)
        except NotFoundError:
            return await hedged(once)

    async def _token(self, call: Call) -> str:
        with closing(await self._sender.once(call)) as body:
            return parsing.download_token(await body.read(_LARGEST_TEXT), call.what, self._origin)

    async def batch(self, device: Device, names: Sequence[str], most: int) -> bytes:
        """What the platform gives for several files at once, as it came: both steps, one try.

        Raises:
            ProtocolError: it is more than `most` bytes, or compressed on the way.
            CloudError: whatever else the platform answers, such as 404 where one of the files is gone.
        """

        async def once(hedges: int) -> Body:
            token = await self._token(calls.batch_token(device, names))
            return await self._sender.once(calls.batch(device, names, token), hedges)

        async with self._lanes.downloads:
            with closing(await hedged(once)) as body:
                return await body.read(most)

    def _refuse_large(self, call: Call, size: int | None) -> None:
        if size is not None and self._largest_file is not None and size > self._largest_file:
            raise too_large(call.what, self._largest_file)

    async def communication(self, device: Device, window: TimeWindow) -> list[CommunicationEvent]:
        """What device and platform said to each other, in the platform's order."""

        def call_for(page: int) -> Call:
            return calls.communication(device, window, page)

        what = call_for(0).what
        found: list[CommunicationEvent] = []
        pages_read = json_pages(self._sender, call_for, parsing.EVENTS, LARGEST_LOG)
        async with aclosing(pages_read) as pages:
            async for records in pages:
                found += parsing.events(records, what)
                if len(found) > MOST_EVENTS:
                    raise ProtocolError(f"The {what} has more than {MOST_EVENTS:,} entries.")
        return found

    async def telemetry(self, device: Device) -> list[Reading]:
        """The latest value of each data channel, in order of their names."""
        call = calls.telemetry(device, utc_now())
        return parsing.readings(
            await self._sender.send(call, lambda body: body.read(_LARGEST_TELEMETRY)), call.what
        )

    async def _credentials_of(self, device: Device) -> str:
        known = self._credentials.get(device.id)
        if known is None:
            call = calls.credentials(device)
            try:
                text = await self._sender.send(call, lambda body: body.read(_LARGEST_TEXT))
                known = parsing.credentials_id(text, call.what)
            except NotFoundError:
                known = None
            if known is None:
                raise ForbiddenError(f"The platform gave no {call.what}.")
            self._credentials[device.id] = known
        return known

    def retrying(self, tries: Tries | None = None, worth: Worth = retryable) -> Attempts:
        """Attempts for a caller that must repeat a whole flow: `async for attempt in …: with attempt: …`.

        Repeats on errors of which `worth` says so, with jittered waits, `limits.retries` times at most, those
        that `tries` counted before included.
        """
        return self._sender.attempts("download", worth, tries)

    def wait_before_retry(self, tries: Tries, error: CloudError) -> float | None:
        """Seconds until a download that failed is worth another try; None where it is not."""
        return self._sender.wait_before_retry("download", tries, error) if retryable(error) else None


@asynccontextmanager
async def open_client(  # noqa: PLR0913 - what a client is given, by keyword
    cloud: CloudSettings,
    limits: LimitSettings,
    *,
    password: Callable[[], Awaitable[str]],
    user_agent: str,
    ceiling: Ceiling | None = None,
    outage_patience: timedelta = timedelta(0),
) -> AsyncIterator[CloudClient]:
    """Open a client; its connections are closed at the end. Nothing is sent before the first verb.

    Args:
        cloud: which platform, which account.
        limits: how hard the platform and the line may be driven.
        password: asked at each login, and not kept.
        user_agent: who we are, for the platform's log.
        ceiling: may hold downloads back while they work.
        outage_patience: how long to wait for a platform that is down; an interactive command does not wait.

    Raises:
        ConfigError: the address, the proxy or the file of certificates can't be used.
    """
    async with open_session(cloud, limits, user_agent, ceiling or Ceiling(), outage_patience) as session:
        login = Login(session, cloud.username, cloud.tenant, password)
        sender = Sender(session, login, limits.retries)
        yield CloudClient(sender, login, cloud.fields, limits.max_file_size or None, cloud.url)
