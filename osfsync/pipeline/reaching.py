"""At the end of a device: how far its two lists were read, for the next sync to know where to begin."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from osfsync.domain.model import ListingSource
from osfsync.domain.outcomes import Reached
from osfsync.domain.reach import MOST_REFUSALS, Reading, gives_up, moved
from osfsync.pipeline.messages import DeviceDone, WindowListed
from osfsync.pipeline.settle import DeviceProgress
from osfsync.pipeline.tally import Tally
from osfsync.state.reader import Reader

_REFUSED = frozenset({"refused", "not-found"})


@dataclass(frozen=True, slots=True)
class Reaching:
    """`lag` as in `reach.lag_for`."""

    reader: Reader
    tally: Tally
    lag: timedelta

    async def facts_of(self, done: DeviceDone, progress: DeviceProgress, now: datetime) -> list[Reached]:
        """One for each list; none where nothing was asked for."""
        if not progress.asked:
            return []
        device = done.device
        before = await self.reader.reaches(device.id)
        facts = []
        for source, reading in _readings(progress, now, done.contact):
            if gives_up(before.get(source), reading):
                text = (
                    f"Older days than {reading.recent.start:%Y-%m-%d} were refused on {MOST_REFUSALS} nights "
                    "and are asked for no more; `osfsync backfill` does."
                )
                self.tally.problem(device.name, None, "days-refused", text)
            facts.append(Reached(device.id, source, moved(before.get(source), reading, self.lag)))
        return facts


def _readings(
    progress: DeviceProgress, now: datetime, contact: datetime | None
) -> Iterator[tuple[ListingSource, Reading]]:
    newest = progress.newest or progress.sighted
    if newest is not None and contact is not None:
        newest = min(newest, contact)  # what is newer was told by others
    for source in ListingSource:
        read = [told.window for told in progress.listed if _was_read(source, told)]
        missed = {told.missed for told in progress.listed if not _was_read(source, told)}
        refused = progress.failures | missed <= _REFUSED
        yield source, Reading(progress.asked, read, refused, newest, now)


def _was_read(source: ListingSource, told: WindowListed) -> bool:
    return told.source is source or (source is ListingSource.SERVER_LIST and told.compared)
