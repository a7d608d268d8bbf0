"""What the page is made of, and how large it may become."""

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

from osfsync.domain.coverage import Calendar, Period, Standing
from osfsync.domain.dialogue import NOTHING_KNOWN
from osfsync.domain.gaps import Attendance, Gap
from osfsync.domain.model import DataFile, Device, FileRecord, StorageStatus, TimeWindow
from osfsync.domain.rows import DeviceRow, FileRow, Totals
from osfsync.reports.build import device_model, status_model
from osfsync.reports.case import Case
from osfsync.reports.concerns import RECENT, DeviceFacts, concerns_of
from osfsync.reports.page import (
    DAYS,
    MOST_MISSING,
    REASONS,
    DevicePageModel,
    MissingCollector,
    PageModel,
    device_page,
)
from osfsync.reports.renderers.html import html
from tests.reports.reports_samples import NOW, STANDPOINT, ago, case, held, ordered, row
from tests.reports.test_reports_build import DEVICE

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PERIOD = Period.until(NOW, DAYS)
TOTALS = Totals(
    devices=200,
    held=10,
    held_bytes=99,
    missing=dict.fromkeys(StorageStatus, 1),
    failing=0,
    lost=0,
    unseen=0,
    open_orders=0,
)
NOWHERE = Attendance((), None, (), timedelta(0))


def device_row(device: Device = DEVICE.device, last_contact: datetime | None = None) -> DeviceRow:
    return replace(DEVICE, device=device, last_contact=last_contact)


def facts(**known: object) -> DeviceFacts:
    device = device_model(device_row(), None, None)
    values: dict[str, object] = {
        "device": device,
        "problem": None,
        "reasons": Counter(),
        "lost_lately": 0,
        "near_loss": 0,
        "loss_due": None,
        "contacts": (),
        "heard_until": None,
        "recorded_until": None,
        "gaps": (),
        **known,
    }
    return DeviceFacts(**values)  # type: ignore[arg-type]  # a test may tell anything


def kinds(told: DeviceFacts) -> list[str]:
    return [concern.kind for concern in concerns_of(told, NOW)]


def test_the_most_urgent_concern_comes_first() -> None:
    told = facts(
        lost_lately=3,
        near_loss=2,
        loss_due=NOW,
        problem="The list failed.",
        reasons=Counter({"failed": 1, "quarantined": 1, "no-permission": 4, "ordered": 9}),
    )
    assert kinds(told) == ["lost", "near-loss", "not-listed", "failing", "forbidden"]
    assert [concern.files for concern in concerns_of(told, NOW)] == [3, 2, None, 2, 4]


def test_silence_is_measured_by_the_device_s_own_habit() -> None:
    last = ago(days=5)
    device = device_model(device_row(last_contact=last), None, None)
    hourly = [last - timedelta(hours=hour) for hour in range(50, -1, -1)]
    weekly = [last - timedelta(days=7 * week) for week in range(9, -1, -1)]
    assert kinds(facts(device=device, contacts=hourly)) == ["silent"]
    assert kinds(facts(device=device, contacts=weekly)) == []
    assert kinds(facts(device=device)) == ["silent"]


def test_a_device_that_was_always_in_contact_is_silent_after_a_day() -> None:
    """Pauses that recur, such as weekends, are no silence; one that came once is."""

    def told(last: datetime, contacts: list[datetime]) -> list[str]:
        return kinds(facts(device=device_model(device_row(last_contact=last), None, None), contacts=contacts))

    last = ago(hours=28)
    hourly = [last - timedelta(hours=hour) for hour in range(50, -1, -1)]
    assert told(last, hourly) == ["silent"]
    assert told(last, hourly[-3:]) == []  # too few to tell
    outage = [at for at in hourly if not 10 * HOUR < last - at < 40 * HOUR]
    assert told(last, outage) == ["silent"]
    looked = replace(device_row(last_contact=last), listed_at=ago(hours=21))
    known = facts(
        device=device_model(looked, None, None),
        contacts=hourly,
        heard_until=ago(hours=20),
    )
    assert kinds(known) == []  # runs have ceased, not the device
    friday = ago(hours=60)
    at_work = [
        friday - timedelta(days=day, hours=hour) for day in range(28) for hour in range(8) if day % 7 < 5
    ]
    assert told(friday, sorted(at_work)) == []


def test_a_log_that_is_read_no_more_hides_no_silence() -> None:
    """It is read while a device owes something; that it records on shows that it lives."""
    last = ago(days=5)
    device = device_model(device_row(last_contact=last), None, None)  # listed now
    hourly = [last - timedelta(hours=hour) for hour in range(50, -1, -1)]
    for recorded, told in ((None, ["silent"]), (last, ["silent"]), (ago(hours=3), []), (NOW + DAY, [])):
        known = facts(device=device, contacts=hourly, heard_until=last, recorded_until=recorded)
        assert kinds(known) == told


def test_a_device_that_was_never_in_contact_is_told_where_files_wait() -> None:
    waiting = device_model(replace(device_row(), open_orders=2), None, None)
    known: dict[str, object] = {"reasons": Counter({"ordered": 3, "device-silent": 1}), "heard_until": NOW}
    assert kinds(facts(device=waiting, **known)) == ["never-seen"]
    assert concerns_of(facts(device=waiting, **known), NOW)[0].files == 4
    assert kinds(facts(device=waiting, **known | {"heard_until": None})) == []
    assert kinds(facts(device=device_model(replace(device_row(), open_orders=0), None, None), **known)) == []


def collector() -> MissingCollector:
    return MissingCollector({"0b1c": 0}, PERIOD)


