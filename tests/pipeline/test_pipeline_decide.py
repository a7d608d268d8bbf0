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


def test_a_span_is_the_recordings_or_that_of_its_listing() -> None:
    assert span_of(file("a", StorageStatus.DEVICE_ONLY), WINDOW) == WINDOW
    assert span_of(file("a", StorageStatus.DEVICE_ONLY, start=NOW), WINDOW) == TimeWindow(NOW, NOW)
    later = NOW + timedelta(minutes=5)
    assert span_of(file("a", StorageStatus.DEVICE_ONLY, start=NOW, end=later), WINDOW).end == later
