"""What commands print as JSON is what docs/schemas says."""

import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from osfsync.cli.report import DOCUMENTED
from osfsync.domain.model import StorageStatus
from osfsync.reports.descriptions import DOCUMENTS, FIELDS, OVERRIDES, TOTALS, UNSEEN_DEVICES
from osfsync.reports.schemas import NAMES, ROWS, schema
from osfsync.simulator.behaviour import STILL, Behaviour
from osfsync.simulator.server import serve
from osfsync.simulator.world import World
from tests.cli.test_cli_errors import osfsync, write_config

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "schemas"
DAY = timedelta(days=1)


def test_the_command_knows_all_of_them() -> None:
    assert DOCUMENTED == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_documented_schema_is_that_of_the_models(name: str) -> None:
    printed = schema(name)
    Draft202012Validator.check_schema(printed)
    text = json.dumps(printed, indent=2, ensure_ascii=False) + "\n"
    assert (DOCS / f"{name}.json").read_text(encoding="utf-8") == text, "run `make schemas`"


def test_schemas_depend_on_no_docstring_and_on_no_library() -> None:
    """With -OO there are no docstrings; without site-packages (-S) there are no libraries."""
    code = (
        "import json, sys; sys.path.insert(0, sys.argv[1]); "
        "from osfsync.reports.schemas import NAMES, schema; assert schema.__doc__ is None; "
        "print(json.dumps([schema(name) for name in NAMES]))"
    )
    command = [sys.executable, "-I", "-S", "-OO", "-c", code, str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [
        json.loads((DOCS / f"{name}.json").read_text(encoding="utf-8")) for name in NAMES
    ]


def test_every_field_of_a_schema_has_a_description_and_every_description_a_field() -> None:
    described = {text for name in NAMES for text in descriptions_in(schema(name))}
    written = {*DOCUMENTS.values(), TOTALS, UNSEEN_DEVICES, *FIELDS.values()}
    written |= {text for own in OVERRIDES.values() for text in own.values()}
    assert described == written
    assert all(re.fullmatch(r"\S.*[.]", text) for text in written)


def descriptions_in(part: object) -> Iterator[str]:
    """The descriptions of a document and of all fields in it."""
    if isinstance(part, dict):
        yield from [part["description"]] if isinstance(part.get("description"), str) else []
        for each in part.values():
            yield from descriptions_in(each)


@pytest.fixture
async def synced(tmp_path: Path) -> AsyncIterator[Path]:
    """A mirror with every kind of row: files here and missing, an order, a gap, an unseen device."""
    world = World(now=datetime.now(UTC) - 30 * DAY, seed=2)
    truck = world.add_device("Truck 1", behaviour=STILL)
    sealed = world.add_device("Sealed", behaviour=Behaviour(contact_every=None), readable=False)
    world.advance(30 * DAY)
    for day in range(20, 29):
        world.add_file(truck, f"{day}.osf", StorageStatus.BOTH, start=world.now - day * DAY)
    world.add_file(truck, "device.osf", StorageStatus.DEVICE_ONLY, start=world.now - 21 * DAY)
    world.add_file(sealed, "broken.osf", StorageStatus.SERVER_ONLY, content=b"<html>")
    async with serve(world) as simulator:
        write_config(tmp_path, simulator.url)
        ended = await osfsync(tmp_path, "sync", "--json", password=world.password)
        (tmp_path / "sync.json").write_text(ended.out)
        yield tmp_path


COMMANDS = {
    "config-show": ("config", "show", "--format", "json"),
    "doctor": ("doctor", "--format", "json"),
    "devices": ("devices", "--format", "json"),
    "files": ("files", "--format", "json"),
    "missing": ("missing", "--format", "json"),
    "gaps": ("gaps", "--format", "json"),
    "orders": ("orders", "--format", "json"),
    "verify": ("verify", "--format", "json"),
    "status": ("status", "--json"),
    "why": ("why", "device.osf", "--json"),
    "provenance": ("provenance", "--format", "json"),
    "find": ("find", "--channel", "*", "--format", "json"),
    "info": ("info", "mirror/Truck 1/20.osf", "--json"),
}


async def test_what_commands_print_fits_its_schema(synced: Path) -> None:
    told = {"sync": json.loads((synced / "sync.json").read_text(encoding="utf-8"))}
    assert (await osfsync(synced, "index")).out == "9 files read, 9 known.\n"
    for name, arguments in COMMANDS.items():
        told[name] = json.loads((await osfsync(synced, *arguments, password="wrong-password")).out)
    assert sorted(told) == list(NAMES)
    found = await osfsync(synced, "find", "--channel", "*", "--format", "csv")
    assert len(found.out.splitlines()) == 1 + 9
    paths = (await osfsync(synced, "find", "--channel", "*")).out.splitlines()
    assert all(Path(path).is_file() for path in paths)  # noqa: ASYNC240 - they lie here
    assert len(paths) == 9
    for name, document in told.items():
        Draft202012Validator(schema(name)).validate(document)
        if name in COMMANDS and "--format" in COMMANDS[name]:
            rows = document[ROWS[name].name]
            assert rows, name
