"""What the state holds in the archive, for whoever looks after it: in pages, whatever the number of files."""

import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from anyio import to_thread

from osfsync.domain.model import Device, Held, Tenant, Verification
from osfsync.domain.pathkey import path_key
from osfsync.domain.rows import FileRow, Provenance
from osfsync.domain.verdict import HeldFile
from osfsync.state.border import border
from osfsync.state.query import Query
from osfsync.state.records import COLUMNS, records_of
from osfsync.state.whole import to_the_end

PAGE = 1000

NAMES = 500
"""Paths or names in one statement. It always has as many parameters, so that it is prepared once."""

LINES = 5_000

_MARKS = ", ".join("?" * NAMES)
_COLUMNS = "devices.id, devices.name, files.name, path, held_size, sha256, fetched_at, verification"
_FROM = "FROM files JOIN devices ON devices.id = files.device_id WHERE sha256 IS NOT NULL"
_HELD = f"""
    SELECT {_COLUMNS} {_FROM} AND (device_id, files.name) > (?, ?) ORDER BY device_id, files.name LIMIT {PAGE}
"""
_HELD_OF_DEVICE = f"""
    SELECT {_COLUMNS} {_FROM} AND device_id = ? AND files.name > ? ORDER BY files.name LIMIT {PAGE}
"""
_HELD_BY_NAME = f"SELECT {_COLUMNS} {_FROM} AND device_id = ? AND files.name IN ({_MARKS})"
_SUMS = "SELECT count(*), coalesce(sum(held_size), 0) FROM files WHERE sha256 IS NOT NULL"
_OWNERS = f"""
    SELECT path_key, path, devices.id, devices.name, files.name, sha256 IS NOT NULL
    FROM files JOIN devices ON devices.id = files.device_id WHERE path_key IN ({_MARKS})
"""  # noqa: S608 - constants
_LAST_TENANT = """
    SELECT tenants.id, tenants.name, url FROM runs JOIN tenants ON tenants.id = runs.tenant_id
    ORDER BY runs.rowid DESC LIMIT 1
"""
_LAST_RUN_WORKS = "SELECT finished IS NULL FROM runs ORDER BY rowid DESC LIMIT 1"
_NOT_BACK = f"""
    SELECT attempt, told, {COLUMNS} FROM (
        SELECT id AS attempt, explanation AS told, device_id AS of_device, name AS of_name FROM attempts
        WHERE run_id = ? AND slug = ? AND id > ?
    ) CROSS JOIN files ON device_id = of_device AND name = of_name
    WHERE sha256 IS NULL ORDER BY attempt LIMIT {PAGE}
"""  # noqa: S608 - constants
_PROVENANCE = f"""
    SELECT {_COLUMNS}, adopted, start, "end", tag, runs.id, command, tenants.name, tenants.url
    FROM files JOIN devices ON devices.id = files.device_id
    LEFT JOIN runs ON runs.id = fetched_run LEFT JOIN tenants ON tenants.id = runs.tenant_id
    WHERE sha256 IS NOT NULL AND (files.device_id, files.name) > (?, ?)
    ORDER BY files.device_id, files.name LIMIT {PAGE}
"""  # noqa: S608 - constants
_BY_PATH = "SELECT sha256, path FROM files WHERE sha256 IS NOT NULL ORDER BY path"
_time = datetime.fromisoformat


@dataclass(frozen=True, slots=True)
class Owner:
    """A known file whose path it is; `holds` says whether it is held."""

    device: Device
    name: str
    path: str
    holds: bool


