"""Survey: devices → pages of their file lists, window by window."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime

import anyio
import structlog
from anyio.streams.memory import MemoryObjectSendStream

from osfsync.cloud.client import CloudClient
from osfsync.domain.dialogue import Dialogue
from osfsync.domain.errors import (
    CloudError,
    ForbiddenError,
    LoginRefusedError,
    NotFoundError,
    RefusedError,
    TenantError,
)
from osfsync.domain.model import Device, ListingSource, TimeWindow
from osfsync.pipeline.compare import MOST_NAMED, Comparison
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

_REFUSALS = (ForbiddenError, NotFoundError, RefusedError)
"""A platform may refuse days for their age, and give the next."""

DialogueWith = Callable[[Device], Awaitable[Dialogue]]
Out = MemoryObjectSendStream[Listing]


@dataclass(slots=True)
class Surveyor:
    """Lists devices one by one; several workers share one surveyor."""

    client: CloudClient
    windows_of: WindowsOf
    dialogue_with: DialogueWith
    tally: Tally
    lifeline: Lifeline
    clock: Callable[[], datetime]
    _trouble: CloudError | None = None  # of the platform, with its own lists

    async def list_device(self, device: Device, out: Out) -> None:
        """Send all pages of a device. Its failure is told, and stays its own."""
        dialogue = await self.dialogue_with(device)  # first: news from the device may decide what to list
        windows = await self.windows_of(device)
        await out.send(DeviceBegun(device, dialogue, len(windows)))
        visit = _Visit(device, windows, out)
        for number, window in enumerate(windows):
            if visit.troubles >= MOST_TROUBLES:
                self._tell_left(device, len(windows) - number)
                break
            try:
                await self._list_window(visit, window)
            except (LoginRefusedError, TenantError):
                raise
            except CloudError as error:
                await self._fail(visit, window, error)
                await self.lifeline.failed(device, error)
                visit.troubles += not isinstance(error, _REFUSALS)
                continue
            self.lifeline.answered(device)
        self.tally.devices_done.add(device.id)
        await out.send(DeviceDone(device))

    async def _list_window(self, visit: "_Visit", window: TimeWindow) -> None:
        device, listed = visit.device, _Listed(0)
        source = ListingSource.SERVER_LIST
        if await self._may_be_listed(visit):
            try:
                listed = await self._device_list(visit, window)
                source = ListingSource.DEVICE_LIST
            except ForbiddenError as error:  # of this list alone, perhaps for its age
                self._limited_days(visit, window, error)
                listed = _Listed(0, missed=RefusedError.slug)
        if source is ListingSource.SERVER_LIST:
            files = 0
            async with aclosing(self.client.server_files(device, window)) as pages:
                async for page in pages:
                    files += len(page)
                    await visit.out.send(ListedPage(device, window, source, page))
            listed = replace(listed, files=files)
        log.info(
            "device listed", device=device.name, window=str(window), source=source.value, files=listed.files
        )
        told = WindowListed(
            device, window, source, listed.files, self.clock(), listed.compared, listed.missed
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
            self._limited(visit.device, error, "credentials")
        return not visit.limited

    async def _device_list(self, visit: "_Visit", window: TimeWindow) -> "_Listed":
        """The device's list, reconciled with the server's own where that can be had too."""
        device = visit.device
        comparison, missed = await self._server_list(visit, window)
        files = 0
        async with aclosing(self.client.files(device, window)) as pages:
            async for page in pages:
                files += len(page)
                judged = page if comparison is None else comparison.device_list(page)
                await visit.out.send(ListedPage(device, window, ListingSource.DEVICE_LIST, judged))
        if comparison is not None:
            await self._reconcile(device, comparison, visit.out)
        return _Listed(files, comparison is not None, missed)

    async def _server_list(self, visit: "_Visit", window: TimeWindow) -> tuple[Comparison | None, str]:
        """The server's own list, ready to be compared; None and the slug of why where it can't be had."""
        device = visit.device
        if self._trouble is not None:
            self._not_compared(device, self._trouble)
            return None, self._trouble.slug
        comparison = Comparison(window)
        try:
            async with aclosing(self.client.server_files(device, window)) as pages:
                async for page in pages:
                    comparison.server_list(page)
        except (LoginRefusedError, TenantError):
            raise
        except CloudError as error:
            if not isinstance(error, _REFUSALS):
                # Asked with retries already: it would hold up every device. Older days tell of no others.
                if window == visit.newest and error.retryable:
                    self._trouble = error
                visit.troubles += window != visit.newest
            self._not_compared(device, error)
            return None, error.slug
        comparison.server_list_read()
        return comparison, ""

    def _not_compared(self, device: Device, error: CloudError) -> None:
        """The device counts as failed, unless the platform keeps its own lists from this account at all."""
        log.warning("lists are not compared", device=device.name, reason=error.slug, error=str(error))
        if isinstance(error, _REFUSALS):
            self._tell_refused(error)
            return
        self.tally.unsettled.add(device.id)
        if device.id not in self.tally.devices_suspect:
            self.tally.devices_suspect.add(device.id)
            text = f"Files that only the server's own list names can't be seen in this run. {error}"
            self.tally.problem(device.name, None, "not-compared", text)

    def _tell_refused(self, error: CloudError) -> None:
        """Once in a run: it is seldom one device's alone."""
        if not self.tally.server_lists_refused:
            self.tally.server_lists_refused = True
            text = f"Files that only the server's own lists name can't be seen. {error}"
            self.tally.problem("(platform)", None, "not-compared", text)

    async def _reconcile(self, device: Device, comparison: Comparison, out: Out) -> None:
        """Pass on what only the server's own list knows, and tell of contradictions."""
        window = comparison.window
        only_server: list[str] = []
        if comparison.contradicts:
            async with aclosing(self.client.server_files(device, window)) as pages:
                async for page in pages:
                    found = comparison.server_list_again(page)
                    only_server += comparison.contradicting(found)
                    if found:
                        await out.send(ListedPage(device, window, ListingSource.SERVER_LIST, found))
        only_device = comparison.only_device_list()
        await out.send(Contradiction(device, window, only_device, tuple(only_server[:MOST_NAMED])))

    def _limited(self, device: Device, error: ForbiddenError, what: str) -> None:
        if device.id in self.tally.devices_limited:
            return
        self.tally.devices_limited.add(device.id)
        self.tally.problem(
            device.name,
            None,
            error.slug,
            f"The account may not read this device's {what}, so files that are only on the device "
            "cannot be seen; the server's own files are mirrored. Ask an administrator of the tenant for "
            f"the permission to view device {what}.",
        )

    def _limited_days(self, visit: "_Visit", window: TimeWindow, error: ForbiddenError) -> None:
        if window == visit.newest:
            self._limited(visit.device, error, "list")
        elif not visit.told_limited_days:
            visit.told_limited_days = True
            text = f"Of older days, such as {window}, the device's list may not be read. {error}"
            self.tally.problem(visit.device.name, None, error.slug, text)

    def _tell_left(self, device: Device, left: int) -> None:
        self.tally.unsettled.add(device.id)
        text = f"{amount(left, 'older period')} left for another night: the platform fails on such."
        self.tally.problem(device.name, None, "days-left", text)

    async def _fail(self, visit: "_Visit", window: TimeWindow, error: CloudError) -> None:
        device = visit.device
        log.warning(
            "device could not be listed",
            device=device.name,
            window=str(window),
            reason=error.slug,
            error=str(error),
        )
        self.tally.devices_failed.add(device.id)
        self.tally.unsettled.add(device.id)
        older = "" if window == visit.newest else f"Of older days, {window}: "
        self.tally.problem(device.name, None, error.slug, f"{older}{error}")
        await visit.out.send(WindowFailed(device, window, error.slug, str(error), self.clock()))


@dataclass(slots=True)
class _Visit:
    """One device in one round.

    Attributes:
        windows: the newest days first.
        troubles: windows that failed for the platform's trouble.
        limited: the device's credentials may not be read.
    """

    device: Device
    windows: Sequence[TimeWindow]
    out: Out
    troubles: int = 0
    limited: bool = False
    told_limited_days: bool = False

    @property
    def newest(self) -> TimeWindow:
        """The window of the newest days."""
        return self.windows[0]


@dataclass(frozen=True, slots=True)
class _Listed:
    """What came of one window; see `WindowListed`."""

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
