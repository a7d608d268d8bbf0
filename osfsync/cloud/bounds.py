"""How much one JSON answer may hold: its entries lie in memory, and some MB of `{}` would fill it."""

from collections.abc import Sequence

import msgspec

from osfsync.domain.errors import ProtocolError

LARGEST_RECORD = 4_000_000
"""Bytes of one record; an event may tell a device's whole list."""

MOST_OBJECTS = 1_000_000
"""Entries of one answer; each becomes an object of some 64 bytes."""

MOST_VALUES = 10_000_000

_LISTED_IN_ONE = 100
"""Values of an entry, on the average, where there are very many."""

Raws = Sequence[msgspec.Raw]


def refuse_swarm(body: bytes, what: str) -> None:
    """Raise ProtocolError where an answer holds too much to be taken apart; counted before that is tried."""
    values, objects = body.count(b","), body.count(b"{")
    if values >= MOST_VALUES:
        raise ProtocolError(f"The {what} holds more than {MOST_VALUES:,} values.")
    if objects > MOST_OBJECTS + 1:
        raise ProtocolError(f"The {what} holds more than {MOST_OBJECTS:,} entries.")
    if values > 2 * MOST_OBJECTS + _LISTED_IN_ONE * objects:
        raise ProtocolError(f"The {what} holds many values that belong to no entry.")


def bounded(records: Raws, body: bytes, what: str) -> Raws:
    """The records of an answer. Raises ProtocolError where one has more than LARGEST_RECORD bytes."""
    if len(body) > LARGEST_RECORD and any(memoryview(raw).nbytes > LARGEST_RECORD for raw in records):
        raise ProtocolError(f"The {what} has a record of more than {LARGEST_RECORD} bytes.")
    return records
