"""Any facts, in any batches: the state knows what a simple model of one dictionary says."""

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from shutil import copyfile

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from osfsync.domain.model import (
    DataFile,
    Device,
    Failure,
    FileRecord,
    Held,
    ListingSource,
    StorageStatus,
    TimeWindow,
    Verification,
)
from osfsync.domain.outcomes import (
    DeviceLeftOut,
    DeviceSeen,
    Fact,
    Fetched,
    FetchFailed,
    FilesLost,
    FilesSeen,
    Heard,
    HearingFailed,
    HeldRefuted,
    Listed,
    ListingFailed,
    ListsCompared,
    OrderFollowed,
    OrderGivenUp,
    OrderPrepared,
    OrderRefused,
    OrderTaken,
    Reached,
    SeenFile,
    WindowSettled,
)
from osfsync.domain.reach import Reach
from osfsync.domain.rows import LEFT_OUT, DeviceProblem
from osfsync.state.database import open_state
from osfsync.state.settings import StateSettings
from tests.state.state_samples import LATER, NOW, RUN, WINDOW

DEVICES = ("d1", "d2")
NAMES = ("a.osf", "day/a.osf", "ü.osf")
WINDOWS = (WINDOW, TimeWindow(NOW, LATER))

moments = st.integers(0, 10**9).map(lambda number: NOW + timedelta(milliseconds=number, microseconds=7))
devices = st.sampled_from(DEVICES)
names = st.sampled_from(NAMES)
windows = st.sampled_from(WINDOWS)
words = st.text(max_size=5)
reaches = st.builds(Reach, moments, moments, moments, st.none() | moments, st.integers(0, 7))
data_files = st.builds(
    DataFile,
    device_id=st.just(""),
    name=names,
    status=st.sampled_from(StorageStatus),
    size=st.sampled_from([None, 1, 2]),
    start=st.none() | moments,
    end=st.none() | moments,
    tag=st.none() | words,
    extra=st.lists(st.tuples(words, words), max_size=2).map(tuple),
)
helds = st.builds(
    Held,
    size=st.integers(0, 2**60),
    sha256=st.sampled_from(["ab" * 32, "cd" * 32]),
    fetched_at=moments,
    verification=st.sampled_from(Verification),
)
failures = st.builds(Failure, slug=words, explanation=words, at=moments, check=st.none() | words)


def seen(device_id: str, window: TimeWindow, at: object, files: Sequence[DataFile]) -> FilesSeen:
    placed = tuple(SeenFile(file._replace(device_id=device_id), f"{device_id}/{file.name}") for file in files)
    return FilesSeen(device_id, window, at, placed)  # type: ignore[arg-type]  # from a strategy of moments


orders = st.builds(
    OrderPrepared,
    st.just(0),  # numbered when it is told
    devices,
    windows,
    words,
    st.lists(names, unique=True).map(tuple),
    st.integers(0, 3),
    moments,
)
facts: st.SearchStrategy[Fact] = st.one_of(
    st.builds(
        lambda device_id, name, at: DeviceSeen(Device(device_id, name), f"{device_id} {name}", at),
        devices,
        words,
        moments,
    ),
    st.builds(seen, devices, windows, moments, st.lists(data_files, min_size=1, max_size=3)),
    st.builds(
        Listed,
        devices,
        windows,
        st.sampled_from(ListingSource),
        st.integers(0, 9),
        moments,
        st.sampled_from([None, "b1", "b2"]),
        st.booleans(),
    ),
    st.builds(Reached, devices, st.sampled_from(ListingSource), reaches),
    st.builds(ListingFailed, devices, windows, words, words, moments),
    st.builds(DeviceLeftOut, devices, st.none() | words, moments),
    st.builds(Fetched, devices, names, helds, st.booleans()),
    st.builds(FetchFailed, devices, names, failures, st.booleans()),
    st.builds(HeldRefuted, devices, names, failures),
    st.builds(lambda order, certain: OrderTaken(order, certain=certain), orders, st.booleans()),
    st.builds(OrderRefused, orders, words, words),
    st.builds(FilesLost, devices, st.lists(names, unique=True).map(tuple), moments),
    st.builds(WindowSettled, st.sampled_from(["b1", "b2"]), devices, windows, moments),
)


