"""What the state tells of orders: the talk with each device, what is awaited, what was lost."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec

from osfsync.domain.dialogue import MUTE_AFTER, Dialogue, Order, OrderState, Refusal, dialogue_of
from osfsync.domain.loss import horizon_of
from osfsync.domain.model import CommunicationEvent, Device, StorageStatus, TimeWindow
from osfsync.domain.rows import OrderRow, StatusRow, Unlisted
from osfsync.state.query import Query
from osfsync.state.terms import AWAITED, KEEP_EVENTS, MISSING, to_text

PAGE = 5_000

ORDERS_PAGE = 500

LOSSES_KEPT_IN_MIND = 100
"""The newest lost files of a device, which teach how long it keeps them."""

_ORDER = (
    'id, start, "end", tag, sent_at, state, ahead, contacted_at, answered_at, due_at, answer, cancelled_at, '
    "given_up_at, given_up_why"
)
_DEVICE = """
    SELECT heard_until, mute, mute_at FROM devices WHERE id = ?1 AND ?2 <> ''
"""
_ORDERS_OF_DEVICE = f"""
    SELECT {_ORDER},
        (SELECT count(*) FROM files INDEXED BY ix_files_order_id
         WHERE {AWAITED} AND files.order_id = orders.id AND lost_at IS NULL),
        EXISTS (SELECT 1 FROM order_files JOIN files
                ON files.device_id = order_files.device_id AND files.name = order_files.name
                WHERE order_files.order_id = orders.id
                  AND (storage_status > 0 OR fetched_at > orders.sent_at))
    FROM orders
    WHERE device_id = ?1 AND (sent_at > ?2 OR (answered_at IS NULL AND state <> 'refused'
                                               AND given_up_at IS NULL AND cancelled_at IS NULL))
    ORDER BY id
"""  # noqa: S608 - constants
_EVENTS = "SELECT at, kind, extra FROM events WHERE device_id = ?1 AND at > ?2 ORDER BY at"
_STAYS = f"""
    SELECT coalesce("end", start), last_seen FROM files INDEXED BY ix_files_lost
    WHERE device_id = ?1 AND lost_at IS NOT NULL AND coalesce("end", start) IS NOT NULL AND ?2 <> ''
      AND storage_status < 2
    ORDER BY lost_at DESC LIMIT {LOSSES_KEPT_IN_MIND}
"""  # noqa: S608 - constants
_TALKING = """
    SELECT device_id FROM orders UNION SELECT device_id FROM files WHERE lost_at IS NOT NULL
"""
_AWAITING = f"""
    SELECT DISTINCT device_id FROM files INDEXED BY ix_files_order_id
    WHERE {AWAITED} AND lost_at IS NULL
      AND NOT EXISTS (SELECT 1 FROM orders WHERE orders.id = order_id AND given_up_at IS NOT NULL)
"""  # noqa: S608 - constants
_UNLISTED = f"""
    SELECT name, coalesce(start, "end", seen_from), coalesce("end", start, seen_to),
        storage_status > 1 OR listed_by = 'server-list', coalesce(start, "end") IS NOT NULL
    FROM files INDEXED BY ix_files_missing
    WHERE {MISSING} AND device_id = ? AND name > ? AND lost_at IS NULL
    ORDER BY name LIMIT {PAGE}
"""  # noqa: S608 - constants
_HELD_WITHIN = """
    SELECT 1 FROM files WHERE device_id = ? AND sha256 IS NOT NULL
      AND coalesce(start, "end", seen_from) >= ? AND coalesce("end", start, seen_to) <= ? LIMIT 1
"""
_STATUSES = "SELECT at, was, became FROM statuses WHERE device_id = ? AND name = ? ORDER BY at"
_COLUMNS_OF_ORDERS = ", ".join(f"orders.{column.strip()}" for column in _ORDER.split(","))
_OWED = f"files.order_id = orders.id AND {MISSING} AND lost_at IS NULL"
_IS_OPEN = f"""
    state IN ('sending', 'sent', 'doubtful') AND cancelled_at IS NULL AND given_up_at IS NULL
      AND EXISTS (SELECT 1 FROM files INDEXED BY ix_files_order_id
                  WHERE {AWAITED} AND files.order_id = orders.id AND lost_at IS NULL)
