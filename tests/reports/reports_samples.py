"""Files, orders and talks made by hand, and the words that are found for them."""

from datetime import UTC, datetime, timedelta

from osfsync.domain.dialogue import NOTHING_KNOWN, Dialogue, Order, OrderState, dialogue_of
from osfsync.domain.forecast import NOTHING_AWAITED, Awaited, Forecast
from osfsync.domain.model import (
    CommunicationEvent,
    DataFile,
    Device,
    Failure,
    FileRecord,
    Held,
    StorageStatus,
    TimeWindow,
    Verification,
)
from osfsync.domain.policy import Policy
from osfsync.domain.rows import FileRow
from osfsync.domain.selection import Globs, Selection
from osfsync.reports.build import missing_model
from osfsync.reports.case import Case, Standpoint, case_of
from osfsync.reports.models import MissingModel

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WINDOW = TimeWindow(NOW - timedelta(days=30), NOW)
TRUCK = Device("0b1c", "Truck 1")
ALL = Selection(Globs.of(["*"]), Globs.of(["*.osf", "*.osfz"], ["tmp/*"]))
STANDPOINT = Standpoint(Policy(), ALL, 4, NOW)


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


def row(status: StorageStatus, name: str = "a.osf", **known: object) -> FileRow:
    """A file that was recorded three days ago."""
    start = ago(days=3)
    file = DataFile(TRUCK.id, name, status, size=10, start=start, end=start + timedelta(minutes=10))
    record = FileRecord(file, f"Truck 1/{name}", start, WINDOW)
    return FileRow(TRUCK, record._replace(**known))  # type: ignore[arg-type]  # a test may tell anything


def ordered(orders: int = 1) -> FileRow:
    """A file for which order 7 was sent a day ago."""
    return row(StorageStatus.DEVICE_ONLY, orders=orders, order=7, ordered_at=ago(days=1))


def failure(check: str | None = None, slug: str = "server-error") -> Failure:
    return Failure(slug, "What happened.", ago(hours=1), check)


def held(size: int = 10, verification: Verification = Verification.WHOLE) -> Held:
    return Held(size, "ab" * 32, NOW, verification)


def order(number: int = 7, sent_at: datetime | None = None, **known: object) -> Order:
    values = {"state": OrderState.SENT, **known}
    return Order(number, WINDOW, "preview", sent_at=sent_at or ago(days=1), **values)  # type: ignore[arg-type]


def event(kind: str, at: datetime, *texts: str) -> CommunicationEvent:
    return CommunicationEvent(kind, at, tuple(("message", text) for text in texts))


def talk(*events: CommunicationEvent, orders: tuple[Order, ...] | None = None, **known: object) -> Dialogue:
    """A talk about order 7 whose log was just read."""
    values: dict[str, object] = {"heard_until": NOW, **known}
    return dialogue_of((order(),) if orders is None else orders, events, **values)  # type: ignore[arg-type]


def case(
    known: FileRow,
    dialogue: Dialogue = NOTHING_KNOWN,
    standpoint: Standpoint = STANDPOINT,
    awaited: Awaited = NOTHING_AWAITED,
    last_contact: datetime | None = None,
    requested_at: datetime | None = None,
) -> Case:
    forecast = Forecast(dialogue, awaited, standpoint.now, last_contact)
    return case_of(known.record, forecast, standpoint, requested_at)


def missing(
    known: FileRow,
    dialogue: Dialogue = NOTHING_KNOWN,
    standpoint: Standpoint = STANDPOINT,
    awaited: Awaited = NOTHING_AWAITED,
    last_contact: datetime | None = None,
    requested_at: datetime | None = None,
) -> MissingModel:
    return missing_model(known, case(known, dialogue, standpoint, awaited, last_contact, requested_at))
