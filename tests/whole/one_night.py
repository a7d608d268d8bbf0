"""One sync in a process of its own, which a test may kill: URL FOLDER PASSWORD NOW (ISO-8601)."""

import sys
from datetime import datetime
from functools import partial
from pathlib import Path

import anyio

from osfsync.app.runs import SyncRequest, sync
from osfsync.archive.settings import ArchiveSettings
from osfsync.cloud.settings import CloudSettings
from osfsync.config import Settings
from osfsync.simulator.world import MAIN_TENANT, USERNAME
from osfsync.state.settings import StateSettings


async def night(url: str, folder: Path, password: str, now: datetime) -> None:
    async def ask() -> str:
        return password

    settings = Settings(
        cloud=CloudSettings(url=url, username=USERNAME, tenant=MAIN_TENANT),
        archive=ArchiveSettings(path=folder / "mirror"),
        state=StateSettings(url=f"sqlite:///{(folder / 'osfsync.db').as_posix()}"),
    )
    await sync(settings, ask, SyncRequest(), clock=lambda: now)


if __name__ == "__main__":
    address, place, secret, moment = sys.argv[1:]
    anyio.run(partial(night, address, Path(place), secret, datetime.fromisoformat(moment)))
