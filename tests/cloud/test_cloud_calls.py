from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osfsync.cloud import calls
from osfsync.cloud.calls import Call, Repeat
from osfsync.domain.errors import ProtocolError
from osfsync.domain.model import Device, TimeWindow

DEVICE = Device("784f394c-42b6-435a-983c-b7beff2784f9", "Crane 4")
START = datetime(2025, 6, 26, 6, 41, 43, 250_500, tzinfo=UTC)
END = datetime(2025, 6, 26, 7, 0, 0, 1, tzinfo=UTC)
WINDOW = TimeWindow(START, END)
SECONDS = 1_750_920_103  # START, rounded down
ID = DEVICE.id


def test_file_list_counts_in_seconds_and_writes_api_in_upper_case() -> None:
    call = calls.file_list(DEVICE, "a b/c", WINDOW)
    assert call.path == f"/API/filelist/list/deviceid/a%20b%2Fc/StartTime/{SECONDS}/{SECONDS + 1097 + 1}"
    assert "application/xml" in call.accept


def test_server_files_count_in_milliseconds() -> None:
    call = calls.server_files(DEVICE, WINDOW, 3)
    assert call.path == f"/api/devices/{ID}/data-files/original"
    assert dict(call.params) == {
        "startTime": str(SECONDS * 1000 + 250),
        "endTime": str(1_750_921_200_001),
        "limit": "-1",
        "page": "3",
    }


def test_communication_counts_in_milliseconds() -> None:
    call = calls.communication(DEVICE, WINDOW, 0)
    assert call.path == f"/api/devices/{ID}/communication/data"
    assert dict(call.params) == {
        "startTime": str(SECONDS * 1000 + 250),
        "endTime": str(1_750_921_200_001),
        "limit": "2147483647",
        "page": "0",
    }


def test_request_list_speaks_iso_8601_and_is_not_repeated_lightly() -> None:
    call = calls.request_list(DEVICE, WINDOW, "preview")
    assert call.method == "POST"
    assert call.path == f"/api/devices/{ID}/request-list"
    assert call.json == {
        "startTime": "2025-06-26T06:41:43.250Z",
        "endTime": "2025-06-26T07:00:00.001Z",
        "tag": "preview",
    }
    assert call.repeat is Repeat.UNTAKEN


def test_telemetry_asks_for_now_twice_in_milliseconds() -> None:
    call = calls.telemetry(DEVICE, START)
    assert call.path == f"/api/plugins/telemetry/DEVICE/{ID}/values/timeseries"
    assert call.params == (("startTs", str(SECONDS * 1000 + 250)), ("endTs", str(SECONDS * 1000 + 250)))


@pytest.mark.parametrize(
    ("call", "method", "path"),
    [
        (calls.authorization("u", "p"), "POST", "/api/noauth/authorization"),
        (calls.login("u", "p", "a"), "POST", "/api/auth/login"),
        (calls.devices("t/1", 0), "GET", "/api/tenants/t%2F1/devices"),
        (calls.credentials(DEVICE), "GET", f"/api/device/{ID}/credentials"),
        (
            calls.download_token(DEVICE, "a/b.osfz"),
            "POST",
            f"/api/device/{ID}/data-files/CLIENT_SCOPE/download",
        ),
        (
            calls.download(DEVICE, "a.osf", "T?&#"),
            "GET",
            f"/api/device/{ID}/data-files/CLIENT_SCOPE/token/T%3F%26%23",
        ),
    ],
)
def test_paths_alternate_as_the_api_page_has_them(call: Call, method: str, path: str) -> None:
    assert (call.method, call.path) == (method, path)


def test_bodies_are_those_of_the_api_page() -> None:
    assert calls.authorization("u", "p").json == {"username": "u", "password": "p"}
    assert calls.login("u", "p", "a").json == {"username": "u", "password": "p", "authorityId": "a"}
    assert calls.download_token(DEVICE, "a/b.osfz").json == ["a/b.osfz"]


@pytest.mark.parametrize("segment", ["", ".", ".."])
def test_an_id_can_not_lead_elsewhere(segment: str) -> None:
    with pytest.raises(ProtocolError):
        calls.credentials(Device(segment, "x"))


@given(st.text(min_size=1).filter(lambda text: text not in {".", ".."}))
def test_any_id_stays_one_segment(text: str) -> None:
    path = calls.credentials(Device(text, "x")).path
    assert path.count("/") == 4
    assert path.isascii()
    assert not set(path) & set("?#&\\ \r\n\0")


def test_what_a_call_shows_holds_no_secret() -> None:
    shown = repr(
        [
            calls.authorization("u", "PASSWORD"),
            calls.login("u", "PASSWORD", "a"),
            calls.file_list(DEVICE, "CREDENTIAL", WINDOW),
            calls.download(DEVICE, "a.osf", "TOKEN"),
        ]
    )
    assert not [secret for secret in ("PASSWORD", "CREDENTIAL", "TOKEN") if secret in shown]
    assert calls.download(DEVICE, "a.osf", "TOKEN").what == "download of file 'a.osf' of device 'Crane 4'"


def test_numbers_are_told_apart_by_their_size() -> None:
    assert calls.from_epoch(1_750_920_103) == START.replace(microsecond=0)
    assert calls.from_epoch(1_750_920_103_250) == START.replace(microsecond=250_000)
    assert calls.from_epoch(0) is None
    assert calls.from_epoch(-5) is None
    assert calls.from_epoch(1e300) is None
    assert calls.from_epoch(float("nan")) is None


@pytest.mark.parametrize("unit", [1, 1000])
def test_times_that_no_device_can_have_are_unknown(unit: int) -> None:
    first, end = 631_152_000, 4_102_444_800  # 1990-01-01, 2100-01-01
    assert calls.from_epoch(first * unit) == datetime(1990, 1, 1, tzinfo=UTC)
    assert calls.from_epoch(first * unit - 1) is None
    assert calls.from_epoch(end * unit) is None
    assert calls.from_epoch(end * unit - 1) is not None
    assert calls.from_epoch(253_402_214_400 * unit) is None  # 9999-12-31


@given(st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2099, 12, 31)))  # noqa: DTZ001 - made aware below
def test_a_window_is_never_narrowed_by_rounding(moment: datetime) -> None:
    start = moment.replace(tzinfo=UTC)
    window = TimeWindow(start, start + timedelta(microseconds=1))
    first, last = map(int, calls.file_list(DEVICE, "c", window).path.rsplit("/", 2)[1:])
    assert first <= start.timestamp() < first + 1
    assert last - 1 < window.end.timestamp() <= last
    assert calls.from_epoch(calls.milliseconds(start)) == start.replace(
        microsecond=start.microsecond // 1000 * 1000
    )


def test_times_before_the_epoch_are_the_epoch() -> None:
    old = datetime(1960, 1, 1, tzinfo=UTC)
    assert calls.file_list(DEVICE, "c", TimeWindow(old, old)).path.endswith("/StartTime/0/0")
