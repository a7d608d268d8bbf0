"""The order of system calls around a file that gets its name: what a power cut could leave behind.

Seen from outside, with strace: bytes durable, then the name, then the name durable, then the state's row.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio

from osfsync.simulator.server import Simulator
from tests.campaign.table import Line
from tests.campaign.written import written

CALLS = "openat,close,write,pwrite64,writev,fsync,fdatasync,syncfs,rename,renameat,renameat2"
_STARTED = re.compile(r"^(\d+)\s+(\w+)\((.*?)(?: <unfinished \.\.\.>|\)\s+= (-?\d+).*)$")
_RESUMED = re.compile(r"^(\d+)\s+<\.\.\. (\w+) resumed>(.*?)\)?\s+= (-?\d+).*$")
_PATH = re.compile(r'"((?:[^"\\]|\\.)*)"')


@dataclass(slots=True)
class SystemCall:
    """One call: when it began and ended (line numbers), and its arguments as strace prints them."""

    name: str
    arguments: str
    began: int
    ended: int = -1
    result: int = -1


def calls_of(lines: Iterable[str]) -> list[SystemCall]:
    """All calls that succeeded, in the order in which they began."""
    found: list[SystemCall] = []
    open_calls: dict[str, SystemCall] = {}
    for number, line in enumerate(lines):
        if started := _STARTED.match(line):
            pid, name, arguments, result = started.groups()
            call = SystemCall(name, arguments, number)
            found.append(call)
            if result is None:
                open_calls[pid] = call
            else:
                call.ended, call.result = number, int(result)
        elif resumed := _RESUMED.match(line):
            pid, _, arguments, result = resumed.groups()
            if pid in open_calls:
                call = open_calls.pop(pid)
                call.arguments += arguments
                call.ended, call.result = number, int(result)
    return [call for call in found if call.ended >= 0 and call.result >= 0]


@dataclass(slots=True)
class Trace:
    """What happened to the files of an archive and its state.

    Attributes:
        last_write: of each part file, by path. `flushed`: (began, ended) of each flush of one, by path.
        all_flushed: (began, ended) of each flush of the whole file system.
        renamed: (source, target, call).
        logged: writes to the state's log, with their bytes.
    """

    last_write: dict[str, int] = field(default_factory=dict)
    flushed: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    all_flushed: list[tuple[int, int]] = field(default_factory=list)
    renamed: list[tuple[str, str, SystemCall]] = field(default_factory=list)
    logged: list[SystemCall] = field(default_factory=list)


def trace_of(calls: Iterable[SystemCall]) -> Trace:
    """Read the calls of one process, whose threads share their descriptors."""
    trace = Trace()
    paths: dict[str, str] = {}
    for call in sorted(calls, key=lambda call: call.ended):
        descriptor = call.arguments.partition(",")[0]
        path = paths.get(descriptor, "")
        match call.name:
            case "openat":
                paths[str(call.result)] = _texts(call.arguments)[0]
            case "close":
                paths.pop(descriptor, None)
            case "write" | "writev" | "pwrite64" if path.endswith("-wal"):
                trace.logged.append(call)
            case "write" | "writev" | "pwrite64":
                trace.last_write[path] = call.ended
            case "fsync" | "fdatasync":
                trace.flushed.setdefault(path, []).append((call.began, call.ended))
            case "syncfs":
                trace.all_flushed.append((call.began, call.ended))
            case "rename" | "renameat" | "renameat2":
                source, target = _texts(call.arguments)[:2]
                trace.renamed.append((source, target, call))
            case _:
                raise ValueError(f"{call.name} was not asked for")
    return trace


def _texts(arguments: str) -> list[str]:
    """Quoted arguments, with strace's octal escapes undone."""
    return [
        text.encode("latin-1").decode("unicode_escape").encode("latin-1").decode("utf-8", "replace")
        for text in _PATH.findall(arguments)
    ]


def wrong_orders(trace: Trace, sha256_by_path: dict[str, str], root: Path) -> Iterator[str]:
    """Files whose steps were not taken in the order that survives a power cut."""
    named = {target: (source, call) for source, target, call in trace.renamed}
    for path, sha256 in sha256_by_path.items():
        target = str(root / path)
        source, rename = named.get(target, named.get(path, ("", None)))
        if rename is None:
            yield f"{path}: no rename was seen"
            continue
        written_at = trace.last_write.get(source, -1)
        flushes = [*trace.flushed.get(source, []), *trace.all_flushed]
        if not any(written_at < began and ended < rename.began for began, ended in flushes):
            yield f"{path}: got its name before its bytes were durable"
        told = next((call.began for call in trace.logged if sha256 in call.arguments), None)
        if told is None:
            yield f"{path}: no row was seen"
            continue
        if told < rename.ended:
            yield f"{path}: was held in the state before it had its name"
        folder = str(Path(target).parent)
        names = [*trace.flushed.get(folder, []), *trace.all_flushed]
        if not any(rename.ended < began and ended < told for began, ended in names):
            yield f"{path}: was held in the state before its name was durable"


async def cut_order(simulator: Simulator, seed: int) -> list[Line]:
    """One traced run over a part of the world; a line for the table."""
    what = "files whose bytes, name and row came in the wrong order"
    if shutil.which("strace") is None:
        return [Line(what, "0", "strace is not installed", None)]
    from tests.campaign.kills import environment, write_config  # noqa: PLC0415 - the other half of the campaign

    with TemporaryDirectory(prefix=f"osfsync-power-{seed}-") as name:
        folder = Path(name)
        write_config(folder, simulator.url, simulator.world)
        done = await anyio.run_process(
            [
                *f"strace -f --seccomp-bpf -qq -s 20000 -e trace={CALLS} -o".split(),
                str(folder / "trace"),
                *(sys.executable, "-m", "osfsync", "-q", "sync", "--max-transfer", "1MB"),
            ],
            cwd=folder,
            env=environment(folder, simulator.world.password),
            check=False,
            stderr=subprocess.STDOUT,
        )
        if not (folder / "trace").exists() or done.returncode not in {0, 8}:
            return [Line(what, "0", f"strace could not trace: {done.stdout.decode()[-200:]}", None)]
        with (folder / "trace").open(encoding="utf-8", errors="replace") as lines:
            trace = trace_of(calls_of(lines))
        hashes = {row.path: row.sha256 for row in written(folder).held.values()}
        wrong = list(wrong_orders(trace, hashes, folder / "mirror"))
    seen = f"{len(wrong)} of {len(hashes)}" + (f" ({wrong[0]})" if wrong else "")
    return [Line(what, f"0 of {len(hashes)}", seen, bool(hashes) and not wrong)]
