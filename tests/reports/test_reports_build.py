import csv
import io
import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osfsync.domain.errors import ExitCode
from osfsync.domain.model import (
    DataFile,
    Device,
    Failure,
    FileRecord,
    Held,
    OrderMode,
    StorageStatus,
    TimeWindow,
    Verification,
)
from osfsync.domain.outcomes import RunOutcome
from osfsync.domain.planner import Policy, Reason
from osfsync.domain.rows import FileRow
from osfsync.domain.selection import Globs, Selection
from osfsync.domain.summary import DeviceCounts, FileCounts, OrderCounts, Problem, RunSummary
from osfsync.reports.build import file_model, missing_model, summary_model
from osfsync.reports.models import FileModel
from osfsync.reports.renderers import FORMATS, renderer
from osfsync.reports.renderers import summary as words
from osfsync.reports.renderers.json import document
from osfsync.reports.renderers.table import ROWS_SHOWN
from osfsync.reports.sheets import FILES, MISSING
from osfsync.reports.text import printable, size
from osfsync.reports.words import duration

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WINDOW = TimeWindow(NOW - timedelta(days=30), NOW)
TRUCK = Device("0b1c", "Truck 1")
ALL = Selection(Globs.of(["*"]), Globs.of(["*.osf", "*.osfz"], ["tmp/*"]))


def row(status: StorageStatus, name: str = "a.osf", **known: object) -> FileRow:
    file = DataFile(TRUCK.id, name, status, size=10)
    record = FileRecord(file, f"Truck 1/{name}", NOW - timedelta(days=3), WINDOW)
    return FileRow(TRUCK, replace(record, **known))  # type: ignore[arg-type]


def failure(check: str | None = None, slug: str = "server-error") -> Failure:
    return Failure(slug, "What happened.", NOW - timedelta(hours=1), check)


@pytest.mark.parametrize(
    ("known", "reason", "words_of_explanation", "words_of_next"),
    [
        (row(StorageStatus.SERVER_ONLY), Reason.ON_SERVER, "server", "next sync"),
        (row(StorageStatus.REQUESTED), Reason.DELIVERING, "requested", "next connects"),
        (row(StorageStatus.DEVICE_ONLY), Reason.LISTED_NOT_ORDERED, "only on the device", "asks the device"),
        (
            row(StorageStatus.DEVICE_ONLY, orders=1, ordered_at=NOW - timedelta(hours=1)),
            Reason.ORDERED,
            "once, last on 2026-03-01 11:00 UTC",
            "2026-03-03 11:00 UTC",
        ),
        (
            row(StorageStatus.DEVICE_ONLY, orders=5, ordered_at=NOW - timedelta(days=9)),
            Reason.ORDERED,
            "5 times",
            "Look at the device",
        ),
        (
            row(StorageStatus.DEVICE_ONLY, orders=2, ordered_at=NOW - timedelta(days=9)),
            Reason.ORDERED,
            "not come within 2 d",
            "Asked for again",
        ),
        (row(StorageStatus.BOTH, tries=1, failure=failure()), Reason.RETRYING, "One try failed", "next sync"),
        (
            row(StorageStatus.BOTH, tries=5, failure=failure()),
            Reason.FAILED,
            "5 tries failed",
            "until 2026-03-08 11:00 UTC",
        ),
        (
            row(StorageStatus.BOTH, tries=1, failure=failure("gzip-end", "damaged")),
            Reason.QUARANTINED,
            "gzip-end",
            "next sync",
        ),
        (
            row(StorageStatus.BOTH, tries=2, failure=failure(slug="no-permission")),
            Reason.NO_PERMISSION,
            "refused",
            "administrator",
        ),
        (row(StorageStatus.BOTH, "tmp/a.osf"), Reason.FILTERED, "'tmp/*'", "[select]"),
    ],
)
def test_each_reason_is_explained(
    known: FileRow, reason: Reason, words_of_explanation: str, words_of_next: str
) -> None:
    model = missing_model(known, Policy(), ALL, NOW)
    assert model.reason == reason.value
    assert words_of_explanation in model.explanation
    assert words_of_next in model.next_action
    assert model.since == NOW - timedelta(days=3)


def test_orders_that_are_switched_off_are_told() -> None:
    model = missing_model(row(StorageStatus.DEVICE_ONLY), Policy(mode=OrderMode.NEVER), ALL, NOW)
    assert model.reason == "listed-not-ordered"
    assert "switched off" in model.next_action


def test_an_older_version_that_is_held_is_missing_its_newer_one() -> None:
    held = Held(5, "ab", NOW, Verification.WHOLE)
    model = missing_model(row(StorageStatus.BOTH, held=held), Policy(), ALL, NOW)
    assert model.reason == "on-server"


def test_a_held_file_has_the_contracts_fields() -> None:
    held = Held(10, "ab" * 32, NOW, Verification.TAIL_CUT)
    model = file_model(row(StorageStatus.BOTH, held=held))
    assert json.loads(document(model)) == {
        "device": "Truck 1",
        "device_id": "0b1c",
        "name": "a.osf",
        "storage_status": 3,
        "state": "held",
        "path": "Truck 1/a.osf",
        "size": 10,
        "sha256": "ab" * 32,
        "fetched_at": "2026-03-01T12:00:00Z",
        "verification": "tail-cut",
    }


