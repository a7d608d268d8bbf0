"""What a verification found, in rows and in sentences."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import assert_never

from osfsync.domain.model import Held, Verification
from osfsync.domain.verdict import (
    Absent,
    Damage,
    Examined,
    Finding,
    Odd,
    Queued,
    Remedy,
    Stranger,
    Stuck,
    Unreadable,
    Verdict,
)
from osfsync.reports.sheets import Column, Sheet, Tail
from osfsync.reports.text import amount, count

_HASH_SHOWN = 12

LEFT_SHOWN = 20
"""Files that are not back, as far as they are told below a table."""


@dataclass(frozen=True, slots=True)
class VerifiedModel:
    """The result of the verification for one file."""

    device: str | None
    device_id: str | None
    name: str | None
    path: str
    verdict: str
    checked: tuple[str, ...]
    explanation: str


@dataclass(frozen=True, slots=True)
class LeftModel:
    """A file that a repair could not bring back yet.

    Attributes:
        found: what the verification found, and where the old bytes lie.
        reason: why it is not here, with `explanation` and `next_action`, as in `missing`.
    """

    device: str
    device_id: str
    name: str
    path: str
    found: str
    reason: str
    explanation: str
    next_action: str


@dataclass(frozen=True, slots=True)
class RepairModel:
    """What a repair did: files that were queued, of these those that are back, and those that are not.

    `stuck` are files that could not be touched. At most a thousand are named in `files`.
    """

    queued: int
    back: int
    left: int
    stuck: int
    files: tuple[LeftModel, ...]


@dataclass(frozen=True, slots=True)
class VerificationModel:
    """A verification as a whole; these are keys of its JSON object, beside `files`.

    Attributes:
        totals: files by verdict.
        sample: the share that was read, such as "5%", and its number; None where everything was.
        extra_looked_for: whether files that are not held were looked for.
        complete: False where it was ended before its time.
    """

    totals: Mapping[str, int]
    sample: str | None
    sample_number: int | None
    extra_looked_for: bool
    complete: bool
    exit_code: int
    error: str | None
    repair: RepairModel | None


def _or_dash(value: str | None) -> str:
    return "–" if value is None else value


VERIFIED = Sheet(
    "files",
    VerifiedModel,
    (
        Column("Device", lambda row: _or_dash(row.device), folds=12),
        Column("File", lambda row: row.path if row.name is None else row.name, folds=30),
        Column("Verdict", lambda row: row.verdict),
        Column("Explanation", lambda row: row.explanation, folds=12, prose=20),
        Column("Checked", lambda row: " ".join(row.checked), folds=12, spare=True),
    ),
)


def verification_tail(model: VerificationModel) -> Tail:
    """What is told after the rows."""
    keys = {field.name: getattr(model, field.name) for field in fields(model)}
    return Tail(keys, tuple(_lines(model)))


def _lines(model: VerificationModel) -> Iterator[str]:
    if model.sample is not None:
        yield f"A sample of {model.sample} (number {model.sample_number}) was read."
    if not model.complete:
        yield "It was ended before its time: not everything was read."
    told = ", ".join(f"{count(number)} {verdict}" for verdict, number in model.totals.items())
    yield f"{amount(sum(model.totals.values()), 'file')}{f': {told}' if told else ''}."
    if model.repair is not None and (model.repair.queued or model.repair.stuck):
        yield from _repaired(model.repair)


def _repaired(repair: RepairModel) -> Iterator[str]:
    yield (
        f"{amount(repair.queued, 'file')} to be fetched again: {count(repair.back)} back, "
        f"{count(repair.left)} not yet; {count(repair.stuck)} could not be touched."
    )
    for file in repair.files[:LEFT_SHOWN]:
        yield (
            f"Not back: {file.name} of {file.device} ({file.reason}). {file.explanation} "
            f"Next: {file.next_action} What was found: {file.found}"
        )
    if repair.left > LEFT_SHOWN:
        yield f"And {count(repair.left - LEFT_SHOWN)} more; osfsync missing and osfsync why tell of each."


def verified_model(finding: Finding, remedy: Remedy | None = None) -> VerifiedModel:
    """A held file, and what was done about it."""
    file = finding.file
    return VerifiedModel(
        device=file.device.name,
        device_id=file.device.id,
        name=file.name,
        path=file.path,
        verdict=finding.verdict.value,
        checked=tuple(check.value for check in finding.checked),
        explanation=explain(finding, remedy),
    )


def stranger_model(stranger: Stranger) -> VerifiedModel:
    """Something that is not held."""
    device, name = stranger.owner or (None, None)
    return VerifiedModel(
        device=None if device is None else device.name,
        device_id=None if device is None else device.id,
        name=name,
        path=stranger.path,
        verdict=Verdict.EXTRA.value,
        checked=(),
        explanation=_strange(stranger),
    )


def explain(finding: Finding, remedy: Remedy | None = None) -> str:
    """What was found of a held file, and what was done about it; empty where all is well."""
    found = _found(finding)
    match remedy:
        case None:
            return found
        case Queued(kept):
            return f"{found} What lay there was moved to {kept}." if kept else found
        case Stuck(why):
            return f"{found} It could not be repaired: {why}"
        case _:
            assert_never(remedy)


def _found(finding: Finding) -> str:
    sight = finding.sight
    match sight:
        case Absent():
            return "Nothing lies at its path."
        case Odd(what):
            return f"In its place lies {what}."
        case Unreadable(why):
            return f"It can't be read: {why}."
        case Examined():
            return "" if finding.verdict is Verdict.OK else _compared(sight, finding.file.held)
        case _:
            assert_never(sight)


def _compared(sight: Examined, held: Held) -> str:
    if sight.size != held.size:
        return f"It has {count(sight.size)} bytes, {count(held.size)} were held. {_content(sight)}"
    if sight.sha256 != held.sha256:
        told, was = sight.sha256[:_HASH_SHOWN], held.sha256[:_HASH_SHOWN]
        return f"Its length is right, its SHA-256 is {told}…, {was}… was held. {_content(sight)}"
    return (
        f"These are the very bytes that came, and they were damaged already. {_content(sight)} To have them "
        "fetched again, move the file away and run osfsync verify --repair."
    )


def _content(sight: Examined) -> str:
    match sight.content:
        case Damage(check, message):
            return f"Its content is damaged ({check}): {message}"
        case Verification.WHOLE:
            return "Its structure is sound to the last byte."
        case Verification.TAIL_CUT:
            return "Its structure is sound up to its end, which lies inside a block."
        case Verification.HEADER:
            return "Its header is sound."
        case Verification.LENGTH:
            return "It is no OSF file by its name, so that its content tells nothing."
        case Verification.DAMAGED_AT_SOURCE:
            return "Its content is damaged as the platform has it."
        case _:
            assert_never(sight.content)


def _strange(stranger: Stranger) -> str:
    if stranger.what != "a file":
        return f"It is {stranger.what}, and was left alone."
    if stranger.owner is None:
        return "No file that is known has this path."
    _, name = stranger.owner
    return (
        f"It has the path of {name}, which is not held. The sync that fetches it takes this over where it is "
        "whole and of the listed size, and moves it aside where not."
    )


def failed_check(finding: Finding) -> str:
    """The name of the check that a broken file failed."""
    sight = finding.sight
    if not isinstance(sight, Examined):
        return finding.verdict.value
    return "length" if sight.size != finding.file.held.size else "sha256"
