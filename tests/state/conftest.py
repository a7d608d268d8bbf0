import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from shutil import copyfile

import pytest

from osfsync.state.database import Database, open_state
from osfsync.state.migrate import ensure_current
from osfsync.state.settings import StateSettings
from osfsync.state.writer import Writer
from tests.state.state_samples import NOW, OTHER_DEVICE, RUN, device_seen


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def settings(path: Path) -> StateSettings:
    return StateSettings(url=f"sqlite:///{path}")


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with all its tables and nothing in them; to be copied."""
    path = tmp_path_factory.mktemp("migrated") / "state.db"
    ensure_current(path)
    return path


@pytest.fixture
async def database(migrated: Path, path: Path, settings: StateSettings) -> AsyncIterator[Database]:
    copyfile(migrated, path)
    async with open_state(settings) as opened:
        yield opened


@pytest.fixture
async def writer(database: Database) -> Writer:
    """Writes for a run that has met two devices."""
    writer = await database.start_run(RUN, NOW)
    await writer.commit([device_seen(), device_seen(OTHER_DEVICE)])
    return writer


@pytest.fixture(autouse=True)
def no_connection_is_left() -> Iterator[None]:
    """Every connection is a thread; whatever a test does, none may stay."""
    yield
    for thread in threading.enumerate():
        if "_connection_worker_thread" in thread.name:
            thread.join(5)  # it was told to end, and may be just about to
            assert not thread.is_alive()
