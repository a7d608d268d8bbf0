"""The commands that tell what is known, check and set up, as a user runs them."""

import csv
import io
import json
import socket
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest

from osfsync.domain.model import StorageStatus
from osfsync.simulator.behaviour import Behaviour
from osfsync.simulator.faults import Fault
from osfsync.simulator.server import Simulator, serve
from osfsync.simulator.world import World
from tests.cli.test_cli_errors import Ended, clean_environment, osfsync, write_config

DEAD = Behaviour(contact_every=None, files_per_day=0)


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    """Two devices: one with files everywhere, one whose credentials are refused."""
    world = World(now=datetime.now(UTC), seed=2)
    truck = world.add_device("Truck 1", behaviour=DEAD)
    world.add_file(truck, "20260101/a.osf", StorageStatus.BOTH)
    world.add_file(truck, "20260101/b.osfz", StorageStatus.SERVER_ONLY)
    world.add_file(truck, "20260101/c.osf", StorageStatus.DEVICE_ONLY)
    world.add_file(truck, "=2+2.osf", StorageStatus.REQUESTED)
    sealed = world.add_device("Sealed", behaviour=DEAD, readable=False)
    world.add_file(sealed, "d.osf", StorageStatus.BOTH)
    async with serve(world) as running:
        yield running


@pytest.fixture
async def synced(tmp_path: Path, simulator: Simulator) -> Path:
    write_config(tmp_path, simulator.url)
    ended = await osfsync(tmp_path, "sync", password=simulator.world.password)
    assert ended.code == 0, ended.err
    return tmp_path


async def test_the_line_counts_devices_that_are_passed_over(synced: Path, simulator: Simulator) -> None:
    for device in simulator.world.devices(simulator.world.main.id)[1:]:
        simulator.world.remove_device(device)
    ended = await osfsync(synced, "sync", password=simulator.world.password)
    assert "; 1 device passed over; " in ended.out


async def test_a_device_whose_name_holds_a_wildcard_is_meant_by_its_name(
    tmp_path: Path, simulator: Simulator
) -> None:
    world = simulator.world
    for name in ("Crane [4]", "Crane 4"):
        device = world.add_device(name, behaviour=DEAD)
        world.add_file(device, f"{name}.osf", StorageStatus.BOTH)
        world.add_file(device, f"{name} later.osf", StorageStatus.DEVICE_ONLY)
    write_config(tmp_path, simulator.url, '[metrics]\ngroups = ["Crane [4]"]\ntextfile = "./numbers.prom"\n')
    ended = await osfsync(tmp_path, "sync", "--json", "--device", "Crane [4]", password=world.password)
    assert (ended.code, json.loads(ended.out)["devices"]["seen"]) == (0, 1)
    assert (await osfsync(tmp_path, "sync", password=world.password)).code == 0
    for command in (("files", "Crane [4]"), ("missing", "--device", "Crane [4]")):
        told = json.loads((await osfsync(tmp_path, *command, "--format", "json")).out)["files"]
        assert {row["device"] for row in told} == {"Crane [4]"}
    told = json.loads((await osfsync(tmp_path, "why", "Crane [4].osf", "--json")).out)
    assert [story["device"] for story in told["files"]] == ["Crane [4]"]
    numbers = await anyio.Path(tmp_path / "numbers.prom").read_text()
    assert 'osfsync_devices{group="Crane [4]"} 1' in numbers


async def test_sync_prints_one_line_where_nobody_watches(tmp_path: Path, simulator: Simulator) -> None:
    write_config(tmp_path, simulator.url)
    ended = await osfsync(tmp_path, "sync", password=simulator.world.password)
    assert ended.code == 0
    (line,) = ended.out.splitlines()
    assert "complete, 3 fetched" in line
    assert "100 % of what could be had" in line
    assert "; 1 of 2 devices can't be seen fully; " in line
    assert ended.err == ""
    quiet = await osfsync(tmp_path, "-q", "sync", password=simulator.world.password)
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")


