"""What the page about a fleet is made of: collected from rows, columns where there are many.

The page is one file that a browser opens, so it has a size: of missing files no more than `MOST_MISSING` are
told one by one, and counts tell of all.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime

from osfsync.domain.coverage import Absence, Calendar, Period, Standing, standing_of
from osfsync.domain.gaps import Attendance
from osfsync.domain.loss import is_near, loss_due
from osfsync.domain.planner import Reason
from osfsync.domain.rows import DeviceRow, FileRow
from osfsync.reports.build import gap_model, missing_model
from osfsync.reports.case import Case
from osfsync.reports.concerns import RECENT, ConcernModel, DeviceFacts, concerns_of
from osfsync.reports.models import DeviceModel, GapModel, OrderModel, StatusModel
from osfsync.reports.page_tables import RunPageModel
from osfsync.reports.text import printable
from osfsync.reports.tongue import in_german
from osfsync.reports.words import explain

DAYS = 365
"""Of the calendar, up to today."""

MOST_MISSING = 50_000
MOST_ORDERS = 2_000
MOST_GAPS = 2_000
RUNS = 100

_LETTERS = {Absence.GAP: "g", Absence.IDLE: "i", Absence.SILENT: "s", Absence.UNKNOWN: "u", None: "."}


@dataclass(frozen=True, slots=True)
class DayModel:
    """A device's days: files of each day by where they are, and a letter where there is none.

    The letters: `g` gap, `i` in contact and nothing expected, `s` silent, `u` unknown, `.` there are files.
    `timeless` files have no day, since no list tells when they were recorded.
    """

    files: dict[str, list[int]]
    absences: str
    timeless: int


@dataclass(frozen=True, slots=True)
class DevicePageModel:
    """A device on the page. `missing` counts its files by reason."""

    device: DeviceModel
    concerns: tuple[ConcernModel, ...]
    missing: dict[str, int]
    days: DayModel


@dataclass(slots=True)
class MissingColumns:
    """Missing files, a list for each field; `explanation` and `next_action` point into `texts` and `german`.

    Times are minutes since the epoch; `recorded` are minutes since that of the file before.
    Sizes have three digits: both pack better so.
    """

    device: list[int] = field(default_factory=list)
    name: list[str] = field(default_factory=list)
    reason: list[int] = field(default_factory=list)
    storage_status: list[int] = field(default_factory=list)
    size: list[int | None] = field(default_factory=list)
    recorded: list[int | None] = field(default_factory=list)
    expected: list[int | None] = field(default_factory=list)
    explanation: list[int] = field(default_factory=list)
    next_action: list[int] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    german: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class PageModel:
    """The whole page.

    Attributes:
        first_day: of the calendar, UTC.
        missing: all missing files by reason; `listed` of them are told one by one.
        outdated: of the missing, those of which an older version is held, and counts as held.
        german: what is said of orders and devices, by how it is said in English.
    """

    schema: int
    version: str
    generated: datetime
    tenants: tuple[str, ...]
    status: StatusModel
    first_day: date
    reasons: tuple[str, ...]
    missing: dict[str, int]
    outdated: int
    devices: tuple[DevicePageModel, ...]
    files: MissingColumns
    gaps: tuple[GapModel, ...]
    orders: tuple[OrderModel, ...]
    german: dict[str, str]
    runs: tuple[RunPageModel, ...]


REASONS = tuple(reason.value for reason in Reason)


@dataclass(slots=True)
class DeviceMissing:
    """Of one device's missing files what the page tells of them together."""

    calendar: Calendar
    reasons: Counter[str] = field(default_factory=Counter)
    lost_lately: int = 0
    near_loss: int = 0
    loss_due: datetime | None = None

    def add(self, row: FileRow, case: Case) -> None:
        """One more."""
        record, reason, now = row.record, case.decision.reason, case.standpoint.now
        if reason is None:
            return
        self.reasons[reason.value] += 1
        standing = standing_of(reason, record.file.status)
        if standing is not None:
            self.calendar.add(_day(record.file.start), _day(record.file.end), standing)
        if reason is Reason.LOST and record.lost_at is not None and record.lost_at > now - RECENT:
            self.lost_lately += 1
        horizon, patience = case.dialogue.horizon, case.standpoint.policy.patience
        due = loss_due(record.file, horizon)
        on_device = standing in {Standing.ON_DEVICE, Standing.ORDERED}
        if due is not None and on_device and is_near(due, horizon, patience, now):
            self.near_loss += 1
            self.loss_due = due if self.loss_due is None else min(self.loss_due, due)


