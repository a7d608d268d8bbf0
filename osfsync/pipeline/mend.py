"""Mend: files that are not in place as they were → moved aside, forgotten, and to be fetched again."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import anyio

from osfsync.archive.base import Archive
from osfsync.domain.errors import ArchiveError, DiskFullError
from osfsync.domain.model import Device, Failure
from osfsync.domain.outcomes import HeldRefuted
from osfsync.domain.planner import Choice
from osfsync.domain.selection import Globs, Selection
from osfsync.domain.verdict import REFUTED, Absent, Finding, Queued, Remedy, Stuck, Unreadable
from osfsync.pipeline.tally import Tally
from osfsync.reports.verify import explain, failed_check
from osfsync.state.writer import Writer

_UNREADABLE = (
    "can't be read now ({}) and may be whole: it stays. Where it is not, remove it, and it is fetched again."
)
_IS_BACK = "was not there a moment ago, and is now: it stays. Is the disk in order? Verify again."


@dataclass(slots=True)
class Mender:
    """Takes what a verification found broken. Only one run may work on the archive.

    Attributes:
        begin: starts the run that tells the facts, when the first file is broken.
        names: hashes of the names of forgotten files; a repair may meet a million.
        device_ids: their devices.
        queued: how many they are; `stuck`: how many could not be moved aside.
    """

    archive: Archive
    begin: Callable[[], Awaitable[Writer]]
    tally: Tally
    clock: Callable[[], datetime]
    names: set[int] = field(default_factory=set)
    device_ids: set[str] = field(default_factory=set)
    queued: int = 0
    stuck: int = 0

    async def mend(self, findings: Sequence[Finding]) -> list[Remedy]:
        """Move what lies there aside and forget that it is held, each in a step that is not split.

        First the bytes, then the state: a file that is not held and lies at its path may be taken over by a
        sync, and a flipped bit shows in a hash only. One by one: a run that is killed leaves one file at most
        that the state still takes for held.

        Raises ArchiveError where files seem to be gone because their disk is.
        """
        back: Collection[str] = ()
        if absent := [finding.file.path for finding in findings if isinstance(finding.sight, Absent)]:
            await self.archive.confirm()
            back = await self.archive.sizes(absent)  # the disk may have been away meanwhile
        return [await self._mend(finding, back) for finding in findings]

    async def _mend(self, finding: Finding, back: Collection[str]) -> Remedy:
        file = finding.file
        with anyio.CancelScope(shield=True):
            writer = await self.begin()  # first: where the state can't be written, nothing is moved
            remedy = await self._move(finding, back)
            if isinstance(remedy, Queued):
                fact = HeldRefuted(file.device.id, file.name, self._failure(finding, remedy))
                await writer.commit([fact])
                self.queued += 1
                self.names.add(hash(file.name))
                self.device_ids.add(file.device.id)
        return remedy

    async def _move(self, finding: Finding, back: Collection[str]) -> Remedy:
        file = finding.file
        if isinstance(finding.sight, Absent):
            return self._left(finding, _IS_BACK) if file.path in back else Queued(None)
        if isinstance(finding.sight, Unreadable):
            return self._left(finding, _UNREADABLE.format(finding.sight.why))
        try:
            return Queued(await self.archive.set_aside(file.path))
        except (ArchiveError, DiskFullError) as error:
            self.stuck += 1
            self.tally.failed_files.add((file.device.id, file.name))
            self.tally.error(file.device.name, file.name, error)
            return Stuck(str(error))

    def _left(self, finding: Finding, why: str) -> Stuck:
        """What may be whole stays, and is told."""
        file, text = finding.file, f"{finding.file.path} {why}"
        self.stuck += 1
        self.tally.failed_files.add((file.device.id, file.name))
        self.tally.problem(file.device.name, file.name, "unreadable", text)
        return Stuck(text)

    def _failure(self, finding: Finding, remedy: Remedy) -> Failure:
        return Failure(REFUTED, explain(finding, remedy), self.clock(), failed_check(finding))

    def selection(self) -> Selection:
        """Forgotten files and no others, whatever the user's own selection is now."""
        return _Forgotten(Globs.of(["*"]), Globs.of(["*"]), self.device_ids, self.names)


@dataclass(frozen=True, slots=True)
class _Forgotten(Selection):
    device_ids: set[str]
    names: set[int]

    def device(self, device: Device) -> Choice:
        return Choice.SELECTED if device.id in self.device_ids else Choice.EXCLUDED

    def file(self, name: str) -> Choice:
        return Choice.SELECTED if hash(name) in self.names else Choice.EXCLUDED
