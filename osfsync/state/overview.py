"""What reports and tables ask: sums, and everything in pages, so that a million files need no memory."""

from array import array
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from osfsync.domain.dialogue import CONTACT_KINDS, GREETINGS
from osfsync.domain.estimate import as_contacts
from osfsync.domain.forecast import Awaited
from osfsync.domain.model import Device, Failure, ListingSource
from osfsync.domain.rows import (
    LEFT_OUT,
    AttemptRow,
    DeviceGlance,
    DeviceRow,
    FileRow,
    RunRow,
    Totals,
)
from osfsync.domain.summary import RunOutcome
from osfsync.state.device_rows import DEVICES, SUMS, device_row, missing_of
from osfsync.state.ledger import OPEN_ORDERS
from osfsync.state.query import Query
from osfsync.state.records import COLUMNS, records_of
from osfsync.state.terms import MISSING

PAGE = 1000

ATTEMPTS_SHOWN = 100
"""Of one file, newest first: bounds an answer, not what is kept."""

FOUND_SHOWN = 100

# Each page is a statement of its own that goes on behind the last row: between pages nothing is held.
_FILES = f"""
    SELECT {COLUMNS} FROM files
    WHERE (device_id, name) > (?, ?) ORDER BY device_id, name LIMIT {PAGE}
"""  # noqa: S608 - constants
_FILES_OF_DEVICE = f"""
    SELECT {COLUMNS} FROM files
    WHERE device_id = ? AND name > ? ORDER BY name LIMIT {PAGE}
"""  # noqa: S608 - constants
_UNHELD = f"""
    SELECT {COLUMNS} FROM files INDEXED BY ix_files_missing
    WHERE {MISSING} AND (device_id, name) > (?, ?) ORDER BY device_id, name LIMIT {PAGE}
"""  # noqa: S608 - constants
_UNHELD_OF_DEVICE = f"""
    SELECT {COLUMNS} FROM files INDEXED BY ix_files_missing
    WHERE {MISSING} AND device_id = ? AND name > ? ORDER BY name LIMIT {PAGE}
"""  # noqa: S608 - constants
_GLANCES = f"""
    SELECT id, name, last_contact, listing_source, iif(problem = '{LEFT_OUT}', problem_text, NULL)
    FROM devices ORDER BY name, id
"""  # noqa: S608 - constants
_AWAITED = f"""
    SELECT name, storage_status, order_id,
           CAST(strftime('%s', coalesce(start, "end", seen_from)) AS INTEGER)
    FROM files INDEXED BY ix_files_missing
    WHERE {MISSING} AND device_id = ? AND name > ? AND sha256 IS NULL AND lost_at IS NULL
      AND (storage_status = 1 OR (storage_status = 0 AND order_id IS NOT NULL))
    ORDER BY name LIMIT {PAGE}
"""  # noqa: S608 - constants
_REQUESTED_SINCE = f"""
    SELECT name, max(at) FROM statuses
    WHERE device_id = ? AND name IN ({", ".join("?" * PAGE)}) AND became = 1 GROUP BY name
"""  # noqa: S608 - constants
_CONTACTS = f"""
    SELECT DISTINCT at FROM events WHERE device_id = ? AND kind IN ({", ".join("?" * len(CONTACT_KINDS))})
"""  # noqa: S608 - constants
_OLDEST_GAP = f"""
    SELECT {COLUMNS} FROM files INDEXED BY ix_files_missing
    WHERE {MISSING} AND lost_at IS NULL ORDER BY coalesce(start, "end", seen_from), device_id, name LIMIT 1
"""  # noqa: S608 - constants
_FIND = f"""
    SELECT {COLUMNS} FROM files
    WHERE name = ?1 OR path = ?1 OR substr(name, -length(?1) - 1) = '/' || ?1
    ORDER BY device_id, name LIMIT {FOUND_SHOWN}
"""  # noqa: S608 - constants
_COUNT = "SELECT count(*), count(*) FILTER (WHERE listing_source = ?) FROM devices"
_RUN_FIELDS = (
    "id",
    "tenant_id",
    "command",
    "arguments",
    "since",
    "until",
    "backfill",
    "started",
    "finished",
    "outcome",
    "exit_code",
    "summary",
    "tenant",
)
_RUNS = f"""
    SELECT {", ".join(f"runs.{field}" for field in _RUN_FIELDS[:-1])}, tenants.name
    FROM runs JOIN tenants ON tenants.id = runs.tenant_id ORDER BY runs.started DESC LIMIT ?
"""  # noqa: S608 - constants
_LAST_COMPLETE = """
    SELECT max(finished) FROM runs WHERE outcome = ? AND command <> 'verify'
      AND tenant_id = (SELECT tenant_id FROM runs ORDER BY started DESC LIMIT 1)
"""
_ATTEMPTS = f"""
    SELECT run_id, slug, explanation, at, check_name FROM attempts
    WHERE device_id = ? AND name = ? ORDER BY id DESC LIMIT {ATTEMPTS_SHOWN}
"""  # noqa: S608 - constants
_time = datetime.fromisoformat


