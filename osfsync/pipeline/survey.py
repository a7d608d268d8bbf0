"""Survey: devices → pages of their file lists, window by window."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime

import anyio
import structlog
from anyio.streams.memory import MemoryObjectSendStream

from osfsync.cloud.client import CloudClient, ListNotes
from osfsync.domain.dialogue import Dialogue
from osfsync.domain.errors import (
    CloudError,
    ForbiddenError,
    LoginRefusedError,
    ProtocolError,
    RefusedError,
    TenantError,
)
from osfsync.domain.model import Device, ListingSource, TimeWindow
from osfsync.domain.tellers import Tellers
from osfsync.pipeline.compare import MOST_NAMED, Comparison
from osfsync.pipeline.complaints import EMPTY, REFUSALS, Complaints
from osfsync.pipeline.lifeline import Lifeline
from osfsync.pipeline.messages import (
    Contradiction,
    DeviceBegun,
    DeviceDone,
    ListedPage,
    Listing,
    WindowFailed,
    WindowListed,
)
from osfsync.pipeline.tally import Tally
from osfsync.pipeline.wishes import WindowsOf
from osfsync.reports.text import amount

log = structlog.get_logger(__name__)

MOST_TROUBLES = 2
"""Windows of a device that fail for the platform's trouble, each after retries: others wait a night."""

DialogueWith = Callable[[Device], Awaitable[Dialogue]]
LastContact = Callable[[Device], Awaitable[datetime | None]]
Out = MemoryObjectSendStream[Listing]


