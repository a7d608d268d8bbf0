import csv
import io
import json
from dataclasses import fields, replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osfsync.domain.errors import ExitCode
from osfsync.domain.estimate import Estimate
from osfsync.domain.model import ListingSource, StorageStatus, Verification
from osfsync.domain.rows import DeviceProblem, DeviceRow, Totals
from osfsync.domain.summary import DeviceCounts, FileCounts, OrderCounts, Problem, RunOutcome, RunSummary
from osfsync.reports.build import device_model, file_model, status_model, summary_model
from osfsync.reports.models import FileModel, MissingModel
from osfsync.reports.renderers import FORMATS, renderer
from osfsync.reports.renderers import status as status_words
from osfsync.reports.renderers import summary as words
from osfsync.reports.renderers.json import document
from osfsync.reports.renderers.reasons import Reasons
from osfsync.reports.renderers.table import ROWS_SHOWN
from osfsync.reports.sheets import DEVICES, FILES, MISSING, UNSEEN_NAMED, unseen_tail
from osfsync.reports.text import duration, printable, size
from tests.reports.reports_samples import NOW, TRUCK, ago, held, missing, row


def test_a_held_file_has_the_contracts_fields() -> None:
    model = file_model(row(StorageStatus.BOTH, held=held(verification=Verification.TAIL_CUT)))
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


DEVICE = DeviceRow(
    device=TRUCK,
    tenant_id="t",
    folder="Truck 1",
    first_seen=NOW,
    last_seen=NOW,
    listed_at=NOW,
    source=ListingSource.DEVICE_LIST,
    problem=None,
    heard_until=NOW,
    mute="",
    last_contact=ago(hours=5),
    open_orders=2,
    held=1,
    held_bytes=10,
    missing=dict.fromkeys(StorageStatus, 0),
    lost=3,
    contradicted=0,
)

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
    drawing.rows([missing(known)])
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


def test_a_device_whose_own_list_can_not_be_had_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    told = "Its own list can't be had (credentials refused?): what lies only on it can't be seen."
    for source, unseen in ((ListingSource.SERVER_LIST, True), (ListingSource.DEVICE_LIST, False)):
        model = device_model(replace(DEVICE, source=source), None, None)
        drawing = renderer("table", DEVICES)
        drawing.rows([model])
        assert (told in drawing.end()) is unseen
        assert (model.unseen, model.problem) == (unseen, told if unseen else None)


def test_a_device_tells_its_contacts_orders_and_losses() -> None:
    contact = Estimate(ago(hours=-1), ago(hours=-6))
    model = device_model(DEVICE, contact, timedelta(days=12, hours=12))
    assert (model.last_contact, model.open_orders, model.lost) == (ago(hours=5), 2, 3)
    assert (model.expected_contact, model.expected_contact_by) == (contact.median, contact.bound)
    assert (model.horizon_days, model.unseen, model.problem) == (12.5, False, None)
    nothing = device_model(DEVICE, None, None)
    assert (nothing.expected_contact, nothing.expected_contact_by, nothing.horizon_days) == (None,) * 3


def test_all_that_is_wrong_with_a_device_is_told() -> None:
    wrong = replace(
        DEVICE,
        source=ListingSource.SERVER_LIST,
        problem=DeviceProblem("server-error", "The platform answered 500.", NOW),
        mute="The account may not have the communication log (403).",
        contradicted=2,
    )
    assert device_model(wrong, None, None).problem == (
        "The platform answered 500. "
        "Its own list can't be had (credentials refused?): what lies only on it can't be seen. "
        "Whether it is in contact can't be seen: The account may not have the communication log (403). "
        "2 files of it stand in only one of the platform's two lists."
    )


