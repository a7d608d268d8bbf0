import itertools
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from osfsync.domain.model import TimeWindow
from osfsync.pipeline.messages import Wanted
from osfsync.pipeline.order import MERGE_GAP, commands_for

START = datetime(2026, 1, 1, tzinfo=UTC)

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
    commands = list(commands_for(files, "preview"))
    by_name = {file.name: file for file in files}
    named = [name for command in commands for name in command.names]
    assert sorted(named) == sorted(by_name)
    for command in commands:
        for name in command.names:
            file = by_name[name]
            assert (file.tag or "preview") == command.tag
            assert command.window.start <= file.span.start
            assert file.span.end < command.window.end


@given(wanted)
def test_commands_are_few(files: list[Wanted]) -> None:
    commands = list(commands_for(files, "preview"))
    for tag in {command.tag for command in commands}:
        windows = [command.window for command in commands if command.tag == tag]
        for before, after in itertools.pairwise(windows):
            assert after.start - before.end > MERGE_GAP - timedelta(seconds=2)


def test_windows_tell_full_seconds() -> None:
    span = TimeWindow(START.replace(microsecond=5), START + timedelta(seconds=9, microseconds=1))
    (command,) = commands_for([Wanted("a", None, span)], "preview")
    assert command.window == TimeWindow(START, START + timedelta(seconds=10))