@dataclass(slots=True)
class Surveyor:
    """Lists devices one by one; several workers share one surveyor.

    `last_contact` is None where nobody asks whose news it is.
    """

    client: CloudClient
    windows_of: WindowsOf
    dialogue_with: DialogueWith
    last_contact: LastContact | None
    tally: Tally
    lifeline: Lifeline
    clock: Callable[[], datetime]
    _trouble: CloudError | None = None  # of the platform, with its own lists
    _flat_names: bool = False  # the devices' lists give base names, the server's lists folders too

    @property
    def complaints(self) -> Complaints:
        """What is told of lists that are not as they should be."""
        return Complaints(self.tally)

    async def list_device(self, device: Device, out: Out) -> None:
        """Send all pages of a device. Its failure is told, and stays its own."""
        dialogue = await self.dialogue_with(device)  # first: news from the device may decide what to list
        windows = await self.windows_of(device)
        await out.send(DeviceBegun(device, dialogue, len(windows)))
        visit = _Visit(device, windows, out)
        for number, window in enumerate(windows):
            if visit.troubles >= MOST_TROUBLES:
                self.complaints.left(device, len(windows) - number)
                break
            try:
                await self._list_window(visit, window)
            except (LoginRefusedError, TenantError):
                raise
            except CloudError as error:
                await self._fail(visit, window, error)
                await self.lifeline.failed(device, error)
                visit.troubles += not isinstance(error, REFUSALS)
                continue
            self.lifeline.answered(device)
        self.tally.devices_done.add(device.id)
        contact = None
        if self.last_contact is not None and visit.tellers.are_doubtful(self.clock()):
            contact = await self.last_contact(device)
        await out.send(DeviceDone(device, contact))

    async def _list_window(self, visit: "_Visit", window: TimeWindow) -> None:
        device, listed, missed = visit.device, None, ""
        if await self._may_be_listed(visit):
            try:
                listed = await self._device_list(visit, window)
            except ForbiddenError as error:  # of this list alone, perhaps for its age
                self._limited_days(visit, window, error)
                missed = RefusedError.slug
        if listed is None:
            source, files, notes = ListingSource.SERVER_LIST, 0, ListNotes()
            async with aclosing(self.client.server_files(device, window, notes)) as pages:
                async for page in pages:
                    files += len(page)
                    alone = not self.client.server_list_has_status
                    await visit.out.send(ListedPage(device, window, source, page, alone=alone))
            self.complaints.skipped(device, notes)
            listed = _Listed(source, files, missed=missed)
        told = WindowListed(
            device, window, listed.source, listed.files, self.clock(), listed.compared, listed.missed
        )
        log.info(
            "device listed",
            device=device.name,
            window=str(window),
            source=told.source.value,
            files=told.files,
        )
        await visit.out.send(told)

    async def _may_be_listed(self, visit: "_Visit") -> bool:
        """Whether the device's credentials may be read; without them there is no list of its own."""
        if visit.limited:
            return False
        try:
            await self.client.check_listing(visit.device)
        except ForbiddenError as error:
            visit.limited = True
            self.complaints.limited(visit.device, error, "credentials")
        return not visit.limited

    async def _device_list(self, visit: "_Visit", window: TimeWindow) -> "_Listed":
        """The device's list, reconciled with the server's own where that can be had too."""
        device, source = visit.device, ListingSource.DEVICE_LIST
        comparison, missed = await self._server_list(visit, window)
        files = await self._read_device_list(visit, window, comparison)
        if files is None:  # its names have no folders, and those of the server's list have
            self._flat_names = True
            comparison, missed = await self._server_list(visit, window)
            files = await self._read_device_list(visit, window, comparison) or 0
        if comparison is None:
            return _Listed(source, files, missed=missed)
        only_server = await self._reconcile(visit, comparison)
        if comparison.unconfirmed:
            error = ProtocolError(
                f"The server's own list named {amount(comparison.unconfirmed, 'file')} that it named no more "
                "when it was read again."
            )
            self.complaints.not_compared(device, error)
            return _Listed(source, files, missed=error.slug)
        if only_server and not files:
            self.complaints.empty(device, only_server)
            return _Listed(ListingSource.SERVER_LIST, only_server, missed=EMPTY)
        return _Listed(source, files, compared=True)

    async def _read_device_list(
        self, visit: "_Visit", window: TimeWindow, comparison: Comparison | None
    ) -> int | None:
        """Pass on the device's list; the number of its files, None where base names must be kept first."""
        files, notes = 0, ListNotes()
        async with aclosing(self.client.files(visit.device, window, notes)) as pages:
            async for page in pages:
                if comparison is not None and comparison.needs_base_names(page):
                    return None
                files += len(page)
                visit.tellers.note(page, self.clock())
                judged = page if comparison is None else comparison.device_list(page)
                spellings = {} if comparison is None else comparison.take_spellings()
                await visit.out.send(
                    ListedPage(visit.device, window, ListingSource.DEVICE_LIST, judged, spellings)
                )
        self.complaints.skipped(visit.device, notes)
        return files

    async def _server_list(self, visit: "_Visit", window: TimeWindow) -> tuple[Comparison | None, str]:
        """The server's own list, ready to be compared; None and the slug of why where it can't be had."""
        device = visit.device
        if self._trouble is not None:
            self.complaints.not_compared(device, self._trouble)
            return None, self._trouble.slug
        comparison = Comparison(window, keeps_bases=self._flat_names)
        try:
            async with aclosing(self.client.server_entries(device, window)) as pages:
                async for page in pages:
                    comparison.server_list(page)
        except (LoginRefusedError, TenantError):
            raise
        except CloudError as error:
            if not isinstance(error, REFUSALS):
                # Asked with retries already: it would hold up every device. Older days tell of no others.
                if window == visit.newest and error.retryable:
                    self._trouble = error
                visit.troubles += window != visit.newest
            self.complaints.not_compared(device, error)
            return None, error.slug
        return comparison, ""

    async def _reconcile(self, visit: "_Visit", comparison: Comparison) -> int:
        """Pass on what only the server's own list knows, and tell of contradictions; answers how many.

        Not those of which the device's list may rightly know nothing, as they reach over the window's edge.
        """
        device, window = visit.device, comparison.window
        only_server: list[str] = []
        untimed = 0
        if comparison.contradicts:
            async with aclosing(self.client.server_files(device, window)) as pages:
                async for page in pages:
                    found = comparison.server_list_again(page)
                    only_server += comparison.contradicting(found)
                    untimed += sum(file.start is None or file.end is None for file in found)
                    if found:
                        visit.tellers.note(found, self.clock())
                        await visit.out.send(ListedPage(device, window, ListingSource.SERVER_LIST, found))
        only_device = comparison.only_device_list()
        await visit.out.send(Contradiction(device, window, only_device, tuple(only_server[:MOST_NAMED])))
        return len(only_server) + untimed

    def _limited_days(self, visit: "_Visit", window: TimeWindow, error: ForbiddenError) -> None:
        if window == visit.newest:
            self.complaints.limited(visit.device, error, "list")
        elif not visit.told_limited_days:
            visit.told_limited_days = True
            self.complaints.limited_days(visit.device, window, error)

    async def _fail(self, visit: "_Visit", window: TimeWindow, error: CloudError) -> None:
        device = visit.device
        log.warning(
            "device could not be listed",
            device=device.name,
            window=str(window),
            reason=error.slug,
            error=str(error),
        )
        self.complaints.failed(device, None if window == visit.newest else window, error)
        await visit.out.send(WindowFailed(device, window, error.slug, str(error), self.clock()))


@dataclass(slots=True)
class _Visit:
    """One device in one round.

    Attributes:
        windows: the newest days first.
        troubles: windows that failed for the platform's trouble.
        limited: the device's credentials may not be read.
        tellers: as its own list shows them.
    """

    device: Device
    windows: Sequence[TimeWindow]
    out: Out
    troubles: int = 0
    limited: bool = False
    told_limited_days: bool = False
    tellers: Tellers = field(default_factory=Tellers)

    @property
    def newest(self) -> TimeWindow:
        """The window of the newest days."""
        return self.windows[0]


@dataclass(frozen=True, slots=True)
class _Listed:
    """What came of one window; see `WindowListed`."""

    source: ListingSource
    files: int
    compared: bool = False
    missed: str = ""


async def survey(devices: Sequence[Device], surveyor: Surveyor, workers: int, out: Out) -> None:
    """List all devices with a few workers; closes its end of `out`."""
    queue = iter(devices)
    async with out, anyio.create_task_group() as group:
        for _ in range(min(workers, len(devices))):
            group.start_soon(_work, queue, surveyor, out.clone())


async def _work(queue: Iterator[Device], surveyor: Surveyor, out: Out) -> None:
    async with out:
        for device in queue:
            await surveyor.list_device(device, out)