@pytest.mark.parametrize(
    ("columns", "left_out"),
    [(80, ["Size", "Next contact (UTC)", "Listed (UTC)"]), (100, ["Listed (UTC)"]), (160, [])],
)
def test_the_table_of_devices_fits(
    monkeypatch: pytest.MonkeyPatch, columns: int, left_out: list[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    contact = Estimate(ago(hours=-1), ago(hours=-6))
    drawing = renderer("table", DEVICES)
    full = replace(DEVICE, held=12_345, held_bytes=999_900, source=ListingSource.SERVER_LIST)
    drawing.rows([device_model(full, contact, None)])
    text = drawing.end()
    assert all(len(line) <= columns for line in text.splitlines())
    note = f"Not shown, for want of room: {', '.join(left_out)}."
    assert (note in " ".join(text.split())) is bool(left_out)
    assert ("999.9 kB" in text) is ("Size" not in left_out)
    assert "Problem" in text


def test_the_status_says_what_is_open_lost_and_unseen() -> None:
    totals = Totals(
        devices=5,
        held=10,
        held_bytes=99,
        missing=dict.fromkeys(StorageStatus, 1),
        failing=0,
        lost=4,
        unseen=1,
        open_orders=2,
    )
    model = status_model(totals, [], None, None)
    assert (model.lost, model.unseen_devices, model.open_orders) == (4, 1, 2)
    text = status_words.table(model)
    assert "2 open orders may still bring files" in text
    assert "4 files vanished from a device before being held (osfsync missing --reason lost)." in text
    assert "What lies only on 1 device can't be seen" in text
    quiet = status_words.table(replace(model, lost=0, unseen_devices=0, open_orders=0))
    for word in ("vanished", "can't be seen", "open order"):
        assert word not in quiet


def test_lost_files_are_told_in_the_summary() -> None:
    lost = summary_of(FileCounts(listed=2, held=2, lost=3))
    assert "3 files vanished from a device's list" in " ".join(words.table(lost).split())
    assert ", 3 lost;" in words.line(lost)
    for text in (words.table(summary_of(FileCounts(listed=2, held=2))), words.line(SUMMARY)):
        assert "lost" not in text.lower()


def missing_of(*statuses: StorageStatus) -> list[MissingModel]:
    return [missing(row(status, f"{index}.osf")) for index, status in enumerate(statuses)]


def test_missing_files_are_summed_by_reason() -> None:
    rows = missing_of(StorageStatus.REQUESTED, StorageStatus.BOTH, StorageStatus.SERVER_ONLY)
    drawing = renderer("table", MISSING)
    drawing.rows(rows * 400)  # more than are shown
    assert drawing.end().splitlines()[-1] == "1,200 files: 800 on-server, 400 delivering."
    gaps = Reasons()
    gaps.add(rows[:1])
    gaps.add(rows[1:])
    text = gaps.text()
    assert text.splitlines()[0] == "3 files: 2 on-server, 1 delivering."
    text = " ".join(text.split())
    assert "- delivering, for example 0.osf of Truck 1: The platform has requested" in text
    assert "Next: Fetched by the next sync." in text
    assert "2.osf" not in text
    assert Reasons().text() == "No known file is missing.\n"


def test_the_json_of_missing_files_ends_with_the_sums() -> None:
    drawing = renderer("json", MISSING)
    text = drawing.begin() + drawing.rows(missing_of(StorageStatus.REQUESTED, StorageStatus.BOTH))
    shown = json.loads(text + drawing.end(unseen_tail(["Sealed"])))
    assert shown["totals"] == {"delivering": 1, "on-server": 1}
    assert shown["unseen_devices"] == ["Sealed"]
    assert list(shown) == ["schema", "files", "totals", "unseen_devices"]
    empty = renderer("json", MISSING)
    assert json.loads(empty.begin() + empty.end(unseen_tail([]))) == {
        "schema": 1,
        "files": [],
        "totals": {},
        "unseen_devices": [],
    }


def test_devices_that_cannot_be_seen_are_named_below_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    sealed = [f"Sealed {number}" for number in range(UNSEEN_NAMED + 2)]
    below = renderer("table", MISSING).end(unseen_tail(["Tru\x1b[31mck", *sealed]))
    assert "What lies only on 13 devices can't be seen" in below
    assert "Tru\\x1b[31mck, Sealed 0" in below
    assert f"Sealed {UNSEEN_NAMED - 2} and 3 more." in " ".join(below.split())
    assert "seen" not in renderer("table", MISSING).end(unseen_tail([]))
    assert renderer("csv", MISSING).end(unseen_tail(sealed)) == ""


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
