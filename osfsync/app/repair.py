"""`verify --repair`: what is broken is moved aside, forgotten and fetched again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import anyio

from osfsync.app.choice import standpoint_of
from osfsync.app.prospects import Prospects
from osfsync.app.rooms import Clock, OpenRooms, Password, Terms
from osfsync.app.runs import Conduct
from osfsync.app.verify import Tell, Verified, VerifyRequest, Walk, Watch, ignore_progress
from osfsync.config import Settings
from osfsync.domain.errors import ConfigError
from osfsync.domain.model import Device, TimeWindow, utc_now
from osfsync.domain.rows import FileRow
from osfsync.domain.verdict import REFUTED
from osfsync.pipeline.mend import Mender
from osfsync.pipeline.nightly import NO_WAIT
from osfsync.pipeline.tally import Tally
from osfsync.reports import build
from osfsync.reports.verify import LeftModel, RepairModel
from osfsync.state.location import database_path, require_database
from osfsync.state.writer import NewRun, Writer

LEFT_TOLD = 1000
"""Files that could not be brought back, as far as they are named; `osfsync missing` tells all."""


async def repair(  # noqa: PLR0913 - what a verification and what a run is given
    settings: Settings,
    password: Password,
    request: VerifyRequest,
    tell: Tell,
    *,
    watch: Watch = ignore_progress,
    clock: Clock = utc_now,
    wait_lock: timedelta = NO_WAIT,
) -> Verified:
    """As `verify`, and what is broken is moved aside, forgotten and fetched again; one run at a time.

    Another run is waited for up to `wait_lock`.

    Where it can't be fetched now, the state knows that it is not held, and the next sync tries.
    """
    require_database(database_path(settings.state))
    conduct = Conduct("verify", settings, clock, Terms(wait_lock=wait_lock))
    walk = Walk(request, settings.archive.path, tell)
    left: list[RepairModel] = []

    async def work(rooms: OpenRooms) -> None:
        again = _Again(rooms, conduct)
        mender = Mender(rooms.archive, again.begin, conduct.terms.tally, clock)
        try:
            await walk.go(rooms.database, rooms.archive, mender)
            if mender.queued:
                await again.fetch(mender)
        except Exception:
            conduct.in_step = False  # a file may be moved and not forgotten: the next sync takes stock
            raise
        finally:
            with anyio.CancelScope(shield=True):
                left.append(await again.outcome(mender))

    async def observe(tally: Tally) -> None:
        await watch(walk.progress, tally)

    summary = await conduct.perform(password, work, observe, None)
    return Verified(summary.exit_code, summary.error, walk.finished, walk.progress, left[0] if left else None)


@dataclass(slots=True)
class _Again:
    """The run that fetches again what was forgotten."""

    rooms: OpenRooms
    conduct: Conduct

    async def begin(self) -> Writer:
        """The run's writer; the run is recorded when it is first asked for.

        It is of the last run's tenant until the platform is reached: what is broken is known without.
        """
        if self.conduct.writer is None:
            known = await self.rooms.database.holdings.last_tenant()
            if known is None:
                raise ConfigError("The state holds files and knows no run that fetched them.")
            tenant, url = known
            new = NewRun(tenant=tenant, url=url, command=self.conduct.command)
            return await self.conduct.begin_repairing(self.rooms, new)
        return self.conduct.writer

    async def fetch(self, mender: Mender) -> None:
        """An ordinary pass over the days of the forgotten files, for them alone."""
        rooms, writer = self.rooms, await self.begin()
        tenant = await rooms.client.tenant()
        listed = {device.id for device in await rooms.client.devices()}
        if not listed & mender.device_ids:
            known = await rooms.database.holdings.last_tenant()
            if known is not None and tenant.id != known[0].id:
                raise ConfigError(
                    f"The archive was mirrored from the tenant {known[0].name!r}, and the settings reach "
                    f"{tenant.name!r}; nothing was fetched.",
                    hint="Set cloud.url and cloud.tenant to where the files came from.",
                )
            return
        await writer.work_for(tenant, rooms.settings.cloud.url, self.conduct.clock())

        async def windows_of(device: Device) -> Sequence[TimeWindow]:
            reader, now = rooms.database.reader, self.conduct.clock()
            return await reader.unheld_windows(device.id, lambda name: hash(name) in mender.names, now)

        run = rooms.run(tenant, writer, self.conduct.terms, mender.selection())
        await run.sync_windows(windows_of)

    async def outcome(self, mender: Mender) -> RepairModel:
        """What came of it; files that are not back count as failed."""
        left, told = 0, list[LeftModel]()
        if self.conduct.writer is not None:
            database, tally = self.rooms.database, self.conduct.terms.tally
            async for page in database.holdings.not_back(self.conduct.writer.run_id, REFUTED):
                left += len(page)
                keys = ((row.device.id, row.record.file.name) for row, _ in page)
                known = tally.failed_files | tally.damaged_files
                tally.given_up += sum(key not in known for key in keys)
                told += await self._told(page[: max(LEFT_TOLD - len(told), 0)])
        return RepairModel(mender.queued, mender.queued - left, left, mender.stuck, tuple(told))

    async def _told(self, left: Sequence[tuple[FileRow, str]]) -> list[LeftModel]:
        view, settings = self.rooms.database, self.rooms.settings
        prospects = await Prospects.of(view, standpoint_of(settings, self.conduct.clock()))
        told = []
        cases = await prospects.cases([row for row, _ in left])
        for (row, case), (_, found) in zip(cases, left, strict=True):
            missing = build.missing_model(row, case)
            told.append(
                LeftModel(
                    device=missing.device,
                    device_id=missing.device_id,
                    name=missing.name,
                    path=row.record.path,
                    found=found,
                    reason=missing.reason,
                    explanation=missing.explanation,
                    next_action=missing.next_action,
                )
            )
        return told
