"""Ctrl-C before the run has begun: exit code 130, and no traceback."""

import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from osfsync import __main__ as command
from osfsync.cli import main as cli_main
from osfsync.domain.errors import UnreachableError
from tests.cli.test_cli_errors import clean_environment, write_config

# Runs the command, and sends it SIGINT when it imports the module that is named first.
INTERRUPTED = """
import runpy, signal, sys

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == place:
            sys.meta_path.remove(self)
            signal.raise_signal(signal.SIGINT)

place = sys.argv.pop(1)
sys.meta_path.insert(0, Interrupting())
runpy.run_module("osfsync", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize("place", ["click", "osfsync.cli.sync", "osfsync.app.runs", "alembic"])
async def test_an_interrupt_while_starting(tmp_path: Path, place: str) -> None:
    write_config(tmp_path, "http://127.0.0.1:1")
    with anyio.fail_after(60):
        done = await anyio.run_process(
            [sys.executable, "-c", INTERRUPTED, place, "sync"],
            cwd=tmp_path,
            env=clean_environment({"OSFSYNC_PASSWORD": "x"}, tmp_path / "no-home"),
            stdin=subprocess.DEVNULL,
            check=False,
        )
    assert (done.returncode, done.stderr.decode().strip(), done.stdout) == (130, "", b"")


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), BaseExceptionGroup("", [UnreachableError("x"), KeyboardInterrupt()])]
)
def test_an_interrupt_is_told_by_its_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(cli_main.cli, "main", interrupted)
    assert command.run([]) == 130
    assert capsys.readouterr() == ("", "")
