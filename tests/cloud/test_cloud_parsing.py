import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osfsync.cloud import parsing
from osfsync.cloud.login import choose
from osfsync.cloud.models import Reading
from osfsync.cloud.parsing import Authority
from osfsync.domain.errors import ProtocolError, TenantError
from osfsync.domain.model import DataFile, Device, StorageStatus, Tenant
from tests.cloud.cloud_readers import server_reader

NOW = datetime(2025, 6, 26, 6, 41, 43, tzinfo=UTC)


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


def token_of(**claims: Any) -> str:
    return "h." + base64.urlsafe_b64encode(as_json(claims)).rstrip(b"=").decode() + ".s"


def test_authorities_of_the_account() -> None:
    body = as_json(
        [
            {"authorityId": {"entityType": "AUTHORITY", "id": "a0"}},
            {
                "authorityId": {"entityType": "AUTHORITY", "id": "a1"},
                "tenant": {"id": {"entityType": "TENANT", "id": "t1"}, "name": "One"},
            },
            {"authorityId": "a2", "tenant": {"id": "t2", "name": "Two"}},
            {"authorityId": "a3", "tenant": {"name": "Three"}, "tenantId": {"id": "t3"}},
            {"authorityId": "a4", "tenant": None},
        ]
    )
    assert parsing.authorities(body) == [
        Authority(Tenant("t1", "One"), "a1"),
        Authority(Tenant("t2", "Two"), "a2"),
        Authority(Tenant("t3", "Three"), "a3"),
    ]


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"<html></html>", b'[{"tenant":{"name":"x"},"authorityId":{}}]']
)
def test_a_login_answer_of_another_shape(body: bytes) -> None:
    with pytest.raises(ProtocolError, match="login"):
        parsing.authorities(body)


@pytest.mark.parametrize(
    "answer", [{}, [], {"token": None}, {"token": ""}, {"token": "a\r\nX: 1"}, {"token": 5}]
)
def test_a_login_without_a_usable_token(answer: Any) -> None:
    with pytest.raises(ProtocolError):
        parsing.login_token(as_json(answer))


def test_a_login_token_need_not_be_a_jwt() -> None:
    assert parsing.login_token(b'{"token": "opaque+base/64=="}') == "opaque+base/64=="


def test_the_tenant_is_chosen_by_name_or_id() -> None:
    one, two = Authority(Tenant("t1", "One"), "a1"), Authority(Tenant("t2", "Two"), "a2")
    assert choose([one, two], "Two") is two
    assert choose([one, two], "t1") is one
    assert choose([one], None) is one
    assert choose([one, Authority(one.tenant, "a9")], None) is one


@pytest.mark.parametrize(
    ("names", "wanted", "words"),
    [
        ((), None, "no tenant"),
        (("One", "Two"), None, "'One', 'Two'"),
        (("One", "Two"), "one", "'One', 'Two'"),
        (("Same", "Same"), "Same", "'t0', 't1'"),
        (tuple(map(str, range(40))), None, "and 20 more"),
        (("a\x1b[31m", "b"), None, r"'a\\x1b\[31m'"),
    ],
)
def test_a_tenant_that_is_not_clear(names: tuple[str, ...], wanted: str | None, words: str) -> None:
    reached = [Authority(Tenant(f"t{n}", name), f"a{n}") for n, name in enumerate(names)]
    with pytest.raises(TenantError, match=words):
        choose(reached, wanted)


def test_the_life_of_a_token_is_told_by_itself() -> None:
    issued = NOW.timestamp() - 500  # by another clock
    assert parsing.token_lifetime(token_of(iat=issued, exp=issued + 600), NOW) == timedelta(seconds=600)
    assert parsing.token_lifetime(token_of(exp=NOW.timestamp() + 90), NOW) == timedelta(seconds=90)


@pytest.mark.parametrize(
    "token",
    ["", "opaque", "a.b.c", "a..c", "a.é.c", token_of(), token_of(exp="soon"), token_of(exp=5), "a.W10.c"],
)
def test_a_token_that_does_not_tell_its_life(token: str) -> None:
    assert parsing.token_lifetime(token, NOW) is None


@given(st.text())
def test_any_token_is_survived(token: str) -> None:
    lifetime = parsing.token_lifetime(token, NOW)
    assert lifetime is None or lifetime > timedelta(0)


@pytest.mark.parametrize("body", [b"abc-_.~123", b' "abc-_.~123" \r\n', b"abc-_.~123\n"])
def test_a_download_token_is_text_perhaps_quoted(body: bytes) -> None:
    assert parsing.download_token(body, "download") == "abc-_.~123"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b'""',
        b"  ",
        b"a b",
        b"a\x00b",
        b"a\r\nb",
        b"\xff\xfe",
        "ü".encode(),
        b"x" * 9_000,
        b"<html>Login</html>",
        b"<html>",
        b'{"other":"x"}',
    ],
)
def test_what_is_no_download_token(body: bytes) -> None:
    with pytest.raises(ProtocolError, match="download token"):
        parsing.download_token(body, "download")


@pytest.mark.parametrize("answer", [{"id": "x"}, {"credentialsId": ""}, {"credentialsId": 5}])
def test_credentials_of_another_shape(answer: Any) -> None:
    with pytest.raises(ProtocolError, match="credentialsId"):
        parsing.credentials_id(as_json(answer), "credentials")


