"""A fleet of 50 devices with 200 files each, from a platform in a process of its own."""

import hashlib
import os
import subprocess
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from osfsync.app import known
from osfsync.app.runs import SyncRequest, sync
from osfsync.archive.settings import ArchiveSettings
from osfsync.cloud.settings import CloudSettings
from osfsync.config import Settings
from osfsync.domain.errors import ExitCode
from osfsync.simulator.standing import own_process
from osfsync.simulator.world import World
from osfsync.state.settings import StateSettings

MOST_MEMORY = 150_000_000  # bytes
NOW = datetime.now(UTC)

fleet = partial(World.generate, seed=42, devices=50, files_per_device=200, now=NOW)

# Linux counts what a process had before it became another program as its own, so that the peak of a
# child of ours would be at least our size. This one is small.
MEASURE = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:])
_, status, usage = os.wait4(process.pid, 0)
process.returncode = os.waitstatus_to_exitcode(status)
print(process.returncode, usage.ru_maxrss)
"""


async def test_a_fleet_is_mirrored_byte_for_byte_in_little_memory_and_then_left_alone(tmp_path: Path) -> None:
    world = fleet()  # the same world as the platform's, to the byte
    with own_process(fleet) as url:
        first = measured_sync(tmp_path, url, world)
        settings = Settings(
            cloud=CloudSettings(url=url, username=world.username, tenant=world.main.name),
            archive=ArchiveSettings(path=tmp_path / "mirror"),
            state=StateSettings(url=f"sqlite:///{(tmp_path / 'osfsync.db').as_posix()}"),
        )

        async def password() -> str:
            return world.password

        # No time passes there: what was there is there, and nothing new.
        second = await sync(settings, password, SyncRequest(), clock=lambda: NOW)
    available = world.available()
    assert len(available) > 5_000
    assert f"complete, {len(available):,} fetched" in first
    assert second.exit_code is ExitCode.COMPLETE
    assert (second.files.fetched, second.files.held) == (0, len(available))
    held = {
        (row.device_id, row.name): row
        async for chunk in known.files(settings, None)
        for row in chunk
        if row.state == "held"
    }
    assert held.keys() == available.keys()
    for key, row in held.items():
        digest = hashlib.sha256(world.content(*key)).hexdigest()
        assert row.sha256 == digest
        assert hashlib.sha256((settings.archive.path / row.path).read_bytes()).hexdigest() == digest


def measured_sync(folder: Path, url: str, world: World) -> str:
    """The command, as a user runs it; its memory is bounded. Answers what it told."""
    (folder / "sync.toml").write_text(
        f'[cloud]\nurl = "{url}"\nusername = "{world.username}"\ntenant = "{world.main.name}"\n',
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "osfsync", "sync"]
    counts = sys.platform == "linux"  # other systems count a process's memory otherwise
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *command] if counts else command,
        cwd=folder,
        env={**os.environ, "OSFSYNC_PASSWORD": world.password, "XDG_CONFIG_HOME": str(folder)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    if counts:
        told, measured = done.stdout.splitlines()
        code, peak_kib = map(int, measured.split())
        assert code == 0, told
        assert peak_kib * 1024 < MOST_MEMORY
    return done.stdout
