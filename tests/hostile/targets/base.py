"""What the targets share."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from osfsync.cloud.fields import LONGEST_NAME
from osfsync.domain.errors import ProtocolError, TenantError
from osfsync.domain.model import DataFile, Device

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WHAT = "answer of device 'Crane 4'"
DEVICE = Device("d-1", "Crane 4")
LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Target:
    """A parser to try.

    Attributes:
        seeds: what it reads without complaint, or nearly.
        words: pieces that mean something to it.
    """

    name: str
    try_with: Callable[[bytes], None]
    seeds: tuple[bytes, ...]
    words: tuple[bytes, ...] = ()


def refused(error: ProtocolError | TenantError) -> None:
    """A message is bounded, and no raw text of the platform's stands in it."""
    assert str(error).isprintable(), "a message that steers a terminal"
    assert len(str(error)) < 30_000, "a message without end"


def assert_sound(file: DataFile) -> None:
    assert file.name.strip()
    assert len(file.name) <= LONGEST_NAME
    assert file.size is None or 0 <= file.size <= LARGEST
    assert file.start is None or file.end is None or file.start <= file.end
    for moment in (file.start, file.end):
        assert moment is None or 1990 <= moment.year < 2100
    assert file.tag is None or 0 < len(file.tag) <= 256
    assert len(file.extra) <= 32
    for text in (file.name, file.tag or "", *(part for pair in file.extra for part in pair)):
        text.encode()
        assert len(text) <= LONGEST_NAME


def pieces(data: bytes) -> Iterator[bytes]:
    """Cut by its own first byte."""
    step = 1 + data[0] if data else 1
    yield from (data[at : at + step] for at in range(1, len(data), step))