async def test_sync_json_is_the_contracts_object(tmp_path: Path, simulator: Simulator) -> None:
    write_config(tmp_path, simulator.url)
    ended = await osfsync(tmp_path, "-v", "sync", "--json", password=simulator.world.password)
    shown = json.loads(ended.out)
    assert shown["schema"] == 1
    assert shown["outcome"] == "complete"
    assert shown["exit_code"] == ended.code == 0
    assert shown["devices"] == {"seen": 2, "listed": 2, "failed": 0}
    assert (shown["files"]["fetched"], shown["files"]["device_only"], shown["files"]["requested"]) == (
        3,
        1,
        1,
    )
    assert shown["orders"] == {"sent": 1, "open": 1}
    assert [problem["reason"] for problem in shown["problems"]] == ["no-permission"]


async def test_sync_json_tells_a_failure_too(tmp_path: Path, simulator: Simulator) -> None:
    write_config(tmp_path, simulator.url)
    ended = await osfsync(tmp_path, "sync", "--json", password="wrong-password")
    shown = json.loads(ended.out)
    assert (shown["outcome"], shown["exit_code"], ended.code) == ("failed", 12, 12)


@pytest.mark.parametrize("command", [("sync",), ("sync", "--dry-run"), ("backfill", "--since", "30d")])
async def test_json_tells_of_settings_that_can_t_be_used(tmp_path: Path, command: tuple[str, ...]) -> None:
    write_config(tmp_path, "http://127.0.0.1:1", "nonsense = 1")
    ended = await osfsync(tmp_path, *command, "--json")
    shown = json.loads(ended.out)
    assert (shown["command"], shown["outcome"], shown["exit_code"]) == (command[0], "failed", 2)
    assert ended.code == 2
    ended.assert_one_message("nonsense")


@pytest.mark.parametrize("options", [(), ("-v",)])
async def test_a_failed_device_is_told_and_never_called_all(
    tmp_path: Path, simulator: Simulator, options: tuple[str, ...]
) -> None:
    write_config(tmp_path, simulator.url)
    simulator.faults.add(Fault.status(500), on="file-list", times=None)
    ended = await osfsync(tmp_path, *options, "sync", password=simulator.world.password)
    assert ended.code == 3
    assert "100 % of what was listed and could be had (1 of 1)" in ended.out
    assert ("1 of 2 devices failed" in ended.out) or ("1 of 2 listed, 1 failed" in ended.out)


@pytest.mark.parametrize("options", [(), ("-v",), ("-q",)])
async def test_what_ended_a_run_is_told_once(
    tmp_path: Path, simulator: Simulator, options: tuple[str, ...]
) -> None:
    write_config(tmp_path, simulator.url)
    ended = await osfsync(tmp_path, *options, "sync", password="wrong-password")
    assert ended.code == 12
    (message,) = [line for line in ended.err.splitlines() if line.startswith("osfsync: ")]
    assert (ended.out + ended.err).count(message.removeprefix("osfsync: ")) == 1
    assert ("exit 12" in ended.out) is (options == ())


async def test_what_ended_a_run_is_in_the_object_and_on_stderr(tmp_path: Path, simulator: Simulator) -> None:
    write_config(tmp_path, simulator.url)
    ended = await osfsync(tmp_path, "sync", "--json", password="wrong-password")
    ended.assert_one_message(json.loads(ended.out)["error"])


async def test_a_dry_run_is_told_in_words(tmp_path: Path, simulator: Simulator) -> None:
    write_config(tmp_path, simulator.url)
    password = simulator.world.password
    line = (await osfsync(tmp_path, "sync", "--dry-run", password=password)).out
    assert "sync, dry run: complete, would fetch 3 files, would send 1 command" in line
    table = (await osfsync(tmp_path, "-v", "sync", "--dry-run", password=password)).out
    assert "Would fetch 3 files, would send 1 command." in table
    assert "%" not in line + table


