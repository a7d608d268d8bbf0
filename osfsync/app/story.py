"""`why`: what is known of one file, from the state."""

from collections.abc import Callable, Sequence
from datetime import datetime

from osfsync.app.choice import chosen_devices, standpoint_of
from osfsync.app.prospects import Prospects
from osfsync.config import Settings
from osfsync.domain.errors import ConfigError
from osfsync.domain.model import utc_now
from osfsync.domain.rows import FileRow
from osfsync.reports.case import Case
from osfsync.reports.models import SCHEMA, StoriesModel, StoryModel
from osfsync.reports.story import History, story_model
from osfsync.state.database import View, open_view

STORIES_TOLD = 10


async def why(
    settings: Settings, name: str, devices: Sequence[str] = (), *, clock: Callable[[], datetime] = utc_now
) -> StoriesModel:
    """The stories of the files of this name: the whole name, the path in the archive, or the last part.

    Of the devices that fit the globs. Raises ConfigError where no known file goes by it.
    """
    standpoint = standpoint_of(settings, clock())
    async with open_view(settings.state) as view:
        glances = await view.overview.glances()
        chosen = {device.id for device in chosen_devices([known.device for known in glances], devices)}
        rows = [row for row in await view.overview.find(name) if row.device.id in chosen]
        if not rows:
            raise ConfigError(f"No file {name!r} is known.", hint="`osfsync files` lists those that are.")
        prospects = await Prospects.of(view, standpoint)
        cases = await prospects.cases(rows[:STORIES_TOLD])
        stories = [await _story(view, row, case) for row, case in cases]
    return StoriesModel(SCHEMA, tuple(stories), len(rows) - len(stories))


async def _story(view: View, row: FileRow, case: Case) -> StoryModel:
    device_id, name = row.device.id, row.record.file.name
    history = History(
        statuses=await view.ledger.statuses(device_id, name),
        orders=await view.ledger.orders_of_file(device_id, name),
        events=(await view.ledger.talk(device_id, case.standpoint.now)).events,
        attempts=await view.overview.attempts(device_id, name),
    )
    return story_model(row, history, case)
