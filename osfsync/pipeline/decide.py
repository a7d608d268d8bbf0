"""Decide: a page + what we know → actions, each with its reason. Files that are held end here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never

from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from osfsync.domain.model import (
    DataFile,
    Device,
    FileRecord,
    ListingSource,
    StorageStatus,
    TimeWindow,
)
from osfsync.domain.outcomes import FilesSeen, Listed, ListingFailed, SeenFile
from osfsync.domain.planner import Action, Policy, Reason, plan
from osfsync.domain.selection import Selection
from osfsync.pipeline.messages import (
    DeviceDone,
    Facts,
    FetchJob,
    ListedPage,
    Listing,
    OrderJob,
    Receipt,
    Wanted,
    WindowFailed,
    WindowListed,
)
from osfsync.pipeline.pathbook import PathBook
from osfsync.pipeline.tally import Tally
from osfsync.state.reader import Reader

ORDER_PAGE = 20_000
"""Device-only files of one device that are collected before its commands are made: bounds memory."""


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
class _DeviceProgress:
    """What a round remembers of a device while it is listed: files that are not held, by name."""

    unheld: set[int] = field(default_factory=set)  # hashes: a device may list a million
    wanted: list[Wanted] = field(default_factory=list)


@dataclass(slots=True)
class Decider:
    """Turns pages into facts, orders and fetches."""

    reader: Reader
    paths: PathBook
    selection: Selection
    policy: Policy
    tally: Tally
    clock: Callable[[], datetime]
    backfill: str | None = None
    _devices: dict[str, _DeviceProgress] = field(default_factory=dict)
    _straddling: set[tuple[str, str]] = field(default_factory=set)

    async def page(self, page: ListedPage, out: Outputs) -> None:
        """Decide on every file of a page."""
        progress = self._devices.setdefault(page.device.id, _DeviceProgress())
        records = await self.reader.records(page.device.id, [file.name for file in page.files])
        decided = _Decided(records, self.clock())
        for listed in best_of(page.files):
            record = records.get(listed.name)
            if hash(listed.name) in progress.unheld:
                continue  # listed twice in this round
            file = reconciled(listed, record, page.source)
            if record is None or record.file != file:
                decided.changed.append(file)
            decision = plan(file, record, self.selection.file(file.name), self.policy, decided.at)
            if self._first_time(page, file):
                self._count(decision.action, decision.reason, page.device, file, record)
            if decision.action is not Action.KEEP:
                progress.unheld.add(hash(file.name))
            if decision.action is Action.FETCH:
                decided.fetches.append(file)
            elif decision.action is Action.ORDER:
                progress.wanted.append(Wanted(file.name, file.tag, span_of(file, page.window)))
        await self._pass_on(page, decided, out)
        if len(progress.wanted) >= ORDER_PAGE:
            await self._order(page.device, progress, out)

    async def _pass_on(self, page: ListedPage, decided: _Decided, out: Outputs) -> None:
        receipt = Receipt()
        new = [file for file in decided.changed if file.name not in decided.records]
        paths = {name: record.path for name, record in decided.records.items()}
        if new:
            given = await self.paths.assign(page.device, new, receipt)
            paths.update({file.name: path for file, path in zip(new, given, strict=True)})
        if decided.changed:
            seen = tuple(SeenFile(file, paths[file.name]) for file in decided.changed)
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
        return FetchJob(page.device, file, paths[file.name], known, replaces=held)

    async def window_listed(self, listed: WindowListed, out: Outputs) -> None:
        """The window's pages are all decided; its listing is a fact now."""
        await out.facts.send(
            Facts(
                (
                    Listed(
                        listed.device.id,
                        listed.window,
                        listed.source,
                        listed.files,
                        listed.at,
                        self.backfill,
                    ),
                )
            )
        )

    async def window_failed(self, failed: WindowFailed, out: Outputs) -> None:
        """What was listed before the failure is decided; the failure is a fact."""
        await out.facts.send(
            Facts(
                (ListingFailed(failed.device.id, failed.window, failed.slug, failed.explanation, failed.at),)
            )
        )

    async def device_done(self, done: DeviceDone, out: Outputs) -> None:
        """Order what the device was seen to have, and forget what was remembered of it."""
        progress = self._devices.pop(done.device.id, None)
        if progress is not None and progress.wanted:
            await self._order(done.device, progress, out)

    async def _order(self, device: Device, progress: _DeviceProgress, out: Outputs) -> None:
        wanted = tuple(progress.wanted)
        progress.wanted.clear()
        await out.orders.send(OrderJob(device, wanted))

    def _first_time(self, page: ListedPage, file: DataFile) -> bool:
        """False for a file that reaches over a window's edge and was counted in the window before."""
        key = (page.device.id, file.name)
        if key in self._straddling:
            return False
        if file.end is not None and file.end >= page.window.end:
            self._straddling.add(key)
        return True

    def _count(
        self,
        action: Action,
        reason: Reason | None,
        device: Device,
        file: DataFile,
        record: FileRecord | None,
    ) -> None:
        self.tally.listed += 1
        match action:
            case Action.KEEP:
                self.tally.held += 1
            case Action.FETCH:
                self.tally.to_fetch += 1
            case Action.LEAVE:
                self.tally.filtered += 1
            case Action.ORDER:
                self.tally.device_only += 1
            case Action.WAIT:
                self._count_waiting(reason, device, file, record)
            case _:
                assert_never(action)

    def _count_waiting(
        self, reason: Reason | None, device: Device, file: DataFile, record: FileRecord | None
    ) -> None:
        if reason in {Reason.FAILED, Reason.QUARANTINED}:
            self.tally.unsettled.add(device.id)
            if reason is Reason.FAILED:
                self.tally.given_up += 1
            else:
                self.tally.given_up_damaged += 1
            if record is not None and record.failure is not None:
                self.tally.problem(
                    device.name,
                    file.name,
                    reason,
                    f"Given up after {record.tries} runs; tried once more after a rest. "
                    f"Last error: {record.failure.explanation}",
                )
        elif file.status is StorageStatus.DEVICE_ONLY:
            self.tally.device_only += 1
        elif file.status is StorageStatus.REQUESTED:
            self.tally.requested += 1
        else:
            self.tally.unsettled.add(device.id)


def best_of(files: Sequence[DataFile]) -> list[DataFile]:
    """Each file once: where a page tells one twice, the telling by which it can be had."""
    best: dict[str, DataFile] = {}
    for file in files:
        known = best.get(file.name)
        if known is None or (file.status.on_server and not known.status.on_server):
            best[file.name] = file
    return list(best.values())


def span_of(file: DataFile, seen_in: TimeWindow) -> TimeWindow:
    """When the file was recorded, as far as the list tells; else the window that listed it."""
    if file.start is None:
        return seen_in
    return TimeWindow(file.start, max(file.start, file.end or file.start))


def reconciled(file: DataFile, record: FileRecord | None, source: ListingSource) -> DataFile:
    """What the list tells, completed by what an earlier list told.

    The server's own list knows nothing of the device, and may tell neither size nor times: it must not
    make the state forget them.
    """
    if record is None or source is ListingSource.DEVICE_LIST:
        return file
    known = record.file
    return replace(
        file,
        status=StorageStatus.BOTH if known.status is StorageStatus.BOTH else file.status,
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
                case ListedPage():
                    await decider.page(listing, out)
                case WindowListed():
                    await decider.window_listed(listing, out)
                case WindowFailed():
                    await decider.window_failed(listing, out)
                case DeviceDone():
                    await decider.device_done(listing, out)
                case _:
                    assert_never(listing)