@dataclass(slots=True)
class MissingCollector:
    """Takes all missing files, page by page; `places` numbers the devices as the page lists them."""

    places: dict[str, int]
    period: Period
    columns: MissingColumns = field(default_factory=MissingColumns)
    outdated: int = 0
    devices: dict[str, DeviceMissing] = field(default_factory=dict)
    _texts: dict[str, int] = field(default_factory=dict)
    _recorded: int = 0  # of the file before

    def of(self, device_id: str) -> DeviceMissing:
        """What was collected of a device."""
        return self.devices.setdefault(device_id, DeviceMissing(Calendar(self.period)))

    def add(self, cases: Iterable[tuple[FileRow, Case]]) -> None:
        """Some files; those of a device that is not on the page are left out."""
        for row, case in cases:
            place = self.places.get(row.device.id)
            if place is None or case.decision.reason is None:
                continue
            self.outdated += row.record.held is not None
            self.of(row.device.id).add(row, case)
            if len(self.columns.name) < MOST_MISSING:
                model = missing_model(row, case)  # words for those alone that are shown
                columns, file = self.columns, row.record.file
                columns.device.append(place)
                columns.name.append(printable(model.name))
                columns.reason.append(REASONS.index(model.reason))
                columns.storage_status.append(model.storage_status)
                columns.size.append(None if file.size is None else _three_digits(file.size))
                columns.recorded.append(self._since_the_last(file.start or file.end))
                columns.expected.append(_minutes(model.expected))
                explanation, next_action = self._number(model.explanation), self._number(model.next_action)
                if len(columns.german) < len(columns.texts):  # one at least is said for the first time
                    with in_german():
                        german = explain(case)
                    told = {explanation: german.explanation, next_action: german.next_action}
                    columns.german += [
                        printable(told[n]) for n in range(len(columns.german), len(columns.texts))
                    ]
                columns.explanation.append(explanation)
                columns.next_action.append(next_action)

    def counts(self) -> Counter[str]:
        """All of them by reason."""
        return sum((device.reasons for device in self.devices.values()), Counter())

    def _since_the_last(self, moment: datetime | None) -> int | None:
        minutes = _minutes(moment)
        if minutes is None:
            return None
        before, self._recorded = self._recorded, minutes
        return minutes - before

    def _number(self, text: str) -> int:
        number = self._texts.setdefault(text, len(self.columns.texts))
        if number == len(self.columns.texts):
            self.columns.texts.append(printable(text))
        return number


def device_page(
    row: DeviceRow, device: DeviceModel, missing: DeviceMissing, attendance: Attendance, now: datetime
) -> tuple[DevicePageModel, list[GapModel]]:
    """One device and its gaps, after its held files were added to the calendar of its missing ones."""
    calendar = missing.calendar
    gaps = [gap_model(row.device, gap, attendance.usual_pause) for gap in attendance.gaps]
    facts = DeviceFacts(
        device=device,
        problem=None if row.problem is None else row.problem.explanation,
        reasons=missing.reasons,
        lost_lately=missing.lost_lately,
        near_loss=missing.near_loss,
        loss_due=missing.loss_due,
        contacts=attendance.contacts,
        heard_until=None if row.mute else row.heard_until,
        recorded_until=attendance.recorded_until,
        gaps=gaps,
    )
    days = DayModel(
        {standing.value: calendar.counts(standing) for standing in Standing},
        "".join(_LETTERS[absence] for absence in calendar.absences(attendance)),
        calendar.timeless,
    )
    return DevicePageModel(device, concerns_of(facts, now), dict(missing.reasons), days), gaps


def _day(moment: datetime | None) -> date | None:
    return None if moment is None else moment.date()


def _three_digits(size: int) -> int:
    return round(size, 3 - len(str(size)))


def _minutes(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp()) // 60
