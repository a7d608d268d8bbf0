"""What reports and tables ask: sums, and everything in pages, so that a million files need no memory."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select

from osfsync.domain.model import Device, Failure, ListingSource, StorageStatus, TimeWindow
from osfsync.domain.outcomes import RunOutcome
from osfsync.domain.rows import (
    AttemptRow,
    DeviceProblem,
    DeviceRow,
    FileRow,
    OrderRow,
    OrderState,
    RunRow,
    Totals,
)
from osfsync.state.query import Query
from osfsync.state.records import COLUMNS, records_of
from osfsync.state.tables import MISSING, attempts, devices, files, orders, runs, tenants

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
_OLDEST_GAP = f"""
    SELECT {COLUMNS} FROM files INDEXED BY ix_files_missing
    WHERE {MISSING} ORDER BY coalesce(start, "end", seen_from), device_id, name LIMIT 1
"""  # noqa: S608 - constants
_FIND = f"""
    SELECT {COLUMNS} FROM files
    WHERE name = ?1 OR path = ?1 OR substr(name, -length(?1) - 1) = '/' || ?1
    ORDER BY device_id, name LIMIT {FOUND_SHOWN}
"""  # noqa: S608 - constants
_SUMS = """
    SELECT device_id, storage_status, count(*), count(held_size), coalesce(sum(held_size), 0),
           sum(held_size IS NULL AND failure IS NOT NULL)
    FROM files GROUP BY device_id, storage_status