def test_devices_of_a_page() -> None:
    page = parsing.page(
        as_json(
            {
                "data": [
                    {"id": {"entityType": "DEVICE", "id": "d1"}, "name": "Crane"},
                    {"id": "d2", "name": None},
                ],
                "totalPages": 3,
                "totalElements": 7,
                "hasNext": True,
            }
        ),
        "device list",
    )
    assert parsing.devices(page.records) == [Device("d1", "Crane"), Device("d2", "d2")]
    assert (page.total, page.total_pages, page.has_next) == (7, 3, True)


@pytest.mark.parametrize("body", [b"5", b'"x"', b'{"data":5}', b'{"message":"x"}', b"\xff", b"[" * 9_999])
def test_a_list_of_another_shape(body: bytes) -> None:
    with pytest.raises(ProtocolError, match="device list"):
        parsing.page(body, "device list")


def test_a_web_page_is_named_as_such() -> None:
    with pytest.raises(ProtocolError, match="web page"):
        parsing.page(b"\n<!DOCTYPE html><html/>", "device list")


@pytest.mark.parametrize("entry", [{}, {"id": None}, {"id": {}}, {"id": 7.5}, [], 5])
def test_a_device_without_an_id(entry: Any) -> None:
    page = parsing.page(as_json({"data": [entry]}), "device list")
    assert parsing.devices(page.records) == []
    with pytest.raises(ProtocolError, match="id of a device"):
        parsing.check_identified([], 1)


def test_server_files_are_on_the_server_whatever_else_they_say() -> None:
    page = parsing.page(
        as_json(
            {
                "data": [
                    {
                        "id": {"entityType": "FILE", "id": "f"},
                        "fileName": "20250626/a.osfz ",
                        "fileSize": 12,
                        "startTime": 1750920103000,
                        "endTime": 1750920103250,
                        "status": "DONE",
                        "nothing": None,
                    }
                ]
            }
        ),
        "list",
    )
    reader = server_reader()
    assert parsing.server_files(page.records, reader, "list") == [
        DataFile(
            "d1",
            "20250626/a.osfz ",
            StorageStatus.SERVER_ONLY,
            12,
            NOW,
            NOW.replace(microsecond=250_000),
            None,
            (("id", '{"entityType":"FILE","id":"f"}'), ("status", "DONE")),
        )
    ]


@pytest.mark.parametrize("shape", [lambda records: records, lambda records: {"data": records}])
def test_communication_events_are_read_tolerantly(shape: Any) -> None:
    records = [
        {"ts": 1750920103000, "type": "PING", "message": "hello"},
        {"createdTime": "2025-06-26T06:41:43Z", "event": "attn"},
        {"eventTime": 1750920103, "direction": "UP", "body": {"command": "RETURN_LIST", "files": 3}},
        {"date": "?", "kind": "something new"},
        {},
    ]
    page = parsing.page(as_json(shape(records)), "communication")
    events = parsing.events(page.records, "communication")
    assert [(event.kind, event.at) for event in events] == [
        ("PING", NOW),
        ("ATTN", NOW),
        ("RETURN_LIST", NOW),
        ("SOMETHING NEW", None),
        ("", None),
    ]
    assert ("message", "hello") in events[0].extra
    assert ("files", "3") in events[2].extra


def test_a_bare_list_that_breaks_off() -> None:
    with pytest.raises(ProtocolError, match="communication"):
        parsing.page(b'[{"a":1}', "communication")


def test_telemetry_gives_the_latest_value_of_each_channel() -> None:
    body = as_json(
        {
            "b": [{"ts": 1750920103000, "value": "2.5"}, {"ts": 1750920102000, "value": "9"}],
            "a": [{"ts": 1750920103000, "value": True}],
            "c": [],
            "d": "odd",
        }
    )
    assert parsing.readings(body, "telemetry") == [
        Reading("a", "true", NOW),
        Reading("b", "2.5", NOW),
        Reading("c", "", None),
        Reading("d", "", None),
    ]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
record_fields = st.dictionaries(
    st.sampled_from(["fileName", "name", "status", "size", "start", "end", "tag", "other"])
    | st.text(max_size=8),
    json_values,
    max_size=8,
)


@given(st.lists(record_fields, max_size=5))
def test_any_records_are_read_or_refused(records: list[dict[str, Any]]) -> None:
    raws = parsing.page(as_json(records), "list").records
    assert len(parsing.events(raws, "list")) == len(records)
    reader = server_reader()
    for method in (reader.file, reader.server_file):
        for record in records:
            try:
                file = method(record)
            except ProtocolError:
                continue
            assert file.name.strip()
            assert file.size is None or 0 <= file.size < 2**63
            assert file.start is None or file.start.tzinfo is UTC
            assert file.start is None or file.end is None or file.start <= file.end


@given(st.binary(max_size=80), st.sampled_from([parsing.page, parsing.readings]))
def test_any_bytes_are_read_or_refused_in_words(body: bytes, read: Callable[[bytes, str], object]) -> None:
    what = "answer of device 'Crane 4'"
    told = what
    try:
        read(body, what)
    except ProtocolError as error:
        told = str(error)
    assert what in told
