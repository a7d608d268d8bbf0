"""`gaps`: intervals in which devices were in contact, but from which no file is known."""

from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import datetime, timedelta

from osfsync.app.choice import chosen_devices
from osfsync.config import Settings
from osfsync.domain.gaps import Attendance, gaps_of
from osfsync.domain.model import TimeWindow, utc_now
from osfsync.domain.rows import DeviceRow
from osfsync.reports.build import gap_model
from osfsync.reports.models import GapModel
from osfsync.state.database import View, open_view


async def attendance_of(view: View, row: DeviceRow, now: datetime) -> Attendance:
    """What its log and its files tell of one device."""
    contacts = await view.overview.contacts(row.device.id)
    recordings = await view.chronicle.recordings(row.device.id, now)
    begun, until = await view.chronicle.heard_from(row.device.id), row.heard_until
    seen = None if until is None or row.listed_at is None else min(until, row.listed_at, now)
    return Attendance(
        contacts=contacts,
        heard=None if begun is None or until is None or until < begun else TimeWindow(begun, until),
        gaps=gaps_of(recordings, contacts, seen),
        usual_pause=timedelta(0) if recordings is None else recordings.usual_pause(),
        recorded_until=None if recordings is None else recordings.end,
    )


async def gaps(
    settings: Settings, devices: Sequence[str] = (), *, clock: Callable[[], datetime] = utc_now
) -> AsyncGenerator[Sequence[GapModel]]:
    """The gaps of the devices that fit the globs, device by device."""
    now = clock()
    async with open_view(settings.state) as view:
        rows = await view.overview.devices()
        chosen = {device.id for device in chosen_devices([row.device for row in rows], devices)}
        for row in rows:
            if row.device.id in chosen:
                attendance = await attendance_of(view, row, now)
                yield [gap_model(row.device, gap, attendance.usual_pause) for gap in attendance.gaps]
