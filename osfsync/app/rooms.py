"""Opens the rooms that a run walks through, in order: lock, state, archive, platform."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version

from osfsync.app.choice import policy_of, selection_of
from osfsync.archive.base import Archive
from osfsync.archive.local import LocalArchive
from osfsync.archive.paths import check_layout
from osfsync.cloud.client import CloudClient, open_client
from osfsync.config import Settings
from osfsync.domain.model import Tenant
from osfsync.pipeline.nightly import Rooms, Run, Wishes
from osfsync.pipeline.rehearse import Rehearsal
from osfsync.pipeline.stop import Stop
from osfsync.state.database import Database, open_state
from osfsync.state.lock import hold_lock
from osfsync.state.writer import Writer

Password = Callable[[], Awaitable[str]]
"""Asked at each login; nothing keeps its answer."""

Clock = Callable[[], datetime]

USER_AGENT = f"osfsync/{version('osfsync')}"


@dataclass(frozen=True, slots=True)
class OpenRooms:
    """All rooms, open."""

    settings: Settings
    database: Database
    archive: Archive
    client: CloudClient
    tenant: Tenant
    clock: Clock

    def run(self, writer: Writer, max_transfer: int | None) -> Run:
        """A run through these rooms."""
        rooms = Rooms(self.client, self.archive, self.database.reader, writer)
        return Run(rooms, self.tenant, self._wishes(max_transfer), Stop(), clock=self.clock)

    def rehearsal(self) -> Rehearsal:
        """A dry run through these rooms."""
        return Rehearsal(
            self.client, self.database.reader, self.tenant, self._wishes(None), Stop(), clock=self.clock
        )

    async def open_orders(self) -> int:
        """How many commands may still bring files."""
        after = self.clock() - self.settings.orders.patience
        return await self.database.overview.orders_open_count(after)

    def _wishes(self, max_transfer: int | None) -> Wishes:
        settings = self.settings
        return Wishes(
            selection=selection_of(settings),
            policy=policy_of(settings),
            layout=settings.archive.layout,
            tag=settings.orders.tag,
            lookback=settings.select.lookback,
            listings=settings.limits.listings,
            downloads=settings.limits.downloads,
            max_transfer=max_transfer,
        )


@asynccontextmanager
async def opened(settings: Settings, password: Password, clock: Clock) -> AsyncIterator[OpenRooms]:
    """Open everything that a run needs; logs in.

    Raises:
        LockedError: another run works on the state.
        ConfigError, ArchiveError, StateError, DiskFullError: a place can't be used.
        CloudError: the platform can't be reached or does not let us in.
    """
    check_layout(settings.archive.layout)
    async with AsyncExitStack() as stack:
        stack.enter_context(hold_lock(settings.state))
        database = await stack.enter_async_context(open_state(settings.state))
        archive = LocalArchive(settings.archive.path)
        await archive.prepare()
        client = await stack.enter_async_context(
            open_client(settings.cloud, settings.limits, password=password, user_agent=USER_AGENT)
        )
        yield OpenRooms(settings, database, archive, client, await client.tenant(), clock)
