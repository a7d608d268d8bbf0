"""Decide: a page + what we know → actions, each with its reason. Files that are held end here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import assert_never

from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from osfsync.domain.absence import is_absent, may_have_arrived
from osfsync.domain.dialogue import CLOCKS_AHEAD
from osfsync.domain.model import DataFile, FileRecord, ListingSource, StorageStatus
from osfsync.domain.outcomes import Fact, FilesSeen, Listed, ListingFailed, ListsCompared, SeenFile
from osfsync.domain.planner import Action, Holding, holding_of, plan
from osfsync.domain.policy import Policy
from osfsync.domain.reach import OVERLAP
from osfsync.domain.selection import Selection
from osfsync.pipeline.counting import Count, count
from osfsync.pipeline.messages import (
    Contradiction,
    DeviceBegun,
    DeviceDone,
    Facts,
    FetchJob,
    ListedPage,
    Listing,
    OrderJob,
    Receipt,
    WindowFailed,
    WindowListed,
)
from osfsync.pipeline.pathbook import PathBook
from osfsync.pipeline.reaching import Reaching
from osfsync.pipeline.settle import DeviceProgress, Settler
from osfsync.pipeline.tally import Tally
from osfsync.reports.text import amount
from osfsync.state.reader import Reader


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where decisions go."""

    facts: MemoryObjectSendStream[Facts]
    orders: MemoryObjectSendStream[OrderJob]
    fetches: MemoryObjectSendStream[Sequence[FetchJob]]


@dataclass(slots=True)
class _Decided:
    """What came of one page."""

    records: dict[str, FileRecord]
    at: datetime
    changed: list[DataFile] = field(default_factory=list)
    fetches: list[DataFile] = field(default_factory=list)


@dataclass(slots=True)
class Decider:
    """Turns pages into facts, orders and fetches."""

    reader: Reader
    paths: PathBook
    selection: Selection
    policy: Policy
    tally: Tally
    clock: Callable[[], datetime]
    settler: Settler
    backfill: str | None = None
    reaching: Reaching | None = None
    count: Count = count
    _devices: dict[str, DeviceProgress] = field(default_factory=dict)
    _counted: set[int] = field(default_factory=set)

    async def device_begun(self, begun: DeviceBegun) -> None:
        """Its pages follow."""
        several = begun.windows > 1 or self.backfill is not None
        self._devices[begun.device.id] = DeviceProgress(begun.dialogue, several)

    async def page(self, page: ListedPage, out: Outputs) -> None:
        """Decide on every file of a page."""
        progress = self._devices[page.device.id]
        records = await self.reader.records(page.device.id, [file.name for file in page.files])
        decided = _Decided(records, self.clock())
        for listed in best_of(page.files):
            if hash(listed.name) not in progress.unheld:  # else listed twice in this round
                self._decide(page, listed, progress, decided)
        await self._pass_on(page, decided, out)

    def _decide(
        self, page: ListedPage, listed: DataFile, progress: DeviceProgress, decided: _Decided
    ) -> None:
        record = decided.records.get(listed.name)
        file = reconciled(listed, record, page.source)
        _note_newest(progress, file, decided.at if record is None else record.first_seen)
        if record is None or record.file != file or record.lost_at is not None:
            decided.changed.append(file)
        if record is not None and record.lost_at is not None:
            record = record._replace(lost_at=None, last_seen=None)
        choice = self.selection.file(file.name)
        believed = file
        if file.status is StorageStatus.DEVICE_ONLY and page.source is ListingSource.SERVER_LIST:
            believed = self._believed(file, record, progress, decided.at)
        decision = plan(believed, record, choice, self.policy, decided.at, progress.dialogue)
        if not progress.several or self._first_time(page, file):
            self.count(self.tally, decision, page.device, file, record)
        if record is not None and holding_of(record.file, record) is not Holding.CURRENT:
            progress.unheld.add(hash(file.name))  # also where the list makes it current again
        if decision.action is not Action.KEEP:
            progress.unheld.add(hash(file.name))
            self.settler.note(progress, file, record, decision, page.window, decided.at)
        if decision.action is Action.FETCH:
            decided.fetches.append(file)

    def _believed(
        self, file: DataFile, record: FileRecord | None, progress: DeviceProgress, now: datetime
    ) -> DataFile:
        """An absent file as the planner sees it: on the server, once it may have arrived there."""
        if record is None or not may_have_arrived(record, progress.dialogue, self.policy, now):
            return file
        return file._replace(status=StorageStatus.SERVER_ONLY)

    async def _pass_on(self, page: ListedPage, decided: _Decided, out: Outputs) -> None:
        receipt = Receipt()
        new = [file for file in decided.changed if file.name not in decided.records]
        paths = {name: record.path for name, record in decided.records.items()}
        if new:
            given = await self.paths.assign(page.device, new, receipt)
            paths.update({file.name: path for file, path in zip(new, given, strict=True)})
        if decided.changed:
            seen = tuple(
                SeenFile(file, paths[file.name], _status_before(file, decided)) for file in decided.changed
            )
            fact = FilesSeen(page.device.id, page.window, decided.at, seen)
            await out.facts.send(Facts((fact,), receipt))
        else:
            receipt.confirm()
        if decided.fetches:
            await out.fetches.send(
                [self._job(page, decided, file, paths, receipt) for file in decided.fetches]
            )

    def _job(
        self, page: ListedPage, decided: _Decided, file: DataFile, paths: dict[str, str], known: Receipt
    ) -> FetchJob:
        record = decided.records.get(file.name)
        held = None if record is None else record.held
        return FetchJob(
            page.device,
            file,
            paths[file.name],
            known,
            replaces=held,
            alone=is_absent(record),  # another 404 would cost its whole batch
            presumed=page.alone,
            server_name=page.spellings.get(file.name, ""),
        )

    async def window_listed(self, listed: WindowListed, out: Outputs) -> None:
        """The window's pages are all decided; its listing is a fact now."""
        progress = self._devices[listed.device.id]
        progress.asked.append(listed.window)
        progress.listed.append(listed)
        fact = Listed(
            listed.device.id,
            listed.window,
            listed.source,
            listed.files,
            listed.at,
            self.backfill,
            compared=listed.compared,
        )
        await out.facts.send(Facts((fact,)))

    async def window_failed(self, failed: WindowFailed, out: Outputs) -> None:
        """What was listed before the failure is decided; the failure is a fact."""
        progress = self._devices[failed.device.id]
        progress.asked.append(failed.window)
        progress.failures.add(failed.slug)
        fact = ListingFailed(failed.device.id, failed.window, failed.slug, failed.explanation, failed.at)
        await out.facts.send(Facts((fact,)))

    async def lists_compared(self, told: Contradiction, out: Outputs) -> None:
        """What only one of the lists knows is a fact, and a problem."""
        for names, knows, lacks in (
            (told.only_server_list, "the server's own list", "the device's list"),
            (told.only_device_list, "the device's list, as on the server,", "the server's own list"),
        ):
            if names:
                files = amount(len(names), "file")
                text = f"{files} in {knows} and not in {lacks}, such as {names[0]}."
                self.tally.problem(told.device.name, None, "lists-differ", text)
        fact = ListsCompared(told.device.id, told.window, told.only_device_list, told.only_server_list)
        await out.facts.send(Facts((fact,)))

    async def device_done(self, done: DeviceDone, out: Outputs) -> None:
        """Order what the device was seen to have, find what it lost, and forget what was remembered of it."""
        progress = self._devices.pop(done.device.id)
        facts: list[Fact] = [*await self.settler.facts_of(done.device, progress, self.clock())]
        if self.reaching is not None:
            facts += await self.reaching.facts_of(done, progress, self.clock())
        if facts:
            await out.facts.send(Facts(tuple(facts)))
        job = self.settler.job_of(done.device, progress, self.clock())
        if job is not None:
            await out.orders.send(job)

    def _first_time(self, page: ListedPage, file: DataFile) -> bool:
        """False for a file near a window's edge that was counted in another window: they overlap."""
        start, end = file.start or file.end, file.end or file.start
        if start is not None and end is not None:
            window = page.window
            if start - window.start > OVERLAP and window.end - end > OVERLAP:
                return True
        key = hash((page.device.id, file.name))
        known = key in self._counted
        self._counted.add(key)
        return not known


