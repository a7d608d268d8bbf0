"""Forgetting open orders at the user's wish."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from osfsync.state.border import border
from osfsync.state.database import Database
from osfsync.state.engine import unwrapped
from osfsync.state.terms import MISSING, to_text
from osfsync.state.whole import to_the_end

if TYPE_CHECKING:
    from sqlalchemy import Connection

_FORGET_FILES = f"""
    UPDATE files SET orders = 0, ordered_at = NULL, order_id = NULL
    WHERE {MISSING} AND order_id IN (SELECT id FROM orders WHERE cancelled_at = ? AND device_id = ?)
"""  # noqa: S608 - constants
_CANCEL = f"""
    UPDATE orders SET cancelled_at = ? WHERE device_id = ? AND cancelled_at IS NULL AND state <> 'refused'
      AND EXISTS (SELECT 1 FROM files WHERE files.order_id = orders.id AND {MISSING} AND lost_at IS NULL)
"""  # noqa: S608 - constants


async def cancel_orders(database: Database, device_ids: Sequence[str], at: datetime) -> int:
    """Forget the orders of these devices that still await files; answers how many there were.

    Their files count as never ordered. The platform's own queue is not touched: it can't be.

    Raises DiskFullError, LockedError, StateError: see `border`.
    """
    moment = to_text(at)

    def forget(connection: "Connection") -> int:
        cancelled = 0
        for device_id in device_ids:
            cancelled += connection.exec_driver_sql(_CANCEL, (moment, device_id)).rowcount
            connection.exec_driver_sql(_FORGET_FILES, (moment, device_id))
        return cancelled

    async def work() -> int:
        async with database.engine.begin() as connection:
            return await connection.run_sync(forget)

    with border(database.path), unwrapped():
        cancelled = await to_the_end(work)
    return cancelled  # noqa: RET504 - mypy thinks that a context manager may swallow an error
