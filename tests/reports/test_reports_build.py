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
    ListingSource,
    OrderMode,
    StorageStatus,
    TimeWindow,
    Verification,
)
from osfsync.domain.outcomes import RunOutcome
from osfsync.domain.planner import Policy, Reason
from osfsync.domain.rows import DeviceRow, FileRow
from osfsync.domain.selection import Globs, Selection
from osfsync.domain.summary import DeviceCounts, FileCounts, OrderCounts, Problem, RunSummary
from osfsync.reports.build import device_model, file_model, missing_model, summary_model
from osfsync.reports.models import FileModel, MissingModel
from osfsync.reports.renderers import FORMATS, renderer
from osfsync.reports.renderers import summary as words
from osfsync.reports.renderers.gaps import Gaps
from osfsync.reports.renderers.json import document
from osfsync.reports.renderers.table import ROWS_SHOWN
from osfsync.reports.sheets import DEVICES, FILES, MISSING
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
            row(StorageStatus.BOTH, tries=5, failure=failure(slug="not-found")),
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


def summary_of(files: FileCounts, devices: DeviceCounts = DeviceCounts(1, 1, 0)) -> RunSummary:  # noqa: B008 — frozen
    return replace(SUMMARY, files=files, devices=devices, problems=())


def test_the_share_never_rounds_up_to_all() -> None:
    nearly = FileCounts(listed=100_000, held=99_999, failed=1)
    assert words.share(summary_of(nearly)).startswith("99.9 %")
    assert words.share(summary_of(FileCounts(listed=3, held=3))) == "100 % of what could be had (3 of 3)"
    assert words.share(summary_of(FileCounts(device_only=3))) == "nothing to be had"


def test_the_share_is_of_what_was_listed_where_not_every_device_was() -> None:
    failed = summary_of(FileCounts(listed=3, held=3), DeviceCounts(4, 3, 1))
    stopped = replace(
        summary_of(FileCounts(listed=3, held=3), DeviceCounts(3, 3, 0)), outcome=RunOutcome.INTERRUPTED
    )
    for summary in (failed, stopped):
        assert words.share(summary) == "100 % of what was listed and could be had (3 of 3)"
    assert words.share(summary_of(FileCounts(), DeviceCounts(1, 0, 1))) == "nothing was listed"


LIMITED = Problem("Sealed", None, "no-permission", "The account may not read this device's credentials.")


def test_the_line_names_devices_that_failed_or_were_seen_in_part() -> None:
    other = Problem("Truck", None, "no-permission", "2 files could not be asked for: 403.")
    both = replace(SUMMARY, devices=DeviceCounts(4, 3, 1), problems=(LIMITED, other))
    assert "; 1 of 4 devices failed, 1 can't be seen fully; " in words.line(both)
    assert "100 %" not in words.line(replace(both, files=FileCounts(listed=3, device_only=3)))
    limited = replace(both, devices=DeviceCounts(4, 4, 0))
    assert "; 1 of 4 devices can't be seen fully; " in words.line(limited)
    sound = replace(limited, problems=())
    assert "devices failed" not in words.line(sound)
    assert "seen fully" not in words.line(sound)


def test_the_line_tells_what_was_left_and_filtered() -> None:
    line = words.line(summary_of(FileCounts(listed=9, held=2, left=4, filtered=3)))
    assert "0 failed, 4 left, 3 filtered;" in line
    assert "left" not in words.line(summary_of(FileCounts(listed=2, held=2)))


def test_a_dry_run_tells_what_would_be_done() -> None:
    rehearsed = replace(
        summary_of(FileCounts(listed=1_005, held=3, left=1_000, device_only=2)),
        dry_run=True,
        orders=OrderCounts(1, 0),
    )
    line, table = words.line(rehearsed), words.table(rehearsed)
    assert line.startswith("osfsync sync, dry run: partial, would fetch 1,000 files, would send 1 command, ")
    assert "Would fetch 1,000 files, would send 1 command." in table
    for text in (line, table):
        assert "%" not in text
        assert "left" not in text
        assert "fetched now" not in text


def test_an_error_is_left_to_stderr() -> None:
    failed = replace(SUMMARY, error="The disk is full.")
    assert "disk" not in words.line(failed) + words.table(failed)


def test_the_table_says_whether_device_only_files_are_asked_for() -> None:
    files = FileCounts(listed=3, device_only=3)
    asked = words.table(replace(summary_of(files), orders=OrderCounts(2, 5)))
    assert "only on the device (asked for by command, or waiting for it)" in asked
    assert "Commands: 2 sent, 5 open." in asked
    assert "no command is open" in words.table(replace(summary_of(files), orders=OrderCounts()))


