"""The recipes of docs/recipes: run, or looked at by their system's own checker."""

import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import anyio
import kubernetes_validate
import pytest
import yaml

from osfsync.domain.model import StorageStatus
from osfsync.simulator.server import Simulator, serve
from osfsync.simulator.world import World
from tests.cli.test_cli_errors import clean_environment, write_config
from tests.conftest import skip_unless_all_is_required

RECIPES = Path(__file__).parents[1] / "docs" / "recipes"
COMMAND = Path(sys.executable).with_name("osfsync")
TASK = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    world = World(now=datetime.now(UTC), seed=3)
    world.add_file(world.add_device("Truck 1"), "a.osf", StorageStatus.BOTH)
    async with serve(world) as running:
        yield running


@pytest.fixture
def units(tmp_path: Path) -> list[Path]:
    """The units, with the command where it lies here."""
    if shutil.which("systemd-analyze") is None:
        skip_unless_all_is_required("systemd-analyze (Debian: systemd)")
    for name in ("osfsync.service", "osfsync.timer"):
        text = (RECIPES / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text.replace("/opt/osfsync/bin/osfsync", str(COMMAND)), encoding="utf-8")
    return [tmp_path / "osfsync.service", tmp_path / "osfsync.timer"]


def test_systemd_finds_nothing_wrong_with_its_units(units: list[Path]) -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units],  # noqa: S607 - the system's
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in done.stderr.splitlines() if "osfsync" in line]
    assert (done.returncode, ours) == (0, [])


def test_systemd_calls_the_service_well_hardened(units: list[Path]) -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", units[0]],  # noqa: S607 - likewise
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"Overall exposure level for osfsync\.service: ([\d.]+)", done.stdout)
    assert found is not None, done.stderr
    assert float(found[1]) < 2


def local_starts() -> Iterator[tuple[str, time]]:
    """(file, local time) of every schedule in the recipes and the documentation; UTC has no such change."""
    texts = [*RECIPES.iterdir(), *RECIPES.parent.glob("*.md"), *RECIPES.parent.glob("howto/*.md")]
    for path in [*texts, RECIPES.parents[1] / "README.md"]:
        text = path.read_text(encoding="utf-8")
        for minute, hour in re.findall(r"^(?:- )?`*(\d+) (\d+) \* \* \S+ ", text, re.MULTILINE):
            yield path.name, time(int(hour), int(minute))
        for moment, zone in re.findall(r"^OnCalendar=.*?(\d\d:\d\d)\S*(.*)$", text, re.MULTILINE):
            if "UTC" not in zone:
                yield path.name, time.fromisoformat(moment)
        for moment, zone in re.findall(r"<StartBoundary>\S+?T(\d\d:\d\d):\d\d(Z?)<", text):
            if not zone:
                yield path.name, time.fromisoformat(moment)


def test_no_schedule_lies_in_an_hour_that_a_change_of_the_clocks_skips_or_repeats() -> None:
    """Clocks change between 00:00 and 04:00 local time; 03:00 becomes 04:00 in Eastern Europe."""
    starts = list(local_starts())
    files = {"osfsync.cron", "osfsync.timer", "osfsync-task.xml", "nightly.md", "README.md"}
    assert files <= {name for name, _ in starts}
    assert [(name, start) for name, start in starts if not time(4) <= start < time(23)] == []
    assert cron_job()["spec"]["timeZone"] == "Etc/UTC"


async def test_cron_s_line_runs(tmp_path: Path, simulator: Simulator) -> None:
    """As cron does: by the shell that is named, with what follows the user."""
    text = await anyio.Path(RECIPES / "osfsync.cron").read_text(encoding="utf-8")
    (line,) = re.findall(r"^30 4 \* \* \* osfsync (.+)$", text, re.MULTILINE)
    write_config(tmp_path, simulator.url)
    command = line.replace("/opt/osfsync/bin/osfsync", str(COMMAND)).replace("/srv/osf", str(tmp_path))
    environment = clean_environment({"OSFSYNC_PASSWORD": simulator.world.password}, tmp_path / "no-home")
    done = await anyio.run_process(["/bin/sh", "-c", command], env=environment, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert await anyio.Path(tmp_path / "mirror" / "Truck 1" / "a.osf").exists()


async def test_the_task_s_command_runs(tmp_path: Path, simulator: Simulator) -> None:
    """Windows' own checker is not here: parts are in its schema's order, and what it starts is started."""
    root = ET.parse(RECIPES / "osfsync-task.xml").getroot()  # noqa: S314 - our own file
    assert [part.tag.removeprefix(TASK) for part in root] == [
        "RegistrationInfo",
        "Triggers",
        "Settings",
        "Actions",
    ]
    arguments = root.findtext(f"{TASK}Actions/{TASK}Exec/{TASK}Arguments") or ""
    write_config(tmp_path, simulator.url)
    environment = clean_environment({"OSFSYNC_PASSWORD": simulator.world.password}, tmp_path / "no-home")
    done = await anyio.run_process([COMMAND, *arguments.split()], cwd=tmp_path, env=environment, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def cron_job() -> dict[str, Any]:
    *_, job = yaml.safe_load_all((RECIPES / "cronjob.yaml").read_text(encoding="utf-8"))
    return dict(job)


def test_kubernetes_takes_its_objects() -> None:
    """By its own schemas, in which a field that it does not know is an error."""
    objects = list(yaml.safe_load_all((RECIPES / "cronjob.yaml").read_text(encoding="utf-8")))
    assert [one["kind"] for one in objects] == ["PersistentVolumeClaim", "CronJob"]
    for one in objects:
        kubernetes_validate.validate(one, kubernetes_validate.latest_version(), strict=True)
    objects[1]["spec"]["concurrencyPolicies"] = "Forbid"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(objects[1], kubernetes_validate.latest_version(), strict=True)


async def test_the_container_s_command_runs(tmp_path: Path, simulator: Simulator) -> None:
    """As the job starts it, with /config and /data here."""
    pod = cron_job()["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    places = {"/config": str(tmp_path), "/data": str(tmp_path / "data")}

    def placed(text: str) -> str:
        for there, here in places.items():
            text = text.replace(there, here)
        return text

    (tmp_path / "data").mkdir()
    write_config(tmp_path, simulator.url)
    given = {one["name"]: placed(one["value"]) for one in container["env"] if "value" in one}
    assert {one["name"] for one in container["env"]} - given.keys() == {"OSFSYNC_PASSWORD"}
    environment = clean_environment(given | {"OSFSYNC_PASSWORD": simulator.world.password}, tmp_path / "none")
    arguments = [placed(one) for one in container["args"]]
    done = await anyio.run_process([COMMAND, *arguments], env=environment, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert await anyio.Path(tmp_path / "data" / "mirror" / "Truck 1" / "a.osf").exists()
    assert await anyio.Path(tmp_path / "data" / "osfsync.db").exists()


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    program = Path(sys.executable).with_name("hadolint")
    if not program.exists():
        skip_unless_all_is_required("hadolint has no wheel for this system")
    done = subprocess.run([program, RECIPES / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
