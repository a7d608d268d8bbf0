"""What a run asks while it works: looked up for whole pages of files."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby

from osfsync.domain.list_fields import FieldChoice
from osfsync.domain.model import Device, FileRecord, ListingSource, TimeWindow, merge_windows
from osfsync.domain.reach import Reach
from osfsync.domain.rows import LEFT_OUT, KnownDevice
from osfsync.domain.summary import RunOutcome
from osfsync.state.query import Query
from osfsync.state.records import COLUMNS, records_of
from osfsync.state.terms import MISSING, to_text

PAGE = 100
"""Names in one statement. It always has as many parameters, so that it is prepared once."""

DAYS_PAGE = 5_000

LONGEST = timedelta(days=92)
"""Of a recording, before its clock is thought to have been set meanwhile."""

_DAY = timedelta(days=1)
_time = datetime.fromisoformat
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)

_MARKS = ", ".join("?" * PAGE)
_RECORDS = f"SELECT {COLUMNS} FROM files WHERE device_id = ? AND name IN ({_MARKS})"  # noqa: S608 - constants
_PATHS = f"SELECT path_key, device_id, name FROM files WHERE path_key IN ({_MARKS})"  # noqa: S608 - constants
_UNHELD_DAYS = f"""
    SELECT name, substr(coalesce(start, "end", seen_from), 1, 10),
           substr(coalesce("end", start, seen_to), 1, 10), coalesce(start, "end", seen_from) > first_seen
    FROM files INDEXED BY ix_files_missing
    WHERE {MISSING} AND device_id = ? AND name > ? AND (lost_at IS NULL OR lost_at > ?)
    ORDER BY name LIMIT {DAYS_PAGE}
"""  # noqa: S608 - constants
_REACHES = "SELECT source, until, newest, newest_at, served_at, refusals FROM reaches WHERE device_id = ?"
_DEVICES = """
    SELECT devices.id, devices.name, devices.problem, device_names.name FROM devices
    JOIN device_names ON device_names.device_id = devices.id WHERE tenant_id = ?
    ORDER BY devices.name, devices.id, device_names.name
"""
_LIST_FIELDS = "SELECT source, meaning, path, fits, records FROM list_fields WHERE tenant_id = ?"
_SETTLED = """
    SELECT device_id, start, "end" FROM listings
    WHERE backfill = ? AND settled AND source = ? AND compared IS NOT 0
"""
# By rowid: a clock that was wrong orders nothing.
_LAST_BACKFILL = """
    SELECT backfill, outcome FROM runs
    WHERE tenant_id = ? AND backfill IS NOT NULL AND since = ? AND until IS ? ORDER BY rowid DESC LIMIT 1