def _note_newest(progress: DeviceProgress, file: DataFile, first_seen: datetime) -> None:
    end = file.end or file.start
    if end is None:
        progress.sighted = max(first_seen, progress.sighted or first_seen)
    elif end <= first_seen + CLOCKS_AHEAD and (progress.newest is None or end > progress.newest):
        progress.newest = end


def _status_before(file: DataFile, decided: _Decided) -> StorageStatus | None:
    record = decided.records.get(file.name)
    return None if record is None else record.file.status


def best_of(files: Sequence[DataFile]) -> list[DataFile]:
    """Each file once: where a page tells one twice, the telling by which it can be had."""
    best: dict[str, DataFile] = {}
    for file in files:
        known = best.get(file.name)
        if known is None or (file.status.on_server and not known.status.on_server):
            best[file.name] = file
    return list(best.values())


def reconciled(file: DataFile, record: FileRecord | None, source: ListingSource) -> DataFile:
    """What the list tells, completed by what an earlier list told.

    The server's own list knows nothing of the device, and may tell neither size nor times: it must not
    make the state forget them. A file that a download showed to be absent from the server is on the device,
    until a download succeeds or the device's list says otherwise.
    """
    if record is None or source is ListingSource.DEVICE_LIST:
        return file
    known = record.file
    keeps = known.status is StorageStatus.BOTH or (
        known.status is StorageStatus.DEVICE_ONLY
        and file.status is StorageStatus.SERVER_ONLY
        and is_absent(record)
    )
    return file._replace(
        status=known.status if keeps else file.status,
        size=file.size if file.size is not None else known.size,
        start=file.start or known.start,
        end=file.end or known.end,
        tag=file.tag or known.tag,
        extra=file.extra or known.extra,
    )


async def decide(decider: Decider, listings: MemoryObjectReceiveStream[Listing], out: Outputs) -> None:
    """Run until the listings end; closes its ends of the streams."""
    async with listings, out.facts, out.orders, out.fetches:
        async for listing in listings:
            match listing:
                case DeviceBegun():
                    await decider.device_begun(listing)
                case ListedPage():
                    await decider.page(listing, out)
                case Contradiction():
                    await decider.lists_compared(listing, out)
                case WindowListed():
                    await decider.window_listed(listing, out)
                case WindowFailed():
                    await decider.window_failed(listing, out)
                case DeviceDone():
                    await decider.device_done(listing, out)
                case _:
                    assert_never(listing)
