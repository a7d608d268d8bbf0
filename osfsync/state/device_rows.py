"""Devices, and the sums over their files: SQL text and what becomes of its rows."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from osfsync.domain.model import Device, ListingSource, StorageStatus
from osfsync.domain.rows import DeviceProblem, DeviceRow

SUMS = """
    SELECT device_id, storage_status, sum(held_size IS NULL AND lost_at IS NULL), count(held_size),
           coalesce(sum(held_size), 0), sum(held_size IS NULL AND failure IS NOT NULL AND lost_at IS NULL),
           sum(held_size IS NULL AND lost_at IS NOT NULL), count(listed_by)
    FROM files GROUP BY device_id, storage_status
"""
DEVICES = """
    SELECT id, name, tenant_id, folder, first_seen, last_seen, listed_at, listing_source,
        problem, problem_text, problem_at, heard_until, mute, last_contact
    FROM devices ORDER BY name, id
"""
_time = datetime.fromisoformat


def missing_of(sums: Sequence[tuple[Any, ...]]) -> dict[StorageStatus, int]:
    """Missing files by storage status, from rows of `SUMS`."""
    missing = dict.fromkeys(StorageStatus, 0)
    for _, status, number, *_rest in sums:
        missing[StorageStatus(status)] += number
    return missing


def device_row(row: tuple[Any, ...], sums: Sequence[tuple[Any, ...]], open_orders: int) -> DeviceRow:
    """One device, from a row of `DEVICES` and its rows of `SUMS`."""
    (device_id, name, tenant_id, folder, first_seen, last_seen, listed_at, source, *told) = row
    problem, problem_text, problem_at, heard_until, mute, last_contact = told
    return DeviceRow(
        device=Device(device_id, name),
        tenant_id=tenant_id,
        folder=folder,
        first_seen=_time(first_seen),
        last_seen=_time(last_seen),
        listed_at=_moment(listed_at),
        source=None if source is None else ListingSource(source),
        problem=None if problem is None else DeviceProblem(problem, problem_text, _time(problem_at)),
        heard_until=_moment(heard_until),
        mute=mute or "",
        last_contact=_moment(last_contact),
        open_orders=open_orders,
        held=sum(part[3] for part in sums),
        held_bytes=sum(part[4] for part in sums),
        missing=missing_of(sums),
        lost=sum(part[6] for part in sums),
        contradicted=sum(part[7] for part in sums),
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else _time(text)
