"""What a run asks while it works: looked up for whole pages of files."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from osfsync.domain.model import Device, FileRecord, TimeWindow, merge_windows
from osfsync.domain.outcomes import RunOutcome
from osfsync.state.query import Query
from osfsync.state.records import COLUMNS, records_of
from osfsync.state.tables import MISSING, devices, listings, runs, to_text

PAGE = 500
"""Names in one statement. It always has as many parameters, so that it is prepared once."""

DAYS_PAGE = 5_000

_DAY = timedelta(days=1)
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)

_MARKS = ", ".join("?" * PAGE)
_RECORDS = f"SELECT {COLUMNS} FROM files WHERE device_id = ? AND name IN ({_MARKS})"  # noqa: S608 - constants
_PATHS = f"SELECT path_key, device_id, name FROM files WHERE path_key IN ({_MARKS})"  # noqa: S608 - constants
_UNHELD_DAYS = f"""
    SELECT name, substr(coalesce(start, "end", seen_from), 1, 10),
           substr(coalesce("end", start, seen_to), 1, 10)
    FROM files INDEXED BY ix_files_missing
    WHERE {MISSING} AND device_id = ? AND name > ? AND (lost_at IS NULL OR lost_at > ?)
    ORDER BY name LIMIT {DAYS_PAGE}
"""  # noqa: S608 - constants
# By the list that was read, over the syncs without a period: where they first began, and when one was last
# read up to the present. A run that could not list some days of the device leaves them to the next; days that
# the platform refuses as such are refused tomorrow as well.
_LISTED = """
    SELECT source, min(start), max(listed_at) FROM (
        SELECT max(source) AS source, min(start) AS start, max(listed_at) AS listed_at FROM (
            SELECT run_id, source, problem, listed_at,
                   CASE WHEN problem IS NULL AND "end" >= listed_at THEN start END AS start
            FROM listings JOIN runs ON runs.id = run_id
            WHERE device_id = ? AND command = 'sync' AND runs.since IS NULL AND runs.until IS NULL
        ) GROUP BY run_id HAVING NOT max(problem IS NOT NULL AND problem NOT IN ('refused', 'not-found'))
    ) WHERE start IS NOT NULL GROUP BY source ORDER BY source
"""
_NEWEST = """
    SELECT max(CASE WHEN coalesce("end", start) BETWEEN ? AND ? THEN coalesce("end", start) END),
           max(coalesce("end", start) IS NULL)
    FROM files WHERE device_id = ?
"""

_DEVICES = "SELECT id, name, last_seen FROM devices WHERE tenant_id = ?"
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
            records.update((record.file.name, record) for record in records_of(rows))
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
        rows = await self._query.select(select(devices.c.id, devices.c.folder))
        return {row[0]: row[1] for row in rows}

    async def identity(self) -> str:
        """What tells this state from others: the id of its first run. Empty before there is one."""
        rows = await self._query.sql("SELECT id FROM runs ORDER BY rowid LIMIT 1")
        return next((str(row[0]) for row in rows), "")

    async def last_step(self) -> str:
        """How far this state is: its last run, and whether that has ended. Empty before there is one."""
        rows = await self._query.sql(_LAST_RUN)
        return next((step_of(run_id, ended=bool(ended)) for run_id, ended in rows), "")

    async def holds_files(self) -> bool:
        """Whether any file is held; finds the first, and counts none."""
        return bool(await self._query.sql("SELECT 1 FROM files WHERE sha256 IS NOT NULL LIMIT 1"))

    async def devices_known(self, tenant_id: str) -> dict[Device, datetime]:
        """The known devices of a tenant, as they were called when a run last worked on them, and when."""
        rows = await self._query.sql(_DEVICES, (tenant_id,))
        return {Device(row[0], row[1]): datetime.fromisoformat(row[2]) for row in rows}

    async def unheld_windows(
        self, device_id: str, wanted: Callable[[str], bool], lost_since: datetime
    ) -> list[TimeWindow]:
        """The days, merged, of a device's files that are known, not held, and `wanted` by name.

        A file's days are those of its recording, and one more on either side (the list may tell other times
        than UTC); where the list does not tell them, those of the window that listed it. What was lost before
        `lost_since` is not looked for any more.
        """
        days: set[tuple[str, str]] = set()
        last, full = "", True
        while full:
            rows = await self._query.sql(_UNHELD_DAYS, (device_id, last, to_text(lost_since)))
            full = len(rows) == DAYS_PAGE
            days.update((first, end) for name, first, end in rows if wanted(name))
            last = rows[-1][0] if rows else ""
        return merge_windows(_days(first, max(first, end)) for first, end in days)

    async def complete_until(self, device_id: str) -> datetime | None:
        """Up to when syncs have seen what a device recorded; None where none listed it yet.

        A device that was out of contact tells its recordings afterwards: so far back as its newest known one
        nothing is missing, and no further than syncs listed. Where the list tells no times, that is when it
        was last read.
        """
        listed = await self._query.sql(_LISTED, (device_id,))
        if not listed:
            return None
        _, first, last = listed[0]  # the device's own list, where there ever was one, before the server's
        ((newest, untimed),) = await self._query.sql(_NEWEST, (first, last, device_id))
        return datetime.fromisoformat(newest or (last if untimed else first))

    async def settled(self, backfill: str) -> set[tuple[str, TimeWindow]]:
        """Windows that this backfill is done with: (device id, window)."""
        columns = (listings.c.device_id, listings.c.start, listings.c.end)
        rows = await self._query.select(
            select(*columns).where(listings.c.backfill == backfill, listings.c.settled)
        )
        return {(device_id, TimeWindow(start, end)) for device_id, start, end in rows}

    async def resumable_backfill(self, tenant_id: str, since: datetime, until: datetime | None) -> str | None:
        """The id of the newest backfill over this very period, unless it was completed.

        `since` and `until` are the period as the user gave it: None where it was left open.
        """
        rows = await self._query.select(
            select(runs.c.backfill, runs.c.outcome)
            .where(
                runs.c.tenant_id == tenant_id,
                runs.c.backfill.is_not(None),
                runs.c.since == since,
                runs.c.until.is_not_distinct_from(until),
            )
            .order_by(runs.c.started.desc())
            .limit(1)
        )
        for backfill, outcome in rows:
            return None if outcome == RunOutcome.COMPLETE else str(backfill)
        return None


def step_of(run_id: str, *, ended: bool) -> str:
    """A word for how far a state is, told from every other."""
    return f"{run_id} ended" if ended else run_id


def _pages(values: Sequence[str]) -> Iterator[list[str | None]]:
    """Pieces of `PAGE` values, the last one filled up with NULL, which equals nothing."""
    for begin in range(0, len(values), PAGE):
        page: list[str | None] = list(values[begin : begin + PAGE])
        yield page + [None] * (PAGE - len(page))


def _days(first: str, last: str) -> TimeWindow:
    """From the day before one to the end of the day after another, given as `2025-06-26`."""
    begin = datetime.fromisoformat(first).replace(tzinfo=UTC)
    end = datetime.fromisoformat(last).replace(tzinfo=UTC)
    return TimeWindow(max(begin, _FIRST + _DAY) - _DAY, min(end, _LAST - 2 * _DAY) + 2 * _DAY)