async def test_a_dry_run_tells_what_would_be_done(tmp_path: Path, simulator: Simulator) -> None:
    write_config(tmp_path, simulator.url)
    ended = await osfsync(tmp_path, "sync", "--dry-run", "--json", password=simulator.world.password)
    shown = json.loads(ended.out)
    assert shown["dry_run"] is True
    assert (shown["files"]["left"], shown["files"]["fetched"], shown["orders"]["sent"]) == (3, 0, 1)
    assert simulator.requests["download"] == simulator.requests["request-list"] == 0


async def test_only_the_named_devices(tmp_path: Path, simulator: Simulator) -> None:
    write_config(tmp_path, simulator.url)
    ended = await osfsync(tmp_path, "sync", "--device", "seal*", "--json", password=simulator.world.password)
    shown = json.loads(ended.out)
    assert (shown["devices"]["seen"], shown["files"]["fetched"]) == (1, 1)


async def test_backfill_on_the_command_line(tmp_path: Path, simulator: Simulator) -> None:
    write_config(tmp_path, simulator.url)
    ended = await osfsync(
        tmp_path, "backfill", "--since", "2025-01-01", "--json", password=simulator.world.password
    )
    shown = json.loads(ended.out)
    assert (shown["command"], shown["outcome"], shown["files"]["fetched"]) == ("backfill", "complete", 3)


async def test_files_in_every_format(synced: Path) -> None:
    shown = json.loads((await osfsync(synced, "files", "--format", "json")).out)
    by_name = {file["name"]: file for file in shown["files"]}
    assert by_name["20260101/a.osf"]["state"] == "held"
    assert by_name["20260101/a.osf"]["path"] == "Truck 1/20260101/a.osf"
    assert (synced / "mirror" / by_name["20260101/a.osf"]["path"]).stat().st_size == by_name[
        "20260101/a.osf"
    ]["size"]
    assert by_name["20260101/c.osf"]["state"] == "missing"
    assert by_name["20260101/c.osf"]["storage_status"] == 0
    rows = list(csv.DictReader(io.StringIO((await osfsync(synced, "files", "--format", "csv")).out)))
    assert {row["name"] for row in rows} == {*by_name, "'=2+2.osf"} - {"=2+2.osf"}
    assert "a.osf" in (await osfsync(synced, "files")).out


async def test_files_of_one_device(synced: Path) -> None:
    shown = json.loads((await osfsync(synced, "files", "Sealed", "--format", "json")).out)
    assert [file["name"] for file in shown["files"]] == ["d.osf"]
    unknown = await osfsync(synced, "files", "Nobody")
    assert unknown.code == 2
    unknown.assert_one_message("Nobody", "osfsync devices")


async def test_missing_gives_each_file_its_reason(synced: Path) -> None:
    shown = json.loads((await osfsync(synced, "missing", "--format", "json")).out)
    assert {file["name"]: file["reason"] for file in shown["files"]} == {
        "20260101/c.osf": "ordered",
        "=2+2.osf": "delivering",
    }
    for file in shown["files"]:
        assert file.keys() == {
            "device",
            "device_id",
            "name",
            "storage_status",
            "reason",
            "explanation",
            "next_action",
            "since",
            "attempts",
            "expected",
            "expected_by",
            "loss_due",
            "ordered_at",
            "last_contact",
        }
    assert shown["totals"] == {"ordered": 1, "delivering": 1}
    assert shown["unseen_devices"] == ["Sealed"]


