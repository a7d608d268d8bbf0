"""`verify` and `manifest`: the archive read once more and compared with the state; what the state holds."""

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from osfsync.app.choice import chosen_devices
from osfsync.app.targets import refuse_as_target
from osfsync.archive.base import Archive
from osfsync.archive.examine import Examiner
from osfsync.archive.local import LocalArchive
from osfsync.archive.manifest import write_manifest
from osfsync.config import Settings
from osfsync.domain.errors import ExitCode
from osfsync.domain.sample import Sample
from osfsync.domain.verdict import Absent, Finding, Verdict
from osfsync.pipeline.mend import Mender
from osfsync.pipeline.perform import Ending, perform
from osfsync.pipeline.stop import Stop
from osfsync.pipeline.tally import Tally
from osfsync.pipeline.verify import Progress, Verifier, files_to_read
from osfsync.reports.verify import RepairModel, VerifiedModel, stranger_model, verified_model
from osfsync.state.database import View, open_view


@dataclass(frozen=True, slots=True)
class VerifyRequest:
    """What one `verify` is asked for: these devices (globs), and of their files a sample. None: all."""

    devices: Sequence[str] = ()
    sample: Sample | None = None

    @property
    def is_whole(self) -> bool:
        """Whether everything is verified: only then can be told what is extra, which is no device's."""
        return not self.devices and self.sample is None


@dataclass(frozen=True, slots=True)
class Verified:
    """How a verification ended. `error` is empty where nothing ended it before its time."""

    exit_code: ExitCode
    error: str
    complete: bool
    progress: Progress
    repair: RepairModel | None = None


Tell = Callable[[Sequence[VerifiedModel]], Awaitable[bool]]
"""Takes rows as they are found; answers whether anybody still wants more."""

Watch = Callable[["Progress", Tally | None], Coroutine[Any, Any, None]]
"""Shows how far it has come: the verification, and the run that fetches again once there is one."""


async def ignore_progress(_: Progress, __: Tally | None) -> None:
    """Show nothing."""


@dataclass(slots=True)
class Walk:
    """One verification over an open state."""

    request: VerifyRequest
    root: Path
    tell: Tell
    progress: Progress = field(default_factory=Progress)
    finished: bool = False

    async def go(self, view: View, archive: Archive, mender: Mender | None = None) -> None:
        """Read everything that was asked for, telling what is found; what is broken goes to the mender."""
        reader, holdings = view.reader, view.holdings
        await archive.judge(await reader.identity(), known=await reader.knows_archive())
        device_ids = await self._device_ids(view)
        await self._foresee(view, device_ids)
        verifier = Verifier(
            self.root, holdings, Examiner(self.root, self.progress.read), alone=mender is not None
        )
        async for page in files_to_read(holdings, device_ids, self.request.sample):
            findings = await verifier.look(page)
            if mender is None and any(isinstance(finding.sight, Absent) for finding in findings):
                await archive.confirm()  # or it is the disk that is gone; a mender asks by itself
            self.progress.verdicts.update(finding.verdict for finding in findings)
            if not await self.tell(await _mended(findings, mender)) and mender is None:
                return
        if self.request.is_whole:
            async with aclosing(verifier.strangers()) as pages:
                async for strange in pages:
                    self.progress.verdicts[Verdict.EXTRA] += len(strange)
                    if not await self.tell(list(map(stranger_model, strange))) and mender is None:
                        return
        self.finished = True

    async def _device_ids(self, view: View) -> list[str] | None:
        if not self.request.devices:
            return None
        known = [glance.device for glance in await view.overview.glances()]
        return [device.id for device in chosen_devices(known, self.request.devices)]

    async def _foresee(self, view: View, device_ids: Sequence[str] | None) -> None:
        share = 1 if self.request.sample is None else self.request.sample.share
        files, size = await view.holdings.sums(device_ids)
        self.progress.of_files, self.progress.of_bytes = int(files * share), int(size * share)


async def _mended(findings: Sequence[Finding], mender: Mender | None) -> list[VerifiedModel]:
    if mender is None:
        return list(map(verified_model, findings))
    broken = [finding for finding in findings if finding.verdict.is_broken]
    remedies = dict(zip(map(id, broken), await mender.mend(broken), strict=True))
    return [verified_model(finding, remedies.get(id(finding))) for finding in findings]


async def verify(
    settings: Settings, request: VerifyRequest, tell: Tell, *, watch: Watch = ignore_progress
) -> Verified:
    """Read the archive and say what is found; changes nothing, and leaves a run that is under way alone."""
    stop, walk = Stop(), Walk(request, settings.archive.path, tell)

    async def work() -> None:
        async with open_view(settings.state) as view:
            await walk.go(view, LocalArchive(settings.archive.path))

    async def observe(_: Tally) -> None:
        await watch(walk.progress, None)

    ending = await perform(stop, Tally(), work, observe=observe, max_duration=None)
    if ending.exit_code is ExitCode.COMPLETE and walk.progress.broken:
        ending = Ending(ExitCode.PARTIAL)
    elif ending.exit_code is ExitCode.COMPLETE and not walk.finished:
        ending = Ending(ExitCode.PARTIAL, "Not everything was read: the output has no reader any more.")
    elif ending.exit_code in {ExitCode.INTERRUPTED, ExitCode.TERMINATED}:
        ending = Ending(ending.exit_code, "Interrupted before everything was read; nothing was changed.")
    return Verified(ending.exit_code, ending.error, walk.finished, walk.progress)


async def manifest(settings: Settings, target: Path, configuration: Iterable[Path] = ()) -> int:
    """Write the hashes of all held files to `target`, as `sha256sum -c` reads them; how many there are.

    Raises ConfigError, see `refuse_as_target`.
    """
    refuse_as_target(target, settings, configuration)
    async with open_view(settings.state) as view, aclosing(view.holdings.by_path()) as pages:
        return await write_manifest(target, pages)
