"""What is in a file: its channels, and when it was recorded by its own account."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from osfsync.domain.model import Device


@dataclass(frozen=True, slots=True, order=True)
class Channel:
    """One channel as files describe it. `unit` may be empty; `data_type` is the vendor's word."""

    name: str
    unit: str
    data_type: str


@dataclass(frozen=True, slots=True)
class Content:
    """What was read of one file.

    Attributes:
        begin: of the first sample of all channels; None where there is none. Likewise `end`.
        channels: each with its number of samples, in the file's order.
        head: what the file tells of itself, such as `creator` or `created_utc`, by the file's own words.
    """

    begin: datetime | None
    end: datetime | None
    channels: Sequence[tuple[Channel, int]]
    head: Sequence[tuple[str, str]] = ()

    @property
    def samples(self) -> int:
        """Of all channels."""
        return sum(samples for _, samples in self.channels)


@dataclass(frozen=True, slots=True)
class Indexed:
    """What came of reading a held file: its content, or why it could not be read."""

    device_id: str
    name: str
    sha256: str
    result: Content | str


@dataclass(frozen=True, slots=True)
class Found:
    """A held file that has channels which were looked for; each with its number of samples."""

    device: Device
    name: str
    path: str
    begin: datetime | None
    end: datetime | None
    channels: Sequence[tuple[Channel, int]]
