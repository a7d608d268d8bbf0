"""Lists that are too much of anything: refused in words of ours, in little time and memory."""

import base64
import json
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain, repeat

import pytest

from osfsync.cloud import bounds, filelist, listing, parsing
from osfsync.cloud.bounds import LARGEST_RECORD, MOST_OBJECTS
from osfsync.cloud.filelist import read_file_list
from osfsync.cloud.settings import ListFields
from osfsync.domain.errors import ProtocolError
from osfsync.domain.model import DataFile
from tests.cloud.cloud_readers import device_reader

WHAT = "file list of device 'Crane 4'"
RECORD = b"<GeoLogFile><FileName>a.osf</FileName><Status>3</Status></GeoLogFile>"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
SPACE = b"\n" + b" " * 65_535


@contextmanager
def memory_below(most: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < most


def files_of(chunks: Iterable[bytes], names: ListFields = ListFields()) -> list[DataFile]:  # noqa: B008 - frozen
    files: list[DataFile] = []
    read_file_list(iter(chunks), device_reader(names, what=WHAT), WHAT, files.extend)
    return files


LAUGHS = b"".join(b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 10))
DOCTYPES = {
    "billion laughs": b'<!DOCTYPE FileList [<!ENTITY a0 "ha">' + LAUGHS + b"]><FileList>&a9;</FileList>",
    "quadratic": b'<!DOCTYPE FileList [<!ENTITY a "' + b"a" * 500_000 + b'">]><FileList>' + b"&a;" * 1_000,
    "external entity": b'<!DOCTYPE FileList [<!ENTITY a SYSTEM "file:///etc/passwd">]><FileList>&a;</FileList>',
    "external subset": b'<!DOCTYPE FileList SYSTEM "http://127.0.0.1:1/a.dtd"><FileList/>',
    "parameter entity": b'<!DOCTYPE FileList [<!ENTITY % a SYSTEM "file:///dev/zero"> %a;]><FileList/>',
    "defaulted attributes": b'<!DOCTYPE FileList [<!ATTLIST FileList a CDATA "b">]><FileList/>',
    "in UTF-16": '<!DOCTYPE FileList [<!ENTITY a "b">]><FileList>&a;</FileList>'.encode("utf-16"),
}


@pytest.mark.parametrize("chunk", [7, 100_000])
@pytest.mark.parametrize("name", DOCTYPES)
def test_nothing_is_declared(name: str, chunk: int) -> None:
    text = DOCTYPES[name]
    step = chunk if len(text) < 10_000 else 100_000
    with memory_below(8_000_000), pytest.raises(ProtocolError, match="DOCTYPE"):
        files_of(text[at : at + step] for at in range(0, len(text), step))


def test_a_doctype_behind_the_root_is_none() -> None:
    with pytest.raises(ProtocolError, match="no complete XML"):
        files_of([b"<FileList>", DOCTYPES["billion laughs"], b"</FileList>"])


ENDLESS = {
    "a name": (b"<FileList><GeoLogFile><FileName>", b"x" * 65_536, "record of more than"),
    "an element": (b"<FileList><GeoLogFile>", b"<a>b</a>" * 8_192, "record of more than"),
    "nested elements": (b"<FileList><GeoLogFile>", b"<a>" * 20_000, "record of more than"),
    "attributes": (b"<FileList><GeoLogFile ", b"x" * 65_536, "record of more than"),
    "a tag": (b"<FileList><", b"x" * 65_536, "record of more than"),
    "a comment": (b"<FileList><!-- ", b"x" * 65_536, "record of more than"),
    "CDATA": (b"<FileList><![CDATA[", b"x" * 65_536, "record of more than"),
    "an instruction": (b"<FileList><?x ", b"x" * 65_536, "record of more than"),
    "space": (b"<FileList>", SPACE, "record of more than"),
    "space before the root": (b"", SPACE, "root element in its first 200000 bytes"),
    "attributes of the root": (b"<FileList ", b"x" * 65_536, "root element in its first 200000 bytes"),
    "other elements": (b"<FileList>", b"<a/>" * 16_384, "more than 10000 elements that are no files"),
    "elements of other names": (
        b"<FileList>",
        b"".join(b"<a%d><b/></a%d>" % (n, n) for n in range(2_000)),
        "more than 10000 elements that are no files",
    ),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_something_without_end(name: str) -> None:
    head, again, words = ENDLESS[name]
    with memory_below(40_000_000), pytest.raises(ProtocolError, match=words):
        files_of(chain([head], repeat(again)))


@pytest.mark.parametrize("levels", [900, 20_000])
def test_an_element_that_tells_of_trouble_and_has_no_bottom(levels: int) -> None:
    deep = b"<a>" * levels + b"</a>" * levels
    with pytest.raises(ProtocolError, match="an element 'LastError'"):
        files_of([b"<FileList>", RECORD, b"<LastError>", deep, b"</LastError></FileList>"])


def test_no_more_records_than_a_list_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filelist, "MOST_RECORDS", 1_000)
    assert len(files_of([b"<FileList>", RECORD * 1_000, b"</FileList>"])) == 1_000
    with memory_below(20_000_000), pytest.raises(ProtocolError, match="more than 1,000 files"):
        files_of(chain([b"<FileList>"], repeat(RECORD * 100)))