class Overview:
    """Answers about everything that is known, from the newest commit."""

    def __init__(self, query: Query) -> None:
        self._query = query

    async def files(self, device_id: str | None = None) -> AsyncIterator[list[FileRow]]:
        """All known files, or a device's, by device and name, in pages."""
        known = await self._devices()
        if device_id is None:
            async for page in self._pages(_FILES, known):
                yield page
            return
        async for page in self._pages_of_device(_FILES_OF_DEVICE, device_id, known):
            yield page

    async def unheld(self, device_id: str | None = None) -> AsyncIterator[list[FileRow]]:
        """All known files, or a device's, that are not held as the list tells them, as `files` does."""
        known = await self._devices()
        if device_id is None:
            async for page in self._pages(_UNHELD, known):
                yield page
            return
        async for page in self._pages_of_device(_UNHELD_OF_DEVICE, device_id, known):
            yield page

    async def glances(self) -> list[DeviceGlance]:
        """All known devices by name, without any sums."""
        return [
            DeviceGlance(
                Device(device_id, name),
                None if contact is None else _time(contact),
                source == ListingSource.SERVER_LIST,
                left_out,
            )
            for device_id, name, contact, source, left_out in await self._query.sql(_GLANCES)
        ]

    async def awaited(self, device_id: str) -> Awaited:
        """A device's files that were asked for and that only it has: a number for each."""
        requested, ordered = array("q"), dict[int, "array[int]"]()
        name, full = "", True
        while full:
            rows = await self._query.sql(_AWAITED, (device_id, name))
            full = len(rows) == PAGE
            for _, status, order, start in rows:
                (requested if status else ordered.setdefault(order, array("q"))).append(start)
            name = rows[-1][0] if rows else ""
        return Awaited(requested, ordered)

    async def requested_since(self, device_id: str, names: Sequence[str]) -> dict[str, datetime]:
        """Since when the platform shows these files as requested, where that is known; at most `PAGE`."""
        filled: list[str | None] = [*names, *([None] * (PAGE - len(names)))]
        rows = await self._query.sql(_REQUESTED_SINCE, (device_id, *filled)) if names else []
        return {name: _time(at) for name, at in rows}

    async def contacts(self, device_id: str) -> list[datetime]:
        """A device's contacts, as far as its communication log is kept, ascending; see `dialogue_of`."""
        for kinds in (GREETINGS, CONTACT_KINDS):
            filled: list[str | None] = [*kinds, *([None] * (len(CONTACT_KINDS) - len(kinds)))]
            rows = await self._query.sql(_CONTACTS, (device_id, *filled))
            if rows:
                return as_contacts(_time(row[0]) for row in rows)
        return []

    async def find(self, name: str) -> list[FileRow]:
        """Files of this name, this path, or this part after the last folder, on any device."""
        return _rows(await self._query.sql(_FIND, (name,)), await self._devices())

    async def oldest_gap(self) -> FileRow | None:
        """Of the files that are not held, the one that was recorded first."""
        rows = _rows(await self._query.sql(_OLDEST_GAP), await self._devices())
        return rows[0] if rows else None

    async def devices(self) -> list[DeviceRow]:
        """All known devices by name, with the sums over their files."""
        open_orders = {row[0]: row[1] for row in await self._query.sql(OPEN_ORDERS)}
        sums: dict[str, list[tuple[Any, ...]]] = {}
        for row in await self._query.sql(SUMS):
            sums.setdefault(row[0], []).append(row)
        known = await self._query.sql(DEVICES)
        return [device_row(row, sums.get(row[0], []), open_orders.get(row[0], 0)) for row in known]

    async def totals(self) -> Totals:
        """The sums over everything."""
        rows = await self._query.sql(SUMS)
        count = await self._query.sql(_COUNT, (ListingSource.SERVER_LIST.value,))
        return Totals(
            devices=count[0][0],
            held=sum(row[3] for row in rows),
            held_bytes=sum(row[4] for row in rows),
            missing=missing_of(rows),
            failing=sum(row[5] for row in rows),
            lost=sum(row[6] for row in rows),
            unseen=count[0][1],
            open_orders=sum(row[1] for row in await self._query.sql(OPEN_ORDERS)),
        )

    async def runs(self, limit: int) -> list[RunRow]:
        """The newest runs, newest first."""
        return [_run_row(row) for row in await self._query.sql(_RUNS, (limit,))]

    async def last_complete(self) -> datetime | None:
        """When a run last ended with all that could be had, of the tenant that a run last worked on."""
        return _moment((await self._query.sql(_LAST_COMPLETE, (RunOutcome.COMPLETE.value,)))[0][0])

    async def attempts(self, device_id: str, name: str) -> list[AttemptRow]:
        """The failed tries to fetch one file, newest first."""
        rows = await self._query.sql(_ATTEMPTS, (device_id, name))
        return [
            AttemptRow(run_id, Failure(slug, explanation, _time(at), check))
            for run_id, slug, explanation, at, check in rows
        ]

    async def _pages(self, text: str, known: Mapping[str, Device]) -> AsyncIterator[list[FileRow]]:
        last, full = ("", ""), True
        while full:
            page = _rows(await self._query.sql(text, last), known)
            full = len(page) == PAGE
            if page:
                last = (page[-1].device.id, page[-1].record.file.name)
                yield page

    async def _pages_of_device(
        self, text: str, device_id: str, known: Mapping[str, Device]
    ) -> AsyncIterator[list[FileRow]]:
        name, full = "", True
        while full:
            page = _rows(await self._query.sql(text, (device_id, name)), known)
            full = len(page) == PAGE
            if page:
                name = page[-1].record.file.name
                yield page

    async def _devices(self) -> dict[str, Device]:
        rows = await self._query.sql("SELECT id, name FROM devices")
        return {device_id: Device(device_id, name) for device_id, name in rows}


def _moment(text: str | None) -> datetime | None:
    return None if text is None else _time(text)


def _rows(rows: Sequence[tuple[Any, ...]], known: Mapping[str, Device]) -> list[FileRow]:
    return [
        # A run may have met the device only since `known` was read: then it goes by its id.
        FileRow(
            known.get(record.file.device_id) or Device(record.file.device_id, record.file.device_id), record
        )
        for record in records_of(rows)
    ]


def _run_row(row: tuple[Any, ...]) -> RunRow:
    """From a row of `_RUNS`."""
    values = dict(zip(_RUN_FIELDS, row, strict=True))
    moments = {field: _moment(values[field]) for field in ("since", "until", "started", "finished")}
    outcome = None if values["outcome"] is None else RunOutcome(values["outcome"])
    return RunRow(**{**values, **moments, "outcome": outcome})