async def test_devices_and_status(synced: Path) -> None:
    shown = json.loads((await osfsync(synced, "devices", "--format", "json")).out)
    held = {device["device"]: device["held"] for device in shown["devices"]}
    assert held == {"Truck 1": 2, "Sealed": 1}
    status = json.loads((await osfsync(synced, "status", "--json")).out)
    assert (status["held"], status["device_only"], status["requested"]) == (3, 1, 1)
    assert (status["open_orders"], status["lost"], status["unseen_devices"]) == (1, 0, 1)
    assert status["runs"][0]["outcome"] == "complete"
    text = (await osfsync(synced, "status")).out
    assert "3 files held" in text
    assert "Missing longest" in text
    assert "1 open order may still bring files" in text


async def test_missing_ends_with_the_sums(synced: Path) -> None:
    *_, unseen, last = (await osfsync(synced, "missing")).out.splitlines()
    assert last == "2 files: 1 ordered, 1 delivering."
    assert unseen.endswith("credentials: Sealed.")


@pytest.mark.parametrize("command", [("missing",), ("files",), ("files", "Sealed")])
async def test_what_has_no_room_for_it_says_on_stderr_what_cannot_be_seen(
    synced: Path, command: tuple[str, ...]
) -> None:
    ended = await osfsync(synced, *command, "--format", "csv")
    assert ended.code == 0
    assert "warning: What lies only on 1 device can't be seen" in ended.err
    assert ended.err.rstrip().endswith("credentials: Sealed.")
    assert "warning" not in ended.out
    assert not (await osfsync(synced, "files", "Truck 1", "--format", "csv")).err


async def test_devices_tells_what_cannot_be_seen(synced: Path) -> None:
    shown = (await osfsync(synced, "devices")).out
    assert "credentials" in shown
    assert "refused" in shown
    devices = json.loads((await osfsync(synced, "devices", "--format", "json")).out)["devices"]
    assert {device["device"]: device["unseen"] for device in devices} == {"Sealed": True, "Truck 1": False}
    assert "can't be seen" in next(device["problem"] for device in devices if device["unseen"])


@pytest.mark.parametrize(
    ("command", "format_name"), [("devices", "csv"), ("files", "json"), ("missing", "table")]
)
async def test_stdout_stays_empty_where_nothing_can_be_told(
    tmp_path: Path, command: str, format_name: str
) -> None:
    write_config(tmp_path, "https://example.opticloud.io")
    ended = await osfsync(tmp_path, command, "--format", format_name)
    assert (ended.code, ended.out) == (2, "")
    ended.assert_one_message("osfsync.db")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell with a pipe")
@pytest.mark.parametrize("format_name", ["csv", "json"])
async def test_a_reader_that_has_had_enough_is_no_error(
    tmp_path: Path, simulator: Simulator, format_name: str
) -> None:
    """As `osfsync files | head -1`: exit code 0, since the reader has all that it wanted."""
    (device, _) = simulator.world.devices(simulator.world.main.id)
    for number in range(3_000):  # more than a pipe holds, in several chunks
        simulator.world.add_file(device, f"{number:060}.osf", StorageStatus.BOTH)
    write_config(tmp_path, simulator.url)
    await osfsync(tmp_path, "sync", "--order", "only", password=simulator.world.password)
    whole = (await osfsync(tmp_path, "files", "--format", format_name)).out
    assert len(whole) > 300_000
    cut = await osfsync(
        tmp_path,
        "files",
        "--format",
        format_name,
        prefix=["bash", "-c", 'set -o pipefail; PYTHONWARNINGS=always "$@" | head -1', "bash"],
    )
    assert (cut.code, cut.out, cut.err) == (0, whole.splitlines(keepends=True)[0], "")


async def test_what_is_known_before_any_run(tmp_path: Path) -> None:
    write_config(tmp_path, "https://example.opticloud.io")
    ended = await osfsync(tmp_path, "status")
    assert ended.code == 2
    ended.assert_one_message("osfsync.db")