def test_every_missing_file_counts_and_as_many_as_fit_are_told() -> None:
    told = collector()
    known = row(StorageStatus.DEVICE_ONLY)
    for _ in range(MOST_MISSING // 1000 + 1):
        told.add([(known, case(known))] * 1000)
    assert told.counts() == {"listed-not-ordered": MOST_MISSING + 1000}
    assert len(told.columns.name) == MOST_MISSING
    assert len(told.columns.texts) == 2


def test_columns_pack_well_and_lose_nothing_that_is_shown() -> None:
    told = collector()
    for hours, size in ((50, 1_234_567), (49, 999), (48, None), (47, 0)):
        start = ago(hours=hours)
        record = row(StorageStatus.BOTH).record
        file = record.file._replace(start=start, size=size)
        known = FileRow(Device("0b1c", "Truck 1"), record._replace(file=file))
        told.add([(known, case(known))])
    first, *more = told.columns.recorded
    assert first == int(ago(hours=50).timestamp()) // 60
    assert more == [60, 60, 60]
    assert told.columns.size == [1_230_000, 999, None, 0]


def test_a_file_of_an_older_version_is_told_as_outdated() -> None:
    known = row(StorageStatus.BOTH, held=held(size=5))
    told = collector()
    told.add([(known, case(known))])
    assert told.outdated == 1


def test_a_gap_is_on_the_calendar_and_among_the_concerns() -> None:
    gap = Gap(ago(days=4), NOW, 9, ago(days=3), ago(days=1), open=True)
    attendance = Attendance([ago(days=2)], TimeWindow(ago(days=60), NOW), [gap], timedelta(0))
    device = device_row(last_contact=ago(hours=1))
    page, gaps = device_page(
        device, device_model(device, None, None), collector().of("0b1c"), attendance, NOW
    )
    assert [concern.kind for concern in page.concerns] == ["gap"]
    assert page.days.absences[-3:] == "gsu"  # the log was read up to today's noon
    assert [(each.hours, each.open) for each in gaps] == [(96.0, True)]


def test_an_old_gap_is_no_concern() -> None:
    end = NOW - RECENT - DAY
    gap = Gap(end - DAY, end, 9, end - DAY, end, open=False)
    device = device_row(last_contact=ago(hours=1))
    attendance = Attendance((), None, [gap], timedelta(0))
    page, _ = device_page(device, device_model(device, None, None), collector().of("0b1c"), attendance, NOW)
    assert page.concerns == ()


def large_page(rng: Random) -> PageModel:
    """200 devices, a year, 50,000 missing files with names as devices give them, at random seconds."""
    rows = [device_row(Device(f"id-{n}", f"Rail Milling Train {n:03}")) for n in range(200)]
    told = MissingCollector({each.device.id: place for place, each in enumerate(rows)}, PERIOD)
    devices: list[DevicePageModel] = []
    for each in rows:
        starts = sorted(NOW - timedelta(seconds=rng.randrange(DAYS * 86_400)) for _ in range(250))
        told.add([_missing(each, start, rng) for start in starts])
        calendar = told.of(each.device.id).calendar
        for day in range(DAYS):
            date = PERIOD.first + day * DAY
            calendar.add(date, date, Standing.HELD, rng.randrange(18, 25))
        page, _ = device_page(each, device_model(each, None, None), told.of(each.device.id), NOWHERE, NOW)
        devices.append(page)
    return PageModel(
        schema=1,
        version="1.0",
        generated=NOW,
        tenants=("Demo",),
        status=status_model(TOTALS, [], None, None),
        first_day=PERIOD.first,
        reasons=REASONS,
        missing=dict(told.counts()),
        outdated=0,
        devices=tuple(devices),
        files=told.columns,
        gaps=(),
        orders=(),
        german={},
        runs=(),
    )


def _missing(device: DeviceRow, start: datetime, rng: Random) -> tuple[FileRow, Case]:
    status = rng.choice([StorageStatus.DEVICE_ONLY, StorageStatus.SERVER_ONLY, StorageStatus.REQUESTED])
    name = f"{start:%Y%m%d}/{start:%Y%m%d_%H%M%S}.osfz"
    size = rng.randrange(500_000, 900_000)
    file = DataFile(device.device.id, name, status, size=size, start=start, end=start + timedelta(hours=1))
    known = FileRow(device.device, FileRecord(file, f"d/{name}", start, TimeWindow(start, NOW)))
    return known, case(known, NOTHING_KNOWN, STANDPOINT)


def test_a_large_fleet_s_page_is_below_a_megabyte() -> None:
    model = large_page(Random(1))
    assert len(model.files.name) == 50_000
    assert len(html(model)) < 1_000_000


def test_the_words_of_a_page_hold_no_name() -> None:
    """Whatever the platform calls things travels packed; nothing of it is markup."""
    device = device_row(Device("<b>id", "<img src=x>"))
    told = MissingCollector({"<b>id": 0}, PERIOD)
    known = ordered()
    named = FileRow(device.device, known.record)
    told.add([(named, case(named))])
    page, _ = device_page(device, device_model(device, None, None), told.of("<b>id"), NOWHERE, NOW)
    model = PageModel(
        schema=1,
        version="1.0",
        generated=NOW,
        tenants=("<i>tenant",),
        status=status_model(TOTALS, [], None, None),
        first_day=PERIOD.first,
        reasons=REASONS,
        missing={},
        outdated=0,
        devices=(page,),
        files=told.columns,
        gaps=(),
        orders=(),
        german={},
        runs=(),
    )
    text = html(model).decode()
    assert "<img" not in text
    assert "<i>" not in text
    assert isinstance(told.of("<b>id").calendar, Calendar)