"""  # noqa: S608 - constants
_ORDER_ROWS = f"""
    SELECT orders.device_id, devices.name, run_id, orders.files,
        coalesce(sum({_OWED}), 0),
        coalesce(sum({_OWED} AND storage_status = 1), 0),
        coalesce(sum({_OWED} AND storage_status > 1), 0),
        count(sha256),
        coalesce(sum(sha256 IS NULL AND lost_at IS NOT NULL), 0),
        {_COLUMNS_OF_ORDERS}
    FROM (SELECT * FROM orders WHERE id < ? AND {{which}} ORDER BY id DESC LIMIT {ORDERS_PAGE}) AS orders
    JOIN devices ON devices.id = orders.device_id
    LEFT JOIN order_files ON order_files.order_id = orders.id
    LEFT JOIN files ON files.device_id = order_files.device_id AND files.name = order_files.name
    GROUP BY orders.id ORDER BY orders.id DESC
"""  # noqa: S608 - constants
_ALL_ORDER_ROWS = _ORDER_ROWS.format(which="true")
_OPEN_ORDER_ROWS = _ORDER_ROWS.format(which=_IS_OPEN)
_OF_FILE = f"""
    SELECT {_COLUMNS_OF_ORDERS} FROM order_files
    JOIN orders ON orders.id = order_files.order_id
    WHERE order_files.device_id = ? AND order_files.name = ? ORDER BY orders.id
"""  # noqa: S608 - constants
OPEN_ORDERS = f"""
    SELECT orders.device_id, count(*) FROM orders WHERE {_IS_OPEN} GROUP BY orders.device_id
"""  # noqa: S608 - constants
_EXTRA = msgspec.json.Decoder(tuple[tuple[str, str], ...])
_time = datetime.fromisoformat


_TALK = (_DEVICE, _ORDERS_OF_DEVICE, _EVENTS, _STAYS)
"""Each takes the device and the moment from which on things count."""


@dataclass(frozen=True, slots=True)
class Talk:
    """What the state knows of the talk with one device; see Dialogue."""

    orders: Sequence[Order]
    events: Sequence[CommunicationEvent]
    heard_until: datetime | None
    mute: str
    horizon: timedelta | None

    def dialogue(
        self, news: Sequence[CommunicationEvent] = (), heard_until: datetime | None = None
    ) -> Dialogue:
        """Put it together with what was just read from the log, up to `heard_until`."""
        return dialogue_of(
            self.orders,
            list(dict.fromkeys([*self.events, *news])),
            heard_until=heard_until or self.heard_until,
            mute="" if heard_until is not None else self.mute,
            refusal=_refusal(self.orders),
            horizon=self.horizon,
        )


class Ledger:
    """Answers from the newest commit."""

    def __init__(self, query: Query) -> None:
        self._query = query

    async def next_order_id(self) -> int:
        """A number that no order has yet; there is one writer, which counts on from here."""
        rows = await self._query.sql("SELECT coalesce(max(id), 0) + 1 FROM orders")
        return int(rows[0][0])

    async def talking(self) -> set[str]:
        """Ids of devices of which there is more to know than `NOTHING_KNOWN`."""
        return {row[0] for row in await self._query.sql(_TALKING)}

    async def awaiting(self) -> set[str]:
        """Ids of devices that owe a file that was ordered."""
        return {row[0] for row in await self._query.sql(_AWAITING)}

    async def talk(self, device_id: str, now: datetime) -> Talk:
        """What is known of the talk with a device, over the time before `now` for which events are kept."""
        answers = await self._query.sqls(_TALK, (device_id, to_text(now - KEEP_EVENTS)))
        devices, orders, events, stays = answers
        told_until, mute, mute_at = devices[0] if devices else (None, None, None)
        return Talk(
            orders=[replace(_order(row), owed=owed, moved=bool(moved)) for *row, owed, moved in orders],
            events=[_event(row) for row in events],
            heard_until=_moment(told_until),
            mute=mute if mute and _says_nothing(told_until, mute_at) else "",
            horizon=_horizon(stays),
        )

    async def dialogue(self, device_id: str, now: datetime) -> Dialogue:
        """The same, put together."""
        return (await self.talk(device_id, now)).dialogue()

    async def horizon(self, device_id: str) -> timedelta | None:
        """How long a device keeps files before it drops them; None where too few were lost to tell."""
        return _horizon(await self._query.sql(_STAYS, (device_id, "always")))

    async def unlisted(self, device_id: str) -> AsyncIterator[list[Unlisted]]:
        """Files of a device that are neither held as listed nor lost: a list that covers them names them."""
        last, full = "", True
        while full:
            rows = await self._query.sql(_UNLISTED, (device_id, last))
            full = len(rows) == PAGE
            if rows:
                last = rows[-1][0]
                yield [
                    Unlisted(name, _window(first, end), bool(server), bool(timed))
                    for name, first, end, server, timed in rows
                ]

    async def holds_within(self, device_id: str, window: TimeWindow) -> bool:
        """Whether a recording of these days is held."""
        key = (device_id, to_text(window.start), to_text(window.end))
        return bool(await self._query.sql(_HELD_WITHIN, key))

    async def statuses(self, device_id: str, name: str) -> list[StatusRow]:
        """Every change of a file's storage status, oldest first."""
        rows = await self._query.sql(_STATUSES, (device_id, name))
        return [StatusRow(_time(at), StorageStatus(was), StorageStatus(became)) for at, was, became in rows]

    async def orders_of_file(self, device_id: str, name: str) -> list[Order]:
        """Every command that was meant for a file, oldest first."""
        return [_order(row) for row in await self._query.sql(_OF_FILE, (device_id, name))]

    def orders(self) -> AsyncIterator[list[OrderRow]]:
        """All commands, newest first, in pages."""
        return self._order_rows(_ALL_ORDER_ROWS)

    def orders_still_open(self) -> AsyncIterator[list[OrderRow]]:
        """Those that may still bring files, newest first, in pages."""
        return self._order_rows(_OPEN_ORDER_ROWS)

    async def _order_rows(self, text: str) -> AsyncIterator[list[OrderRow]]:
        last, full = 2**62, True
        while full:
            rows = await self._query.sql(text, (last,))
            page = [_order_row(row) for row in rows]
            full = len(page) == ORDERS_PAGE
            if page:
                last = page[-1].order.id
                yield page

    async def open_orders(self) -> dict[str, int]:
        """How many commands may still bring files, by the id of their device."""
        return {row[0]: row[1] for row in await self._query.sql(OPEN_ORDERS)}


