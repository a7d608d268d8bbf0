"""Lists that are well-formed and lie: files told twice, sizes and times beyond all measure, ids of none."""

import json
from typing import Any

import pytest

from osfsync.app import known
from osfsync.domain.errors import ExitCode
from osfsync.domain.model import StorageStatus
from osfsync.reports.renderers import FORMATS, renderer, status
from osfsync.reports.sheets import DEVICES, FILES, MISSING
from osfsync.simulator.behaviour import Behaviour
from osfsync.simulator.faults import Fault, Replace
from osfsync.simulator.world import World
from tests.whole.conftest import Mirror, MirrorOf

DEAD = Behaviour(contact_every=None, files_per_day=0)
MOST = 2**63 - 1


def listed(*records: str) -> Fault:
    return Fault(Replace(f"<FileList>{''.join(records)}</FileList>".encode(), "application/xml"))


def record(name: str, state: object = 3, **fields: object) -> str:
    inner = "".join(f"<{field}>{value}</{field}>" for field, value in fields.items())
    return f"<GeoLogFile><Name>{name}</Name><State>{state}</State>{inner}</GeoLogFile>"


async def told_by_reports(mirror: Mirror) -> str:
    """All that the reports say of the state: nothing of it may fail."""
    text = status.table(await known.status(mirror.settings))
    asked: tuple[tuple[Any, Any], ...] = (
        (DEVICES, lambda: known.devices(mirror.settings)),
        (FILES, lambda: known.files(mirror.settings, None)),
        (MISSING, lambda: known.missing(mirror.settings, clock=lambda: mirror.world.now)),
    )
    for sheet, ask in asked:
        for name in FORMATS:
            drawing = renderer(name, sheet)
            text += drawing.begin() + "".join([drawing.rows(chunk) async for chunk in ask()]) + drawing.end()
    return text


LISTS: dict[str, tuple[tuple[str, ...], int]] = {
    "told twice": ((record("a.osf"), record("a.osf"), record("a.osf", 0), record("a.osf", 2)), 1),
    "told twice with other sizes": (
        (record("a.osf", Size=1), record("a.osf", Size=MOST), record("a.osf", 0, Size=5)),
        1,
    ),
    "told a thousand times": (tuple(record("a.osf", n % 4, Size=n) for n in range(1_200)), 1),
    "sizes beyond all disks": (tuple(record(f"{n}.osf", n % 4, Size=MOST) for n in range(40)), 40),
    "sizes that are none": (
        tuple(
            record(f"{n}.osf", 2, Size=size)
            for n, size in enumerate((-1, MOST + 1, "1e9", "NaN", "0x10", "9" * 5_000))
        ),
        6,
    ),
    "times at the edges": (
        tuple(
            record(f"{n}.osf", 0, Start=start, End=end)
            for n, (start, end) in enumerate(
                (
                    ("1990-01-01T00:00:00Z", "2099-12-31T23:59:59Z"),
                    ("2099-12-31T23:59:59.999999Z", "2099-12-31T23:59:59.999999Z"),
                    ("0001-01-01", "9999-12-31"),
                    (4102444799, 4102444799),
                    ("2026-02-30", "2026-01-01T25:00:00"),
                    ("2026-03-01T00:00:00+23:59", "1e308"),
                )
            )
        ),
        6,
    ),
    "status of all kinds": (
        tuple(record(f"{n}.osf", state) for n, state in enumerate((0, 1, 2, 3, " 3 ", "3.0"))),
        6,
    ),
}


@pytest.mark.parametrize("name", LISTS)
async def test_a_list_that_lies(mirror_of: MirrorOf, empty_world: World, name: str) -> None:
    """Its files fail or wait, all others come, and every report can still be drawn."""
    records, files = LISTS[name]
    liar = empty_world.add_device("Liar", behaviour=DEAD)
    honest = empty_world.add_device("Honest", behaviour=DEAD)
    empty_world.add_file(honest, "b.osf", StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:
        mirror.simulator.faults.add(listed(*records), on="file-list", times=None, device=liar.id)
        for _ in range(2):
            summary = await mirror.sync()
            assert summary.exit_code in {ExitCode.COMPLETE, ExitCode.PARTIAL}, summary
        assert {path for path in mirror.on_disk() if path.startswith("Honest")} == {"Honest/b.osf"}
        assert len(await mirror.files()) == files + 1
        assert "Liar" in await told_by_reports(mirror)
        assert mirror.part_files() == []


DEVICE_LISTS: dict[str, object] = {
    "an id twice": [{"id": "a", "name": "x"}, {"id": "a", "name": "y"}],
    "a name of another kind": [
        {"id": "a", "name": {"id": "b"}},
        {"id": "c", "name": [1, 2]},
        {"id": "d", "name": 5},
    ],
    "ids that lead elsewhere": [
        {"id": name} for name in (".", "..", "/", "a/../../b", "%2e%2e", "\u202e", "\0")
    ],
    "thousands": [{"id": f"d{n}", "name": "x"} for n in range(500)],
}


@pytest.mark.parametrize("name", DEVICE_LISTS)
async def test_a_device_list_that_lies(mirror_of: MirrorOf, empty_world: World, name: str) -> None:
    """Devices that are not there fail by themselves, and the run ends."""
    honest = empty_world.add_device("Honest", behaviour=DEAD)
    empty_world.add_file(honest, "b.osf", StorageStatus.BOTH)
    entries = DEVICE_LISTS[name]
    assert isinstance(entries, list)
    body = json.dumps({"data": [{"id": honest.id, "name": "Honest"}, *entries]}).encode()
    async with mirror_of(empty_world) as mirror:
        mirror.change("limits", retries=0)
        mirror.simulator.faults.add(Fault(Replace(body, "application/json")), on="devices", times=None)
        summary = await mirror.sync()
        assert summary.exit_code in {ExitCode.PARTIAL, ExitCode.COMPLETE}, summary
        assert mirror.on_disk().keys() == {"Honest/b.osf"}
        assert "Honest" in await told_by_reports(mirror)
