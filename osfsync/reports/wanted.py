"""Which missing files the user asks for."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from osfsync.domain.loss import recorded_at
from osfsync.domain.model import FileRecord
from osfsync.domain.planner import Reason
from osfsync.reports.case import Case


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for; all that is missing, if nothing is said.

    Attributes:
        reasons: none stand for all.
        older_than: the age of the recording, or where it is not known, since the file was first seen.
    """

    reasons: frozenset[Reason] = frozenset()
    older_than: timedelta | None = None

    def wants(self, case: Case) -> bool:
        """Whether a missing file is asked for."""
        if self.reasons and case.decision.reason not in self.reasons:
            return False
        return self.older_than is None or _age(case.record, case.standpoint.now) > self.older_than


ALL_MISSING = Wanted()


def _age(record: FileRecord, now: datetime) -> timedelta:
    return now - (recorded_at(record.file) or record.first_seen)
