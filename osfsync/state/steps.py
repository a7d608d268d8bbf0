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
    DOUBT_COUNTED = 14
    DOUBT_SETTLED = 15
    INSERT_ORDER = 16
    INSERT_ORDER_FILE = 17
    ORDER_ANSWERED = 18
    DELETE_ORDER_FILES = 19
    FILE_ORDERED = 20
    ORDER_FOLLOWED = 21
    ORDER_GIVEN_UP = 22
    FILE_HELD = 23
    FILE_FAILED = 24
    HELD_REFUTED = 25
    INSERT_ATTEMPT = 26
    UPSERT_REACH = 27


@dataclass(frozen=True, slots=True)
class RunKey:
    """The run that tells the facts, and its tenant."""

    id: str
    tenant_id: str


Placed = tuple[Step, object, Row]
"""A step, what its row is about, and the row.

The order of steps matters among rows about one thing; None is about nothing.
"""
