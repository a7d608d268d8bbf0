import itertools
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from osfsync.domain.model import TimeWindow
from osfsync.pipeline.merge import Command, MergeTerms, commands_for
from osfsync.pipeline.messages import Wanted

START = datetime(2026, 1, 1, tzinfo=UTC)
GAP = timedelta(hours=24)
TERMS = MergeTerms("preview", GAP, timedelta(days=365))

spans = st.builds(
    lambda start, length: TimeWindow(START + start, START + start + length),
    st.timedeltas(timedelta(0), timedelta(days=20)),
    st.timedeltas(timedelta(0), timedelta(hours=3)),
)
wanted = st.lists(
    st.builds(Wanted, name=st.text(min_size=1), tag=st.sampled_from([None, "preview", "raw"]), span=spans),
    max_size=40,
    unique_by=lambda file: file.name,
)


@given(wanted)
def test_every_file_is_in_one_command_whose_window_covers_it(files: list[Wanted]) -> None:
    commands = list(commands_for(files, {}, TERMS))
    by_name = {file.name: file for file in files}
    named = [name for command in commands for name in command.names]
    assert sorted(named) == sorted(by_name)
    for command in commands:
        for name in command.names:
            file = by_name[name]
            assert (file.tag or "preview") == command.tag
            assert command.window.start <= file.span.start
            assert file.span.end <= command.window.end


@given(wanted)
def test_commands_are_few(files: list[Wanted]) -> None:
    commands = list(commands_for(files, {}, TERMS))
    for tag in {command.tag for command in commands}:
        windows = [command.window for command in commands if command.tag == tag]
        for before, after in itertools.pairwise(windows):
            assert after.start - before.end > GAP - timedelta(seconds=2)


def test_windows_tell_full_seconds() -> None:
    span = TimeWindow(START.replace(microsecond=5), START + timedelta(seconds=9, microseconds=1))
    (command,) = commands_for([Wanted("a", None, span)], {}, TERMS)
    assert command.window == TimeWindow(START, START + timedelta(seconds=9, milliseconds=999))


def hours(
    start: float, end: float, name: str = "", *, urgent: bool = False, tag: str | None = None
) -> Wanted:
    span = TimeWindow(START + timedelta(hours=start), START + timedelta(hours=end))
    return Wanted(name or f"{start}", tag, span, urgent)


def names(commands: list[Command]) -> list[tuple[str, ...]]:
    return [command.names for command in commands]


def test_no_window_is_longer_than_allowed() -> None:
    files = [hours(start, start + 1) for start in range(0, 100, 10)]
    terms = MergeTerms("preview", GAP, timedelta(hours=31))
    commands = commands_for(files, {}, terms)
    assert names(commands) == [("0", "10", "20", "30"), ("40", "50", "60", "70"), ("80", "90")]
    last_second = timedelta(milliseconds=999)
    assert [command.window.end - command.window.start for command in commands] == [
        timedelta(hours=31) + last_second,
        timedelta(hours=31) + last_second,
        timedelta(hours=11) + last_second,
    ]


def test_a_recording_that_is_longer_than_allowed_gets_its_own_command() -> None:
    terms = MergeTerms("preview", GAP, timedelta(hours=5))
    assert names(commands_for([hours(0, 9), hours(9.5, 10)], {}, terms)) == [("0",), ("9.5",)]


def test_files_whose_times_nobody_told_share_the_window_that_listed_them() -> None:
    files = [hours(0, 900, name) for name in "abc"]
    assert names(commands_for(files, {}, MergeTerms("preview", GAP, timedelta(hours=5)))) == [("a", "b", "c")]


def test_no_window_reaches_over_a_file_that_is_ordered_already() -> None:
    files = [hours(0, 1), hours(4, 5), hours(6, 7)]
    ordered = [(START + timedelta(hours=2)).timestamp()]
    assert names(commands_for(files, {"preview": ordered}, TERMS)) == [("0",), ("4", "6")]
    assert names(commands_for(files, {None: ordered}, TERMS)) == [("0",), ("4", "6")]
    assert names(commands_for(files, {"raw": ordered}, TERMS)) == [("0", "4", "6")]


def test_an_ordered_recording_that_begins_with_a_wanted_one_lies_not_between() -> None:
    files = [hours(0, 1), hours(4, 5)]
    for hour, expected in ((3.9, [("0",), ("4",)]), (4, [("0", "4")]), (1, [("0", "4")])):
        ordered = [(START + timedelta(hours=hour)).timestamp()]
        assert names(commands_for(files, {"preview": ordered}, TERMS)) == expected


def test_what_is_about_to_be_dropped_is_ordered_first_and_by_itself() -> None:
    files = [
        hours(0, 1, urgent=True, tag="raw"),
        hours(2, 3, tag="raw"),
        hours(1, 2, "old"),
        hours(90, 91, "soon", urgent=True),
    ]
    commands = commands_for(files, {}, TERMS)
    assert names(commands) == [("0",), ("soon",), ("old",), ("2",)]
    assert [command.urgent for command in commands] == [True, True, False, False]
