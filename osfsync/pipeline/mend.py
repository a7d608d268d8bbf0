"""Mend: files that are not in place as they were → moved aside, forgotten, and to be fetched again."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import anyio

from osfsync.archive.base import Archive
from osfsync.domain.errors import ArchiveError, DiskFullError
from osfsync.domain.model import Device, Failure
from osfsync.domain.outcomes import HeldRefuted
from osfsync.domain.planner import Choice
from osfsync.domain.selection import Globs, Selection
from osfsync.domain.verdict import REFUTED, Absent, Finding, Queued, Remedy, Stuck
from osfsync.pipeline.tally import Tally
from osfsync.reports.verify import explain, failed_check
from osfsync.state.writer import Writer


@dataclass(slots=True)
class Mender:
    """Takes what a verification found broken. Only one run may work on the archive.

    Attributes:
        begin: starts the run that tells the facts, when the first file is to be forgotten.
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
        """Move what lies there aside and forget that it is held, in one step that cancellation can't split.

        First the bytes, then the state: a file that is not held and lies at its path may be taken over by a
        sync, and a flipped bit shows in a hash only.
        """
        if not findings:
            return []
        with anyio.CancelScope(shield=True):
            remedies = [await self._move(finding) for finding in findings]
            facts = [
                HeldRefuted(finding.file.device.id, finding.file.name, self._failure(finding, remedy))
                for finding, remedy in zip(findings, remedies, strict=True)
                if isinstance(remedy, Queued)
            ]
            if facts:
                await (await self.begin()).commit(facts)
        self.queued += len(facts)
        self.names.update(hash(fact.name) for fact in facts)
        self.device_ids.update(fact.device_id for fact in facts)
        return remedies

    async def _move(self, finding: Finding) -> Remedy:
        if isinstance(finding.sight, Absent):
            return Queued(None)
        file = finding.file
        try:
            return Queued(await self.archive.set_aside(file.path))
        except (ArchiveError, DiskFullError) as error:
            self.stuck += 1
            self.tally.failed_files.add((file.device.id, file.name))
            self.tally.error(file.device.name, file.name, error)
            return Stuck(str(error))

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
