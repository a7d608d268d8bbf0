"""Parts of a file on request: ranges and their conditions as HTTP has them (RFC 9110, sections 13 and 14).

The API page does not say whether the platform knows them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from enum import StrEnum
from typing import assert_never
from zlib import crc32

from osfsync.simulator.answers import Answer, Refusal
from osfsync.simulator.fleet import SimFile

_ONE_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.IGNORECASE)


class Validator(StrEnum):
    """By what the platform tells versions of a file apart."""

    ETAG = "etag"
    WEAK_ETAG = "weak-etag"
    LAST_MODIFIED = "last-modified"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a file: a mark that no other version has, and when it came to be."""

    mark: str
    modified: datetime

    def headers(self, validator: Validator) -> dict[str, str]:
        """How an answer tells the version."""
        match validator:
            case Validator.ETAG:
                return {"ETag": f'"{self.mark}"'}
            case Validator.WEAK_ETAG:
                return {"ETag": f'W/"{self.mark}"'}
            case Validator.LAST_MODIFIED:
                return {"Last-Modified": format_datetime(self.modified, usegmt=True)}
            case Validator.NONE:
                return {}
            case _:
                assert_never(validator)


def version_of(file: SimFile, now: float) -> Version:
    """The version of a file; none is younger than `now` (Unix seconds), when it is told."""
    modified = file.end.replace(microsecond=0) + timedelta(seconds=file.version)
    mark = f"{crc32(file.name.encode(errors='surrogatepass')):08x}-{file.version}"
    return Version(mark, min(modified, datetime.fromtimestamp(int(now), UTC)))


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes of a file from `start` up to, not including, `stop`."""

    start: int
    stop: int


def span_of(headers: Mapping[str, str], told: Mapping[str, str], size: int) -> Span | None:
    """Which bytes a request wants: None for the whole, an empty span where there are no such bytes.

    Args:
        headers: of the request.
        told: how the answer tells the file's version.
        size: of the file.

    Several ranges at once, and what is no range, are ignored, as a server may; so is a range whose
    `If-Range` means another version.
    """
    found = _ONE_RANGE.fullmatch(headers.get("Range", ""))
    if found is None or not _holds(headers.get("If-Range"), told):
        return None
    first, last = found.groups()
    if not first:
        return Span(max(0, size - int(last)), size) if last else None
    if last and int(last) < int(first):
        return None
    start = min(int(first), size)
    return Span(start, max(start, min(int(last) + 1, size) if last else size))


def _holds(condition: str | None, told: Mapping[str, str]) -> bool:
    """Whether an `If-Range` means this version: the same strong ETag, or the same date to the second."""
    if condition is None:
        return True
    return not condition.startswith("W/") and condition in told.values()


def part_of(whole: Answer, span: Span | None, told: Mapping[str, str]) -> Answer:
    """The answer to a request for a span of a whole body."""
    body = whole.joined()
    headers = {"Accept-Ranges": "bytes", **told}
    if span is None:
        return replace(whole, headers={**whole.headers, **headers})
    if span.start == span.stop:
        unsatisfied = {**headers, "Content-Range": f"bytes */{len(body)}"}
        return replace(Refusal(416, "There are no such bytes").answer(), headers=unsatisfied)
    headers["Content-Range"] = f"bytes {span.start}-{span.stop - 1}/{len(body)}"
    return replace(whole, status=206, body=body[span.start : span.stop], headers={**whole.headers, **headers})
