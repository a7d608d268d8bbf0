"""A fleet of 50 devices with 400 files each, from a platform in a process of its own."""

import hashlib
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

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

fleet = partial(World.generate, seed=42, devices=50, files_per_device=400, now=NOW)


async def test_a_fleet_is_mirrored_byte_for_byte_and_then_left_alone(tmp_path: Path) -> None:
    world = fleet()  # the same world as the platform's, to the byte
    with own_process(fleet) as url:
        settings = Settings(
            cloud=CloudSettings(url=url, username=world.username, tenant=world.main.name),
            archive=ArchiveSettings(path=tmp_path / "mirror"),
            state=StateSettings(url=f"sqlite:///{(tmp_path / 'osfsync.db').as_posix()}"),
        )

        async def password() -> str:
            return world.password

        first = await sync(settings, password, SyncRequest(), clock=lambda: NOW)
        # No time passes there: what was there is there, and nothing new.
        second = await sync(settings, password, SyncRequest(), clock=lambda: NOW)
    available = world.available()
    assert len(available) > 10_000
    assert first.exit_code is second.exit_code is ExitCode.COMPLETE
    assert first.files.fetched == second.files.held == len(available)
    assert second.files.fetched == 0
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
