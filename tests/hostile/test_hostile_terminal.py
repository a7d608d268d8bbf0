"""Whatever a platform calls its things: no command writes a character that could steer a terminal."""

import csv
import io
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest
import structlog

from osfsync.app import library
from osfsync.domain.model import StorageStatus
from osfsync.simulator.behaviour import Behaviour
from osfsync.simulator.faults import Fault
from osfsync.simulator.fleet import ListedBy
from osfsync.simulator.server import Simulator, serve
from osfsync.simulator.world import World
from tests.cli.test_cli_errors import clean_environment, write_config
from tests.hostile.corpus import BIDI, CONTROL, FORMULAS, MARKUP, in_xml, steers

DEAD = Behaviour(contact_every=None, files_per_day=0)
NAMES = (*CONTROL, *BIDI, *MARKUP, *FORMULAS)
FORMULA = re.compile(r"(^|[;\t\r\n|])[=+\-@\t\r\n＝＋－＠]")  # noqa: RUF001 - those of wide scripts, too

RUN_ALL = """
import json, sys
from osfsync.__main__ import run
for arguments in json.loads(sys.argv[1]):
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
        stream.write("=== " + json.dumps(arguments) + "\\n")
        stream.flush()
    print("exit", run(arguments), flush=True)
"""


def hostile_world() -> World:
    world = World(now=datetime.now(UTC), seed=4)
    world.main = replace(world.main, name="Works \x1b[31m\u202e\x9b0m")
    for number, name in enumerate(NAMES):
        device = world.add_device(name, behaviour=DEAD, readable=number % 7 != 0)
        for kind, status in enumerate((StorageStatus.BOTH, StorageStatus.BOTH, StorageStatus.DEVICE_ONLY)):
            file = world.add_file(device, f"{kind}{name}", status)
            if not in_xml(file.name):
                file.listed_by = ListedBy.SERVER_LIST
        world.add_file(device, name, StorageStatus.BOTH)
    return world


def keep_few(simulator: Simulator) -> None:
    """Those with escape sequences in their names, and some more."""
    for device in simulator.world.devices(simulator.world.main.id):
        if device.name not in NAMES[8:24]:
            simulator.world.remove_device(device)


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with serve(hostile_world()) as running:
        for device in running.world.devices(running.world.main.id):
            running.faults.add(Fault.status(403), on="download-token", times=None, file=f"1{device.name}")
        running.faults.add(Fault.bad_xml(), on="file-list", times=3)
        yield running


async def run_all(
    folder: Path, password: str, commands: list[list[str]], **variables: str
) -> tuple[dict[str, str], str]:
    """What each command wrote on stdout, and all that came on stderr."""
    variables = {"OSFSYNC_PASSWORD": password, "COLUMNS": "300", "PYTHONUNBUFFERED": "", **variables}
    done = await anyio.run_process(
        [sys.executable, "-c", RUN_ALL, json.dumps(commands)],
        cwd=folder,
        env=clean_environment(variables, folder / "no-home"),
        stdin=subprocess.DEVNULL,
        check=False,
    )
    parts = re.split(r"^=== (.*)\n", done.stdout.decode(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True)), done.stderr.decode()


COMMANDS = [
    ["doctor"],
    ["-vv", "sync"],
    ["-vv", "--log-format", "json", "sync", "--json"],
    ["-v", "sync", "--dry-run"],
    *(
        [command, *more]
        for command in ("devices", "files", "missing", "orders")
        for more in ([], ["--format", "json"])
    ),
    ["orders", "--past"],
    ["status"],
    ["status", "--json"],
    ["why", NAMES[10]],
    ["why", "--json", NAMES[10]],
    ["why", "nobody knows \x1b[31m this"],
    ["files", "nobody knows \x1b[31m this"],
    ["verify"],
    ["verify", "--format", "json"],
    ["config", "show"],
]
SHEETS = [[command, "--format", "csv"] for command in ("devices", "files", "missing", "orders")]