def test_problems_that_devices_share_are_told_once_and_wrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    several = tuple(replace(LIMITED, device=f"Truck {number}") for number in range(7))
    text = words.table(replace(SUMMARY, problems=(*several, Problem("Boat", "a.osf", "failed", "No."))))
    assert " ".join(text.split()).count("may not read") == 1
    assert "- Truck 0, Truck 1, Truck 2, Truck 3, Truck 4 and 2 more: " in text
    told = text[text.index("- Truck 0") :].splitlines()
    assert all(len(line) <= 80 and line.startswith(("- ", "  ")) for line in told)
    assert told[-1] == "- Boat, a.osf: No. [failed]"
    many = tuple(replace(LIMITED, explanation=str(number)) for number in range(words.PROBLEMS_SHOWN + 3))
    assert "- and 3 more;" in words.table(replace(SUMMARY, problems=many))


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


def wide_row(device_id: str = "0b1c2d3e-0000", name: str = "20260101/20260101_064143_long.osfz") -> FileModel:
    return FileModel(
        device="Prüfstand Nordhalle 12",
        device_id=device_id,
        name=name,
        storage_status=1,
        state="missing",
        path="p",
        size=999_900,
        sha256=None,
        fetched_at=NOW,
        verification="tail-cut",
    )


@pytest.mark.parametrize("columns", [80, 60, 100, 200])
def test_only_device_and_file_are_broken_in_a_narrow_table(
    monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    text = drawn("table", [wide_row()])
    for whole in ("requested", "missing", "999.9 kB", "2026-03-01", "12:00", "tail-cut", "Storage"):
        assert whole in text
    if columns >= 80:
        assert all(len(line) <= columns for line in text.splitlines())


def test_prose_keeps_its_width_before_names_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    known = row(StorageStatus.DEVICE_ONLY, "20260101/20260101_064143_long.osfz")
    drawing = renderer("table", MISSING)
    drawing.rows([missing_model(known, Policy(), ALL, NOW)])
    text = drawing.end()
    assert "listed-not-ordered" in text
    assert "The file lies only" in text
    assert all(len(line) <= 80 for line in text.splitlines())


def test_devices_of_one_name_are_told_apart() -> None:
    twins = [wide_row("0b1c2d3e-0000"), wide_row("9f8e7d6c-0000")]
    folded = "".join(drawn("table", twins).split())
    assert "(0b1c2d3e)" in folded
    assert "(9f8e7d6c)" in folded
    assert "(0b1c2d3e)" not in drawn("table", twins[:1])
    assert json.loads(drawn("json", twins))["files"][0]["device"] == "Prüfstand Nordhalle 12"


def test_a_device_whose_credentials_are_refused_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    sealed = DeviceRow(
        TRUCK,
        "t",
        "Truck 1",
        NOW,
        NOW,
        NOW,
        ListingSource.SERVER_LIST,
        None,
        1,
        10,
        dict.fromkeys(StorageStatus, 0),
    )
    for source, told in ((ListingSource.SERVER_LIST, True), (ListingSource.DEVICE_LIST, False)):
        drawing = renderer("table", DEVICES)
        drawing.rows([device_model(replace(sealed, source=source))])
        text = drawing.end()
        assert ("credentials refused: what lies only on the device can't be seen" in text) is told
    assert device_model(sealed).problem is None


def missing_of(*statuses: StorageStatus) -> list[MissingModel]:
    return [
        missing_model(row(status, f"{index}.osf"), Policy(), ALL, NOW)
        for index, status in enumerate(statuses)
    ]


def test_missing_files_are_summed_by_reason() -> None:
    rows = missing_of(StorageStatus.REQUESTED, StorageStatus.BOTH, StorageStatus.SERVER_ONLY)
    drawing = renderer("table", MISSING)
    drawing.rows(rows * 400)  # more than are shown
    assert drawing.end().splitlines()[-1] == "1,200 files: 800 on-server, 400 delivering."
    gaps = Gaps()
    gaps.add(rows[:1])
    gaps.add(rows[1:])
    text = gaps.text()
    assert text.splitlines()[0] == "3 files: 2 on-server, 1 delivering."
    text = " ".join(text.split())
    assert "- delivering, for example 0.osf of Truck 1: The platform has requested" in text
    assert "Next: Fetched by the next sync." in text
    assert "2.osf" not in text
    assert Gaps().text() == "No known file is missing.\n"


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
