from datetime import UTC, datetime, timedelta

from osfsync.domain.model import (
    DataFile,
    FileRecord,
    ListingSource,
    StorageStatus,
    TimeWindow,
)
from osfsync.pipeline.decide import best_of, reconciled
from osfsync.pipeline.settle import span_of

NOW = datetime(2026, 3, 1, tzinfo=UTC)
WINDOW = TimeWindow(NOW - timedelta(days=30), NOW)


def file(name: str, status: StorageStatus, **more: object) -> DataFile:
    return DataFile("device", name, status, **more)  # type: ignore[arg-type]


def test_a_file_told_twice_counts_once_and_as_it_can_be_had() -> None:
    told = [
        file("a", StorageStatus.DEVICE_ONLY),
        file("b", StorageStatus.BOTH),
        file("a", StorageStatus.SERVER_ONLY),
        file("b", StorageStatus.DEVICE_ONLY),
    ]
    assert best_of(told) == [file("a", StorageStatus.SERVER_ONLY), file("b", StorageStatus.BOTH)]


def test_the_servers_own_list_makes_nothing_forgotten() -> None:
    known = file("a", StorageStatus.BOTH, size=10, start=NOW, end=NOW, tag="raw", extra=(("x", "y"),))
    record = FileRecord(known, "d/a", NOW, WINDOW)
    told = file("a", StorageStatus.SERVER_ONLY)
    assert reconciled(told, record, ListingSource.SERVER_LIST) == known
    assert reconciled(told, record, ListingSource.DEVICE_LIST) == told
    assert reconciled(told, None, ListingSource.SERVER_LIST) == told


def test_a_span_is_the_recordings_or_that_of_its_name_or_the_day_before_it_was_listed() -> None:
    day = timedelta(days=1)
    undated, later = file("a", StorageStatus.DEVICE_ONLY), NOW + timedelta(minutes=5)
    for wanted, undated_span, span in (
        (undated, None, WINDOW),
        (undated, day, TimeWindow(max(WINDOW.start, NOW - day), NOW)),
        (file("a", StorageStatus.DEVICE_ONLY, start=NOW), day, TimeWindow(NOW, NOW)),
        (file("a", StorageStatus.DEVICE_ONLY, end=NOW), day, TimeWindow(NOW, NOW)),
        (file("a", StorageStatus.DEVICE_ONLY, start=NOW, end=later), day, TimeWindow(NOW, later)),
    ):
        assert span_of(wanted, WINDOW, NOW, undated_span) == span
    named = span_of(file("20260226/20260226_120000.osfz", StorageStatus.DEVICE_ONLY), WINDOW, NOW, day)
    assert named.end - named.start == timedelta(hours=28)
