"""Ids and names of devices, in the shapes that a device list may have. Sans-IO."""

import re
from collections.abc import Mapping

from osfsync.cloud.field_values import scalar_of
from osfsync.cloud.fields import LONGEST_NAME
from osfsync.cloud.layout import spelling
from osfsync.domain.model import Device

LONGEST_ID = 1_000

_NESTED = 3  # objects around an id
_IDS = ("id", "deviceid", "uuid", "deviceuuid", "guid", "entityid")
"""The API page's own field first. Ids of tenants, customers and profiles are none of the device."""

_NAMES = ("name", "devicename", "title", "displayname", "label")
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE | re.ASCII)


def device_of(entry: object) -> Device | None:
    """The device of an entry; None where it has no id. A device without a name goes by its id."""
    if not isinstance(entry, dict):
        return None
    fields = _spelled(entry)
    inner = fields.get("device")
    if isinstance(inner, dict) and (device_id := _id_of(_spelled(inner))) is not None:
        fields = fields | _spelled(inner)
    else:
        device_id = _id_of(fields)
    if device_id is None:
        return None
    names = (scalar_of(fields.get(field)) for field in _NAMES)
    name = next((name for name in names if name is not None), device_id)
    return Device(device_id, name[:LONGEST_NAME])


def _spelled(entry: Mapping[str, object]) -> dict[str, object]:
    return {spelling(field): value for field, value in reversed(list(entry.items()))}


def _id_of(fields: Mapping[str, object]) -> str | None:
    """A UUID, otherwise a text, otherwise a number."""
    values = [(found, fields[field]) for field in _IDS if (found := identity(fields.get(field))) is not None]
    uuids = (found for found, _ in values if _UUID.fullmatch(found))
    texts = (found for found, value in values if not isinstance(value, int))
    numbers = (found for found, _ in values)
    return next(uuids, None) or next(texts, None) or next(numbers, None)


def identity(value: object) -> str | None:
    """An id: text, a whole number, or `{"entityType", "id"}`, perhaps nested."""
    found = value
    for _ in range(_NESTED):
        found = found.get("id", found.get("uuid")) if isinstance(found, dict) else found
    if isinstance(found, int) and not isinstance(found, bool):
        found = str(found)
    return found if isinstance(found, str) and found.strip() and len(found) <= LONGEST_ID else None
