"""Logs on stderr: for people (console) or machines (JSON lines), with secrets taken out.

What a log line holds may come from anywhere: device and file names are hostile, exceptions quote what
they choked on. So every line, ours or a library's, passes through here: secrets are masked by the name
of their key, by their shape and by their value (`hide`), and nothing can steer a terminal or forge a line.
"""

import json
import logging
import math
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from itertools import islice
from typing import Literal, TextIO
from urllib.parse import quote

import structlog
from stamina.instrumentation import RetryDetails, set_on_retry_hooks
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor, WrappedLogger

MASK = "***"

_SECRET_KEY = re.compile(r"passw|secret|token|authorization|credential|cookie|api_?key", re.IGNORECASE)
# Every repetition that could start anywhere is bounded, so that hostile text costs linear time.
_SECRET_SHAPES = (
    (re.compile(r"\b(Bearer|Basic)\s+[^\s,;'\"]+", re.IGNORECASE), rf"\1 {MASK}"),
    (re.compile(r"\beyJ[\w-]{5,400}\.[\w-]*\.?[\w-]*"), MASK),  # a JSON Web Token
    # API page: the download token and the device's credentials stand in paths.
    (re.compile(r"(/token/|/deviceid/)[^/\s?'\"]+", re.IGNORECASE), rf"\1{MASK}"),
    (re.compile(r"(\b[a-z][a-z0-9+.-]{0,20}://)[^/\s@'\"]{1,400}@", re.IGNORECASE), rf"\1{MASK}@"),
    (
        re.compile(
            r"((?:passw|secret|token|authorization|credential)\w{0,20}['\"]?\s{0,5}[=:]\s{0,5})"
            r"(?:\"[^\"]*\"|'[^']*'|[^\s,;&]+)",
            re.IGNORECASE,
        ),
        rf"\1{MASK}",
    ),
)
_SHORTEST = 6  # a shorter secret would blot out ordinary words
_MOST = 4_096
_KEPT = 64
_DEEPEST = 6
_HALF = 10_000  # characters kept of either end of a long text
_LEVELS = {-1: logging.ERROR, 0: logging.WARNING, 1: logging.INFO, 2: logging.DEBUG}
_COLOURS = {"debug": "2", "info": "36", "warning": "33", "error": "31", "critical": "1;31"}
_HEAD = ("timestamp", "level", "event")
_BLOCKS = ("exception", "stack")

LogFormat = Literal["console", "json"]
Render = Callable[[WrappedLogger, str, EventDict], str]


class _Secrets:
    """Known secrets, the longest first, so that one that holds another is masked whole."""

    def __init__(self) -> None:
        self._forms: dict[str, None] = {}
        self._longest_first: tuple[str, ...] = ()

    def add(self, forms: Iterable[str]) -> None:
        self._forms |= dict.fromkeys(forms)
        while len(self._forms) > _MOST:
            del self._forms[next(islice(self._forms, _KEPT, None))]
        self._longest_first = tuple(sorted(self._forms, key=len, reverse=True))

    def mask(self, text: str) -> str:
        for form in self._longest_first:
            text = text.replace(form, MASK)
        return text


_secrets = _Secrets()


def hide(secret: str) -> None:
    """Mask a secret in every line from now on, also where it is percent- or backslash-escaped.

    Secrets under six characters are masked by key only. About a thousand are remembered; of more, the
    first few (the password) and the newest.
    """
    if len(secret) >= _SHORTEST:
        _secrets.add((secret, quote(secret, safe=""), json.dumps(secret)[1:-1], repr(secret)[1:-1]))


def mask(text: str) -> str:
    """Take everything secret out of a text, and the middle out of a very long one."""
    text = _secrets.mask(text)
    for shape, instead in _SECRET_SHAPES:
        text = shape.sub(instead, text)
    return text if len(text) <= 2 * _HALF else f"{text[:_HALF]} … {text[-_HALF:]}"