@dataclass
class KnownDevice:
    name: str
    folder: str
    last_seen: object
    listed_at: object = None
    source: ListingSource | None = None
    problem: DeviceProblem | None = None


@dataclass
class Model:
    devices: dict[str, KnownDevice] = field(default_factory=dict)
    files: dict[tuple[str, str], FileRecord] = field(default_factory=dict)
    listings: list[Listed] = field(default_factory=list)
    reaches: dict[tuple[str, ListingSource], Reach] = field(default_factory=dict)
    settled: dict[str, set[tuple[str, TimeWindow]]] = field(
        default_factory=lambda: {"b1": set(), "b2": set()}
    )
    orders: Counter[str] = field(default_factory=Counter)
    attempts: dict[tuple[str, str], list[Failure]] = field(default_factory=dict)

    def takes(self, fact: Fact) -> bool:
        """Whether a run could tell this now: it only speaks of files that it was told of."""
        match fact:
            case Fetched() | FetchFailed() | HeldRefuted():
                return (fact.device_id, fact.name) in self.files
            case OrderTaken() | OrderRefused():
                return all((fact.order.device_id, name) in self.files for name in fact.order.names)
            case _:
                return True

    def apply(self, fact: Fact) -> None:  # noqa: C901, PLR0912 - one case for each fact
        match fact:
            case DeviceSeen():
                met = self.devices.setdefault(
                    fact.device.id, KnownDevice(fact.device.name, fact.folder, fact.at)
                )
                met.name, met.last_seen = fact.device.name, fact.at
            case FilesSeen():
                for placed in fact.files:
                    self.see(fact, placed)
            case Listed():
                device = self.devices[fact.device_id]
                device.listed_at, device.source, device.problem = fact.at, fact.source, None
                self.listings.append(fact)
            case Reached():
                self.reaches[fact.device_id, fact.source] = fact.reach
            case ListingFailed():
                self.devices[fact.device_id].problem = DeviceProblem(fact.slug, fact.explanation, fact.at)
            case DeviceLeftOut(explanation=why):
                device = self.devices[fact.device_id]
                if why is not None:
                    device.problem = DeviceProblem(LEFT_OUT, why, fact.at)
                elif device.problem is not None and device.problem.slug == LEFT_OUT:
                    device.problem = None
            case Fetched():
                self.change(
                    fact.device_id,
                    fact.name,
                    held=fact.held,
                    tries=0,
                    failure=None,
                    orders=0,
                    ordered_at=None,
                    order=None,
                )
            case FetchFailed():
                failed = self.files[fact.device_id, fact.name]
                file = failed.file._replace(status=StorageStatus.DEVICE_ONLY) if fact.absent else failed.file
                self.change(
                    fact.device_id, fact.name, file=file, tries=failed.tries + 1, failure=fact.failure
                )
                self.attempts.setdefault((fact.device_id, fact.name), []).insert(0, fact.failure)
            case HeldRefuted():
                never = {"held": None, "tries": 0, "failure": None}
                never |= {"orders": 0, "ordered_at": None, "order": None, "lost_at": None}
                self.change(fact.device_id, fact.name, **never)
                self.attempts.setdefault((fact.device_id, fact.name), []).insert(0, fact.failure)
            case OrderTaken(order, certain):
                self.orders["sent" if certain else "doubtful"] += 1
                for name in order.names:
                    known = self.files[order.device_id, name].orders + int(certain)
                    self.change(order.device_id, name, orders=known, ordered_at=order.at, order=order.id)
            case OrderRefused():
                self.orders["refused"] += 1
            case FilesLost():
                for name in fact.names:
                    record = self.files.get((fact.device_id, name))
                    if record is not None and record.lost_at is None:
                        self.change(fact.device_id, name, lost_at=fact.at)
            case (
                ListsCompared()
                | Heard()
                | HearingFailed()
                | OrderPrepared()
                | OrderFollowed()
                | OrderGivenUp()
            ):
                pytest.fail("drawn nowhere: the ledger has tests of its own")
            case WindowSettled():
                self.settled[fact.backfill] |= {
                    (told.device_id, told.window)
                    for told in self.listings
                    if (told.backfill, told.device_id, told.window)
                    == (fact.backfill, fact.device_id, fact.window)
                    and told.source is ListingSource.DEVICE_LIST
                    and told.compared
                }

    def see(self, fact: FilesSeen, placed: SeenFile) -> None:
        key = (fact.device_id, placed.file.name)
        known = self.files.get(key)
        if known is None:
            self.files[key] = FileRecord(placed.file, placed.path, fact.at, fact.window)
            return
        before = (known.file.status, known.file.size)
        self.change(*key, file=placed.file, seen_in=fact.window, lost_at=None)
        if before != (placed.file.status, placed.file.size):
            self.change(*key, tries=0, failure=None)

    def change(self, device_id: str, name: str, **values: object) -> None:
        known = self.files[device_id, name]
        self.files[device_id, name] = known._replace(**values)  # type: ignore[arg-type]  # the names are right


