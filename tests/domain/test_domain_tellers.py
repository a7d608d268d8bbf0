"""Whose news it is that a device's lists name."""

from datetime import UTC, datetime, timedelta

import pytest

from osfsync.domain.model import DataFile, StorageStatus
from osfsync.domain.tellers import Tellers

NOW = datetime(2026, 5, 1, tzinfo=UTC)
BOTH, DEVICE_ONLY, SERVER_ONLY = StorageStatus.BOTH, StorageStatus.DEVICE_ONLY, StorageStatus.SERVER_ONLY


def told(status: StorageStatus, days: float | None) -> DataFile:
    return DataFile("device", "a.osf", status, start=None if days is None else NOW - timedelta(days=days))


@pytest.mark.parametrize(
    ("files", "doubtful"),
    [
        ([], False),
        ([told(BOTH, 1)], False),
        ([told(BOTH, 20)], False),
        ([told(SERVER_ONLY, 20)], False),
        ([told(BOTH, 20), told(SERVER_ONLY, 20)], False),
        ([told(SERVER_ONLY, 1)], True),
        ([told(BOTH, 20), told(SERVER_ONLY, 1)], True),
        ([told(SERVER_ONLY, 1), told(DEVICE_ONLY, 1)], False),
        ([told(BOTH, -30), told(SERVER_ONLY, 1)], True),
        ([told(BOTH, 20), told(SERVER_ONLY, -30)], False),
        ([told(BOTH, None), told(SERVER_ONLY, None)], True),
        ([told(BOTH, None)], False),
        ([told(BOTH, 1), told(SERVER_ONLY, None)], False),
    ],
)
def test_only_what_others_may_have_told_is_in_doubt(files: list[DataFile], doubtful: bool) -> None:
    tellers = Tellers()
    tellers.note(files, NOW)
    assert tellers.are_doubtful(NOW) is doubtful
