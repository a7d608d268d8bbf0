"""Which missing files the user asks for."""

from dataclasses import replace
from datetime import timedelta

from osfsync.domain.model import StorageStatus
from osfsync.domain.planner import Reason
from osfsync.reports.wanted import ALL_MISSING, Wanted
from tests.reports.reports_samples import ago, case, row


def test_everything_is_wanted_unless_something_is_said() -> None:
    assert ALL_MISSING.wants(case(row(StorageStatus.DEVICE_ONLY)))


def test_one_of_the_reasons_is_enough() -> None:
    known = case(row(StorageStatus.BOTH))
    assert Wanted(frozenset({Reason.ON_SERVER, Reason.LOST})).wants(known)
    assert not Wanted(frozenset({Reason.LOST})).wants(known)


def test_a_file_is_as_old_as_its_recording_else_as_we_know_it() -> None:
    """Recorded three days ago, and first seen then."""
    known = row(StorageStatus.BOTH, first_seen=ago(days=1))
    unknown = known.record._replace(file=known.record.file._replace(start=None, end=None))
    for record, days in ((known.record, 3), (unknown, 1)):
        told = case(replace(known, record=record))
        assert Wanted(older_than=timedelta(days=days, hours=-1)).wants(told)
        assert not Wanted(older_than=timedelta(days=days, hours=1)).wants(told)