@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(batches=st.lists(st.lists(facts, max_size=8), max_size=4))
def test_the_state_knows_what_the_facts_say_one_by_one(
    migrated: Path, tmp_path: Path, batches: list[list[Fact]]
) -> None:
    path = tmp_path / "state.db"
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    copyfile(migrated, path)
    anyio.run(_compare, StateSettings(url=f"sqlite:///{path}"), batches)


async def _compare(where: StateSettings, batches: list[list[Fact]]) -> None:
    model = Model()
    beginning: list[Fact] = [DeviceSeen(Device(device_id, ""), device_id, NOW) for device_id in DEVICES]
    async with open_state(where) as database:
        writer = await database.start_run(RUN, NOW)
        numbers = itertools.count(1)
        for drawn in [beginning, *batches]:
            batch: list[Fact] = []
            for fact in drawn:
                if not model.takes(fact):
                    continue
                numbered: Fact = fact
                if isinstance(fact, OrderTaken | OrderRefused):
                    order = replace(fact.order, id=next(numbers))
                    batch.append(order)
                    numbered = replace(fact, order=order)
                model.apply(numbered)
                batch.append(numbered)
            await writer.commit(batch)
        for device_id in DEVICES:
            expected = {name: record for (of, name), record in model.files.items() if of == device_id}
            records = await database.reader.records(device_id, NAMES)
            # When a lost file was last seen is another question, asked in another test.
            assert {name: record._replace(last_seen=None) for name, record in records.items()} == expected
            known = {
                (device_id, source): r for source, r in (await database.reader.reaches(device_id)).items()
            }
            assert known == {key: reach for key, reach in model.reaches.items() if key[0] == device_id}
        for key, expected_attempts in model.attempts.items():
            told = await database.overview.attempts(*key)
            assert [attempt.failure for attempt in told] == expected_attempts
        told_orders = [row.order.state.value async for page in database.ledger.orders() for row in page]
        assert Counter(told_orders) == model.orders
        for backfill, expected_settled in model.settled.items():
            assert await database.reader.settled(backfill) == expected_settled
        rows = {row.device.id: row for row in await database.overview.devices()}
        assert {
            key: KnownDevice(
                row.device.name,
                row.folder,
                row.last_seen,
                row.listed_at,
                row.source,
                row.problem,
            )
            for key, row in rows.items()
        } == model.devices
