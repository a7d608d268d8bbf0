"""`doctor` finds the commonest mistakes, each alone, and says how to mend it."""

import sys
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from osfsync.app import examine_platform
from osfsync.config import load
from osfsync.domain.model import StorageStatus
from osfsync.simulator.behaviour import Behaviour
from osfsync.simulator.faults import Fault
from osfsync.simulator.server import Simulator, serve
from osfsync.simulator.world import World
from osfsync.state.lock import hold_lock
from tests.cli.test_cli_errors import osfsync

DEAD = Behaviour(contact_every=None, files_per_day=0)


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    world = World(now=datetime.now(UTC), seed=2)
    truck = world.add_device("Truck 1", behaviour=DEAD)
    world.add_file(truck, "a.osf", StorageStatus.BOTH)
    async with serve(world) as running:
        yield running


def configure(folder: Path, simulator: Simulator, more: str = "", cloud: str = "") -> None:
    world = simulator.world
    (folder / "sync.toml").write_text(
        f'[cloud]\nurl = "{simulator.url}"\nusername = "{world.username}"\ntenant = "{world.main.name}"\n'
        f"{cloud}\n{more}\n",
        encoding="utf-8",
    )
    (folder / "sync.toml").chmod(0o600)


async def told(folder: Path, simulator: Simulator) -> tuple[int, list[str]]:
    """The exit code, and the lines that are not ok."""
    ended = await osfsync(folder, "doctor", password=simulator.world.password)
    assert "Traceback" not in ended.err
    return ended.code, [line for line in ended.out.splitlines() if not line.startswith("ok")]


async def test_nothing_is_wrong_where_nothing_is(tmp_path: Path, simulator: Simulator) -> None:
    configure(tmp_path, simulator)
    ended = await osfsync(tmp_path, "doctor", password=simulator.world.password)
    assert ended.code == 0
    subjects = [line.split()[1] for line in ended.out.splitlines()]
    assert subjects == [
        "archive:",
        "database:",
        "login:",
        "clock:",
        "devices:",
        "permissions:",
        "fields:",
        "files:",
        "download:",
    ]
    assert "storage status: field Status, " in ended.out
    assert all(line.startswith("ok") for line in ended.out.splitlines())
    assert not (tmp_path / "mirror" / "Truck 1").exists()  # the file was tried, and not kept


@pytest.mark.parametrize(
    ("more", "code", "subject", "hint"),
    [
        ('[select]\ndevices = ["Boat*"]', 2, "devices", "select.devices"),
        ('[select]\nfiles = ["*.txt"]', 0, "files", "select.files"),
        ('[select]\nlookback = "2d"', 0, "select.lookback", "Set 30d"),
        ('[orders]\nmode = "never"', 0, "orders.mode", "Set auto"),
        ('[orders]\nmode = "only"', 0, "orders.mode", "Set auto"),
        ('[limits]\nmax_file_size = "1MB"', 0, "limits.max_file_size", "larger files fail"),
        ('[state]\nurl = "sqlite:///mirror/osfsync.db"', 0, "database", "beside it"),
        ('[metrics]\ntextfile = "nowhere/osfsync.prom"', 0, "metrics.textfile", "make it"),
        ('[notify]\ncommand = ["no-such-program"]', 0, "notify.command", "whole path"),
        ('[archive]\nlayout = "{nothing}"', 2, "archive", "layout"),
    ],
)
async def test_settings_that_are_mostly_mistakes(
    tmp_path: Path, simulator: Simulator, more: str, code: int, subject: str, hint: str
) -> None:
    configure(tmp_path, simulator, more)
    (tmp_path / "mirror").mkdir()
    ended, (line,) = await told(tmp_path, simulator)
    assert ended == code
    assert line.split()[1] == f"{subject}:"
    assert hint in line


async def test_an_account_of_several_tenants(tmp_path: Path, simulator: Simulator) -> None:
    configure(tmp_path, simulator)
    text = (tmp_path / "sync.toml").read_text(encoding="utf-8")
    (tmp_path / "sync.toml").write_text(text.replace("tenant = ", "#tenant = "), encoding="utf-8")
    code, (line,) = await told(tmp_path, simulator)
    assert code == 2
    assert "cloud.tenant" in line


