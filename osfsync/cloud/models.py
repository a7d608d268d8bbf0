"""What only the far side speaks of: communication events and telemetry."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class CommunicationEvent:
    """One thing that device and platform said to each other.

    Attributes:
        kind: such as PING, ATTN or RETURN_LIST, upper-case; empty where no field tells it.
        at: UTC; None where no field tells it.
        extra: all that the platform told, as (field, text) pairs, bounded.
    """

    kind: str
    at: datetime | None
    extra: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """The latest value of one data channel, as text, and when it was taken (UTC)."""

    channel: str
    value: str
    at: datetime | None
