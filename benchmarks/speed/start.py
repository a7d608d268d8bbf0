"""How long commands take to start that do next to nothing."""

from pathlib import Path
from statistics import median

from benchmarks.speed.cheap import Load, serving
from benchmarks.speed.running import osfsync, timed

_TIMES = 5


def measure(folder: Path) -> list[str]:
    """A row for each command: the median of some runs, wall and CPU."""
    rows = []
    with serving(Load(10, 4_000)) as url:
        timed(osfsync(url, folder, "", "-q", "sync"))
        for arguments in (("--help",), ("--version",), ("status",), ("missing",), ("-q", "sync")):
            runs = [timed(osfsync(url, folder, "", *arguments)) for _ in range(_TIMES)]
            wall, cpu = median(run.wall for run in runs), median(run.cpu for run in runs)
            rows.append(f"{'osfsync ' + ' '.join(arguments):34}{wall:>10.2f} s{cpu:>10.2f} s CPU")
    return rows