"""
_LAST_RUN = "SELECT id, finished IS NOT NULL FROM runs ORDER BY rowid DESC LIMIT 1"


class Reader:
    """Answers from the newest commit. Any number of tasks may ask at once."""

    def __init__(self, query: Query) -> None:
        self._query = query

    async def records(self, device_id: str, names: Sequence[str]) -> dict[str, FileRecord]:
        """What is known of these files of a device, by name; unknown ones are left out."""
        records: dict[str, FileRecord] = {}
        for page in _pages(names):
            rows = await self._query.sql(_RECORDS, (device_id, *page))
            records |= {record.file.name: record for record in records_of(rows)}
        return records

    async def paths_taken(self, path_keys: Sequence[str]) -> dict[str, tuple[str, str]]:
        """Which of these path keys belong to known files: (device id, name) by key."""
        taken: dict[str, tuple[str, str]] = {}
        for page in _pages(path_keys):
            for key, device_id, name in await self._query.sql(_PATHS, tuple(page)):
                taken[key] = (device_id, name)
        return taken

    async def folders(self) -> dict[str, str]:
        """The folder of every known device, by its id."""
        return dict(await self._query.sql("SELECT id, folder FROM devices"))

    async def identity(self) -> str:
        """What tells this state from others: the id of its first run. Empty before there is one."""
        rows = await self._query.sql("SELECT id FROM runs ORDER BY rowid LIMIT 1")
        return next((str(row[0]) for row in rows), "")

    async def last_step(self) -> str:
        """How far this state is: its last run, and whether that has ended. Empty before there is one."""
        rows = await self._query.sql(_LAST_RUN)
        return next((step_of(run_id, ended=bool(ended)) for run_id, ended in rows), "")

    async def knows_archive(self) -> bool:
        """Whether a run has worked with an archive: it makes that ready before it meets devices."""
        return bool(await self._query.sql("SELECT 1 FROM devices LIMIT 1"))

    async def devices_known(self, tenant_id: str) -> list[KnownDevice]:
        """The devices of a tenant that runs worked on, by name."""
        rows = await self._query.sql(_DEVICES, (tenant_id,))
        return [
            KnownDevice(Device(device_id, name), tuple(row[3] for row in of_device), problem == LEFT_OUT)
            for (device_id, name, problem), of_device in groupby(rows, key=lambda row: tuple(row[:3]))
        ]

    async def list_fields(self, tenant_id: str) -> list[FieldChoice]:
        """The fields of the tenant's lists that earlier runs chose."""
        rows = await self._query.sql(_LIST_FIELDS, (tenant_id,))
        return [FieldChoice(ListingSource(source), *rest) for source, *rest in rows]

    async def unheld_windows(
        self, device_id: str, wanted: Callable[[str], bool], lost_since: datetime, until: datetime = _LAST
    ) -> list[TimeWindow]:
        """The days, merged, of a device's files that are known, not held, and `wanted` by name.

        A file's days are those of its recording, of one of months the first and the last, and one more on
        either side (the list may tell other times than UTC); where the list does not tell them, those of the
        window that listed it. What was lost before `lost_since` is not looked for any more. What lies after
        `until` is looked for where it lay ahead when it was first seen: the device's clock is wrong, and not
        ours.
        """
        days: set[tuple[str, str]] = set()
        last_day = to_text(until)[:10]
        last, full = "", True
        while full:
            rows = await self._query.sql(_UNHELD_DAYS, (device_id, last, to_text(lost_since)))
            full = len(rows) == DAYS_PAGE
            days.update(
                (first, end)
                for name, first, end, ahead in rows
                if (ahead or first <= last_day) and wanted(name)
            )
            last = rows[-1][0] if rows else ""
        return merge_windows(window for first, end in days for window in _windows(first, max(first, end)))

    async def reaches(self, device_id: str) -> dict[ListingSource, Reach]:
        """How far each list of a device was read; none before its first sync."""
        rows = await self._query.sql(_REACHES, (device_id,))
        return {
            ListingSource(source): Reach(
                datetime.fromisoformat(until),
                datetime.fromisoformat(newest),
                datetime.fromisoformat(newest_at),
                None if served_at is None else datetime.fromisoformat(served_at),
                refusals,
            )
            for source, until, newest, newest_at, served_at, refusals in rows
        }

    async def settled(self, backfill: str) -> set[tuple[str, TimeWindow]]:
        """Windows that this backfill is done with: (device id, window).

        Not those that were seen in part: the device's list, or the server's own, may be readable now.
        """
        rows = await self._query.sql(_SETTLED, (backfill, ListingSource.DEVICE_LIST.value))
        return {(device_id, TimeWindow(_time(start), _time(end))) for device_id, start, end in rows}

    async def resumable_backfill(self, tenant_id: str, since: datetime, until: datetime | None) -> str | None:
        """The id of the newest backfill over this very period, unless it was completed.

        `since` and `until` are the period as the user gave it: None where it was left open.
        """
        period = (to_text(since), None if until is None else to_text(until))
        rows = await self._query.sql(_LAST_BACKFILL, (tenant_id, *period))
        for backfill, outcome in rows:
            return None if outcome == RunOutcome.COMPLETE else str(backfill)
        return None


_ENDED = " ended"
ADRIFT = "adrift"
"""The step of an archive that was worked on while it was in step with no state: no state is so far."""


def step_of(run_id: str, *, ended: bool) -> str:
    """A word for how far a state is, told from every other."""
    return run_id + _ENDED if ended else run_id


def is_moment(step: str) -> bool:
    """Whether a step is one moment: two copies that were made while a run worked may be of different ones."""
    return not step or step.endswith(_ENDED)


def _pages(values: Sequence[str]) -> Iterator[list[str | None]]:
    """Pieces of `PAGE` values, the last one filled up with NULL, which equals nothing."""
    for begin in range(0, len(values), PAGE):
        page: list[str | None] = list(values[begin : begin + PAGE])
        yield page + [None] * (PAGE - len(page))


def _windows(first: str, last: str) -> list[TimeWindow]:
    days = _days(first, last)
    return [days] if days.end - days.start <= LONGEST else [_days(first, first), _days(last, last)]


def _days(first: str, last: str) -> TimeWindow:
    """From the day before one to the end of the day after another, given as `2025-06-26`."""
    begin = datetime.fromisoformat(first).replace(tzinfo=UTC)
    end = datetime.fromisoformat(last).replace(tzinfo=UTC)
    return TimeWindow(max(begin, _FIRST + _DAY) - _DAY, min(end, _LAST - 2 * _DAY) + 2 * _DAY)