"""

_awaited = (
    select(func.count())
    .where(
        files.c.device_id == orders.c.device_id,
        files.c.ordered_at == orders.c.sent_at,
        files.c.sha256.is_(None),
        orders.c.state == OrderState.SENT,
    )
    .correlate(orders)
    .scalar_subquery()
)


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
        name, full = "", True
        while full:
            page = _rows(await self._query.sql(_FILES_OF_DEVICE, (device_id, name)), known)
            full = len(page) == PAGE
            if page:
                name = page[-1].record.file.name
                yield page

    async def unheld(self) -> AsyncIterator[list[FileRow]]:
        """All known files that are not held as the list tells them, by device and name, in pages."""
        async for page in self._pages(_UNHELD, await self._devices()):
            yield page

    async def find(self, name: str) -> list[FileRow]:
        """Files of this name, this path, or this part after the last folder, on any device."""
        return _rows(await self._query.sql(_FIND, (name,)), await self._devices())

    async def oldest_gap(self) -> FileRow | None:
        """Of the files that are not held, the one that was recorded first."""
        rows = _rows(await self._query.sql(_OLDEST_GAP), await self._devices())
        return rows[0] if rows else None

    async def devices(self) -> list[DeviceRow]:
        """All known devices by name, with the sums over their files."""
        sums: dict[str, list[tuple[Any, ...]]] = {}
        for row in await self._query.sql(_SUMS):
            sums.setdefault(row[0], []).append(row)
        known = await self._query.select(select(devices).order_by(devices.c.name, devices.c.id))
        return [_device_row(_named(row), sums.get(row.id, [])) for row in known]

    async def totals(self) -> Totals:
        """The sums over everything."""
        rows = await self._query.sql(_SUMS)
        count = await self._query.select(select(func.count()).select_from(devices))
        return Totals(
            devices=count[0][0],
            held=sum(row[3] for row in rows),
            held_bytes=sum(row[4] for row in rows),
            missing=_missing(rows),
            failing=sum(row[5] for row in rows),
        )

    async def runs(self, limit: int) -> list[RunRow]:
        """The newest runs, newest first."""
        statement = (
            select(runs, tenants.c.name.label("tenant"))
            .join(tenants, tenants.c.id == runs.c.tenant_id)
            .order_by(runs.c.started.desc())
            .limit(limit)
        )
        return [_run_row(_named(row)) for row in await self._query.select(statement)]

    async def last_complete(self) -> datetime | None:
        """When a run last ended with all that could be had."""
        statement = select(func.max(runs.c.finished)).where(runs.c.outcome == RunOutcome.COMPLETE)
        moment: datetime | None = (await self._query.select(statement))[0][0]
        return moment

    async def orders(self, limit: int) -> list[OrderRow]:
        """The newest commands to devices, newest first."""
        statement = (
            select(orders, devices.c.name.label("device"), _awaited.label("awaited"))
            .join(devices, devices.c.id == orders.c.device_id)
            .order_by(orders.c.sent_at.desc(), orders.c.id.desc())
            .limit(limit)
        )
        return [_order_row(_named(row)) for row in await self._query.select(statement)]

    async def orders_open_count(self, sent_after: datetime) -> int:
        """How many commands sent after a moment still have files to bring."""
        statement = (
            select(func.count()).select_from(orders).where(orders.c.sent_at > sent_after, _awaited > 0)
        )
        return int((await self._query.select(statement))[0][0])

    async def attempts(self, device_id: str, name: str) -> list[AttemptRow]:
        """The failed tries to fetch one file, newest first."""
        statement = (
            select(attempts)
            .where(attempts.c.device_id == device_id, attempts.c.name == name)
            .order_by(attempts.c.id.desc())
            .limit(ATTEMPTS_SHOWN)
        )
        return [
            AttemptRow(row.run_id, Failure(row.slug, row.explanation, row.at, row.check_name))
            for row in await self._query.select(statement)
        ]

    async def _pages(self, text: str, known: Mapping[str, Device]) -> AsyncIterator[list[FileRow]]:
        last, full = ("", ""), True
        while full:
            page = _rows(await self._query.sql(text, last), known)
            full = len(page) == PAGE
            if page:
                last = (page[-1].device.id, page[-1].record.file.name)
                yield page

    async def _devices(self) -> dict[str, Device]:
        rows = await self._query.select(select(devices.c.id, devices.c.name))
        return {device_id: Device(device_id, name) for device_id, name in rows}


def _named(row: Row[*tuple[Any, ...]]) -> dict[str, Any]:
    return dict(zip(row._fields, row, strict=True))


def _rows(rows: Sequence[tuple[Any, ...]], known: Mapping[str, Device]) -> list[FileRow]:
    return [FileRow(known[record.file.device_id], record) for record in records_of(rows)]


def _missing(sums: Sequence[tuple[Any, ...]]) -> dict[StorageStatus, int]:
    """From rows of `_SUMS`."""
    missing = dict.fromkeys(StorageStatus, 0)
    for _, status, known, held, *_rest in sums:
        missing[StorageStatus(status)] += known - held
    return missing


def _device_row(row: Mapping[str, Any], sums: Sequence[tuple[Any, ...]]) -> DeviceRow:
    return DeviceRow(
        device=Device(row["id"], row["name"]),
        tenant_id=row["tenant_id"],
        folder=row["folder"],
        first_seen=row["first_seen"],
        last_seen=row["last_seen"],
        listed_at=row["listed_at"],
        source=None if row["listing_source"] is None else ListingSource(row["listing_source"]),
        problem=None
        if row["problem"] is None
        else DeviceProblem(row["problem"], row["problem_text"], row["problem_at"]),
        held=sum(part[3] for part in sums),
        held_bytes=sum(part[4] for part in sums),
        missing=_missing(sums),
    )


def _run_row(row: Mapping[str, Any]) -> RunRow:
    return RunRow(**{**row, "outcome": None if row["outcome"] is None else RunOutcome(row["outcome"])})


def _order_row(row: Mapping[str, Any]) -> OrderRow:
    return OrderRow(
        device=Device(row["device_id"], row["device"]),
        window=TimeWindow(row["start"], row["end"]),
        tag=row["tag"],
        files=row["files"],
        awaited=row["awaited"],
        sent_at=row["sent_at"],
        state=OrderState(row["state"]),
        answer=row["answer"],
    )
