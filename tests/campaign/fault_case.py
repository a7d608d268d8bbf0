"""What a case of the fault campaign is: what goes wrong, whom it hits, and what must be true at the end."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from random import Random

from osfsync.cloud.settings import BatchMode
from osfsync.domain.errors import ExitCode
from osfsync.simulator.endpoints import ServerOptions
from osfsync.simulator.faults import Fault
from osfsync.simulator.listing import Dialect


class Hit(Enum):
    """Whom a trouble hits. Of files, at least one and at most a third."""

    ALL = "every request"
    FILES = "some files"
    PACKED = "some .osfz files"
    PLAIN = "some .osf files"
    DEVICE = "one device"
    SEALED = "the device whose credentials may not be read"


class Left(Enum):
    """Which of the files that the server has may be missing at the end; all others must be here."""

    NOTHING = "all here"
    FILES = "all here but those hit"
    DEVICE = "all here but the device's"
    EVERYTHING = "none here"
    SOME = "few or many here"


class Between(Enum):
    """What happens on the platform between two runs."""

    NOTHING = "nothing"
    NEW_FILES = "each device delivers one more file"
    NEW_VERSIONS = "the files that are hit are longer ones now"
    SAME_SIZES = "the files that are hit are other ones of the same size now"


@dataclass(slots=True)
class Dice:
    """What a fault is made from: chance, the platform's address and a foreign one, the bytes of the file."""

    rng: Random
    here: str
    elsewhere: str
    content: bytes = field(default=b"", repr=False)


Make = Callable[[Dice], Fault]


@dataclass(frozen=True, slots=True)
class Trouble:
    """One rule of the script.

    Attributes:
        on: the label of an endpoint, None for all.
        times: how often it meets each of those that it hits; None for always.
    """

    make: Make
    on: str | None
    hit: Hit = Hit.ALL
    times: int | None = None
    probability: float = 1.0


@dataclass(frozen=True, slots=True)
class Fleet:
    """What a world is drawn from. Devices, files of each, and bytes of each lie in these ranges.

    Attributes:
        sealed: whether one device's credentials may not be read; None leaves that to chance.
        waiting: each device has files that only it has; else that is left to chance.
    """

    devices: range = range(2, 4)
    files: range = range(3, 7)
    sizes: range = range(2_000, 30_000)
    sealed: bool | None = None
    waiting: bool = False
    dialect: Dialect = field(default_factory=Dialect)


@dataclass(frozen=True, slots=True)
class Tuning:
    """Settings of the run.

    Attributes:
        span: seconds over which a body's rate is measured.
        batch: None: small files come several at once by odd seeds, and singly by even ones.
    """

    retries: int = 1
    idle: float = 5.0
    downloads: int = 32
    requests_per_second: float = 0
    span: float = 30.0
    batch: BatchMode | None = None

    def batch_by(self, seed: int) -> BatchMode:
        """How small files come."""
        return self.batch or (BatchMode.AUTO if seed % 2 else BatchMode.NEVER)

    @property
    def idle_timeout(self) -> timedelta:
        return timedelta(seconds=self.idle)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One line of the table.

    Attributes:
        troubles: what goes wrong; rules are tried in this order.
        exit: None means: complete where all is here, else partial.
        left: see `Left`.
        reasons: of the files that are missing and known, in the contract's words.
        problems: reasons that the summary gives; each file that is missing has one of them.
        waiting: reasons of the files that only devices have.
        says: words that the summary must hold, so that a person knows what to do.
        before: troubles of a run before this one; None where there is none. `between` the two something
            may happen, and `after` it, before the run without trouble.
        seconds: that the run takes at most, on a busy machine.
        requests: that it sends at most, in multiples of what a run without trouble needs.
    """

    name: str
    troubles: tuple[Trouble, ...]
    exit: ExitCode | None = ExitCode.COMPLETE
    left: Left = Left.NOTHING
    reasons: frozenset[str] = frozenset()
    problems: frozenset[str] = frozenset()
    waiting: frozenset[str] = frozenset({"ordered"})
    says: str = ""
    fleet: Fleet = field(default_factory=Fleet)
    tuning: Tuning = field(default_factory=Tuning)
    options: ServerOptions = field(default_factory=ServerOptions)
    before: tuple[Trouble, ...] | None = None
    between: Between = Between.NOTHING
    after: Between = Between.NOTHING
    seconds: float = 10.0
    requests: float = 2.0

    @property
    def expected(self) -> str:
        """In a few words."""
        code = "0 or 3" if self.exit is None else str(int(self.exit))
        reasons = f": {'/'.join(sorted(self.reasons))}" if self.reasons else ""
        several = len(self.problems) > 2
        problems = f" ({'several' if several else '/'.join(sorted(self.problems))})" if self.problems else ""
        return f"exit {code}, {self.left.value}{reasons}{problems}"
