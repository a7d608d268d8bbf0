"""A missing file with all that its explanation looks at."""

from dataclasses import dataclass
from datetime import datetime

from osfsync.domain.dialogue import Dialogue
from osfsync.domain.estimate import Estimate
from osfsync.domain.forecast import Forecast, Unforeseen
from osfsync.domain.model import FileRecord
from osfsync.domain.planner import Decision, plan
from osfsync.domain.policy import Policy
from osfsync.domain.selection import Selection


@dataclass(frozen=True, slots=True)
class Standpoint:
    """From where files are looked at: what the user allows and wants, and when.

    `max_queued` commands may wait for one device at the same time.
    """

    policy: Policy
    selection: Selection
    max_queued: int
    now: datetime


@dataclass(frozen=True, slots=True)
class Case:
    """One missing file.

    Attributes:
        decision: the planner's, asked again with what the state knows.
        expected: when the file reaches the server, why nobody knows, or None where it is not on its way.
        last_contact: of its device, however long ago.
        requested_at: since when the platform shows it as requested, where that is known.
        left_out: why runs pass over its device; None where they don't.
    """

    record: FileRecord
    decision: Decision
    dialogue: Dialogue
    expected: Estimate | Unforeseen | None
    last_contact: datetime | None
    requested_at: datetime | None
    standpoint: Standpoint
    left_out: str | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """A missing file's reason, told."""

    explanation: str
    next_action: str


def case_of(
    record: FileRecord,
    forecast: Forecast,
    standpoint: Standpoint,
    requested_at: datetime | None = None,
    left_out: str | None = None,
) -> Case:
    """Ask the planner and the forecast of the file's device."""
    dialogue, file = forecast.dialogue, record.file
    choice = standpoint.selection.file(file.name)
    return Case(
        record=record,
        decision=plan(file, record, choice, standpoint.policy, standpoint.now, dialogue),
        dialogue=dialogue,
        expected=forecast.expected(record) if left_out is None else None,
        last_contact=forecast.last_contact,
        requested_at=requested_at,
        standpoint=standpoint,
        left_out=left_out,
    )
