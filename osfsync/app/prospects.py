"""Missing files with all that their explanation looks at, device by device."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Self

from osfsync.domain.forecast import NOTHING_AWAITED, Forecast, unforeseen
from osfsync.domain.model import StorageStatus
from osfsync.domain.rows import DeviceGlance, FileRow
from osfsync.reports.case import Case, Standpoint, case_of
from osfsync.state.database import View


@dataclass(slots=True)
class Prospects:
    """Asks the state what it needs to know of each device, once while files come by device."""

    view: View
    standpoint: Standpoint
    glances: Mapping[str, DeviceGlance]
    _forecasts: dict[str, Forecast] = field(default_factory=dict)

    @classmethod
    async def of(cls, view: View, standpoint: Standpoint) -> Self:
        """Of all known devices."""
        glances = await view.overview.glances()
        return cls(view, standpoint, {known.device.id: known for known in glances})

    async def cases(self, rows: Sequence[FileRow]) -> list[tuple[FileRow, Case]]:
        """The case of each file of a page."""
        told: list[tuple[FileRow, Case]] = []
        for device_id, of_device in groupby(rows, key=lambda row: row.device.id):
            files = list(of_device)
            forecast = await self._forecast(device_id)
            known = self.glances.get(device_id)  # not of a device that a run has met since
            left_out = None if known is None else known.left_out
            since = await self.view.overview.requested_since(
                device_id,
                [row.record.file.name for row in files if row.record.file.status is StorageStatus.REQUESTED],
            )
            for row in files:
                requested_at = since.get(row.record.file.name)
                told.append((row, case_of(row.record, forecast, self.standpoint, requested_at, left_out)))
        return told

    async def _forecast(self, device_id: str) -> Forecast:
        if device_id not in self._forecasts:
            now = self.standpoint.now
            dialogue = await self.view.ledger.dialogue(device_id, now)
            awaited = NOTHING_AWAITED
            if unforeseen(dialogue, now) is None:
                awaited = await self.view.overview.awaited(device_id)
            known = self.glances.get(device_id)
            contact = None if known is None else known.last_contact
            # Only the last device's is kept: the next page may go on with it, and there may be thousands.
            self._forecasts = {device_id: Forecast(dialogue, awaited, now, contact)}
        return self._forecasts[device_id]
