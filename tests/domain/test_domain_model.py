import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osfsync.domain.errors import ExitCode, LockedError, OsfsyncError, leaves
from osfsync.domain.model import Device, TimeWindow, merge_windows, split_window
from osfsync.domain.planner import Choice
from osfsync.domain.selection import Globs, Selection

moments = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 — hypothesis adds the zone
windows = st.tuples(moments, moments).map(lambda pair: TimeWindow(min(pair), max(pair)))


@given(st.lists(windows, max_size=20), st.timedeltas(timedelta(0), timedelta(days=300)))
def test_merged_windows_cover_all_and_keep_their_distance(given: list[TimeWindow], gap: timedelta) -> None:
    merged = merge_windows(given, gap)
    for window in given:
        assert any(m.start <= window.start and window.end <= m.end for m in merged)
    for left, right in itertools.pairwise(merged):
        assert right.start - left.end > gap
    edges = {w.start for w in given} | {w.end for w in given}
    assert all(m.start in edges and m.end in edges for m in merged)


@given(windows, st.timedeltas(timedelta(days=20), timedelta(days=400)))
def test_split_windows_touch_and_cover(window: TimeWindow, length: timedelta) -> None:
    pieces = list(split_window(window, length))
    assert pieces[0].start == window.start
    assert pieces[-1].end == window.end
    assert all(piece.end - piece.start <= length for piece in pieces)
    assert all(a.end == b.start for a, b in itertools.pairwise(pieces))


@given(
    windows,
    st.timedeltas(timedelta(0), timedelta(days=400)),
    st.timedeltas(timedelta(days=20), timedelta(days=60)),
)
def test_inner_pieces_stay_when_the_end_moves(
    window: TimeWindow, later: timedelta, length: timedelta
) -> None:
    pieces = list(split_window(window, length))
    moved = list(split_window(TimeWindow(window.start, window.end + later), length))
    assert moved[: len(pieces) - 1] == pieces[:-1]


def test_a_window_needs_zones_and_order() -> None:
    naive = datetime(2026, 1, 1)  # noqa: DTZ001 — what is refused
    aware = datetime(2026, 1, 1, tzinfo=UTC)
    with pytest.raises(ValueError, match="zone-aware"):
        TimeWindow(naive, naive)
    with pytest.raises(ValueError, match="ends before"):
        TimeWindow(aware, aware - timedelta(seconds=1))


@pytest.mark.parametrize(
    ("name", "choice"),
    [
        ("20250626/20250626_064143.osfz", Choice.SELECTED),
        ("A.OSF", Choice.SELECTED),
        ("log.txt", Choice.EXCLUDED),
        ("tmp/x.osf", Choice.EXCLUDED),
        ("deep/test_1.osf", Choice.EXCLUDED),
    ],
)
def test_files_are_chosen_by_whole_name_and_last_part(name: str, choice: Choice) -> None:
    selection = Selection(Globs.of(["*"]), Globs.of(["*.osf", "*.osfz"], ["tmp/*", "test_*"]))
    assert selection.file(name) is choice
    assert bool(selection.explain_file(name)) == (choice is Choice.EXCLUDED)


def test_the_explanation_names_the_rule() -> None:
    selection = Selection(Globs.of(["*"]), Globs.of(["*.osf"], ["test_*"]))
    assert selection.explain_file("x/test_1.osf") == "excluded by the pattern 'test_*'"
    assert selection.explain_file("x.txt") == "fits none of the patterns '*.osf'"


def test_devices_are_chosen_by_name_or_id() -> None:
    selection = Selection(Globs.of(["truck-*", "0b1c"], ["truck-9"]), Globs.of(["*"]))
    chosen = [
        selection.device(d) for d in (Device("1", "Truck-1"), Device("0B1C", "x"), Device("2", "truck-9"))
    ]
    assert chosen == [Choice.SELECTED, Choice.SELECTED, Choice.EXCLUDED]


def test_nothing_included_selects_nothing() -> None:
    assert Globs.of([]).choose("anything") is Choice.EXCLUDED


@pytest.mark.parametrize("include", [["*"], ["*.osf", "*"]])
@given(spellings=st.lists(st.text(), min_size=1))
def test_what_includes_anything_asks_the_excluding_patterns_alone(
    include: list[str], spellings: list[str]
) -> None:
    assert Globs.of(include).choose(*spellings) is Choice.SELECTED
    excluded = Globs.of(include, ["*a*"]).choose(*spellings) is Choice.EXCLUDED
    assert excluded == any("a" in spelling.lower() for spelling in spellings)


def test_an_error_says_what_to_do() -> None:
    error = LockedError("Another run works here.", hint="Wait.")
    assert str(error) == "Another run works here. Wait."
    assert error.exit_code is ExitCode.LOCKED


def test_leaves_look_into_nested_groups() -> None:
    inner = OsfsyncError("a"), ValueError("b")
    group = ExceptionGroup("outer", [ExceptionGroup("inner", [inner[0]]), inner[1]])
    assert tuple(leaves(group)) == inner
