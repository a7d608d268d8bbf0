import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from state_samples import NOW, OTHER_DEVICE, RUN, device_seen

from osfsync.state.database import Database, open_state
from osfsync.state.settings import StateSettings
from osfsync.state.writer import Writer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def settings(path: Path) -> StateSettings:
    return StateSettings(url=f"sqlite:///{path}")


@pytest.fixture
async def database(settings: StateSettings) -> AsyncIterator[Database]:
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
