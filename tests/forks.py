"""Programs of ours, run in forks of a process that has imported them: what importing costs is paid once.

Each is a process of its own, with its own arguments, environment, folder and streams. Where a system can't
fork safely it is started anew. Tests of starting itself start real programs.
"""

import io
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import anyio

IMPORTED = (
    "osfsync.cli.main",
    "osfsync.cli.sync",
    "osfsync.cli.known",
    "osfsync.app.runs",
    "osfsync.app.known",
    "osfsync.app.verify",
)
CAN_FORK = sys.platform == "linux"


@dataclass(frozen=True)
class Done:
    """A program that ended; `code` is negative where a signal ended it."""

    code: int
    out: bytes
    err: bytes


async def run(module: str, arguments: Sequence[str], cwd: Path, env: Mapping[str, str]) -> Done:
    """Run `python -m module` to its end, with nothing on stdin."""
    if not CAN_FORK:
        command = [sys.executable, "-m", module, *arguments]
        done = await anyio.run_process(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, check=False)
        return Done(done.returncode, done.stdout, done.stderr)
    order = json.dumps([module, *arguments, str(cwd), dict(env)]).encode()
    with (
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
        socket.socket(socket.AF_UNIX) as line,
    ):
        line.connect(_address())
        socket.send_fds(line, [len(order).to_bytes(8, "big")], [out.fileno(), err.fileno()])
        line.sendall(order)
        with line.makefile("r", encoding="ascii") as answers:
            pid = int(answers.readline())
            try:
                told = await anyio.to_thread.run_sync(answers.readline, abandon_on_cancel=True)
            except BaseException:
                os.kill(pid, signal.SIGKILL)
                raise
        out.seek(0)
        err.seek(0)
        return Done(int(told), out.read(), err.read())


@cache
def _address() -> str:
    """Where the process listens that forks; it ends with ours."""
    address = f"\0osfsync-tests-{os.getpid()}"
    server = subprocess.Popen(
        [sys.executable, "-m", __name__, address[1:]],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert server.stdout is not None
    assert server.stdout.readline() == b"ready\n"
    _servers.append(server)
    return address


_servers: list[subprocess.Popen[bytes]] = []
"""Kept, so that the pipe to it stays open."""


def serve(address: str) -> None:
    """Fork for whoever asks, until stdin ends."""
    for module in IMPORTED:
        import_module(module)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for what `_conduct` runs in
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
        line = listener.accept()[0]
        if os.fork() == 0:
            listener.close()
            _conduct(line)
        line.close()


def _conduct(line: socket.socket) -> NoReturn:
    """Run one program in a child of this process, and tell its id and how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    header, streams, _, _ = socket.recv_fds(line, 8, 2)
    with line.makefile("rb") as orders:
        module, *arguments, folder, environment = json.loads(orders.read(int.from_bytes(header, "big")))
    pid = os.fork()
    if pid == 0:
        line.close()
        _become(module, arguments, folder, environment, streams)
    line.sendall(b"%d\n" % pid)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    line.sendall(b"%d\n" % code)
    os._exit(0)


def _become(
    module: str, arguments: list[str], folder: str, environment: dict[str, str], streams: list[int]
) -> NoReturn:
    code = 70
    try:
        null = os.open(os.devnull, os.O_RDONLY)
        for number, stream in enumerate((null, *streams)):
            os.dup2(stream, number)
            os.close(stream)
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - open until the end
        sys.stdout, sys.stderr = (
            io.TextIOWrapper(io.BufferedWriter(io.FileIO(number, "wb", closefd=False)), encoding="utf-8")
            for number in (1, 2)
        )
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        sys.argv = [module, *arguments]
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - the last border of a process
        traceback.print_exc()
        code = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve("\0" + sys.argv[1])
