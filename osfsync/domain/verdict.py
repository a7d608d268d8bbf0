"""What a second reading of the archive shows: sights of files, and what they mean for what is held. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from osfsync.domain.model import Device, Held, Verification

REFUTED = "verify"
"""Slug of the attempts that the state remembers of files that were found broken."""


class Check(StrEnum):
    """What of a file was looked at."""

    LENGTH = "length"
    COMPRESSION = "compression"  # to its end marker and checksum
    HEADER = "header"  # magic line and metablock; the blocks were not walked
    STRUCTURE = "structure"  # the blocks too, to the last byte
    CRC32C = "crc32c"  # the checksums that an OSF5 file may carry in itself
    SHA256 = "sha256"  # against the one that was taken when the file came


class Verdict(StrEnum):
    """What was found of one file."""

    OK = "ok"
    MISSING = "missing"  # the state says that it is held, and nothing is there
    CHANGED = "changed"  # other bytes than those that were held
    UNREADABLE = "unreadable"
    DAMAGED = "damaged"  # the very bytes that came, but by its content the file was damaged already then
    EXTRA = "extra"  # there, and not held by the state

    @property
    def is_broken(self) -> bool:
        """Whether the archive lacks what the state says it holds."""
        return self in {Verdict.MISSING, Verdict.CHANGED, Verdict.UNREADABLE}


@dataclass(frozen=True, slots=True)
class HeldFile:
    """A file that the state says is held, at `path` in the archive."""

    device: Device
    name: str
    path: str
    held: Held


@dataclass(frozen=True, slots=True)
class Absent:
    """Nothing lies at the path."""


@dataclass(frozen=True, slots=True)
class Odd:
    """Something lies at the path that is no file: `what`, such as "a folder"."""

    what: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """It can't be read; `why` is the system's word for it."""

    why: str


@dataclass(frozen=True, slots=True)
class Damage:
    """Why the content is no sound file; `check` names what failed."""

    check: str
    message: str


@dataclass(frozen=True, slots=True)
class Examined:
    """A file that was read to its end.

    Attributes:
        touched: when it was last written or given its name, seconds since 1970 by the file system's clock.
        content: what its content shows to be right, or why it is none.
    """

    size: int
    sha256: str
    touched: float
    content: Verification | Damage


Sight = Absent | Odd | Unreadable | Examined


@dataclass(frozen=True, slots=True)
class Finding:
    """One held file as it was found, and what of it was looked at."""

    file: HeldFile
    sight: Sight
    checked: tuple[Check, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """What that means."""
        return verdict_of(self.file.held, self.sight)


@dataclass(frozen=True, slots=True)
class Queued:
    """The state forgot that the file is held, so that it is fetched again.

    `kept` is where its bytes were moved to; None where there were none.
    """

    kept: str | None


@dataclass(frozen=True, slots=True)
class Stuck:
    """What lies at the file's path can't be moved away, so that nothing was changed."""

    why: str


Remedy = Queued | Stuck


@dataclass(frozen=True, slots=True)
class Stranger:
    """Something in the archive's tree that the state does not hold.

    Attributes:
        what: "a file", or what else it is.
        touched: see Examined.
        owner: the device and name of the known file whose path it takes; None where no file has it.
    """

    path: str
    what: str
    touched: float
    owner: tuple[Device, str] | None = None


def verdict_of(held: Held, sight: Sight) -> Verdict:
    """Compare what was found with what is held."""
    match sight:
        case Absent() | Odd():
            return Verdict.MISSING
        case Unreadable():
            return Verdict.UNREADABLE
        case Examined():
            if (sight.size, sight.sha256) != (held.size, held.sha256):
                return Verdict.CHANGED
            known = held.verification is Verification.DAMAGED_AT_SOURCE
            return Verdict.DAMAGED if isinstance(sight.content, Damage) and not known else Verdict.OK
        case _:
            assert_never(sight)