def _order_row(row: Sequence[Any]) -> OrderRow:
    device_id, device, run, files, awaited, requested, delivered, held, lost, *order = row
    return OrderRow(
        device=Device(device_id, device),
        order=_order(order),
        run=run,
        files=files,
        awaited=awaited,
        requested=requested,
        delivered=delivered,
        held=held,
        lost=lost,
    )


def _event(row: Sequence[Any]) -> CommunicationEvent:
    at, kind, extra = row
    return CommunicationEvent(kind, _time(at), _EXTRA.decode(extra) if extra else ())


def _order(row: Sequence[Any]) -> Order:
    (
        number, start, end, tag, sent_at, state, ahead, contacted_at, answered_at, due_at, answer,
        cancelled_at, given_up_at, given_up_why,
    ) = row  # fmt: skip
    return Order(
        id=number,
        window=TimeWindow(_time(start), _time(end)),
        tag=tag,
        sent_at=_time(sent_at),
        state=OrderState(state),
        ahead=ahead,
        contacted_at=_moment(contacted_at),
        answered_at=_moment(answered_at),
        due_at=_moment(due_at),
        answer=answer,
        cancelled_at=_moment(cancelled_at),
        given_up_at=_moment(given_up_at),
        given_up_why=given_up_why,
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else _time(text)


def _window(first: str, last: str) -> TimeWindow:
    return TimeWindow(_time(first), _time(max(first, last)))


def _says_nothing(heard_until: str | None, mute_at: str) -> bool:
    return heard_until is None or _time(mute_at) - _time(heard_until) >= MUTE_AFTER


def _horizon(stays: Sequence[tuple[Any, ...]]) -> timedelta | None:
    return horizon_of([max(_time(seen) - _time(end), timedelta(0)) for end, seen in stays])


def _refusal(orders: Sequence[Order]) -> Refusal | None:
    """Of the last command, if the platform refused it."""
    if not orders or orders[-1].state is not OrderState.REFUSED:
        return None
    slug, _, explanation = (orders[-1].answer or "").partition(": ")
    return Refusal(slug, explanation, orders[-1].sent_at)
