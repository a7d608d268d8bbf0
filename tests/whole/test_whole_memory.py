"""Memory stays bounded while many files are mirrored."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from osfsync.domain.model import StorageStatus
from osfsync.simulator.standing import own_process
from osfsync.simulator.world import World

FILES = 20_000
MOST = 150_000_000  # bytes

world_of = partial(
    World.generate,
    seed=3,
    devices=10,
    now=datetime.now(UTC),
    mix={StorageStatus.BOTH: 1},
    cache_bytes=400_000_000,
)

# Linux counts what a process had before it became another program as its own, so that the peak of a
# child of ours would be at least our size. This one is small.
MEASURE = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:])
_, status, usage = os.wait4(process.pid, 0)
process.returncode = os.waitstatus_to_exitcode(status)
print(process.returncode, usage.ru_maxrss)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems count a process's memory otherwise")
def test_twenty_thousand_files_need_little_memory(tmp_path: Path) -> None:
    world = world_of(files_per_device=0)
    with own_process(partial(world_of, files_per_device=FILES // 10)) as url:
        (tmp_path / "sync.toml").write_text(
            f'[cloud]\nurl = "{url}"\nusername = "{world.username}"\ntenant = "{world.main.name}"\n',
            encoding="utf-8",
        )
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, sys.executable, "-m", "osfsync", "sync"],
            cwd=tmp_path,
            env={**os.environ, "OSFSYNC_PASSWORD": world.password, "XDG_CONFIG_HOME": str(tmp_path)},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    told, measured = done.stdout.splitlines()
    code, peak_kib = map(int, measured.split())
    assert code == 0, told
    assert f"complete, {FILES:,} fetched" in told
    assert peak_kib * 1024 < MOST
