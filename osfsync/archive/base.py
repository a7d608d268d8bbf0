"""What every archive can do: the port that object stores may fill later."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Annotated, Protocol

from msgspec import Meta, Struct

from osfsync.domain.errors import OsfsyncError
from osfsync.domain.model import ContentCheck, Held


@dataclass(frozen=True, slots=True)
class Placed:
    """A file that is in place.

    Attributes:
        kept: where that lies now which lay at its path before; None where nothing did, or nothing worth it.
    """

    held: Held
    kept: str | None = None


@dataclass(frozen=True, slots=True)
class Unplaced:
    """A file that is not in place because the archive itself is at fault: the run ends with `failure`."""

    failure: OsfsyncError


Result = Placed | Unplaced | OsfsyncError
"""What came of one file of a group; an error concerns that file alone."""


@dataclass(frozen=True, slots=True)
class Complete:
    """Shows that a body is complete once it has the expected size: the list and the framing agree on it.

    Attributes:
        refused: SHA-256 of the damaged bytes that were downloaded before. The same bytes again are what the
            platform has: they are archived as damaged at the source.
    """

    refused: str | None = None


@dataclass(frozen=True, slots=True)
class Body:
    """A whole file in memory, on its way into the archive.

    Attributes:
        path: where it goes, relative to the archive, `/`-separated, as `safe_path` makes it.
        expected_size: bytes, where something told it.
        check: fresh; judges these bytes and no others.
        former: the older version that is held at the path; what else lies there is somebody's.
        complete: set where the expected size proves that all bytes are here.
    """

    path: str
    data: bytes
    expected_size: int | None
    check: ContentCheck
    former: Held | None = None
    complete: Complete | None = None


class PartLabel(Struct, frozen=True, forbid_unknown_fields=True):
    """Of which file a part is the beginning. An archive keeps it beside the bytes, and reads nothing in it.

    Attributes:
        device_id: whose file it is, and under which `name`.
        size: of the whole file, in bytes.
        validator: what told its version; None where nothing did.
    """

    device_id: str
    name: str
    size: Annotated[int, Meta(ge=1)]
    validator: Annotated[str, Meta(pattern=r"^[ -~]{1,250}$")] | None


class Receiver(Protocol):
    """A large file that arrives in pieces."""

    @property
    def size(self) -> int:
        """Bytes that are here."""

    async def write(self, pieces: Sequence[bytes]) -> None:
        """Take the next pieces: hash, check, write, in one step off the event loop.

        Raises DamagedError as soon as the bytes can't be the file, DiskFullError, ArchiveError. Damaged
        content of a body that may prove to be complete is judged by `commit`.
        """

    async def commit(self, former: Held | None = None) -> Placed:
        """Judge the end, make the bytes durable and give the file its name. Call once, last.

        `former` is the older version that is held at the path; what else lies there is somebody's.

        Raises DamagedError, DiskFullError, ArchiveError; then nothing was put in place.
        """

    async def discard(self) -> None:
        """Remove what came: nothing else may be done with it. Not interrupted by cancellation."""


class Archive(Protocol):
    """Where files land. A file gets its name only when it is whole and durable.

    Paths are relative, `/`-separated, and made by `safe_path`.
    """

    async def check(self) -> None:
        """See that files can be put here, beside a run that may be under way.

        Raises ArchiveError where it can't be used, DiskFullError.
        """

    async def prepare(self, state: str, *, known: bool) -> None:
        """Make the archive ready for a run; `known` says whether its state has worked with one before.

        Removes what dead runs left half-written, but for parts that are kept. Raises ArchiveError where it
        can't be used, or is not this state's archive; DiskFullError.
        """

    async def last_step(self) -> str:
        """What `note_step` was told last; empty where nothing was. Raises ArchiveError."""

    async def note_step(self, step: str) -> None:
        """Remember, durably, how far its state is. Raises ArchiveError, DiskFullError."""

    async def folders(self) -> dict[str, str]:
        """The folder of each device that was noted here, by its id: the state may have been lost since.

        Raises ArchiveError.
        """

    async def note_folders(self, folders: Mapping[str, str]) -> None:
        """Remember the folders, durably, in place of those that were. Raises ArchiveError, DiskFullError."""

    async def judge(self, state: str, *, known: bool) -> None:
        """Raises ArchiveError where `prepare` would, and changes nothing."""

    async def confirm(self) -> None:
        """Raises ArchiveError where what was prepared or judged lies here no more: its disk may be gone.

        To be asked before what is missing here is believed to be lost.
        """

    async def sizes(self, paths: Sequence[str]) -> dict[str, int | None]:
        """Bytes of what lies at those paths and is no folder; None where that can't be seen now.

        A link is not followed.
        """

    async def adopt(self, path: str, expected_size: int | None, check: ContentCheck) -> Held | None:
        """Judge a file that lies in the archive already; None where it is missing or not whole.

        Raises ArchiveError where it can't be read.
        """

    async def doubtful(self, paths: Sequence[str]) -> set[str]:
        """Those at which the file of another name may lie: a twin, made by `twin_paths`, lies beside them."""

    async def beside_told_apart(self, paths: Sequence[str]) -> set[str]:
        """Those that lead through a folder beside which one lies that was told apart from it.

        Two devices had one name: whose the plain folder is, a state knows or `folders`, and nobody else.
        """

    async def place(self, bodies: Sequence[Body]) -> list[Result]:
        """Put small files in place, as a group: one result per body, in order.

        An error in the list concerns that file alone: DamagedError for its bytes, ArchiveError for its
        path. Where the archive itself is at fault (DiskFullError, ArchiveError), those that are in place are
        told, and the others are Unplaced; it is raised where none is known to be in place for good.
        Cancelled, it puts all in place or nothing.
        """

    def receive(
        self,
        path: str,
        expected_size: int | None,
        check: ContentCheck,
        label: PartLabel | None = None,
        complete: Complete | None = None,
    ) -> AbstractAsyncContextManager[Receiver]:
        """Take a large file in pieces, from its first byte; what was kept for its path is removed.

        Leaving without `commit` leaves no trace; with a label, what came whole so far is kept under it, where
        that is worth it. Killed, what had become durable is. Damage and errors of the archive keep nothing.
        """

    async def kept(self, path: str) -> PartLabel | None:
        """The label of the part that is kept for a path. Their number, bytes and time are bounded."""

    def resume(
        self, path: str, check: ContentCheck, complete: Complete | None = None
    ) -> AbstractAsyncContextManager[Receiver]:
        """Go on with the part that is kept for a path; it may be left to be kept again.

        Its bytes go through hash and check once more. Entering raises DamagedError where there is none, or
        where it is not what was kept: it is removed then.
        """

    async def forget(self, path: str) -> None:
        """Remove the part that is kept for a path, where there is one."""

    async def set_aside(self, path: str) -> str:
        """Move what lies at a path, and is nobody's, out of the way; answers where it lies now."""

    async def free_space(self) -> int:
        """Bytes that can still be written."""