async def test_init_writes_a_file_that_loads_and_never_overwrites(tmp_path: Path) -> None:
    assert (await osfsync(tmp_path, "init")).code == 0
    text = (tmp_path / "sync.toml").read_text(encoding="utf-8")
    assert tomllib.loads(text)["cloud"]["url"] == "https://example.opticloud.io"
    again = await osfsync(tmp_path, "init")
    assert again.code == 2
    again.assert_one_message("exists")
    assert (tmp_path / "sync.toml").read_text(encoding="utf-8") == text
    shown = await osfsync(tmp_path, "config", "show", password="not-to-be-shown")
    assert shown.code == 0
    assert "cloud.url" in shown.out
    assert "not-to-be-shown" not in shown.out + shown.err


async def test_doctor_finds_a_sound_set_up(tmp_path: Path, simulator: Simulator) -> None:
    write_config(tmp_path, simulator.url)
    ended = await osfsync(tmp_path, "doctor", password=simulator.world.password)
    assert ended.code == 0, ended.err
    for subject in ("archive", "database", "login", "clock", "devices", "permissions"):
        assert f"{subject}: " in ended.out
    assert "2 of 2 devices were tried; 1 of these refuses its credentials (Sealed)" in ended.out


async def test_doctor_says_how_many_devices_it_tried(tmp_path: Path, simulator: Simulator) -> None:
    write_config(tmp_path, simulator.url)
    for number in range(8):
        simulator.world.add_device(f"Boat {number}", behaviour=DEAD)
    ended = await osfsync(tmp_path, "doctor", password=simulator.world.password)
    assert "5 of 10 devices were tried" in ended.out


async def test_doctor_tells_each_finding_as_it_comes(tmp_path: Path, simulator: Simulator) -> None:
    write_config(tmp_path, simulator.url)
    simulator.faults.add(Fault.silence(), on="devices", times=None)
    process = await anyio.open_process(
        [sys.executable, "-m", "osfsync", "doctor"],
        cwd=tmp_path,
        env=clean_environment({"OSFSYNC_PASSWORD": simulator.world.password}, tmp_path / "no-home"),
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    text = ""
    with anyio.fail_after(30):
        while "login: " not in text:
            text += (await process.stdout.receive()).decode()
    process.kill()
    await process.aclose()
    assert "archive: " in text


async def test_doctor_finds_what_is_wrong(tmp_path: Path, simulator: Simulator) -> None:
    write_config(tmp_path, simulator.url)
    (tmp_path / "mirror").write_text("in the way")
    ended = await osfsync(tmp_path, "doctor", password="wrong-password")
    assert ended.code == 12
    assert "error   archive: " in ended.out
    assert "error   platform: " in ended.out


async def test_db_check_upgrade_backup(synced: Path) -> None:
    assert "sound" in (await osfsync(synced, "db", "check")).out
    assert "as before" in (await osfsync(synced, "db", "upgrade")).out
    assert (await osfsync(synced, "db", "backup", "copy.db")).code == 0
    again = await osfsync(synced, "db", "backup", "copy.db")
    assert again.code == 2
    again.assert_one_message("copy.db")
    (synced / "osfsync.db").write_bytes(b"no database at all, and long enough to be looked at" * 99)
    damaged = await osfsync(synced, "db", "check")
    assert damaged.code == 1
    assert "Traceback" not in damaged.err


async def test_simulate_at_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = await osfsync(tmp_path, "simulate", "--devices", "1", "--files", "1", "--port", port)
    assert ended.code == 2
    ended.assert_one_message(port, "--port")
    assert ended.out == ""


async def test_help_and_version(tmp_path: Path) -> None:
    commands = (
        "",
        "sync",
        "backfill",
        "db",
        "db backup",
        "missing",
        "why",
        "orders",
        "orders cancel",
        "demo",
    )
    for arguments in map(str.split, commands):
        ended: Ended = await osfsync(tmp_path, *arguments, "--help")
        assert ended.code == 0
        assert "Usage: osfsync" in ended.out
    assert "osfsync, version" in (await osfsync(tmp_path, "--version")).out
