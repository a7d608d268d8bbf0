"""Files' content, settings, and what becomes of names."""

import csv
import gzip
import io
import json
import unicodedata
import zlib
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, timedelta
from itertools import pairwise

from osfsync import logs
from osfsync.archive.paths import PART_FOLDER, device_folder, path_key, safe_path, twin_paths
from osfsync.config import parse_duration, parse_end, parse_moment, parse_rate, parse_size
from osfsync.config.addresses import check_proxy, check_server, in_the_clear, mask_password
from osfsync.content import check_for
from osfsync.domain.errors import ConfigError, DamagedError
from osfsync.reports.renderers.csv import _cell, _line
from osfsync.reports.renderers.json import document
from osfsync.reports.text import for_terminal, printable
from tests.content.content_bytes import JSON, XML, narrow, osf, wide
from tests.hostile.targets.base import LARGEST, NOW, Target, pieces


def _content(name: str) -> Callable[[bytes], None]:
    def run(data: bytes) -> None:
        verdicts = []
        for cut in ([data[1:]], list(pieces(data))):
            check = check_for(name)
            try:
                for piece in cut:
                    check.update(piece)
                verdicts.append(check.finish().value)
            except DamagedError:
                verdicts.append("damaged")
        assert verdicts[0] == verdicts[1], "the verdict depends on how the bytes are cut"

    return run


def _units(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    with suppress(ConfigError):
        assert timedelta(0) <= parse_duration(text) <= timedelta(days=36_500)
    for read in (parse_size, parse_rate):
        with suppress(ConfigError):
            assert 0 <= read(text) <= LARGEST
    for moment in (parse_moment, parse_end):
        with suppress(ConfigError):
            assert moment(text, NOW).tzinfo is UTC


def _addresses(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    for check in (check_server, check_proxy):
        with suppress(ConfigError):
            url = check(text)
            in_the_clear(url)
            assert mask_password(url)


BIDI = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def _assert_safe(path: str) -> None:
    assert 0 < len(path.encode()) < 900
    for component in path.split("/"):
        assert component not in {"", ".", ".."}
        assert len(component.encode()) <= 255
        assert not set(component) & set('<>:"|?*\\\0')
        assert all(unicodedata.category(sign) not in {"Cc", "Cs", "Zl", "Zp"} for sign in component)
        assert all(unicodedata.bidirectional(sign) not in BIDI for sign in component)
        assert component.strip(" ") == component
        assert not component.endswith(".")
        assert path_key(component) != PART_FOLDER


def _paths(data: bytes) -> None:
    names = data.decode("utf-8", "surrogateescape").split("|")
    given: dict[str, str] = {}
    for name in dict.fromkeys(names):
        folder = device_folder(name, "d-1", [])
        _assert_safe(folder)
        assert "/" not in folder
        path = safe_path(
            "{device}/{path}", tenant=name, device_folder="D", device_id=name, name=name, start=None
        )
        if path_key(path) in given:
            path = next(twin_paths(path, name))
        _assert_safe(path)
        assert given.setdefault(path_key(path), name) == name, "two names share a path"
    for key in given:
        above = key
        while above := above.rpartition("/")[0]:
            assert above not in given, "a file lies where another one needs a folder"


def _words(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    assert printable(text).isprintable()
    assert for_terminal(text).replace("\n", "").isprintable()
    assert logs._visible(text).isprintable()
    logs.mask(text)
    text = data.decode("utf-8", "replace")
    told = document({"a": text, text: text})
    assert told.removesuffix("\n").isprintable()
    assert json.loads(told)["a"] == text
    ((cell, other),) = csv.reader(io.StringIO(_line([_cell(text), "b"]), newline=""))
    assert other == "b"
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert not any(a in ";\t|" and b in "=+-@" for a, b in pairwise(cell))


_BLOCKS = narrow(b"\x08 time 4444") + wide(b"\x04 time text")
_PLAIN = (osf(XML, _BLOCKS), osf(JSON, _BLOCKS, b"OSF5"), osf(XML, _BLOCKS)[:-3])

LOCAL: tuple[Target, ...] = (
    Target(
        "OSF content",
        _content("a.osf"),
        tuple(b"\x05" + plain for plain in _PLAIN),
        (b"OSF4 ", b"OSF5 ", b"<channel "),
    ),
    Target(
        "OSFZ content",
        _content("a.osfz"),
        tuple(b"\x05" + pack(plain) for plain in _PLAIN for pack in (gzip.compress, zlib.compress)),
        (b"\x1f\x8b\x08", b"\x78\x9c"),
    ),
    Target(
        "units",
        _units,
        (
            b"30d",
            b"2h30m",
            b"10GB",
            b"1.5MiB",
            b"20MB/s",
            b"2026-03-01",
            b"2026-03-01T12:00:00+01:00",
            b"0001-01-01",
        ),
        (b"d", b"h", b"GiB", b"/s", b"Z", b"+23:59", b"9999-12-31T23:59:59", "٣".encode()),
    ),
    Target(
        "addresses",
        _addresses,
        (b"https://example.com", b"http://u:p@localhost:1/", b"https://[::1]:80"),
        (b"http://", b"@", b":", b"[", b"]", b"#", b"?", b"\\"),
    ),
    Target(
        "paths",
        _paths,
        (b"a/b.osfz|A/b.osfz|../c|con|a", b"a~0123456789.osf|x.osf/y.osf", b"C:\\d\\e.osf|f .|\xff\0"),
        (b"..", b"/", b"\\", b"|", b"~0123456789", b".osf", b"aux", b"\xe2\x80\xae", PART_FOLDER.encode()),
    ),
    Target(
        "words",
        _words,
        (
            b"\x1b[31mred\x1b[0m",
            b"=1+1;=2",
            b"\xe2\x80\xaea",
            b"password=abcdef",
            b"https://u:p@h/token/x Bearer y",
        ),
        (b"\x1b[", b"\xc2\x9b", b"=", b";", b"\n", b'"', b"/token/", b"Bearer ", b"secret: "),
    ),
)
