"""Survey: devices → pages of their file lists, window by window."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
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
    OsfsyncError,
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

log = structlog.get_logger(__name__)

MOST_TROUBLES = 2
"""Windows of a device that fail for the platform's trouble, each after retries: others wait a night."""

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
        await out.send(DeviceBegun(device, await self.dialogue_with(device)))
        source = ListingSource.DEVICE_LIST
        windows, troubles = await self.windows_of(device), 0
        for window in windows:
            if troubles >= MOST_TROUBLES and window != windows[-1]:
                continue  # the newest days are asked for all the same
            try:
                source = await self._list_window(device, window, source, out)
            except (LoginRefusedError, TenantError):
                raise
            except CloudError as error:
                await self._fail(device, window, error, out)
                await self.lifeline.failed(device, error)
                troubles += error.retryable  # else it may refuse a window for its age, and give the next
                continue
            self.lifeline.answered(device)
        self.tally.devices_done.add(device.id)
        await out.send(DeviceDone(device))

    async def _list_window(
        self, device: Device, window: TimeWindow, source: ListingSource, out: Out
    ) -> ListingSource:
        files, compared = 0, False
        if source is ListingSource.DEVICE_LIST:
            try:
                files, compared = await self._device_list(device, window, out)
            except ForbiddenError as error:
                source = ListingSource.SERVER_LIST
                self._limited(device, error)
        if source is ListingSource.SERVER_LIST:
            async with aclosing(self.client.server_files(device, window)) as pages:
                async for page in pages:
                    files += len(page)
                    await out.send(ListedPage(device, window, source, page))
        log.info("device listed", device=device.name, window=str(window), source=source.value, files=files)
        await out.send(WindowListed(device, window, source, files, self.clock(), compared))
        return source

    async def _device_list(self, device: Device, window: TimeWindow, out: Out) -> tuple[int, bool]:
        """The device's list, reconciled with the server's own where that can be had too.

        Answers how many files it named, and whether it was reconciled.
        """
        await self.client.check_listing(device)
        comparison = await self._server_list(device, window)
        files = 0
        async with aclosing(self.client.files(device, window)) as pages:
            async for page in pages:
                files += len(page)
                judged = page if comparison is None else comparison.device_list(page)
                await out.send(ListedPage(device, window, ListingSource.DEVICE_LIST, judged))
        if comparison is not None:
            await self._reconcile(device, comparison, out)
        return files, comparison is not None

    async def _server_list(self, device: Device, window: TimeWindow) -> Comparison | None:
        """The server's own list, ready to be compared; None where it can't be had."""
        if self._trouble is not None:
            self._not_compared(device, self._trouble)
            return None
        comparison = Comparison(window)
        try:
            async with aclosing(self.client.server_files(device, window)) as pages:
                async for page in pages:
                    comparison.server_list(page)
        except (LoginRefusedError, TenantError):
            raise
        except CloudError as error:
            if error.retryable:  # asked with retries already: it would hold up every device
                self._trouble = error
            self._not_compared(device, error)
            return None
        comparison.server_list_read()
        return comparison

    def _not_compared(self, device: Device, error: CloudError) -> None:
        """The device counts as failed, unless the platform keeps its own lists from this account at all."""
        log.warning("lists are not compared", device=device.name, reason=error.slug, error=str(error))
        if isinstance(error, ForbiddenError | NotFoundError | RefusedError):
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

    def _limited(self, device: Device, error: ForbiddenError) -> None:
        if device.id in self.tally.devices_limited:
            return
        self.tally.devices_limited.add(device.id)
        self.tally.problem(
            device.name,
            None,
            error.slug,
            "The account may not read this device's credentials, so files that are only on the device "
            "cannot be seen; the server's own files are mirrored. Ask an administrator of the tenant for "
            "the permission to view device credentials.",
        )

    async def _fail(self, device: Device, window: TimeWindow, error: OsfsyncError, out: Out) -> None:
        log.warning("device could not be listed", device=device.name, reason=error.slug, error=str(error))
        self.tally.devices_failed.add(device.id)
        self.tally.unsettled.add(device.id)
        self.tally.error(device.name, None, error)
        await out.send(WindowFailed(device, window, error.slug, str(error), self.clock()))


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
