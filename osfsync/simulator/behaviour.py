"""How a device lives: when it makes contact, what it records, how much it keeps and delivers."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One way of life.

    Attributes:
        contact_every: from contact to contact; None for a device that never connects again: one that is
            given such a behaviour misses even the contact that was due.
        jitter: how far a contact may stray, as a share of `contact_every`.
        outage_chance: how often the mobile network is gone after a contact, 0 to 1; then for `outage`.
        files_per_contact: how many files a contact delivers at most.
        delivers: whether it delivers what a command lists; else it answers with its list and that is all.
        files_per_day: how many files it records.
        file_bytes: their size, give or take a quarter.
        capacity: bytes that the device can store, None for more than it will ever need. When they are used
            up, the oldest files on the device make room (ring buffer).
    """

    contact_every: timedelta | None = timedelta(hours=4)
    jitter: float = 0.0
    outage_chance: float = 0.0
    outage: timedelta = timedelta(days=2)
    files_per_contact: int = 10
    delivers: bool = True
    files_per_day: float = 6.0
    file_bytes: int = 4_000
    capacity: int | None = None

    def next_contact(self, now: datetime, rng: Random) -> datetime | None:
        """When the device connects next after `now`, None for never."""
        if self.contact_every is None:
            return None
        pause = self.contact_every * (1.0 + self.jitter * (2.0 * rng.random() - 1.0))
        if rng.random() < self.outage_chance:
            pause += self.outage * (0.5 + rng.random())
        return now + pause

    def recording_length(self) -> timedelta | None:
        """How long one file records, None for a device that records nothing."""
        return timedelta(days=1) / self.files_per_day if self.files_per_day > 0 else None

    def draw_size(self, rng: Random) -> int:
        """The size of a new file, in bytes."""
        return varied(self.file_bytes, rng)


def varied(size: int, rng: Random) -> int:
    """`size`, give or take a quarter."""
    return round(size * (0.75 + 0.5 * rng.random()))


REGULAR = Behaviour(jitter=0.25)
"""With a `capacity` it is a ring buffer: `replace(REGULAR, capacity=20_000)`."""
FLAKY = Behaviour(jitter=0.5, outage_chance=0.4, files_per_contact=3)
"""On a mobile network: away for one to three days every now and then."""
SILENT = Behaviour(contact_every=None)
"""Dead: commands for it wait for ever."""
LIST_ONLY = replace(REGULAR, delivers=False)
"""Executes every command and delivers nothing."""
STILL = Behaviour(files_per_day=0)
"""Connects every four hours to the second and records nothing: what a test builds by hand."""
