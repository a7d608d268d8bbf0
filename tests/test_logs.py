import errno
import io
import json
import logging
import os
import re
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from osfsync import logs

SECRET = "s3cr3t pä$$w/rd"
CREDENTIALS = "Zx81Zx81Zx81"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def restored(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every test has secrets and handlers of its own."""
    monkeypatch.setattr(logs, "_secrets", logs._Secrets())
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("osfsync").setLevel(logging.NOTSET)
    structlog.reset_defaults()


def sink(
    log_format: Literal["console", "json"] = "json", verbosity: int = 2, stream: io.StringIO | None = None
) -> io.StringIO:
    stream = stream or io.StringIO()
    logs.setup(verbosity=verbosity, log_format=log_format, stream=stream)
    return stream


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


log = structlog.get_logger("osfsync.test")


def test_json_lines_carry_time_level_event_and_values() -> None:
    stream = sink()
    log.info(
        "fetched", device="cart-7", size=3, rate=1.5, path=Path("a/b"), at=datetime(2025, 1, 1, tzinfo=UTC)
    )
    (line,) = lines(stream)
    assert list(line)[:3] == ["timestamp", "level", "event"]
    assert datetime.fromisoformat(line.pop("timestamp")).tzinfo == UTC
    assert line.pop("path") in {"a/b", "a\\b"}
    assert line == {
        "level": "info",
        "event": "fetched",
        "device": "cart-7",
        "size": 3,
        "rate": 1.5,
        "at": "2025-01-01T00:00:00+00:00",
        "logger": "osfsync.test",
    }


def test_console_lines_are_for_people() -> None:
    stream = sink("console")
    log.warning("not fetched", device="cart-7", file="a b.osf", tries=2, sizes=[1, 2])
    line = stream.getvalue()
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ warning  not fetched  ", line)
    assert line.endswith(' device=cart-7 file="a b.osf" tries=2 sizes=[1, 2]\n')


@pytest.mark.parametrize(
    ("verbosity", "heard"),
    [
        (-1, ["error"]),
        (0, ["warning", "error"]),
        (1, ["info", "warning", "error"]),
        (2, ["debug", "info", "warning", "error"]),
        (9, ["debug", "info", "warning", "error"]),
        (-9, ["error"]),
    ],
)
def test_verbosity_chooses_what_is_heard(verbosity: int, heard: list[str]) -> None:
    stream = sink(verbosity=verbosity)
    for level in ("debug", "info", "warning", "error"):
        getattr(log, level)("x")
    assert [line["level"] for line in lines(stream)] == heard


@pytest.mark.parametrize(
    ("verbosity", "heard"), [(-1, ["error"]), (0, ["warning", "error"]), (2, ["warning", "error"])]
)
def test_libraries_are_heard_from_warnings_on(verbosity: int, heard: list[str]) -> None:
    stream = sink(verbosity=verbosity)
    for name in ("aiohttp.client", "sqlalchemy.engine", "alembic", "asyncio"):
        library = logging.getLogger(name)
        for level in ("debug", "info", "warning", "error"):
            getattr(library, level)("token=%s", CREDENTIALS)
    assert [line["level"] for line in lines(stream)] == heard * 4
    assert CREDENTIALS not in stream.getvalue()


def test_a_second_setup_replaces_the_first_for_loggers_that_exist() -> None:
    first = sink()
    log.info("one")
    second = sink("console")
    log.info("two")
    logging.getLogger("aiohttp").warning("three")
    assert [line["event"] for line in lines(first)] == ["one"]
    assert second.getvalue().count("\n") == 2


@pytest.mark.skipif(os.name == "nt", reason="no colours there")
def test_colours_only_on_a_terminal_that_may_have_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[33mwarning" in written(Terminal())
    assert "\x1b" not in written(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in written(Terminal())
    monkeypatch.setenv("NO_COLOR", "")
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b" not in written(Terminal())


def written(stream: io.StringIO) -> str:
    sink("console", stream=stream)
    log.warning("x")
    return stream.getvalue()


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "Password",
        "token",
        "download_token",
        "Authorization",
        "X-Authorization",
        "credentialsId",
        "cookie",
    ],
)
def test_secrets_are_masked_by_the_name_of_their_key(key: str) -> None:
    stream = sink()
    log.info("x", **{key: SECRET}, nested={"deep": [{key: [SECRET]}]})
    (line,) = lines(stream)
    assert line[key] == "***"
    assert line["nested"] == {"deep": [{key: "***"}]}


def test_counts_are_no_secrets() -> None:
    stream = sink()
    log.info("x", credentials_refused=3, token=None)
    (line,) = lines(stream)
    assert (line["credentials_refused"], line["token"]) == (3, None)


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_hidden_values_are_masked_wherever_they_stand(log_format: Literal["console", "json"]) -> None:
    stream = sink(log_format)
    logs.hide(SECRET)
    logs.hide(CREDENTIALS)
    quoted = "https://a/x?p=s3cr3t%20p%C3%A4%24%24w%2Frd"
    try:
        raise ValueError(f"refused: {SECRET}") from KeyError(SECRET, CREDENTIALS)
    except ValueError as error:
        event = f"event {SECRET}"
        log.exception(event, what=SECRET, error=error, url=quoted, where=Path(CREDENTIALS))
        log.info("x", data={SECRET: [f"a{CREDENTIALS}b"]}, group=ExceptionGroup(SECRET, [error]))
        logging.getLogger("aiohttp").exception("%s", SECRET, stack_info=True)
    text = stream.getvalue()
    assert "Traceback" in text
    for form in (SECRET, CREDENTIALS, "s3cr3t", json.dumps(SECRET)[1:-1]):
        assert form not in text
    assert text.count("***") >= 10


def test_of_two_secrets_the_longer_is_masked_whole() -> None:
    logs.hide("abcdefgh")
    logs.hide("abcdefghijkl")
    assert logs.mask("<abcdefghijkl> <abcdefgh>") == "<***> <***>"


def test_a_short_text_is_never_hidden_everywhere() -> None:
    logs.hide("a")
    logs.hide("")
    assert logs.mask("a cat") == "a cat"


def test_the_first_and_the_newest_secrets_are_remembered() -> None:
    logs.hide(SECRET)
    for number in range(5_000):
        logs.hide(f"download-{number}")
    assert logs.mask(SECRET) == "***"
    assert logs.mask("download-4999") == "***"
    assert len(logs._secrets._forms) <= 4_096


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Bearer abc.def", "Bearer ***"),
        ("{'X-Authorization': 'Bearer abc'}", "{'X-Authorization': ***}"),
        ("at eyJhbGciOi.eyJzdWIi.c2ln end", "at *** end"),
        (
            "GET /api/device/1/data-files/CLIENT_SCOPE/token/Zx81?x=1",
            "GET /api/device/1/data-files/CLIENT_SCOPE/token/***?x=1",
        ),
        ("/API/filelist/list/deviceid/Zx81/StartTime/1/2", "/API/filelist/list/deviceid/***/StartTime/1/2"),
        ("http://me:pw@proxy.example:3128/x", "http://***@proxy.example:3128/x"),
        ('{"token": "a b", "n": 1}', '{"token": ***, "n": 1}'),
        ("password='a b' next", "password=*** next"),
        ("credentialsId=Zx81&x=1", "credentialsId=***&x=1"),
        ("the password file is fine", "the password file is fine"),
        ("me@example.com https://a.example/@x", "me@example.com https://a.example/@x"),
    ],
)
def test_secrets_are_masked_by_their_shape(text: str, kept: str) -> None:
    assert logs.mask(text) == kept


@pytest.mark.parametrize(
    "part", ["eyJ-", "a.", "passw", "Bearer ", "/token/", "a://", "token=", "'", "token  "]
)
def test_masking_costs_linear_time(part: str) -> None:
    text = part * (400_000 // len(part))
    start = time.perf_counter()
    logs.mask(text)
    assert time.perf_counter() - start < 5  # quadratic would take minutes


def test_a_very_long_text_keeps_both_ends() -> None:
    text = logs.mask("start " + "x" * 1_000_000 + " end")
    assert len(text) < 21_000
    assert text.startswith("start ")
    assert text.endswith(" end")


@given(st.text(), st.text())
def test_no_text_can_steer_a_terminal_or_forge_a_line(event: str, name: str) -> None:
    stream = sink("console")
    log.info(event, file=name)
    text = stream.getvalue()
    assert text.count("\n") == 1
    assert all(char.isprintable() for char in text[:-1])
    stream = sink("json")
    log.info(event, file=name)
    assert stream.getvalue().isascii()
    assert len(lines(stream)) == 1


def test_hostile_names_stay_readable() -> None:
    stream = sink("console")
    log.info("x", file="\x1b]0;owned\x07\r\nü \u202egpj.osf", raw="\udcff")
    assert 'file="\\x1b]0;owned\\x07\\r\\nü \\u202egpj.osf" raw=\\udcff' in stream.getvalue()


def test_a_traceback_cannot_forge_a_line() -> None:
    stream = sink("console")
    try:
        raise ValueError("x\n2025-01-01T00:00:00Z error    forged\x1b[2J")
    except ValueError:
        log.exception("failed")
    first, *rest = stream.getvalue().splitlines()
    assert first.endswith("failed")
    assert rest[0].endswith("Traceback (most recent call last):")
    assert all(line.startswith("    | ") for line in rest)
    assert "\x1b" not in stream.getvalue()


def test_values_of_any_type_can_be_logged() -> None:
    stream = sink()
    deep: list[Any] = []
    for _ in range(50):
        deep = [deep]
    log.info("x", nan=float("nan"), data=b"bytes", items={1}, deep=deep, error=OSError("gone"), thing=object)
    (line,) = lines(stream)
    assert line["nan"] == "nan"
    assert line["data"] == "<5 bytes>"
    assert line["items"] == [1]
    assert line["error"] == "OSError: gone"
    assert "…" in json.dumps(line["deep"], ensure_ascii=False)


def test_a_line_that_cannot_be_written_is_told_without_its_content(
    capsys: pytest.CaptureFixture[str],
) -> None:
    stream = sink()
    stream.close()
    log.error("x", what=SECRET)
    told = capsys.readouterr().err
    assert told == "osfsync: a log line of osfsync.test is lost: ValueError\n"


class Full(io.StringIO):
    """A file on a disk that is full."""

    def write(self, _: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


class Closed(io.StringIO):
    def write(self, _: str) -> int:
        raise ValueError("I/O operation on closed file")


@pytest.mark.parametrize("stderr", [Full(), Closed(), None])
def test_a_line_that_cannot_even_be_told_as_lost_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, stderr: io.StringIO | None
) -> None:
    sink(stream=Full())
    monkeypatch.setattr(sys, "stderr", stderr)
    log.error("x")
    logging.getLogger("aiohttp").error("y")
    heard = sink()
    log.error("z")
    assert [line["event"] for line in lines(heard)] == ["z"]