@pytest.mark.parametrize(
    ("endpoint", "fault", "code", "subject"),
    [
        ("login", Fault.status(401), 12, "platform"),
        ("devices", Fault.status(403), 13, "platform"),
        ("devices", Fault.html(), 13, "platform"),
        ("file-list", Fault.bad_xml(), 3, "file"),
        ("download-token", Fault.status(403), 3, "download"),
        ("download", Fault.html(), 3, "download"),
        ("download", Fault.status(404), 3, "download"),
        ("communication", Fault.status(403), 0, "communication"),
    ],
)
async def test_what_the_platform_does_not_give(
    tmp_path: Path, simulator: Simulator, endpoint: str, fault: Fault, code: int, subject: str
) -> None:
    configure(tmp_path, simulator, "[limits]\nretries = 0")
    simulator.faults.add(fault, on=endpoint, times=None)
    ended, lines = await told(tmp_path, simulator)
    assert ended == code
    assert subject in [line.split()[1].rstrip(":") for line in lines]


async def test_a_platform_without_devices_and_devices_without_files(
    tmp_path: Path, simulator: Simulator
) -> None:
    configure(tmp_path, simulator)
    (truck,) = simulator.world.devices(simulator.world.main.id)
    truck.files.clear()
    _, (line,) = await told(tmp_path, simulator)
    assert "do they record" in line
    simulator.world.remove_device(truck)
    _, (line,) = await told(tmp_path, simulator)
    assert "the right tenant" in line


@pytest.mark.parametrize(
    ("offset", "grade", "words"),
    [
        (timedelta(hours=3), "warning", "3 h behind the platform"),
        (timedelta(hours=-3), "warning", "3 h ahead of the platform"),
        (timedelta(minutes=1), "ok", "agrees"),
        (None, "warning", "can't be compared"),
    ],
)
def test_a_clock_that_is_off(offset: timedelta | None, grade: str, words: str) -> None:
    finding = examine_platform._clock(offset)
    assert finding.grade == grade
    assert words in finding.text


async def test_a_run_at_work(tmp_path: Path, simulator: Simulator) -> None:
    configure(tmp_path, simulator)
    assert (await osfsync(tmp_path, "sync", password=simulator.world.password)).code == 0
    settings = load(config=tmp_path / "sync.toml", environ={}, flags={}, cwd=tmp_path).settings
    with hold_lock(settings.state):
        code, lines = await told(tmp_path, simulator)
    assert code == 0
    assert [line.split()[1] for line in lines] == ["lock:"]


@pytest.mark.skipif(sys.platform == "win32", reason="the folder's access list decides there")
async def test_secrets_that_others_may_read(tmp_path: Path, simulator: Simulator) -> None:
    configure(tmp_path, simulator, '[notify]\nping_url = "https://example.com/c0ffee"')
    (tmp_path / "sync.toml").chmod(0o644)
    _, (line,) = await told(tmp_path, simulator)
    assert "chmod 600" in line
    assert "c0ffee" not in line


@pytest.mark.parametrize(
    "ruin",
    [
        lambda folder: (folder / "mirror").write_text("in the way"),
        lambda folder: (folder / "osfsync.db").write_bytes(b"no database at all" * 100),
        lambda folder: (folder / "osfsync.db").mkdir(),
    ],
)
async def test_places_that_can_t_be_used(
    tmp_path: Path, simulator: Simulator, ruin: Callable[[Path], object]
) -> None:
    configure(tmp_path, simulator)
    ruin(tmp_path)
    code, lines = await told(tmp_path, simulator)
    assert code in {1, 2}
    assert [line.split()[0] for line in lines] == ["error"]


async def test_a_host_that_does_not_exist(tmp_path: Path, simulator: Simulator) -> None:
    configure(tmp_path, simulator)
    text = (tmp_path / "sync.toml").read_text(encoding="utf-8")
    (tmp_path / "sync.toml").write_text(text.replace(simulator.url, "https://no-such-host.invalid"))
    code, (line,) = await told(tmp_path, simulator)
    assert code == 13
    assert "cloud.url" in line
