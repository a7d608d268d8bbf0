"""What is done to the tables for one fact, as steps that a transaction takes in one order."""

from dataclasses import dataclass
from enum import IntEnum

from osfsync.state.statements import Row


class Step(IntEnum):
    """What is done to the tables, in the order in which a group does it: what others refer to comes first."""

    UPSERT_DEVICE = 0
    NAME_DEVICE = 1
    UPSERT_FILE = 2
    INSERT_STATUS = 3
    FILE_LOST = 4
    CLEAR_LISTED_BY = 5
    SET_LISTED_BY = 6
    INSERT_LISTING = 7
    DEVICE_LISTED = 8
    DEVICE_FAILED = 9
    DEVICE_EXCLUDED = 10
    SETTLE_LISTINGS = 11
    INSERT_EVENT = 12
    PRUNE_EVENTS = 13
    DEVICE_HEARD = 14
    DEVICE_MUTE = 15
    DOUBT_COUNTED = 16
    DOUBT_SETTLED = 17
    INSERT_ORDER = 18
    INSERT_ORDER_FILE = 19
    ORDER_ANSWERED = 20
    DELETE_ORDER_FILES = 21
    FILE_ORDERED = 22
    ORDER_FOLLOWED = 23
    ORDER_GIVEN_UP = 24
    FILE_HELD = 25
    FILE_FAILED = 26
    FILE_ABSENT = 27
    HELD_REFUTED = 28
    INSERT_ATTEMPT = 29
    UPSERT_REACH = 30


@dataclass(frozen=True, slots=True)
class RunKey:
    """The run that tells the facts, and its tenant."""

    id: str
    tenant_id: str


Placed = tuple[Step, object, Row]
"""A step, what its row is about, and the row.

The order of steps matters among rows about one thing; None is about nothing.
"""
