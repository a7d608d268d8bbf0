"""Reads the parameters of a request, strictly: a client that mixes up units must notice at once."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from osfsync.domain.model import TimeWindow
from osfsync.simulator.answers import Call, Refusal

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_YEAR_3000 = 32_503_680_000  # in seconds; above it, a number can only be milliseconds
_SECONDS_LOOK = range(10**8, 10**11)  # 1973 to 5138 in seconds, the first three years in milliseconds
_YEAR_10000_MS = 253_402_300_800_000
_ISO_8601 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d([.,]\d{1,9})?)?(Z|[+-]\d\d:?\d\d)")
_DEFAULT_LIMIT = 10


def body_as(call: Call, shape: type[Any]) -> Any:
    """The JSON body in the wanted shape. Refuses with 400."""
    try:
        return msgspec.json.decode(call.body, type=shape)
    except msgspec.DecodeError as error:
        raise Refusal(400, f"The body is not what this endpoint takes: {error}") from error


def seconds_window(start: str, end: str) -> TimeWindow:
    """A window from Unix seconds. Refuses with 400 what can only be milliseconds."""
    moments = [_whole("time", text) for text in (start, end)]
    if any(moment > _YEAR_3000 for moment in moments):
        raise Refusal(400, "This endpoint takes seconds, not milliseconds")
    return _window(*(_EPOCH + timedelta(seconds=moment) for moment in moments))


def milliseconds_window(query: Mapping[str, str], start: str, end: str) -> TimeWindow:
    """A window from two parameters in Unix milliseconds. Refuses with 400 what can only be seconds."""
    moments = [_whole(name, _required(query, name)) for name in (start, end)]
    if any(moment in _SECONDS_LOOK for moment in moments):
        raise Refusal(400, "This endpoint takes milliseconds, not seconds")
    if any(moment >= _YEAR_10000_MS for moment in moments):
        raise Refusal(400, "A time is out of range")
    return _window(*(_EPOCH + timedelta(milliseconds=moment) for moment in moments))


def iso_window(start: str, end: str) -> TimeWindow:
    """A window from two ISO-8601 moments with a zone. Refuses with 400."""
    return _window(_iso(start), _iso(end))


def page_of(items: Sequence[object], query: Mapping[str, str], most: int | None) -> dict[str, object]:
    """One page of `items`, at most `most` of them, in the shape that ThingsBoard gives it."""
    page = _whole("page", query.get("page", "0"))
    limit = int(_match(r"-1|\d+", "limit", query.get("limit", str(_DEFAULT_LIMIT))))
    if limit == 0:
        raise Refusal(400, "limit must not be 0")
    size = max(len(items), 1) if limit < 0 else limit
    size = size if most is None else min(size, most)
    pages = -(-len(items) // size)
    return {
        "data": list(items[page * size : (page + 1) * size]),
        "totalPages": pages,
        "totalElements": len(items),
        "hasNext": page + 1 < pages,
    }


def demand(query: Mapping[str, str], *names: str) -> None:
    """Refuses with 400 where one of the parameters is missing."""
    for name in names:
        _required(query, name)


def admits_xml(accept: str) -> bool:
    """Whether an Accept header names XML.

    `*/*` and no header at all would do by the RFC. The API page asks for a header "with XML support", so
    they don't: a client that forgot it must notice here.
    """
    for entry in accept.split(","):
        media, *parameters = (part.strip().lower() for part in entry.split(";"))
        refused = any(re.fullmatch(r"q=0(\.0*)?", parameter) for parameter in parameters)
        if media in {"application/xml", "text/xml", "application/*", "text/*"} and not refused:
            return True
    return False


def _required(query: Mapping[str, str], name: str) -> str:
    if name not in query:
        raise Refusal(400, f"Required parameter '{name}' is not present")
    return query[name]


def _match(pattern: str, name: str, text: str) -> str:
    if re.fullmatch(pattern, text, re.ASCII) is None or len(text) > 18:  # noqa: PLR2004 - digits of an i64
        raise Refusal(400, f"'{name}' is not a whole number in range")
    return text


def _whole(name: str, text: str) -> int:
    return int(_match(r"\d+", name, text))


def _iso(text: str) -> datetime:
    if _ISO_8601.fullmatch(text) is None:
        raise Refusal(400, "startTime and endTime must be ISO-8601 with a zone, as 2025-06-26T06:41:43Z")
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Refusal(400, "startTime or endTime is no moment in time") from error


def _window(start: datetime, end: datetime) -> TimeWindow:
    if end < start:
        raise Refusal(400, "The window ends before it starts")
    return TimeWindow(start, end)
