import os
import subprocess
import sys
from pathlib import Path

import pytest

from osfsync.domain.errors import ExitCode, LockedError, StateError
from osfsync.state.lock import hold_lock
from osfsync.state.settings import StateSettings

HOLD = """
import sys
from osfsync.state.lock import hold_lock
from osfsync.state.settings import StateSettings
with hold_lock(StateSettings(url=sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(settings: StateSettings) -> subprocess.Popen[str]:
    """Another process that holds the lock until its stdin ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, settings.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_run_is_refused_and_told_who_works(settings: StateSettings) -> None:
    with holder(settings) as process:
        told = rf"Another run works .*\(process {process.pid}, since 2"
        with pytest.raises(LockedError, match=told) as caught, hold_lock(settings):
            pytest.fail("got the lock")
        process.communicate("")
    assert caught.value.exit_code is ExitCode.LOCKED
    with hold_lock(settings):
        assert process.returncode == 0


def test_a_killed_run_leaves_no_lock(settings: StateSettings) -> None:
    with holder(settings) as process:
        process.kill()
        process.communicate()
    with hold_lock(settings), pytest.raises(LockedError, match=f"process {os.getpid()}"), hold_lock(settings):
        pytest.fail("got the lock twice")


@pytest.mark.parametrize("note", ["", "not JSON", "[]", "{}", None])
def test_the_lock_does_not_depend_on_the_note_about_its_holder(
    settings: StateSettings, path: Path, note: str | None
) -> None:
    beside = path.with_name(path.name + ".holder")
    with hold_lock(settings):
        beside.unlink() if note is None else beside.write_text(note)
        with pytest.raises(LockedError, match=r"state\.db\. Wait"), hold_lock(settings):
            pytest.fail("got the lock twice")


def test_one_state_does_not_lock_another(tmp_path: Path, settings: StateSettings) -> None:
    other = StateSettings(url=f"sqlite:///{tmp_path / 'other.db'}")
    with hold_lock(settings), hold_lock(other):
        assert (tmp_path / "other.db.lock").exists()


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    settings = StateSettings(url=f"sqlite:///{tmp_path / 'none' / 'state.db'}")
    with pytest.raises(StateError, match="there is no folder"), hold_lock(settings):
        pytest.fail("got the lock")


@pytest.mark.skipif(sys.platform == "win32", reason="needs symbolic links")
def test_a_database_has_one_lock_by_whatever_name_it_is_called(settings: StateSettings, path: Path) -> None:
    path.touch()
    alias = path.with_name("alias.db")
    alias.symlink_to(path)
    with (
        hold_lock(settings),
        pytest.raises(LockedError),
        hold_lock(StateSettings(url=f"sqlite:///{alias.as_posix()}")),
    ):
        pytest.fail("got the lock twice")
