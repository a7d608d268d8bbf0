"""A run that is killed at any moment, and run again, ends as if nothing had happened."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import anyio
import pytest
from anyio.abc import Process

from osfsync.simulator.faults import Fault
from osfsync.simulator.world import World

MirrorOf = Callable[..., AbstractAsyncContextManager[Any]]


def write_config(folder: Path, mirror: Any) -> dict[str, str]:
    """A configuration for the command, beside what the mirror itself uses."""
    settings = mirror.settings
    (folder / "sync.toml").write_text(
        f'[cloud]\nurl = "{settings.cloud.url}"\nusername = "{settings.cloud.username}"\n'
        f'tenant = "{settings.cloud.tenant}"\n[archive]\npath = "{settings.archive.path.as_posix()}"\n'
        f'[state]\nurl = "{settings.state.url}"\n',
        encoding="utf-8",
    )
    return {
        **os.environ,
        "OSFSYNC_PASSWORD": mirror.password,
        "XDG_CONFIG_HOME": str(folder),
        "APPDATA": str(folder),
    }


async def start(folder: Path, environment: dict[str, str]) -> Process:
    return await anyio.open_process(
        [sys.executable, "-m", "osfsync", "sync", "--json"],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


async def test_sigkill_at_any_moment(tmp_path: Path, mirror_of: MirrorOf) -> None:
    world = World.generate(seed=11, devices=6, files_per_device=120, now=datetime.now(UTC))
    rng = Random(4)
    async with mirror_of(world) as mirror:
        environment = write_config(tmp_path, mirror)
        available = len(world.available())
        in_place: dict[tuple[str, str], int] = {}
        killed = 0
        for attempt in range(4):
            process = await start(tmp_path, environment)

            def gone_out() -> int:
                return sum(mirror.simulator.downloads.values())

            def come_in() -> int:
                return sum(1 for _ in mirror.settings.archive.path.rglob("*.osf*"))

            # Killed once a drawn number of further bodies went out, or came in: at any point of the work.
            count = (gone_out, come_in)[attempt % 2]
            target = count() + rng.randrange(1, available // 8)
            with anyio.move_on_after(30):
                while count() < target and process.returncode is None:  # noqa: ASYNC110 — nothing notifies
                    await anyio.sleep(0.001)
            if process.returncode is None:
                process.kill()
                killed += 1
            await process.aclose()
            disk = mirror.on_disk()
            for key, row in (await mirror.files()).items():
                if row.path in disk:
                    in_place.setdefault(key, mirror.simulator.downloads[key])
        assert killed > 1
        await mirror.sync()
        await mirror.assert_equals_server()
        # What was in place when a run was killed was adopted; only what was in flight came twice.
        assert in_place
        assert {key: mirror.simulator.downloads[key] for key in in_place} == in_place
        mirror.simulator.requests.clear()
        await mirror.sync()
        assert mirror.simulator.requests["download"] == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to send")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_signals_drain_and_tell(
    tmp_path: Path, mirror_of: MirrorOf, number: signal.Signals, code: int
) -> None:
    world = World.generate(seed=7, devices=8, files_per_device=20, now=datetime.now(UTC))
    async with mirror_of(world) as mirror:
        environment = write_config(tmp_path, mirror) | {"OSFSYNC_LIMITS_BATCH": "never"}
        fine = len(world.available()) // 2
        mirror.simulator.faults.add(Fault.delay(0), on="download", times=fine)
        mirror.simulator.faults.add(Fault.silence(), on="download", times=None)
        process = await start(tmp_path, environment)
        with anyio.fail_after(30):
            while mirror.simulator.faults.acted["download"] < fine + 5:  # noqa: ASYNC110 — the simulator counts, it does not notify
                await anyio.sleep(0.01)
            process.send_signal(number)
            await process.wait()
        await process.aclose()
        assert process.returncode == code
        held = {key: row for key, row in (await mirror.files()).items() if row.state == "held"}
        assert {row.path for row in held.values()} == mirror.on_disk().keys()  # the state knows what is here
        assert 0 < len(held) <= fine  # a body that was answered may still have been under way
        assert mirror.part_files() == []
        mirror.simulator.faults.clear()
        mirror.simulator.downloads.clear()
        await mirror.sync()
        await mirror.assert_equals_server()
        assert mirror.simulator.downloads.keys() == world.available().keys() - held.keys()