async def test_no_command_steers_a_terminal(tmp_path: Path, simulator: Simulator) -> None:
    write_config(
        tmp_path, simulator.url, tenant=f'tenant = "{simulator.world.main.id}"\n[select]\nfiles = ["*"]'
    )
    told, errors = await run_all(tmp_path, simulator.world.password, [*COMMANDS, *SHEETS])
    assert "Traceback" not in errors
    assert "unexpected" not in errors
    assert {line for line in errors.splitlines() if steers(line)} == set()
    assert told.keys() == {json.dumps(command) for command in [*COMMANDS, *SHEETS]}
    for command, text in told.items():
        assert re.search(r"exit [03]\n\Z", text) or "nobody knows" in command, (command, text)
        if "csv" not in command:
            assert {line for line in text.splitlines() if steers(line)} == set(), command
    rows = json.loads(told[json.dumps(["files", "--format", "json"])].rpartition("exit")[0])["files"]
    assert {row["device"] for row in rows} == {name.strip() for name in NAMES}
    assert {row["name"] for row in rows} >= set(NAMES)
    for sheet in SHEETS:
        text = told[json.dumps(sheet)].rpartition("exit")[0]
        cells = [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
        assert len(cells) > 10 or "orders" in sheet
        assert [cell for cell in cells if FORMULA.search(cell)] == []
    names = {row["name"] for row in csv.DictReader(io.StringIO(told[json.dumps(SHEETS[1])], newline=""))}
    assert names >= {name for name in (*CONTROL, *BIDI) if not FORMULA.search(name)}  # to the letter


async def test_no_name_is_too_odd_for_an_encoding(tmp_path: Path, simulator: Simulator) -> None:
    keep_few(simulator)
    write_config(
        tmp_path, simulator.url, tenant=f'tenant = "{simulator.world.main.id}"\n[select]\nfiles = ["*"]'
    )
    commands = [["-vv", "sync"], ["files"], ["files", "--format", "json"]]
    environment = {
        "OSFSYNC_PASSWORD": simulator.world.password,
        "PYTHONIOENCODING": "ascii",
        "PYTHONUNBUFFERED": "1",
    }
    for command in commands:
        done = await anyio.run_process(
            [sys.executable, "-m", "osfsync", *command],
            cwd=tmp_path,
            env=clean_environment(environment, tmp_path / "no-home"),
            check=False,
        )
        assert done.returncode in {0, 3}, done.stderr
        assert b"Traceback" not in done.stderr


def test_a_full_pipe_loses_nothing() -> None:
    """Where Python does not buffer, it drops what a pipe did not take at once."""
    code = "from osfsync import __main__ as m; m._steady_stdout(); print('x' * 300_000); print('end')"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    ) as process:
        time.sleep(1)
        assert process.stdout is not None
        assert len(process.stdout.read().split()[0]) == 300_000


async def test_an_error_that_quotes_the_platform_steers_nothing(tmp_path: Path, simulator: Simulator) -> None:
    write_config(tmp_path, simulator.url, tenant="")
    simulator.world.other = replace(simulator.world.other, name=simulator.world.main.name, id="\x1b[2J\u202e")
    commands = [["-vv", "sync"], ["doctor"]]
    told, errors = await run_all(tmp_path, simulator.world.password, commands)
    write_config(tmp_path, simulator.url, tenant='tenant = "Works \\u001b[31m\\u202e\\u009b0m"')
    more, more_errors = await run_all(tmp_path, simulator.world.password, commands[:1])
    text = "".join([*told.values(), errors, *more.values(), more_errors])
    assert "several tenants" in errors
    assert {line for line in text.splitlines() if steers(line)} == set()


async def test_at_a_terminal_not_even_csv_is_raw(tmp_path: Path, simulator: Simulator) -> None:
    pty = pytest.importorskip("pty")
    keep_few(simulator)
    write_config(
        tmp_path, simulator.url, tenant=f'tenant = "{simulator.world.main.id}"\n[select]\nfiles = ["*"]'
    )
    await run_all(tmp_path, simulator.world.password, [["sync"]])
    commands = json.dumps([["files", "--format", "csv"], ["missing"], ["status"], ["sync"]])
    ours, theirs = pty.openpty()
    environment = clean_environment(
        {"OSFSYNC_PASSWORD": simulator.world.password, "NO_COLOR": "1", "TERM": "dumb"}, tmp_path / "no-home"
    )

    def read() -> bytes:
        pieces: list[bytes] = []
        while True:
            try:
                piece = os.read(ours, 65_536)
            except OSError:  # Linux tells the end so
                piece = b""
            if not piece:
                return b"".join(pieces)
            pieces.append(piece)

    process = await anyio.open_process(
        [sys.executable, "-c", RUN_ALL, commands], cwd=tmp_path, env=environment, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    written = await anyio.to_thread.run_sync(read)
    os.close(ours)
    assert await process.wait() == 0
    text = written.decode()
    assert text.count("=== ") == 8
    assert "\\x1b[31mred" in text
    assert {line for line in text.replace("\r", "").splitlines() if steers(line)} == set()


def test_a_program_that_uses_us_hears_no_raw_names(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    before = structlog.get_config()
    structlog.reset_defaults()
    try:
        library.keep_quiet()
        for name in NAMES:
            structlog.get_logger("osfsync.pipeline").warning("file could not be fetched", file=name)
    finally:
        structlog.configure(**before)
    assert len(caplog.messages) == len(NAMES)
    assert [message for message in caplog.messages if steers(message)] == []
    assert capsys.readouterr().out == ""
