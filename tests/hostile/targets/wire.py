"""The XML list, and what stands in the heads of answers."""

from datetime import timedelta

from yarl import URL

from osfsync.cloud import calls
from osfsync.cloud.filelist import read_file_list
from osfsync.cloud.ranges import Proof, Rest, proof_of, reply_to
from osfsync.cloud.redirects import redirected
from osfsync.cloud.refusals import clock_offset, refusal, retry_after
from osfsync.domain.errors import ProtocolError
from osfsync.domain.model import DataFile, TimeWindow
from tests.cloud.cloud_readers import device_reader
from tests.hostile.targets.base import DEVICE, NOW, WHAT, Target, assert_sound, pieces, refused

_CALL = calls.server_files(DEVICE, TimeWindow(NOW - timedelta(days=1), NOW), 0)


def _file_list(data: bytes) -> None:
    found: list[DataFile] = []
    try:
        read_file_list(pieces(data), device_reader(what=WHAT), WHAT, found.extend)
    except ProtocolError as error:
        refused(error)
    for file in found:
        assert_sound(file)


def _fields(data: bytes) -> dict[str, str]:
    pairs = [line.partition(":") for line in data.decode("latin-1").splitlines()]
    return {name.strip().title(): value.strip() for name, _, value in pairs}


def _headers(data: bytes) -> None:
    headers = _fields(data)
    wait = retry_after(headers, NOW)
    assert wait is None or timedelta(0) <= wait <= timedelta(days=366 * 10_000)
    clock_offset(headers, NOW)
    for status in (200, 206):
        proof = proof_of(status, headers)
        assert proof is None or proof.validator is None or proof.validator.isprintable()
    for proof in (Proof(None), Proof('"a"'), Proof("Sun, 01 Mar 2026 12:00:00 GMT")):
        reply_to(Rest(10, 100, proof), 206, headers)
    error = refusal(_CALL, sum(data) % 1_000, headers)
    assert error is None or str(error).isprintable()


def _redirects(data: bytes) -> None:
    origin = URL("https://example.com:444/api/a?b=c")
    try:
        target = redirected(_CALL, origin, data.decode("utf-8", "surrogateescape"))
    except ProtocolError as error:
        refused(error)
    else:
        assert target.origin() == origin.origin()


_LIST = (
    b'<?xml version="1.0" encoding="UTF-8"?><FileList><GeoLogFile><FileName>a/b.osfz</FileName>'
    b"<Status>3</Status><FileSize>400</FileSize><StartTime>1750920103</StartTime>"
    b"<EndTime>2025-06-26T06:41:44Z</EndTime><Tag>preview</Tag><Deep><a>1</a><a>2</a></Deep></GeoLogFile>"
    b'<GeoLogFile Name="c.osf" StorageStatus="0"/></FileList>'
)

WIRE: tuple[Target, ...] = (
    Target(
        "file list",
        _file_list,
        (b"\x07" + _LIST, b"\xff" + _LIST, b"\x03<FileList/>", b"\xff" + _LIST.decode().encode("utf-16")),
        (
            b"<GeoLogFile>",
            b"</FileList>",
            b"<!DOCTYPE a [",
            b"<!ENTITY",
            b"&a;",
            b"<![CDATA[",
            b"]]>",
            b"<?xml",
            b"<!--",
        ),
    ),
    Target(
        "headers",
        _headers,
        (
            b"Retry-After: 120\nDate: Sun, 01 Mar 2026 12:00:00 GMT",
            b"Retry-After: Sun, 01 Mar 2026 12:00:00 +0100\nDate: 1 Jan 70 0:0",
            b'Accept-Ranges: bytes\nETag: "a"\nContent-Range: bytes 10-99/100\nContent-Length: 90',
            (
                b"Accept-Ranges: bytes\nLast-Modified: Sun, 01 Mar 2026 11:00:00 GMT\n"
                b"Date: Sun, 01 Mar 2026 12:00:00 GMT"
            ),
        ),
        (b"Retry-After: ", b"Date: ", b"GMT", b"-0000", b"+9999", b"99:99:99", b"Feb 30", b"ETag: "),
    ),
    Target(
        "redirects",
        _redirects,
        (b"https://example.com:444/x", b"//example.com/x", b"../y?z#a", b"http://u:p@[::1%25a]:99999/"),
        (b"://", b"@", b"[", b"%", b"\\", b"xn--", b":444"),
    ),
)
