"""Where a file that was cut must not be accepted."""

import gzip

import pytest

from osfsync.content import LengthCheck, check_for, only_whole
from osfsync.domain.errors import DamagedError
from osfsync.domain.model import Verification
from tests.content.content_bytes import XML, narrow, osf

OSF = osf(XML, narrow(b"\x08 time 4444"))
CUT = OSF[:-1]
LARGE = osf(XML, narrow(bytes(1020)) * 64)


def finish(name: str, data: bytes) -> Verification:
    check = only_whole(check_for(name))
    check.update(data)
    return check.finish()


@pytest.mark.parametrize(
    ("name", "data"), [("a.osf", CUT), ("a.osfz", gzip.compress(CUT, mtime=0)), ("a.osf", osf(XML)[:-20])]
)
def test_a_cut_file_is_refused_by_name(name: str, data: bytes) -> None:
    with pytest.raises(DamagedError, match="cut") as caught:
        finish(name, data)
    assert caught.value.check == "tail-cut"
    assert caught.value.retryable


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("a.osf", OSF, Verification.WHOLE),
        ("a.osfz", gzip.compress(OSF, mtime=0), Verification.WHOLE),
        ("a.osf", LARGE, Verification.HEADER),
        ("a.jpg", b"anything", Verification.LENGTH),
    ],
)
def test_any_other_verdict_stays(name: str, data: bytes, expected: Verification) -> None:
    assert finish(name, data) is expected


def test_what_is_refused_anyway_is_refused_as_before() -> None:
    with pytest.raises(DamagedError) as caught:
        only_whole(check_for("a.osf")).update(b"<html>")
    assert caught.value.check == "not-osf"
    with pytest.raises(DamagedError) as caught:
        finish("a.osfz", gzip.compress(OSF)[:-1])
    assert caught.value.check == "gzip-end"


def test_other_files_are_only_measured() -> None:
    assert isinstance(check_for("a.jpg"), LengthCheck)