class Holdings:
    """Answers from the newest commit."""

    def __init__(self, query: Query, path: Path) -> None:
        self._query = query
        self._path = path

    async def held(self, device_id: str | None = None) -> AsyncIterator[list[HeldFile]]:
        """All held files, or a device's, by device and name, in pages."""
        last, full = ("", "") if device_id is None else (device_id, ""), True
        text = _HELD if device_id is None else _HELD_OF_DEVICE
        while full:
            page = list(map(_held_file, await self._query.sql(text, last)))
            full = len(page) == PAGE
            if page:
                last = (page[-1].device.id, page[-1].name)
                yield page

    async def provenance(self) -> AsyncIterator[list[Provenance]]:
        """Where all held files came from, by device and name, in pages."""
        last, full = ("", ""), True
        while full:
            rows = await self._query.sql(_PROVENANCE, last)
            full = len(rows) == PAGE
            page = [_provenance(row) for row in rows]
            if page:
                last = (page[-1].file.device.id, page[-1].file.name)
                yield page

    async def held_now(self, device_id: str, names: Sequence[str]) -> dict[str, HeldFile]:
        """Those of a device's files that are held, by name."""
        found: dict[str, HeldFile] = {}
        for begin in range(0, len(names), NAMES):
            rows = await self._query.sql(_HELD_BY_NAME, (device_id, *_filled(names[begin : begin + NAMES])))
            found.update((file.name, file) for file in map(_held_file, rows))
        return found

    async def sums(self, device_ids: Sequence[str] | None = None) -> tuple[int, int]:
        """How many files are held, and their bytes together; of these devices only, where they are given."""
        if device_ids is None:
            ((files, size),) = await self._query.sql(_SUMS)
            return files, size
        sums = [
            (await self._query.sql(f"{_SUMS} AND device_id = ?", (device_id,)))[0] for device_id in device_ids
        ]
        return sum(files for files, _ in sums), sum(size for _, size in sums)

    async def owners(self, paths: Sequence[str]) -> dict[str, Owner]:
        """The known files that these paths belong to, by path key; others are left out."""
        found: dict[str, Owner] = {}
        keys = [path_key(path) for path in paths]
        for begin in range(0, len(keys), NAMES):
            for key, path, *owner, holds in await self._query.sql(
                _OWNERS, tuple(_filled(keys[begin : begin + NAMES]))
            ):
                device_id, device, name = owner
                found[key] = Owner(Device(device_id, device), name, path, bool(holds))
        return found

    async def last_tenant(self) -> tuple[Tenant, str] | None:
        """The tenant of the last run, and the platform's URL; None before there was a run."""
        rows = await self._query.sql(_LAST_TENANT)
        return next(((Tenant(tenant_id, name), url) for tenant_id, name, url in rows), None)

    async def run_under_way(self) -> bool:
        """Whether the last run works, as far as it told: one that was killed told nothing."""
        return any(row[0] for row in await self._query.sql(_LAST_RUN_WORKS))

    async def not_back(self, run_id: str, slug: str) -> AsyncIterator[list[tuple[FileRow, str]]]:
        """Files of which this run told an attempt of this kind, and that are not held; with its explanation.

        In pages, in the order of the attempts.
        """
        names: dict[str, str] = dict(await self._query.sql("SELECT id, name FROM devices"))
        last, full = 0, True
        while full:
            rows = await self._query.sql(_NOT_BACK, (run_id, slug, last))
            full = len(rows) == PAGE
            if rows:
                last = rows[-1][0]
                records = records_of(row[2:] for row in rows)
                yield [
                    (FileRow(Device(record.file.device_id, names[record.file.device_id]), record), row[1])
                    for record, row in zip(records, rows, strict=True)
                ]

    async def by_path(self) -> AsyncGenerator[list[tuple[str, str]]]:
        """(SHA-256, path) of all held files as of one moment, sorted by path, in pages.

        SQLite sorts, on disk where they are many: in pages of a statement each it would sort for every page.
        """
        with border(self._path):
            connection = await to_thread.run_sync(
                partial(sqlite3.connect, self._path, check_same_thread=False)
            )
            with closing(connection):
                cursor = await to_thread.run_sync(connection.execute, _BY_PATH)
                while page := await to_the_end(partial(to_thread.run_sync, cursor.fetchmany, LINES)):
                    yield page


def _held_file(row: Sequence[Any]) -> HeldFile:
    device_id, device, name, path, size, sha256, fetched_at, verification = row
    held = Held(size, sha256, _time(fetched_at), Verification(verification))
    return HeldFile(Device(device_id, device), name, path, held)


def _provenance(row: Sequence[Any]) -> Provenance:
    *held, adopted, start, end, tag, run, command, tenant, url = row
    return Provenance(
        file=_held_file(held),
        adopted=bool(adopted),
        start=None if start is None else _time(start),
        end=None if end is None else _time(end),
        tag=tag,
        run=run,
        command=command,
        tenant=tenant,
        platform=url,
    )


def _filled(values: Sequence[str]) -> list[str | None]:
    """As many values as a statement has parameters; NULL equals nothing."""
    return [*values, *([None] * (NAMES - len(values)))]
