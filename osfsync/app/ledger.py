"""The order ledger at the user's command: shown, and open orders forgotten."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from datetime import datetime

from osfsync.app.choice import chosen_devices
from osfsync.config import Settings
from osfsync.domain.model import utc_now
from osfsync.domain.rows import OrderRow
from osfsync.reports.models import OrderModel
from osfsync.reports.ordering import order_model
from osfsync.state.cancel import cancel_orders
from osfsync.state.database import View, open_state, open_view
from osfsync.state.location import database_path, require_database
from osfsync.state.lock import hold_lock

Orders = AsyncGenerator[Sequence[OrderModel]]


async def open_orders(settings: Settings, devices: Sequence[str] = ()) -> Orders:
    """The orders that may still bring files, newest first, of the devices that fit the globs."""
    async with open_view(settings.state) as view:
        async for chunk in _told(view, view.ledger.orders_still_open(), devices):
            yield chunk


async def all_orders(settings: Settings, devices: Sequence[str] = ()) -> Orders:
    """The same, with those that have ended."""
    async with open_view(settings.state) as view:
        async for chunk in _told(view, view.ledger.orders(), devices):
            yield chunk


async def _told(view: View, pages: AsyncIterator[list[OrderRow]], globs: Sequence[str]) -> Orders:
    chosen = await _chosen(view, globs)
    async for page in pages:
        yield [order_model(row) for row in page if row.device.id in chosen]


async def _chosen(view: View, globs: Sequence[str]) -> dict[str, None]:
    """Ids of the devices that fit, in order of their names."""
    known = [glance.device for glance in await view.overview.glances()]
    return dict.fromkeys(device.id for device in chosen_devices(known, globs))


async def cancel(
    settings: Settings, devices: Sequence[str] = (), *, clock: Callable[[], datetime] = utc_now
) -> int:
    """Forget the orders of the devices that fit the globs and still await files; answers how many there were.

    Raises LockedError while a run works on the state: it counts with what it read there.
    """
    require_database(database_path(settings.state))
    with hold_lock(settings.state):
        async with open_state(settings.state) as database:
            return await cancel_orders(database, list(await _chosen(database, devices)), clock())