SUMMARY = RunSummary(
    run="r",
    command="sync",
    outcome=RunOutcome.PARTIAL,
    exit_code=ExitCode.PARTIAL,
    started=NOW,
    finished=NOW + timedelta(seconds=1.5),
    devices=DeviceCounts(5, 4, 1),
    files=FileCounts(listed=200, held=150, fetched=30, failed=1, device_only=10, requested=9),
    orders=OrderCounts(2, 3),
    bytes=123_456,
    problems=(Problem("Tru\x1b[31mck", None, "no-permission", "It may not."),),
)


def test_the_summary_has_the_contracts_shape() -> None:
    shown = json.loads(document(summary_model(SUMMARY)))
    contract = {
        "schema": 1,
        "run": "r",
        "command": "sync",
        "outcome": "partial",
        "exit_code": 3,
        "started": "2026-03-01T12:00:00Z",
        "finished": "2026-03-01T12:00:01.500000Z",
        "seconds": 1.5,
        "devices": {"seen": 5, "listed": 4, "failed": 1},
        "orders": {"sent": 2, "open": 3},
        "bytes": 123456,
        "problems": [
            {"device": "Tru\x1b[31mck", "file": None, "reason": "no-permission", "explanation": "It may not."}
        ],
    }
    assert {key: shown[key] for key in contract} == contract
    assert {
        "listed",
        "held",
        "fetched",
        "failed",
        "device_only",
        "requested",
        "lost",
        "quarantined",
        "filtered",
    } <= shown["files"].keys()


def test_people_get_no_escape_sequences() -> None:
    for text in (words.table(SUMMARY), words.line(SUMMARY)):
        assert "\x1b" not in text
    assert "\\x1b[31mck" in words.table(SUMMARY)


def test_the_share_never_rounds_up_to_all() -> None:
    nearly = FileCounts(listed=100_000, held=99_999, failed=1)
    assert words.share(nearly).startswith("99.9 %")
    assert words.share(FileCounts(listed=3, held=3)).startswith("100 %")
    assert words.share(FileCounts(device_only=3)) == "nothing to be had"


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
models = st.lists(
    st.builds(
        FileModel,
        device=texts,
        device_id=texts,
        name=texts,
        storage_status=st.integers(0, 3),
        state=st.sampled_from(["held", "missing"]),
        path=texts,
        size=st.none() | st.integers(0, 10**12),
        sha256=st.none() | texts,
        fetched_at=st.none() | st.just(NOW),
        verification=st.none() | texts,
    ),
    max_size=8,
)


def drawn(format_name: str, rows: list[FileModel]) -> str:
    """In two chunks, as a stream comes."""
    drawing = renderer(format_name, FILES)
    middle = len(rows) // 2
    return drawing.begin() + drawing.rows(rows[:middle]) + drawing.rows(rows[middle:]) + drawing.end()


@given(models)
def test_json_is_one_object_with_every_row(rows: list[FileModel]) -> None:
    shown = json.loads(drawn("json", rows))
    assert shown["schema"] == 1
    assert [row["name"] for row in shown["files"]] == [row.name for row in rows]


@given(models)
def test_csv_has_every_row_and_no_formula(rows: list[FileModel]) -> None:
    shown = list(csv.reader(io.StringIO(drawn("csv", rows), newline="")))
    assert shown[0] == [field.name for field in fields(FileModel)]
    assert len(shown) == len(rows) + 1
    for cells in shown[1:]:
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in cells)


@given(models)
def test_a_table_holds_nothing_that_moves_the_cursor(rows: list[FileModel]) -> None:
    assert all(char.isprintable() or char == "\n" for char in drawn("table", rows))


def test_a_long_table_is_cut_and_says_so() -> None:
    row_ = file_model(row(StorageStatus.BOTH))
    text = drawn("table", [row_] * (ROWS_SHOWN + 5))
    assert "5 more rows are not shown" in text


def test_every_format_is_registered() -> None:
    for name in FORMATS:
        assert renderer(name, MISSING).begin() is not None


@given(st.text())
def test_printable_text_is_printable(text: str) -> None:
    assert printable(text).isprintable()


@pytest.mark.parametrize(
    ("amount", "shown"), [(0, "0 B"), (999, "999 B"), (1_234_567, "1.2 MB"), (10**18, "1000.0 PB")]
)
def test_sizes(amount: int, shown: str) -> None:
    assert size(amount) == shown


@pytest.mark.parametrize(
    ("span", "shown"),
    [
        (timedelta(0), "0 s"),
        (timedelta(hours=48), "2 d"),
        (timedelta(days=1, hours=2, minutes=3), "1 d 2 h"),
        (timedelta(seconds=61), "1 min 1 s"),
    ],
)
def test_durations(span: timedelta, shown: str) -> None:
    assert duration(span) == shown
