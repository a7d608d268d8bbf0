"""The verdict on a case: what was seen beside what was to be."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from osfsync.app import known
from osfsync.domain.errors import ExitCode
from osfsync.domain.summary import RunSummary
from osfsync.reports.models import MissingModel
from tests.campaign.fault_case import Case, Left
from tests.campaign.fault_conduct import CLEAN_SECONDS, Night, Site, site_of
from tests.campaign.fault_disk import Disk, damages, former, look
from tests.campaign.fault_world import Key

SEALED = "no-permission"
"""Told of each device whose credentials may not be read."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One case, judged. It is green without complaints."""

    case: Case
    seen: str
    seconds: float
    complaints: tuple[str, ...]


async def judge(case: Case, seed: int, folder: Path) -> Verdict:
    """Conduct a case in an empty folder, and judge the run in trouble and the one after it."""
    async with site_of(case, seed, folder) as site:
        night = await site.run(case.seconds)
        disk, missing = look(site), await _missing(site)
        complaints = [*_of_trouble(site, night, disk, missing)]
        site.calm_down()
        clean = await site.run(CLEAN_SECONDS)
        complaints += [f"afterwards: {text}" for text in _of_clean(site, clean, look(site))]
    return Verdict(case, _seen(site, night, disk, missing), night.seconds, tuple(complaints))


async def _missing(site: Site) -> dict[Key, MissingModel]:
    """What `osfsync missing` tells."""
    return {
        (row.device_id, row.name): row
        async for chunk in known.missing(site.settings, clock=lambda: site.world.now)
        for row in chunk
    }


def _of_trouble(site: Site, night: Night, disk: Disk, missing: dict[Key, MissingModel]) -> Iterator[str]:
    yield from damages(site, disk)
    yield from _of_requests(site, night)
    if night.summary is None:
        yield _no_end(night)
        return
    if night.seconds > site.case.seconds:
        yield f"the run took {night.seconds:.1f} seconds"
    absent = site.world.available().keys() - disk.here(site)
    yield from _of_exit(site.case, night.summary, absent, disk)
    yield from _of_absent(site, absent)
    yield from _of_reasons(site, night.summary, absent, missing)
    yield from _of_problems(site, night.summary)


def _no_end(night: Night) -> str:
    return f"the run raised {night.crash}" if night.crash else f"the run did not end in {night.seconds:.0f} s"


def _of_requests(site: Site, night: Night) -> Iterator[str]:
    sent, most = sum(night.requests.values()), round(site.case.requests * night.needed)
    if sent > most:
        yield f"{sent} requests were sent, more than {most}"
    for heard in site.foreign.heard:
        secret = b"token" in heard.lower() or b"authorization" in heard.lower()
        yield f"a foreign host was asked{', and told a secret' if secret else ''}"


def _of_exit(case: Case, summary: RunSummary, absent: set[Key], disk: Disk) -> Iterator[str]:
    wanted = case.exit
    if wanted is None:
        whole = not absent and not summary.devices.failed
        wanted = ExitCode.COMPLETE if whole else ExitCode.PARTIAL
    if summary.exit_code is not wanted:
        yield f"exit {int(summary.exit_code)}, not {int(wanted)} ({summary.error})"
    if disk.last_exit is not None and disk.last_exit != summary.exit_code:
        yield f"the state remembers exit {disk.last_exit}"


def _of_absent(site: Site, absent: set[Key]) -> Iterator[str]:
    wanted = _to_be_absent(site, absent)
    for _, name in sorted(absent - wanted):
        yield f"{name} is not here"
    for _, name in sorted(wanted - absent):
        yield f"{name} is here, which can't be"


def _to_be_absent(site: Site, absent: set[Key]) -> set[Key]:
    available, targets = site.world.available().keys(), site.targets
    match site.case.left:
        case Left.SOME:
            return absent
        case Left.NOTHING:
            return set()
        case Left.EVERYTHING:
            return set(available)
        case Left.FILES:
            return set(targets.files)
        case Left.DEVICE:
            return {key for key in available if targets.device and key[0] == targets.device.id}


def _of_reasons(
    site: Site, summary: RunSummary, absent: set[Key], missing: dict[Key, MissingModel]
) -> Iterator[str]:
    names = {device.id: device.name for device in site.world.devices(site.world.main.id)}
    told = {(problem.device, problem.file, problem.reason) for problem in summary.problems}
    for device_id, name in sorted(absent):
        row = missing.get((device_id, name))
        if row is not None and row.reason not in site.case.reasons:
            yield f"{name} has the reason {row.reason!r}"
        file = None if row is None else name
        if not summary.error and not any(
            (names[device_id], file, problem) in told for problem in site.case.problems
        ):
            yield f"no problem names {names[device_id]}{'' if file is None else f' and {file}'}"
    for key, row in sorted(missing.items()):
        if key not in absent and row.reason not in site.case.waiting:
            yield f"{row.name} has the reason {row.reason!r}"
        if not row.explanation or not row.next_action:
            yield f"{row.name} has no explanation, or no next action"


def _of_problems(site: Site, summary: RunSummary) -> Iterator[str]:
    devices = site.world.devices(site.world.main.id)
    names, sealed = {d.name for d in devices}, {d.name for d in devices if not d.readable}
    texts = [summary.error, *(problem.explanation for problem in summary.problems)]
    for problem in summary.problems:
        if problem.device not in names or not problem.explanation:
            yield f"a problem names no device, or explains nothing: {problem}"
        if problem.reason not in site.case.problems and not (
            problem.reason == SEALED and problem.device in sealed
        ):
            yield f"a problem of another kind: {problem}"
    if site.case.says and not any(site.case.says in text for text in texts):
        yield f"nothing says {site.case.says!r}: {texts}"
    secrets = [site.world.password, *(device.access_token for device in devices)]
    if any(secret in text for secret in secrets for text in texts):
        yield "a secret is told"


def _of_clean(site: Site, night: Night, disk: Disk) -> Iterator[str]:
    """Without trouble all must be here, and nothing is under way."""
    yield from damages(site, disk)
    yield from (f"{name} was kept" for name in sorted(disk.hidden.keys() - former(site, disk)))
    if night.summary is None:
        yield _no_end(night)
        return
    if night.summary.exit_code is not ExitCode.COMPLETE:
        yield f"exit {int(night.summary.exit_code)} ({night.summary.error})"
    for _, name in sorted(site.world.available().keys() - disk.here(site)):
        yield f"{name} is not here"


def _seen(site: Site, night: Night, disk: Disk, missing: dict[Key, MissingModel]) -> str:
    if night.summary is None:
        return _no_end(night)
    available = site.world.available().keys()
    absent = available - disk.here(site)
    reasons = Counter(row.reason for key, row in missing.items() if key in absent)
    problems = Counter(problem.reason for problem in night.summary.problems if problem.reason != SEALED)
    told = "".join(f", {reason} ×{count}" for reason, count in sorted(reasons.items()))
    named = " ".join(f"{reason} ×{count}" for reason, count in sorted(problems.items()))
    here = f"{len(available) - len(absent)} of {len(available)} here"
    requests = f"{sum(night.requests.values())} requests"
    return f"exit {int(night.summary.exit_code)}, {here}{told}{f' ({named})' if named else ''}, {requests}"
