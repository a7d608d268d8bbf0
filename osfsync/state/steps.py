"""What is done to the tables for one fact, as steps that a transaction takes in one order."""

from dataclasses import dataclass
from enum import IntEnum

from osfsync.state.statements import Row


class Step(IntEnum):
    """What is done to the tables, in the order in which a group does it: what others refer to comes first."""

    UPSERT_DEVICE = 0
    UPSERT_FILE = 1
    INSERT_STATUS = 2
    FILE_LOST = 3
    CLEAR_LISTED_BY = 4
    SET_LISTED_BY = 5
    INSERT_LISTING = 6
    DEVICE_LISTED = 7
    DEVICE_FAILED = 8
    SETTLE_LISTINGS = 9
    INSERT_EVENT = 10
    PRUNE_EVENTS = 11
    DEVICE_HEARD = 12
    DEVICE_MUTE = 13
    INSERT_ORDER = 14
    INSERT_ORDER_FILE = 15
    ORDER_ANSWERED = 16
    DELETE_ORDER_FILES = 17
    FILE_ORDERED = 18
    ORDER_FOLLOWED = 19
    ORDER_GIVEN_UP = 20
    FILE_HELD = 21
    FILE_FAILED = 22
    HELD_REFUTED = 23
    INSERT_ATTEMPT = 24


@dataclass(frozen=True, slots=True)
class RunKey:
    """The run that tells the facts, and its tenant."""

    id: str
    tenant_id: str


Placed = tuple[Step, object, Row]
"""A step, what its row is about, and the row.

The order of steps matters among rows about one thing; None is about nothing.
"""
