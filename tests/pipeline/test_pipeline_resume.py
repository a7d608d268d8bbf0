"""Whether the rest of a broken download may be asked for."""

import pytest

from osfsync.archive.base import PartLabel
from osfsync.cloud.client import Proof, Rest
from osfsync.domain.model import DataFile, Device, StorageStatus
from osfsync.pipeline.messages import FetchJob, Receipt
from osfsync.pipeline.resume import fits, label_for, rest_after

DEVICE = Device("id", "Crane 4")
FILE = DataFile("id", "a.osf", StorageStatus.BOTH, size=100)
BY_ETAG, BY_SIZE = Proof('"v1"'), Proof(None)


def job(file: DataFile = FILE, device: Device = DEVICE) -> FetchJob:
    return FetchJob(device, file, "Crane 4/a.osf", Receipt())


def unlisted() -> FetchJob:
    """A file of which the list tells no size."""
    return job(FILE._replace(size=None))


def label(size: int = 100, validator: str | None = '"v1"') -> PartLabel:
    return PartLabel("id", "a.osf", size, validator)


def test_what_can_be_proven_later_gets_a_label() -> None:
    assert label_for(job(), 100, BY_ETAG) == label()
    assert label_for(job(), 100, BY_SIZE) == label(validator=None)
    assert label_for(unlisted(), 100, BY_ETAG) == label()


def test_what_nothing_could_prove_gets_none() -> None:
    assert label_for(job(), 100, None) is None
    assert label_for(job(), None, BY_ETAG) is None
    assert label_for(job(), 0, BY_ETAG) is None
    assert label_for(unlisted(), 100, BY_SIZE) is None


@pytest.mark.parametrize("validator", ['"v1"', None])
def test_a_label_fits_the_file_that_is_listed(validator: str | None) -> None:
    fitting = label(validator=validator)
    assert fits(fitting, job())
    assert fits(fitting, job(device=Device("id", "renamed")))
    assert not fits(fitting, job(device=Device("other", "Crane 4")))
    assert not fits(fitting, job(FILE._replace(name="b.osf")))
    assert not fits(fitting, job(FILE._replace(size=101)))
    assert fits(fitting, unlisted()) == (validator is not None)


def test_the_rest_begins_behind_what_is_here() -> None:
    assert rest_after(label(), 40) == Rest(40, 100, BY_ETAG)
    assert rest_after(label(validator=None), 99) == Rest(99, 100, BY_SIZE)
    assert rest_after(label(), 0) is None
    assert rest_after(label(), 100) is None
