"""`export` writes what the rows are, typed."""

import json
from datetime import datetime
from io import BytesIO
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from osfsync.app.export import KINDS
from osfsync.cli.report import EXPORTED
from osfsync.reports.models import SettingModel
from osfsync.reports.renderers import parquet
from osfsync.reports.sheets import SETTINGS
from tests.cli.test_cli_errors import osfsync
from tests.cli.test_cli_schema import synced

__all__ = ["synced"]


def test_the_command_knows_all_kinds() -> None:
    assert tuple(sorted(KINDS)) == EXPORTED


@pytest.mark.parametrize("kind", EXPORTED)
async def test_a_parquet_file_holds_what_json_tells(synced: Path, kind: str) -> None:
    ended = await osfsync(synced, "export", kind, "-o", f"{kind}.parquet")
    assert (ended.code, ended.err) == (0, "")
    table = pq.read_table(synced / f"{kind}.parquet")
    all_of_it = ("--past",) if kind == "orders" else ()
    document = json.loads((await osfsync(synced, kind, *all_of_it, "--format", "json")).out)
    rows = document[KINDS[kind][0].name]
    assert table.num_rows == len(rows) > 0
    assert ended.out.startswith(f"{kind}.parquet holds {len(rows)} row")
    for written, told in zip(table.to_pylist(), rows, strict=True):
        assert written.keys() == told.keys()
        for name, value in written.items():
            if isinstance(value, datetime):
                assert value == datetime.fromisoformat(told[name])
            else:
                assert value == told[name], name


def test_many_rows_go_in_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "GROUP", 4)
    rows = [SettingModel(f"key-{number}", "value", "default") for number in range(11)]
    drawing = parquet.ParquetRenderer(SETTINGS)
    pieces = [drawing.rows(rows[at : at + 3]) for at in range(0, 11, 3)]
    assert [bool(piece) for piece in pieces] == [False, True, False, True]
    file = pq.ParquetFile(BytesIO(b"".join([*pieces, drawing.end()])))
    assert file.metadata.num_row_groups == 2
    assert [row["key"] for row in file.read().to_pylist()] == [row.key for row in rows]


async def test_nothing_else_is_written_over(synced: Path) -> None:
    before = (synced / "osfsync.db").read_bytes()
    ended = await osfsync(synced, "export", "files", "-o", "osfsync.db")
    assert ended.code == 2
    ended.assert_one_message("osfsync.db")
    assert (synced / "osfsync.db").read_bytes() == before
