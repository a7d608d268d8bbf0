"""A simulated platform, a mirror of it, and what must be true of the two."""

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from osfsync.app import known
from osfsync.app.runs import BackfillRequest, SyncRequest, backfill, rehearse, sync
from osfsync.app.stage import settings_for
from osfsync.cloud.settings import LimitSettings
from osfsync.config import Settings
from osfsync.domain.summary import RunSummary
from osfsync.reports.models import FileModel, MissingModel
from osfsync.simulator.endpoints import ServerOptions
from osfsync.simulator.server import Simulator, serve
from osfsync.simulator.world import World
from osfsync.state import engine

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PART_FOLDER = ".osfsync-part"


@dataclass
class Mirror:
    """One archive and one state that mirror one simulated platform."""

    simulator: Simulator
    settings: Settings
    password: str = field(default="", repr=False)

    @property
    def world(self) -> World:
        return self.simulator.world

    def change(self, section: str, **changes: object) -> None:
        """Change settings of one section."""
        replaced = msgspec.structs.replace(getattr(self.settings, section), **changes)
        self.settings = msgspec.structs.replace(self.settings, **{section: replaced})

    async def ask_password(self) -> str:
        return self.password

    async def sync(self, request: SyncRequest | None = None) -> RunSummary:
        return await sync(
            self.settings, self.ask_password, request or SyncRequest(), clock=lambda: self.world.now
        )

    async def rehearse(self) -> RunSummary:
        return await rehearse(self.settings, self.ask_password, SyncRequest(), clock=lambda: self.world.now)

    async def backfill(self, request: BackfillRequest) -> RunSummary:
        return await backfill(self.settings, self.ask_password, request, clock=lambda: self.world.now)

    async def files(self) -> dict[tuple[str, str], FileModel]:
        """What the state says of every known file."""
        return {
            (row.device_id, row.name): row
            async for chunk in known.files(self.settings, None)
            for row in chunk
        }

    async def missing(self) -> dict[str, MissingModel]:
        """The missing files' reasons, by name."""
        return {
            row.name: row
            async for chunk in known.missing(self.settings, clock=lambda: self.world.now)
            for row in chunk
        }

    def on_disk(self) -> dict[str, bytes]:
        """All files of the archive, by their path."""
        root = self.settings.archive.path
        return {
            path.relative_to(root).as_posix(): path.read_bytes()
            for path in root.rglob("*")
            if path.is_file() and PART_FOLDER not in path.parts
        }

    def part_files(self) -> list[Path]:
        return list((self.settings.archive.path / PART_FOLDER).rglob("*.part"))

    async def assert_equals_server(self) -> None:
        """All that the server could give is here byte for byte, nothing else is, and the state says so."""
        available = self.world.available()
        files = await self.files()
        disk = self.on_disk()
        held = {key: row for key, row in files.items() if row.state == "held"}
        assert held.keys() == available.keys()
        assert {row.path for row in held.values()} == disk.keys()
        for key, row in held.items():
            content = self.world.content(*key)
            assert disk[row.path] == content, f"{row.path} is not what the server has"
            assert row.sha256 == hashlib.sha256(content).hexdigest()
            assert row.size == len(content)
        assert self.part_files() == []


MirrorOf = Callable[..., AbstractAsyncContextManager[Mirror]]


@pytest.fixture
def mirror_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MirrorOf:
    """Serve a world and mirror it into a fresh folder. Commits wait for no disk: nobody cuts the power."""
    hasty = tuple(pragma.replace("synchronous = FULL", "synchronous = OFF") for pragma in engine._PRAGMAS)
    assert hasty != engine._PRAGMAS
    monkeypatch.setattr(engine, "_PRAGMAS", hasty)

    @asynccontextmanager
    async def make(
        world: World,
        options: ServerOptions = ServerOptions(),  # noqa: B008 — frozen
        folder: str = ".",
    ) -> AsyncIterator[Mirror]:
        (tmp_path / folder).mkdir(exist_ok=True)
        async with serve(world, options=options) as simulator:
            settings = settings_for(simulator, tmp_path / folder)
            cloud = msgspec.structs.replace(settings.cloud, outage_patience=timedelta(0))
            settings = msgspec.structs.replace(settings, cloud=cloud, limits=LimitSettings(retries=2))
            yield Mirror(simulator, settings, world.password)

    return make


@pytest.fixture
def small_world() -> World:
    """Eight devices of all kinds, with files of every storage status."""
    return World.generate(seed=7, devices=8, files_per_device=20, now=NOW)


@pytest.fixture
def empty_world() -> World:
    """The tenants, and no device."""
    return World(now=NOW, seed=3)
