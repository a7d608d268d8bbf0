"""`report`, `gaps` and the demo's page, as a user runs them."""

import json
import os
from pathlib import Path

import pytest

from tests.cli.test_cli_errors import osfsync
from tests.cli.test_cli_schema import synced

__all__ = ["synced"]


async def test_report_writes_a_page_over_an_older_one(synced: Path) -> None:
    page = synced / "report.html"
    page.write_text("an older one")
    ended = await osfsync(synced, "report", "-o", "report.html")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("report.html is written (")
    text = page.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert "Content-Security-Policy" in text
    assert [name for name in os.listdir(synced) if name.startswith(".")] == []  # noqa: PTH208


@pytest.mark.parametrize("target", ["mirror/report.html", "osfsync.db", "sync.toml", "no-such-folder/r.html"])
async def test_report_writes_over_nothing_else(synced: Path, target: str) -> None:
    place = synced / target
    before = place.read_bytes() if place.exists() else None
    ended = await osfsync(synced, "report", "-o", target)
    assert ended.code == 2
    ended.assert_one_message(target)
    assert (place.read_bytes() if place.exists() else None) == before


async def test_report_without_a_state(tmp_path: Path) -> None:
    (tmp_path / "sync.toml").write_text('[cloud]\nurl = "https://example.opticloud.io"\nusername = "x"\n')
    ended = await osfsync(tmp_path, "report", "-o", "report.html")
    assert ended.code == 2
    assert not (tmp_path / "report.html").exists()


async def test_gaps_are_told_as_rows(synced: Path) -> None:
    told = json.loads((await osfsync(synced, "gaps", "--format", "json")).out)
    (gap,) = told["gaps"]
    assert (gap["device"], gap["open"]) == ("Truck 1", True)
    assert gap["contacts"] > 100
    table = await osfsync(synced, "gaps", "--device", "Truck*")
    assert "still" in table.out
    none = await osfsync(synced, "gaps", "--device", "Boat*")
    assert none.code == 2


async def test_the_demo_leaves_a_page(tmp_path: Path) -> None:
    ended = await osfsync(tmp_path, "demo", "--devices", "2", "--files", "5", "--keep", "demo")
    assert ended.code == 0, ended.err
    assert "report.html" in ended.out
    assert (tmp_path / "demo" / "report.html").stat().st_size > 10_000


async def test_the_demo_s_state_can_be_asked(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "sync.toml").write_text("# mine", encoding="utf-8")
    for folder in ("demo", "other"):
        assert (await osfsync(tmp_path, "demo", "--devices", "2", "--files", "5", "--keep", folder)).code == 0
    told = await osfsync(tmp_path / "demo", "status", "--json")
    assert told.code == 0, told.err
    assert json.loads(told.out)["held"] > 0
    assert (tmp_path / "other" / "sync.toml").read_text(encoding="utf-8") == "# mine"


async def test_provenance_tells_platform_tenant_and_run(synced: Path) -> None:
    told = json.loads((await osfsync(synced, "provenance", "--format", "json")).out)["files"]
    run = json.loads((synced / "sync.json").read_text(encoding="utf-8"))["run"]
    held = json.loads((await osfsync(synced, "files", "--format", "json")).out)["files"]
    assert {(row["path"], row["sha256"]) for row in told} == {
        (row["path"], row["sha256"]) for row in held if row["state"] == "held"
    }
    for row in told:
        assert (row["run"], row["command"], row["tenant"], row["adopted"]) == (
            run,
            "sync",
            "Demo Fleet",
            False,
        )
        assert row["platform"].startswith("http://127.0.0.1:")
        assert row["recorded_from"] < row["recorded_to"]


async def test_where_nothing_was_read_finding_nothing_is_told(synced: Path) -> None:
    found = await osfsync(synced, "find", "--channel", "GPS.*")
    assert (found.code, found.out) == (0, "")
    assert found.err == "osfsync: No file was read yet: `osfsync index` reads what is in the held files.\n"
