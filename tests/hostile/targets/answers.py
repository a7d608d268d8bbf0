"""The platform's JSON and text answers."""

import base64
from datetime import timedelta
from functools import partial

from osfsync.cloud import calls, parsing
from osfsync.cloud.elements import Elements
from osfsync.cloud.fields import LONGEST_NAME
from osfsync.cloud.login import choose
from osfsync.cloud.mqtt import attributes_told
from osfsync.domain.errors import ProtocolError, TenantError
from osfsync.domain.model import CommunicationEvent, TimeWindow
from tests.cloud.cloud_readers import server_reader
from tests.hostile.targets.base import DEVICE, LARGEST, NOW, WHAT, Target, assert_sound, refused


def _authorities(data: bytes) -> None:
    try:
        found = parsing.authorities(data)
        choose(found, "Works")
    except (ProtocolError, TenantError) as error:
        refused(error)


def _login_token(data: bytes) -> None:
    try:
        token = parsing.login_token(data)
    except ProtocolError as error:
        refused(error)
        token = "." + base64.urlsafe_b64encode(data).decode() + "."
    else:
        assert token.isascii()
        assert token.isprintable()
        assert len(token) <= parsing.LONGEST_TOKEN
    lifetime = parsing.token_lifetime(token, NOW)
    assert lifetime is None or timedelta(0) < lifetime < timedelta(days=365 * 130)


def _small_answers(data: bytes) -> None:
    for read in (parsing.credentials_id, parsing.download_token):
        try:
            text = read(data, WHAT)
        except ProtocolError as error:
            refused(error)
            continue
        if text is None:
            continue
        assert text.strip()
        assert len(text) <= parsing.LONGEST_TOKEN
        try:
            path = calls.file_list(DEVICE, text, TimeWindow(NOW, NOW)).path
        except ProtocolError as error:
            refused(error)
            continue
        assert path.count("/") == calls.file_list(DEVICE, "x", TimeWindow(NOW, NOW)).path.count("/")
        assert path.isascii()
        assert path.isprintable()


def _devices(data: bytes) -> None:
    try:
        found = parsing.devices(parsing.page(data, WHAT).records)
    except ProtocolError as error:
        refused(error)
        return
    for device in found:
        assert device.id
        assert 0 < len(device.name) <= LONGEST_NAME
        device.name.encode()
        device.id.encode()


def _server_files(data: bytes) -> None:
    reader = server_reader(what=WHAT, device_id="d-1")
    try:
        page = parsing.page(data, WHAT)
        found = parsing.server_files(page.records, reader, WHAT)
    except ProtocolError as error:
        refused(error)
        return
    assert page.total is None or 0 <= page.total <= LARGEST
    for file in found:
        assert_sound(file)


def _events(data: bytes) -> None:
    try:
        found = parsing.events(parsing.page(data, WHAT).records, WHAT)
    except ProtocolError as error:
        refused(error)
        return
    for event in found:
        assert isinstance(event, CommunicationEvent)
        assert len(event.kind) <= 64
        assert event.at is None or 1990 <= event.at.year < 2100
        assert len(event.extra) <= 32


def _telemetry(data: bytes) -> None:
    try:
        found = parsing.readings(data, WHAT)
    except ProtocolError as error:
        refused(error)
        return
    assert [reading.channel for reading in found] == sorted({reading.channel for reading in found})


def _pieces(data: bytes) -> None:
    """Cut anywhere, a list in pieces is the same as in one; the first byte tells where chunks end."""
    size, text = max(data[0] if data else 1, 1), data[1:]
    reading = Elements(partial(parsing.elements, what=WHAT), smallest=1)
    try:
        whole = parsing.elements(b"[" + text + b"]", WHAT)
        found = [raw for at in range(0, len(text), size) for raw in reading.feed(text[at : at + size])]
        last = parsing.elements(b"[" + reading.rest + b"]", WHAT)
    except ProtocolError as error:
        refused(error)
        return
    assert (last is None) == (whole is None)
    if whole is not None and last is not None:
        assert [bytes(raw) for raw in (*found, *last)] == [bytes(raw) for raw in whole]


def _attributes(data: bytes) -> None:
    keys = ("pause", "lookback")
    for whole in (True, False):
        told = attributes_told(data, keys, whole=whole)
        assert told.keys() <= set(keys)


_TOKEN = "h." + base64.urlsafe_b64encode(b'{"iat":1772366400,"exp":1772373600}').rstrip(b"=").decode() + ".s"
_TENANT = '{"tenant":{"id":{"entityType":"TENANT","id":"t"},"name":"Works"},"authorityId":{"id":"a"}}'
_FILE = (
    '{"fileName":"a.osf","fileSize":12,"startTime":1750920103000,"endTime":1750920103250,"tag":"x",'
    '"id":{"id":"f"}}'
)
_WORDS = (b'{"', b'":', b"[", b"]", b"null", b"true", b"1e308", b"-0", b"\\ud800", b'"id":', b'"data":[')

ANSWERS: tuple[Target, ...] = (
    Target("authorities", _authorities, (f"[{_TENANT},{{}}]".encode(),), (*_WORDS, b'"tenant":')),
    Target("login token", _login_token, (b'{"token":"%b"}' % _TOKEN.encode(), b'{"exp":1772373600}'), _WORDS),
    Target("small answers", _small_answers, (b'{"credentialsId":"abc"}', b'"a-b"', b"..", b"a.b"), _WORDS),
    Target(
        "devices",
        _devices,
        (b'{"data":[{"id":{"id":"d1"},"name":"Crane"},{"id":"d2"}],"totalElements":2,"hasNext":false}',),
        _WORDS,
    ),
    Target(
        "server files",
        _server_files,
        (f'{{"data":[{_FILE}],"totalPages":1}}'.encode(),),
        (*_WORDS, b'"tag":'),
    ),
    Target(
        "events",
        _events,
        (b'[{"ts":1750920103000,"type":"PING","body":{"command":"ATTN"}},"PING"]', b'{"data":[{}]}'),
        _WORDS,
    ),
    Target(
        "a list in pieces",
        _pieces,
        (b'\x01{"a":"},{"},{"b":[{},{}]},{}', b'\x05{"a":1} , {"b":"]"}'),
        (*_WORDS, b"},{", b"} ,{", b'"'),
    ),
    Target(
        "shared attributes",
        _attributes,
        (b'{"shared":{"pause":true},"client":{}}', b'{"lookback":"60d"}', b'{"deleted":["pause"]}'),
        (*_WORDS, b'"shared":', b'"deleted":', b'"pause"'),
    ),
    Target("telemetry", _telemetry, (b'{"a":[{"ts":1750920103000,"value":"1"}],"b":5}',), _WORDS),
)
