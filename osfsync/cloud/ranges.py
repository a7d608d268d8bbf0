"""The rest of a body whose beginning is here: asking for it, and seeing whether it came. Sans-IO.

HTTP's rules (RFC 9110, sections 13 and 14), read in favour of doubt: bytes of two versions of a file must
never become one file. The API page does not say whether the platform knows ranges.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multidict import CIMultiDictProxy

_WHOLE = 200
_PART = 206

_STRONG_ETAG = re.compile(r'"[!#-~]{0,200}"')
_DATE = re.compile(r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT")
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})", re.IGNORECASE)

_SETTLED = timedelta(minutes=1)
"""A date tells versions apart to the second: only one that lies so far back proves anything."""


@dataclass(frozen=True, slots=True)
class Proof:
    """By what a later answer can show that it means the same file.

    `validator` is a strong ETag, or else a Last-Modified that lies back far enough, as `If-Range` takes them;
    None where the platform tells no version at all: then there is only the size.
    """

    validator: str | None


@dataclass(frozen=True, slots=True)
class Rest:
    """What is still wanted of a file: its bytes from `start` on, if `proof` holds.

    `size` is that of the whole file; `start` lies inside it.
    """

    start: int
    size: int
    proof: Proof


class Reply(Enum):
    """Which bytes an answer brings."""

    WHOLE = "whole"
    REST = "rest"  # exactly what was asked for, and provably of the same file
    OTHER = "other"  # neither


def asking_for(rest: Rest | None) -> dict[str, str]:
    """The headers of a request for the rest of a file; none for the whole."""
    if rest is None:
        return {}
    headers = {"Range": f"bytes={rest.start}-"}
    if rest.proof.validator is not None:
        headers["If-Range"] = rest.proof.validator
    return headers


def reply_to(rest: Rest | None, status: int, headers: Mapping[str, str]) -> Reply:
    """What an answer, successful by its status, brings to a request for `rest` (None: for the whole)."""
    if status != _PART:
        return Reply.WHOLE
    if rest is None or not _same_version(rest.proof, headers):
        return Reply.OTHER
    found = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", "").strip())
    if found is None or tuple(map(int, found.groups())) != (rest.start, rest.size - 1, rest.size):
        return Reply.OTHER
    length = headers.get("Content-Length")
    return Reply.REST if length in {None, str(rest.size - rest.start)} else Reply.OTHER


def _same_version(proof: Proof, headers: Mapping[str, str]) -> bool:
    """Whether an answer with a part tells the version that is meant.

    Servers are met that heed `Range` and not `If-Range`. The validator must be told again.
    """
    etag, modified = headers.get("ETag"), headers.get("Last-Modified")
    if proof.validator is None:
        return etag is None and modified is None
    if proof.validator.startswith('"'):
        return etag == proof.validator
    return etag is None and modified == proof.validator


def proof_of(status: int, headers: Mapping[str, str]) -> Proof | None:
    """How the rest of this body could be had later; None where it can't, or where nothing would prove it.

    A weak validator is worse than none: it tells that there are versions, and not which bytes are whose.
    """
    if status != _WHOLE or headers.get("Accept-Ranges", "").strip().lower() != "bytes":
        return None
    etag, modified = headers.get("ETag"), headers.get("Last-Modified")
    if etag is not None:
        return Proof(etag) if _STRONG_ETAG.fullmatch(etag) else None
    if modified is not None:
        return Proof(modified) if _is_settled(modified, headers.get("Date", "")) else None
    return Proof(None)


def _is_settled(modified: str, told_at: str) -> bool:
    """Whether a Last-Modified names one version for certain (RFC 9110, 8.8.2.2), by the server's clock."""
    then, now = _moment(modified), _moment(told_at)
    return then is not None and now is not None and now - then >= _SETTLED


def _moment(date: str) -> datetime | None:
    if _DATE.fullmatch(date) is None:
        return None
    try:
        return parsedate_to_datetime(date).replace(tzinfo=UTC)
    except ValueError:
        return None


def is_chunked(headers: "CIMultiDictProxy[str]") -> bool:
    """Whether the last transfer coding is `chunked`: only there it marks the body's end (RFC 9112, 6.3)."""
    codings = ",".join(headers.getall("Transfer-Encoding", ()))
    return codings.rpartition(",")[2].strip().lower() == "chunked"
