"""What only the far side speaks of: telemetry."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Reading:
    """The latest value of one data channel, as text, and when it was taken (UTC)."""

    channel: str
    value: str
    at: datetime | None
