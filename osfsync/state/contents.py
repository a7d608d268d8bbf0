"""What is known of the content of held files: written by `index`, asked by `find`."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from osfsync.domain.contents import Channel, Content, Found, Indexed
from osfsync.domain.model import Device
from osfsync.state.border import border
from osfsync.state.query import Query
from osfsync.state.terms import to_text
from osfsync.state.whole import to_the_end

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from osfsync.state.database import Database

PAGE = 500

_UNREAD = f"""
    SELECT files.device_id, files.name, path, files.sha256 FROM files
    LEFT JOIN contents ON contents.device_id = files.device_id AND contents.name = files.name
    WHERE files.sha256 IS NOT NULL AND (files.device_id, files.name) > (?, ?)
      AND (contents.sha256 IS NOT files.sha256 OR contents.problem LIKE 'It can''t be read: %')
    ORDER BY files.device_id, files.name LIMIT {PAGE}
"""  # noqa: S608 - constants
_CHANNELS = "SELECT id, name, unit, data_type FROM channels"
_SETS = f"SELECT id, members FROM channel_sets WHERE id > ? ORDER BY id LIMIT {PAGE}"  # noqa: S608 - constants
_FOUND = f"""
    SELECT devices.id, devices.name, files.name, path, contents.begin, contents."end", samples FROM contents
    JOIN files ON files.device_id = contents.device_id AND files.name = contents.name
    JOIN devices ON devices.id = contents.device_id
    WHERE set_id = ?1 AND contents.sha256 = files.sha256 AND (contents.device_id, contents.name) > (?2, ?3)
      AND (?4 IS NULL OR contents."end" >= ?4) AND (?5 IS NULL OR contents.begin < ?5)
    ORDER BY contents.device_id, contents.name LIMIT {PAGE}
"""  # noqa: S608 - constants
_SUMS = """
    SELECT count(*), count(problem) FROM contents
    JOIN files ON files.device_id = contents.device_id AND files.name = contents.name
    WHERE contents.sha256 = files.sha256
"""
_ADD_CHANNEL = "INSERT OR IGNORE INTO channels (name, unit, data_type) VALUES (?, ?, ?)"
_CHANNEL = "SELECT id FROM channels WHERE name = ? AND unit = ? AND data_type = ?"
_ADD_SET = "INSERT OR IGNORE INTO channel_sets (members) VALUES (?)"
_SET = "SELECT id FROM channel_sets WHERE members = ?"
_PUT = """
    INSERT OR REPLACE INTO contents
        (device_id, name, sha256, indexed_at, begin, "end", set_id, samples, head, problem)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_NUMBERS = msgspec.json.Decoder(list[int])
_time = datetime.fromisoformat


@dataclass(frozen=True, slots=True)
class Unread:
    """A held file whose content is not known, or known of an older version."""

    device_id: str
    name: str
    path: str
    sha256: str


class Contents:
    """Answers from the newest commit."""

    def __init__(self, query: Query) -> None:
        self._query = query

    async def unread(self) -> AsyncIterator[list[Unread]]:
        """Held files whose content is to be read, by device and name, in pages."""
        last, full = ("", ""), True
        while full:
            page = [Unread(*row) for row in await self._query.sql(_UNREAD, last)]
            full = len(page) == PAGE
            if page:
                last = (page[-1].device_id, page[-1].name)
                yield page

    async def sums(self) -> tuple[int, int]:
        """How many held files were read, and how many of them could not be."""
        rows = await self._query.sql(_SUMS)
        return rows[0][0], rows[0][1]

    async def find(
        self, wanted: Callable[[Channel], bool], since: datetime | None, until: datetime | None
    ) -> AsyncIterator[list[Found]]:
        """Held files with samples of a wanted channel, recorded in part within the period; in pages."""
        known = {row[0]: Channel(*row[1:]) for row in await self._query.sql(_CHANNELS)}
        fit = {number for number, channel in known.items() if wanted(channel)}
        period = (None if since is None else to_text(since), None if until is None else to_text(until))
        async for number, members in self._sets():
            places = [place for place, member in enumerate(members) if member in fit]
            if places:
                named = [(place, known[members[place]]) for place in places]
                async for page in self._of_set(number, named, period):
                    yield page

    async def _sets(self) -> AsyncIterator[tuple[int, list[int]]]:
        last, full = 0, True
        while full:
            rows = await self._query.sql(_SETS, (last,))
            full = len(rows) == PAGE
            for number, members in rows:
                last = number
                yield number, _NUMBERS.decode(members)

    async def _of_set(
        self, number: int, named: Sequence[tuple[int, Channel]], period: tuple[str | None, str | None]
    ) -> AsyncIterator[list[Found]]:
        last, full = ("", ""), True
        while full:
            rows = await self._query.sql(_FOUND, (number, *last, *period))
            full = len(rows) == PAGE
            page = []
            for device_id, device, name, path, begin, end, told in rows:
                last = (device_id, name)
                samples = _NUMBERS.decode(told)
                here = [(channel, samples[place]) for place, channel in named if samples[place]]
                if here:
                    page.append(
                        Found(Device(device_id, device), name, path, _moment(begin), _moment(end), here)
                    )
            if page:
                yield page


async def store_contents(database: "Database", indexed: Sequence[Indexed], at: datetime) -> None:
    """Note what was read, in one transaction, as of `at`.

    Raises DiskFullError, LockedError, StateError: see `border`.
    """
    from osfsync.state.engine import unwrapped  # noqa: PLC0415 - a report has no use for it

    def put(connection: "Connection") -> None:
        numbers = _Numbers(connection)
        for each in indexed:
            connection.exec_driver_sql(
                _PUT, (each.device_id, each.name, each.sha256, to_text(at), *_columns(numbers, each.result))
            )

    async def work() -> None:
        async with database.engine.begin() as connection:
            await connection.run_sync(put)

    with border(database.path), unwrapped():
        await to_the_end(work)


@dataclass(slots=True)
class _Numbers:
    """Of channels and of sets of channels; each is asked for once in a transaction."""

    connection: "Connection"
    known: dict[tuple[str, ...], int] = field(default_factory=dict)

    def of_channel(self, channel: Channel) -> int:
        return self._number(_ADD_CHANNEL, _CHANNEL, (channel.name, channel.unit, channel.data_type))

    def of_set(self, members: Sequence[int]) -> int:
        return self._number(_ADD_SET, _SET, (msgspec.json.encode(members).decode(),))

    def _number(self, add: str, ask: str, values: tuple[str, ...]) -> int:
        if values not in self.known:
            self.connection.exec_driver_sql(add, values)
            self.known[values] = self.connection.exec_driver_sql(ask, values).scalar_one()
        return self.known[values]


def _columns(numbers: _Numbers, result: Content | str) -> tuple[object, ...]:
    if isinstance(result, str):
        return None, None, None, None, None, result
    set_id = numbers.of_set([numbers.of_channel(channel) for channel, _ in result.channels])
    return (
        None if result.begin is None else to_text(result.begin),
        None if result.end is None else to_text(result.end),
        set_id,
        msgspec.json.encode([samples for _, samples in result.channels]).decode(),
        msgspec.json.encode(dict(result.head)).decode(),
        None,
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else _time(text)