def setup(*, verbosity: int, log_format: LogFormat, stream: TextIO) -> None:
    """Send logs to `stream`; a second call replaces the first.

    `verbosity` is -1 for errors only, 0 for warnings (a quiet cron), 1 for info, 2 for debug.
    Libraries are heard from warnings on, whatever the verbosity.
    """
    level = _LEVELS[max(-1, min(verbosity, 2))]
    render = _render_json if log_format == "json" else _console(_palette(stream, os.environ))
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    after: list[Processor] = [
        ProcessorFormatter.remove_processors_meta,
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        _redact,
        render,
    ]
    handler = _Handler(stream)
    handler.setLevel(level)  # libraries set levels of their own
    handler.setFormatter(ProcessorFormatter(foreign_pre_chain=before, processors=after))
    root = logging.getLogger()
    for old in [old for old in root.handlers if isinstance(old, _Handler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(max(level, logging.WARNING))
    logging.getLogger("osfsync").setLevel(level)
    structlog.configure(
        processors=[*before, ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,  # loggers made before a second call must follow it
    )
    set_on_retry_hooks([_tell_retry])


def _tell_retry(details: RetryDetails) -> None:
    """A retry is no warning: it is what a network is like. What is never overcome is told as an error."""
    structlog.get_logger("osfsync.retry").info(
        "trying again",
        what=details.name,
        after=str(details.caused_by),
        retry=details.retry_num,
        seconds=round(details.wait_for, 2),
    )


class _Handler(logging.StreamHandler[TextIO]):
    """Writes lines; one that can't be written is told without its content, which nobody has cleaned."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        error = sys.exception()
        if sys.stderr is not None and not isinstance(error, BrokenPipeError):
            # stderr is most likely what could not be written: then nobody is left to be told, and a run must
            # not end for the sake of its log.
            with suppress(OSError, ValueError):
                sys.stderr.write(f"osfsync: a log line of {record.name} is lost: {type(error).__name__}\n")


def _redact(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Take secrets out of every value, and leave nothing but what JSON knows."""
    return _plain_mapping(event, 0)


def _plain_mapping(values: Mapping[object, object] | EventDict, depth: int) -> dict[str, object]:
    return {
        mask(str(key)): MASK if value and _is_secret(key, value) else _plain(value, depth + 1)
        for key, value in values.items()
    }


def _is_secret(key: object, value: object) -> bool:
    # Counts and switches such as `credentials_refused=3` are no secrets.
    return not isinstance(value, int | float) and _SECRET_KEY.search(str(key)) is not None


def _plain(value: object, depth: int) -> object:  # noqa: PLR0911 - a table, a line a type
    if depth > _DEEPEST:
        return "…"
    match value:
        case None | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case bytes() | bytearray() | memoryview():
            return f"<{len(value)} bytes>"
        case datetime():
            return value.isoformat()
        case Mapping():
            return _plain_mapping(value, depth)
        case list() | tuple() | set() | frozenset():
            return [_plain(item, depth + 1) for item in value]
        case BaseException():
            return mask(f"{type(value).__name__}: {value}")
        case _:
            return mask(str(value))


def _render_json(_: WrappedLogger, __: str, event: EventDict) -> str:
    # ASCII only: escapes whatever could steer a terminal.
    head = {key: event[key] for key in _HEAD if key in event}
    return json.dumps({**head, **event}, ensure_ascii=True)


def _palette(stream: TextIO, environ: Mapping[str, str]) -> Mapping[str, str]:
    """Colours by level; none where NO_COLOR is set or the stream is no terminal known to show them."""
    plain = environ.get("NO_COLOR") or environ.get("TERM") == "dumb" or os.name == "nt"
    return {} if plain or not stream.isatty() else _COLOURS


def _console(palette: Mapping[str, str]) -> Render:
    """Make a renderer: `2025-06-26T06:41:00Z warning  what happened  device=cart-7 file="a b.osf"`."""

    def render(_: WrappedLogger, __: str, event: EventDict) -> str:
        blocks = [str(event.pop(name)) for name in _BLOCKS if name in event]
        moment, level, what = (str(event.pop(name, "")) for name in _HEAD)
        if str(event.get("logger", "")).startswith("osfsync"):
            del event["logger"]
        colour = palette.get(level)
        shown_level = f"\x1b[{colour}m{level:<8}\x1b[0m" if colour else f"{level:<8}"
        pairs = "".join(f" {_visible(key)}={_word(value)}" for key, value in event.items())
        lines = [f"{moment[:19]}Z {shown_level} {_visible(what)}{' ' if pairs else ''}{pairs}"]
        # The margin tells a traceback's lines, which may quote anything, from log lines.
        lines += [f"    | {_visible(line)}" for block in blocks for line in block.splitlines()]
        return "\n".join(lines)

    return render


def _word(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and (not text or any(char in text for char in " \"'=")):
        return '"' + _visible(text).replace('"', '\\"') + '"'
    return _visible(text)


def _visible(text: str) -> str:
    """Escape what a terminal would obey or hide: control characters, line breaks, bidirectional marks."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text
    )
