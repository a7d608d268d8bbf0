"""Verify: held files → what is found of them; and what lies in the archive and is not held."""

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path

import anyio
from anyio import to_thread

from osfsync.archive.examine import Exam, Examiner, is_recent
from osfsync.archive.strangers import everything, is_same
from osfsync.content import Examination
from osfsync.domain.pathkey import path_key
from osfsync.domain.sample import Sample
from osfsync.domain.verdict import Check, Examined, Finding, HeldFile, Sight, Stranger, Verdict
from osfsync.state.holdings import Holdings

PAGE = 500
"""Files that are told of together."""

GROUP_FILES = 32
GROUP_BYTES = 8_000_000
"""What one thread reads before another may take over."""

PATIENCE = 5.0
"""Seconds after which a run that put a file in place has told so."""

LOOKS = 3


@dataclass(slots=True)
class Progress:
    """How far a verification has come; `of_files` and `of_bytes` are how much there is to be read, about."""

    of_files: int = 0
    of_bytes: int = 0
    bytes: int = 0
    verdicts: Counter[Verdict] = field(default_factory=Counter)

    @property
    def files(self) -> int:
        """Held files that were looked at."""
        return self.verdicts.total() - self.verdicts[Verdict.EXTRA]

    @property
    def broken(self) -> int:
        """Of these, those that are not in place as they were."""
        return sum(number for verdict, number in self.verdicts.items() if verdict.is_broken)

    def read(self, size: int) -> None:
        """More bytes were read."""
        self.bytes += size


async def files_to_read(
    holdings: Holdings, device_ids: Sequence[str] | None, sample: Sample | None
) -> AsyncIterator[list[HeldFile]]:
    """Held files in pages: of all devices or of these, all of them or a sample."""
    waiting: list[HeldFile] = []
    for device_id in [None] if device_ids is None else device_ids:
        async for page in holdings.held(device_id):
            waiting += [file for file in page if sample is None or sample.takes(file.path)]
            while len(waiting) >= PAGE:
                yield waiting[:PAGE]
                del waiting[:PAGE]
    if waiting:
        yield waiting


@dataclass(frozen=True, slots=True)
class Verifier:
    """Reads held files and compares them with what the state says.

    A run that works on the archive meanwhile replaces files a moment before it tells so: what does not fit is
    looked at again, by what the state says then. `alone` says that there is no such run.
    """

    root: Path
    holdings: Holdings
    examiner: Examiner
    alone: bool

    async def look(self, files: Sequence[HeldFile]) -> list[Finding]:
        """What there is of these files, in order; what is not held any more is left out."""
        found = dict(enumerate(await self._examine(files)))
        doubtful = [number for number, finding in found.items() if finding.verdict.is_broken]
        for _ in range(LOOKS):
            if not doubtful:
                break
            doubtful = await self._look_again(found, doubtful)
        return [found[number] for number in sorted(found)]

    async def _look_again(self, found: dict[int, Finding], doubtful: Sequence[int]) -> list[int]:
        """Look at some files anew; those that do not fit what the state came to say meanwhile."""
        if any(_may_be_new(found[number].sight) for number in doubtful):
            await self._let_a_run_tell()
        before = {number: found.pop(number).file for number in doubtful}
        now = await self._held_now(before.values())
        held = {number: now[_key(file)] for number, file in before.items() if _key(file) in now}
        found.update(zip(held, await self._examine(list(held.values())), strict=True))
        return [
            number
            for number, file in held.items()
            if found[number].verdict.is_broken and file.held != before[number].held
        ]

    async def _held_now(self, files: Iterable[HeldFile]) -> dict[tuple[str, str], HeldFile]:
        names: dict[str, list[str]] = {}
        for file in files:
            names.setdefault(file.device.id, []).append(file.name)
        held: dict[tuple[str, str], HeldFile] = {}
        for device_id, of_device in names.items():
            known = await self.holdings.held_now(device_id, of_device)
            held.update(((device_id, name), file) for name, file in known.items())
        return held

    async def _let_a_run_tell(self) -> None:
        if not self.alone and await self.holdings.run_under_way():
            await anyio.sleep(PATIENCE)

    async def _examine(self, files: Sequence[HeldFile]) -> list[Finding]:
        findings: list[list[Finding]] = []

        async def examine(group: Sequence[HeldFile], place: list[Finding]) -> None:
            checks = [Examination(file.name, file.held.size) for file in group]
            sights = await self.examiner.examine(
                [Exam(file.path, check) for file, check in zip(group, checks, strict=True)]
            )
            for file, check, sight in zip(group, checks, sights, strict=True):
                place.append(Finding(file, sight, _looked_at(check, sight)))

        async with anyio.create_task_group() as workers:
            for group in _groups(files):
                findings.append([])
                workers.start_soon(examine, group, findings[-1])
        return [finding for place in findings for finding in place]

    async def strangers(self) -> AsyncGenerator[list[Stranger]]:
        """What lies in the archive's tree and is not held, in pages."""
        async with aclosing(everything(self.root)) as pages:
            async for page in pages:
                strange = await self._not_held(page)
                if any(stranger.owner is not None and is_recent(stranger.touched) for stranger in strange):
                    await self._let_a_run_tell()
                    strange = await self._not_held(strange)
                if strange:
                    yield strange

    async def _not_held(self, page: Sequence[Stranger]) -> list[Stranger]:
        owners = await self.holdings.owners([stranger.path for stranger in page])
        strange = []
        for stranger in page:
            owner = owners.get(path_key(stranger.path))
            if owner is not None and owner.path != stranger.path:
                same = await to_thread.run_sync(is_same, self.root, owner.path, stranger.path)
                owner = owner if same else None
            if owner is None:
                strange.append(replace(stranger, owner=None))
            elif not owner.holds:
                strange.append(replace(stranger, owner=(owner.device, owner.name)))
        return strange


def _key(file: HeldFile) -> tuple[str, str]:
    return file.device.id, file.name


def _looked_at(check: Examination, sight: Sight) -> tuple[Check, ...]:
    if not isinstance(sight, Examined):
        return ()
    return (Check.LENGTH, *check.looked_at(sight.content), Check.SHA256)


def _may_be_new(sight: Sight) -> bool:
    return isinstance(sight, Examined) and is_recent(sight.touched)


def _groups(files: Sequence[HeldFile]) -> Iterator[list[HeldFile]]:
    """Neighbours that are read one after the other, so that many small files are one hop to a thread."""
    group: list[HeldFile] = []
    size = 0
    for file in files:
        group.append(file)
        size += file.held.size
        if len(group) >= GROUP_FILES or size >= GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group
