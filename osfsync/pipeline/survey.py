"""Survey: devices → pages of their file lists, window by window."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime

import anyio
import structlog
from anyio.streams.memory import MemoryObjectSendStream

from osfsync.cloud.client import CloudClient
from osfsync.domain.errors import (
    CloudError,
    ForbiddenError,
    LoginRefusedError,
    OsfsyncError,
    TenantError,
)
from osfsync.domain.model import Device, ListingSource, TimeWindow
from osfsync.pipeline.lifeline import Lifeline
from osfsync.pipeline.messages import DeviceDone, ListedPage, Listing, WindowFailed, WindowListed
from osfsync.pipeline.tally import Tally

log = structlog.get_logger(__name__)

WindowsOf = Callable[[Device], Awaitable[Sequence[TimeWindow]]]


@dataclass(slots=True)
class Surveyor:
    """Lists devices one by one; several workers share one surveyor."""

    client: CloudClient
    windows_of: WindowsOf
    tally: Tally
    lifeline: Lifeline
    clock: Callable[[], datetime]

    async def list_device(self, device: Device, out: MemoryObjectSendStream[Listing]) -> None:
        """Send all pages of a device. Its failure is told, and stays its own."""
        source = ListingSource.DEVICE_LIST
        for window in await self.windows_of(device):
            try:
                source = await self._list_window(device, window, source, out)
            except (LoginRefusedError, TenantError):
                raise
            except CloudError as error:
                await self._fail(device, window, error, out)
                await self.lifeline.failed(device, error)
                break
            self.lifeline.answered(device)
        self.tally.devices_done.add(device.id)
        await out.send(DeviceDone(device))

    async def _list_window(
        self, device: Device, window: TimeWindow, source: ListingSource, out: MemoryObjectSendStream[Listing]
    ) -> ListingSource:
        files = 0
        if source is ListingSource.DEVICE_LIST:
            try:
                async with aclosing(self.client.files(device, window)) as pages:
                    async for page in pages:
                        files += len(page)
                        await out.send(ListedPage(device, window, source, page))
            except ForbiddenError as error:
                source = ListingSource.SERVER_LIST
                self._limited(device, error)
        if source is ListingSource.SERVER_LIST:
            async with aclosing(self.client.server_files(device, window)) as pages:
                async for page in pages:
                    files += len(page)
                    await out.send(ListedPage(device, window, source, page))
        log.info("device listed", device=device.name, window=str(window), source=source.value, files=files)
        await out.send(WindowListed(device, window, source, files, self.clock()))
        return source

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

    async def _fail(
        self, device: Device, window: TimeWindow, error: OsfsyncError, out: MemoryObjectSendStream[Listing]
    ) -> None:
        log.warning("device could not be listed", device=device.name, reason=error.slug, error=str(error))
        self.tally.devices_failed.add(device.id)
        self.tally.unsettled.add(device.id)
        self.tally.error(device.name, None, error)
        await out.send(WindowFailed(device, window, error.slug, str(error), self.clock()))


async def survey(
    devices: Sequence[Device], surveyor: Surveyor, workers: int, out: MemoryObjectSendStream[Listing]
) -> None:
    """List all devices with a few workers; closes its end of `out`."""
    queue = iter(devices)
    async with out, anyio.create_task_group() as group:
        for _ in range(min(workers, len(devices))):
            group.start_soon(_work, queue, surveyor, out.clone())


async def _work(queue: Iterator[Device], surveyor: Surveyor, out: MemoryObjectSendStream[Listing]) -> None:
    async with out:
        for device in queue:
            await surveyor.list_device(device, out)
