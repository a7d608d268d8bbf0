"""Answers whose shape the API page leaves open: read right, or refused."""

import json
from typing import Any

import pytest

from osfsync.cloud import parsing
from osfsync.cloud.parsing import Authority
from osfsync.domain.errors import ProtocolError
from osfsync.domain.model import Tenant

ORIGIN = "https://example.opticloud.io"
PATH = "/api/device/d1/data-files/CLIENT_SCOPE/token/"


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    ("body", "token"),
    [
        (b"a/b+c%2F=\n", "a/b+c%2F="),
        (b"\xef\xbb\xbfabc", "abc"),
        ("abc".encode("utf-16"), "abc"),
        (b'"a/b"', "a/b"),
        (as_json({"token": "t1"}), "t1"),
        (as_json({"downloadToken": "t1"}), "t1"),
        (as_json({"download_token": "t1", "id": "7", "expires": "2030"}), "t1"),
        (as_json({"data": {"token": "t1"}}), "t1"),
        (as_json({"data": "t1", "message": "OK"}), "t1"),
        (as_json(["t1"]), "t1"),
        (as_json([{"token": "t1"}]), "t1"),
        (as_json({"token": "t1", "error": None}), "t1"),
        (b'{"token": "t1", "size": NaN}', "t1"),
        (as_json({"url": ORIGIN + PATH + "t%2F1"}), "t/1"),
        ((ORIGIN + PATH + "t1").encode(), "t1"),
        ((PATH + "t1").encode(), "t1"),
    ],
)
def test_a_download_token_is_read_from_any_shape(body: bytes, token: str) -> None:
    assert parsing.download_token(body, "download", ORIGIN) == token


@pytest.mark.parametrize(
    "body",
    [
        as_json({"error": "gone", "token": "t1"}),
        as_json({"error": "gone", "message": "No such file"}),
        as_json({"message": "t1", "status": 404}),
        as_json(["t1", "t2"]),
        as_json({"token": "t1", "downloadToken": "t2"}),
        b'{"token": "t1", "token": "t2"}',
        as_json({"id": "a", "expires": "b"}),
        ("https://elsewhere.io" + PATH + "t1").encode(),
        (ORIGIN + ".elsewhere.io" + PATH + "t1").encode(),
        (ORIGIN + "/files/a.osfz").encode(),
        as_json({"url": "https://elsewhere.io" + PATH + "t1"}),
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00 a file",
        b"PK\x03\x04 a file",
        b"null",
        b"[]",
    ],
)
def test_no_download_token_is_guessed(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        parsing.download_token(body, "download", ORIGIN)


@pytest.mark.parametrize(
    "answer",
    [
        {"token": "t1", "refreshToken": "r"},
        {"token": "Bearer t1"},
        {"token": "t1", "accessToken": "other"},
        {"accessToken": "t1", "refresh_token": "r"},
        {"access_token": "t1", "token_type": "Bearer"},
        {"jwt": "t1"},
        {"data": {"token": "t1", "refreshToken": "r"}},
        "t1",
    ],
)
def test_a_login_token_is_read_from_any_shape(answer: Any) -> None:
    assert parsing.login_token(as_json(answer)) == "t1"


def test_a_login_token_may_be_plain_text() -> None:
    assert parsing.login_token(b"\xef\xbb\xbft1\r\n") == "t1"


@pytest.mark.parametrize(
    "answer", [{"refreshToken": "r"}, {"accessToken": "a", "jwt": "b"}, {"message": "no"}, ["a", "b"], None]
)
def test_no_login_token_is_guessed(answer: Any) -> None:
    with pytest.raises(ProtocolError):
        parsing.login_token(as_json(answer))


@pytest.mark.parametrize(
    "answer",
    [
        {"credentialsId": "c1", "credentialsValue": "v", "id": {"id": "x"}},
        {"accessToken": "c1"},
        {"token": "c1"},
        {"data": {"credentialsId": "c1"}},
        [
            {"credentialsType": "X509_CERTIFICATE", "credentialsId": "no"},
            {"credentialsType": "ACCESS_TOKEN", "credentialsId": "c1"},
        ],
        "c1",
    ],
)
def test_credentials_are_read_from_any_shape(answer: Any) -> None:
    assert parsing.credentials_id(as_json(answer), "credentials") == "c1"


@pytest.mark.parametrize("body", [b"", b"null", b"{}", b"[]", b" \n", b'{"credentialsId": null}'])
def test_a_device_may_have_no_credentials(body: bytes) -> None:
    assert parsing.credentials_id(body, "credentials") is None


@pytest.mark.parametrize(
    "answer",
    [
        [{"tenant": {"id": "t1", "name": "One"}, "authorityId": "7"}],
        [{"tenant": {"id": "t1", "title": "One"}, "authorityId": 7}],
        [{"tenantId": {"id": "t1"}, "tenantName": "One", "authorityId": {"id": 7}}],
        [{"tenant": {"id": {"id": "t1"}, "name": "One"}, "authority": {"id": {"id": "7"}}}],
        {"data": [{"tenant": {"id": "t1", "name": "One"}, "authorityId": "7"}]},
        {"data": {"content": [{"tenant": {"id": "t1", "name": "One"}, "authorityId": "7"}]}},
        {"items": [{"tenantId": "t1", "tenantName": "One", "authorityId": "7"}]},
        {"tenant": {"id": "t1", "name": "One"}, "authorityId": "7"},
    ],
)
def test_tenants_are_read_from_any_shape(answer: Any) -> None:
    assert parsing.authorities(as_json(answer)) == [Authority(Tenant("t1", "One"), "7")]
