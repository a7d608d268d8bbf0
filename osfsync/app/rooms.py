"""Opens the rooms that a run walks through, in order: state, archive, platform; see `locks`."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from importlib.metadata import version

import msgspec

from osfsync.app.capacity import fitting, most_open_files
from osfsync.app.choice import policy_of, selection_of
from osfsync.archive.base import Archive
from osfsync.archive.local import LocalArchive
from osfsync.cloud.client import CloudClient, open_client
from osfsync.cloud.lanes import Ceiling
from osfsync.cloud.settings import BatchMode
from osfsync.config import Settings
from osfsync.domain.model import OrderMode, Tenant
from osfsync.domain.selection import Selection
from osfsync.pipeline.merge import MergeTerms
from osfsync.pipeline.nightly import Rooms, Run
from osfsync.pipeline.perform import FailOn
from osfsync.pipeline.rehearse import Rehearsal
from osfsync.pipeline.stop import Stop
from osfsync.pipeline.tally import Tally
from osfsync.pipeline.wishes import Wishes
from osfsync.state.database import Database, open_state
from osfsync.state.writer import Writer

Password = Callable[[], Awaitable[str]]
"""Asked at each login; nothing keeps its answer."""

Clock = Callable[[], datetime]

USER_AGENT = f"osfsync/{version('osfsync')}"


@dataclass(frozen=True, slots=True)
class Terms:
    """What a run is given before anything is open. `wait_lock` is how long it waits for another run."""

    max_transfer: int | None = None
    fail_on: frozenset[FailOn] = frozenset()
    wait_lock: timedelta = timedelta(0)
    stop: Stop = field(default_factory=Stop)
    tally: Tally = field(default_factory=Tally)
    ceiling: Ceiling = field(default_factory=Ceiling)


@dataclass(frozen=True, slots=True)
class OpenRooms:
    """All rooms, open."""

    settings: Settings
    database: Database
    archive: Archive
    client: CloudClient
    clock: Clock

    def run(self, tenant: Tenant, writer: Writer, terms: Terms, only: Selection | None = None) -> Run:
        """A run through these rooms; where `only` is given, it fetches these files and no others."""
        rooms = Rooms(self.client, self.archive, self.database.reader, self.database.ledger, writer)
        wishes = self._wishes(terms.max_transfer)
        if only is not None:
            mode = OrderMode.NEVER if wishes.policy.mode is OrderMode.NEVER else OrderMode.AUTO
            wishes = replace(wishes, selection=only, policy=replace(wishes.policy, mode=mode))
        return Run(rooms, tenant, wishes, terms.stop, terms.tally, clock=self.clock)

    def rehearsal(self, tenant: Tenant, terms: Terms) -> Rehearsal:
        """A dry run through these rooms."""
        wishes = self._wishes(None)
        return Rehearsal(
            self.client,
            self.database.reader,
            self.database.ledger,
            tenant,
            wishes,
            terms.stop,
            terms.tally,
            clock=self.clock,
        )

    async def open_orders(self) -> int:
        """How many commands may still bring files."""
        return sum((await self.database.ledger.open_orders()).values())

    def _wishes(self, max_transfer: int | None) -> Wishes:
        settings = self.settings
        return Wishes(
            selection=selection_of(settings),
            policy=policy_of(settings),
            layout=settings.archive.layout,
            merging=MergeTerms(settings.orders.tag, settings.orders.merge_gap, settings.orders.max_window),
            max_queued=settings.orders.max_queued,
            lookback=settings.select.lookback,
            listings=settings.limits.listings,
            downloads=settings.limits.downloads,
            batch=settings.limits.batch is BatchMode.AUTO,
            max_transfer=max_transfer,
        )


@asynccontextmanager
async def opened(
    settings: Settings, archive: LocalArchive, password: Password, clock: Clock, ceiling: Ceiling
) -> AsyncIterator[OpenRooms]:
    """Open everything that a run needs, once it has its locks. Nothing is asked of the platform yet.

    Raises ConfigError, StateError, DiskFullError where a place can't be used.
    """
    settings = msgspec.structs.replace(settings, limits=fitting(settings.limits, most_open_files()))
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_state(settings.state))
        client = await stack.enter_async_context(
            open_client(
                settings.cloud,
                settings.limits,
                password=password,
                user_agent=USER_AGENT,
                ceiling=ceiling,
                outage_patience=settings.cloud.outage_patience,
            )
        )
        yield OpenRooms(settings, database, archive, client, clock)