def test_records_of_many_shapes_are_not_remembered() -> None:
    reader = device_reader(what=WHAT)
    with memory_below(2_000_000):
        for record in range(60):
            fields = {f"{record}-{n}": "" for n in range(1_000)}
            assert reader.file({"name": "a", "status": "3", **fields}).name == "a"


@pytest.mark.parametrize(
    "encoding", ["rot13", "idna", "punycode", "undefined", "zip", "unicode_escape", "utf-7", "\u2028"]
)
def test_encodings_of_python_are_not_asked_for(encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?><FileList/>'.encode()
    with pytest.raises(ProtocolError):
        files_of([text])


def test_blanks_at_the_ends_of_a_name_belong_to_it() -> None:
    """But not the line breaks of an indented list."""
    text = (
        "<FileList>\n  <GeoLogFile>\n    <FileName> a.osf </FileName>\n    <Status> 3 </Status>\n"
        "    <Tag> t </Tag>\n  </GeoLogFile>\n"
        "  <GeoLogFile>\n    <FileName>\n      b c.osf\n    </FileName><Status>\n3\n</Status></GeoLogFile>"
        "  <GeoLogFile FileName=' c.osf' Status='3'/>\n</FileList>"
    )
    files = files_of([text.encode()])
    assert [file.name for file in files] == [" a.osf ", "b c.osf", " c.osf"]
    assert [(file.tag, file.extra) for file in files] == [("t", ()), (None, ()), (None, ())]


def test_a_tag_without_measure_is_none() -> None:
    text = (
        b"<FileList><GeoLogFile><Name>a</Name><Status>3</Status><Tag>"
        + b"t" * 300
        + b"</Tag></GeoLogFile></FileList>"
    )
    (file,) = files_of([text])
    assert file.tag is None
    assert file.extra == (("Tag", "t" * 256),)


SWARMS = {
    "numbers": b"1,",
    "empty objects": b"{},",
    "empty lists": b"[],",
    "strings": b'"",',
}


@pytest.mark.parametrize("name", SWARMS)
@pytest.mark.parametrize("shape", [b"[%b0]", b'{"data":[%b0]}'])
def test_a_swarm_of_nothing(monkeypatch: pytest.MonkeyPatch, name: str, shape: bytes) -> None:
    """Bytes that become many times as many in memory."""
    monkeypatch.setattr(bounds, "MOST_VALUES", 100_000)
    assert len(parsing.page(shape % (SWARMS[name] * 99_999), WHAT).records) == 100_000
    with memory_below(2_000_000), pytest.raises(ProtocolError, match="more than 100,000 values"):
        parsing.page(shape % (SWARMS[name] * 100_000), WHAT)


@pytest.mark.parametrize("shape", [b"[%b]", b'{"data":[%b]}'])
def test_a_swarm_of_entries_and_of_what_is_none(monkeypatch: pytest.MonkeyPatch, shape: bytes) -> None:
    monkeypatch.setattr(bounds, "MOST_OBJECTS", 1_000)
    assert len(parsing.page(shape % b",".join([b"{}"] * 1_000), WHAT).records) == 1_000
    with pytest.raises(ProtocolError, match="more than 1,000 entries"):
        parsing.page(shape % b",".join([b"{}"] * 1_002), WHAT)
    with pytest.raises(ProtocolError, match="belong to no entry"):
        parsing.page(shape % b",".join([b"{}"] * 10 + [b"1"] * 4_000), WHAT)


@pytest.mark.parametrize("key", ["a", "totalElements", "totalPages", "hasNext"])
def test_fields_beside_the_data_are_not_unpacked(key: str) -> None:
    body = b'{"data":[], "%b": [%b0], "b": 1}' % (key.encode(), b"[]," * 300_000)
    with memory_below(1_000_000):
        assert parsing.page(body, WHAT) == parsing.Page([], None, None, None)


@pytest.mark.parametrize("shape", [b"[%b]", b'{"data":[%b]}'])
def test_a_record_without_measure(shape: bytes) -> None:
    body = shape % (b'{"id": "d1"},{"id": "d2", "name": [' + b"[]," * (LARGEST_RECORD // 3) + b"0]}")
    with memory_below(1_000_000), pytest.raises(ProtocolError, match="record of more than 4000000 bytes"):
        parsing.page(body, WHAT)


def test_what_a_platform_calls_things_is_bounded() -> None:
    body = json.dumps({"data": [{"id": "d1", "name": "x" * 100_000}]}).encode()
    (device,) = parsing.devices(parsing.page(body, WHAT).records)
    assert device.name == "x" * 4_096
    body = json.dumps([{"type": "x" * 100_000, "y" * 100_000: "z" * 100_000}]).encode()
    (event,) = parsing.events(parsing.page(body, WHAT).records, WHAT)
    assert event.kind == "X" * 64
    assert sum(len(field) + len(text) for field, text in event.extra) <= 4 * 256
    body = json.dumps({"data": [{"id": "d" * 1_001}]}).encode()
    assert parsing.devices(parsing.page(body, WHAT).records) == []


def _devices(body: bytes) -> None:
    records = parsing.page(body, WHAT).records
    found = parsing.devices(records)
    parsing.check_identified(found, len(records) - len(found))


PARSERS: dict[str, Callable[[bytes], object]] = {
    "authorities": parsing.authorities,
    "login token": parsing.login_token,
    "credentials": lambda body: parsing.credentials_id(body, WHAT),
    "download token": lambda body: parsing.download_token(body, WHAT),
    "devices": _devices,
    "events": lambda body: parsing.events(parsing.page(body, WHAT).records, WHAT),
    "readings": lambda body: parsing.readings(body, WHAT),
}

GARBAGE = {
    "lists 100,000 deep": b"[" * 100_000,
    "lists 100,000 deep and closed": b"[" * 100_000 + b"]" * 100_000,
    "objects 100,000 deep": b'{"data":' * 100_000,
    "deep inside": b'{"data":[{"id":' + b"[" * 100_000 + b"]" * 100_000 + b"}]}",
    "deep beside": b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b',"data":[]}',
    "a number of 5,000 digits": b'{"data":[{"id":' + b"9" * 5_000 + b"}]}",
    "a number beyond all": b'{"data":[{"id":1e999}]}',
    "not a number": b'{"data":[{"id":NaN}]}',
    "half a character": rb'{"data":[{"id":"\ud800"}]}',
    "no UTF-8": b'{"data":[{"id":"\xff\xfe"}]}',
    "UTF-16": '{"data":[]}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"data":[]}',
    "a NUL behind": b'{"data":[]}\0',
    "two answers": b'{"data":[]}{"data":[]}',
    "a page": b"<!DOCTYPE html><html><body>200</body></html>",
    "nothing": b"",
}


READ = {
    ("authorities", "UTF-16"),
    ("authorities", "a byte order mark"),
    ("credentials", "nothing"),
    ("devices", "no UTF-8"),
    *((parser, name) for parser in ("devices", "events") for name in ("UTF-16", "a byte order mark")),
    *((parser, name) for parser in ("devices", "events") for name in ("a NUL behind", "nothing")),
    *((parser, name) for parser in ("events", "readings") for name in ("not a number", "no UTF-8")),
    *(("readings", name) for name in ("UTF-16", "a byte order mark", "a NUL behind")),
}
"""Odd, and readable: lists in another encoding, an empty list, a device without credentials."""


@pytest.mark.parametrize(
    ("parser", "name"),
    [(parser, name) for parser in PARSERS for name in GARBAGE if (parser, name) not in READ],
)
def test_garbage_is_refused_in_words(parser: str, name: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        PARSERS[parser](GARBAGE[name])
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500


def test_keys_that_come_twice_count_once() -> None:
    body = b'{"data":[{"id":"a"}],"data":[{"id":"b","id":"c","name":"x","name":"y"}]}'
    assert [(device.id, device.name) for device in parsing.devices(parsing.page(body, WHAT).records)] == [
        ("c", "y")
    ]


@pytest.mark.parametrize(
    "expires", ["9" * 400, "-" + "9" * 400, "1e308", "-1e308", "true", "[]", "null", "0"]
)
def test_a_login_token_of_any_age(expires: str) -> None:
    claims = base64.urlsafe_b64encode(f'{{"exp":{expires},"iat":{expires}}}'.encode()).rstrip(b"=").decode()
    assert parsing.token_lifetime(f"h.{claims}.s", NOW) is None


def test_the_bounds_fit_each_other() -> None:
    """Whoever changes one of them should look at the others."""
    assert listing.LARGEST_JSON <= 128_000_000
    most_records = 2 * MOST_OBJECTS  # as many that are none may stand beside them
    assert most_records * 64 <= listing.LARGEST_JSON
