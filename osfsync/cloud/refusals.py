"""HTTP status → error. Sans-IO.

Messages never repeat an address, and of a body the platform's reason alone: see `said`.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from osfsync.cloud.calls import Call, Repeat
from osfsync.cloud.said import said
from osfsync.domain.errors import (
    BusyError,
    CloudError,
    ForbiddenError,
    LoginRefusedError,
    NotFoundError,
    OsfsyncError,
    ProtocolError,
    RefusedError,
    ServerError,
    TenantError,
    UnauthorizedError,
    UnreachableError,
)

_OK = range(200, 300)
_REDIRECTION = range(300, 400)
_CLIENT_ERROR = range(400, 500)
_SERVER_ERROR = range(500, 600)
_UNAVAILABLE = 503
_NOT_READY = frozenset({408, 425})
_ACCEPTED = 202
_CAPTIVE = 511

MOST_OF_PAGE = 4_096
"""Bytes of a web page that are looked at."""

_PAGE = re.compile(
    rb"\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body|title|h1)\b", re.IGNORECASE | re.DOTALL
)
_APPLICATION_SERVER = re.compile(
    rb"Whitelabel Error Page|Apache Tomcat|HTTP Status 4\d\d|Powered by Jetty|Error 4\d\d .{0,200}jetty",
    re.IGNORECASE | re.DOTALL,
)
"""Pages of Java application servers: the platform's own refusals, for requests accept HTML first."""

_OWN_LOGINS = ("basic", "digest", "ntlm", "negotiate", "kerberos")
_BEFORE_US = datetime(2025, 1, 1, tzinfo=UTC)  # a clock that tells such times is wrong
_LONG_AFTER_US = datetime(2100, 1, 1, tzinfo=UTC)
_LONGEST_DEMAND = timedelta(days=365)


class UnavailableError(ServerError):
    """503 without Retry-After: the platform did not take the request."""


class BlockedError(ServerError):
    """A proxy, firewall or gateway answered, which says nothing about permissions or files."""


class BadRequestError(RefusedError):
    """400 or 422: the request is not spelled as the platform wants it."""


class NotReadyError(ServerError):
    """202, 408 or 425: the platform has no answer yet."""


_UNTAKEN = UnreachableError | BusyError | UnavailableError | BlockedError
_REFUSALS = (
    RefusedError | ForbiddenError | NotFoundError | UnauthorizedError | LoginRefusedError | TenantError
)


def may_be_page(status: int, headers: Mapping[str, str]) -> bool:
    """Whether it takes a look at the body to see whose word a refusal is."""
    kind = headers.get("Content-Type", "").lower()
    return status in _CLIENT_ERROR and ("html" in kind or not kind)


def may_speak(status: int, headers: Mapping[str, str]) -> bool:
    """Whether the body of a refusal may hold the platform's reason."""
    return status in _CLIENT_ERROR and "json" in headers.get("Content-Type", "").lower()


def is_from_between(status: int, headers: Mapping[str, str], page: bytes) -> bool:
    """Whether a refusal is a web page of a proxy or gateway, and no word of the platform."""
    if not may_be_page(status, headers) or _APPLICATION_SERVER.search(page):
        return False
    return "html" in headers.get("Content-Type", "").lower() or _PAGE.match(page) is not None


def asks_for_own_login(headers: Mapping[str, str]) -> bool:
    """Whether a 401 is that of a gateway with accounts of its own: the platform has no such scheme."""
    return headers.get("WWW-Authenticate", "").strip().lower().startswith(_OWN_LOGINS)


def _no_answer(call: Call, status: int, headers: Mapping[str, str], page: bytes) -> CloudError | None:
    """The error of a status that does not mean that the platform decided anything; None for all others."""
    if is_from_between(status, headers, page):
        return BlockedError(
            f"A proxy or gateway on the way answered {status} with a web page to the request for "
            f"the {call.what}.",
            hint="Ask whoever runs the network or the gateway.",
        )
    if status == _ACCEPTED:
        return NotReadyError(f"The {call.what} is not ready yet (202).")
    if status in _NOT_READY:
        return NotReadyError(f"The {call.what} had no answer in time ({status}).")
    if status == _CAPTIVE:
        return BlockedError(
            f"The network asks for a login of its own (511) before the request for the {call.what}.",
            hint="Open a web page in a browser on this computer.",
        )
    return None


def refusal(
    call: Call, status: int, headers: Mapping[str, str], page: bytes = b"", bearer: str = ""
) -> CloudError | None:
    """The error that a status means; None for success.

    `page` is the beginning of the body, where `may_be_page` or `may_speak`. `bearer` is what no message may
    repeat.
    """
    if status in _OK and (status != _ACCEPTED or call.repeat is Repeat.UNTAKEN):
        return None
    if (error := _no_answer(call, status, headers, page)) is not None:
        return error
    told = f"The platform answered {status} to the request for the {call.what}."
    if status in _CLIENT_ERROR:
        reason = said(call, page, bearer) if call.device and may_speak(status, headers) else ""
        return _client_error(call, status, f"{told} It says: {reason}" if reason else told)
    if status in _REDIRECTION or status not in _SERVER_ERROR:
        return ProtocolError(told, hint="Check cloud.url.")
    if status == _UNAVAILABLE:
        patience = "Retry-After" in headers
        return BusyError(told, hint="It asks for patience.") if patience else UnavailableError(told)
    return ServerError(told)


def _client_error(call: Call, status: int, told: str) -> CloudError:
    match status:
        case 403:
            return ForbiddenError(
                f"The account may not have the {call.what} (403).",
                hint="Ask an administrator of the tenant for the permission.",
            )
        case 404 | 410:
            return NotFoundError(f"The platform does not know what the {call.what} is about ({status}).")
        case 406:
            return RefusedError(told, hint="It does not give the kind of answer that was asked for.")
        case 400 | 422:
            return BadRequestError(told)
        case 429:
            return BusyError(told, hint="It asks for fewer requests; see limits.requests_per_second.")
        case _:
            return RefusedError(told)


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """How long the platform asks us to wait: seconds or a date. None where it does not, or not legibly.

    A date counts from the answer's own Date, so that a wrong clock on our side does not matter.
    """
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=min(int(text[:10]), 10**8)), _LONGEST_DEMAND)
    until = _http_date(text)
    if until is None:
        return None
    return max(timedelta(0), until - (_http_date(headers.get("Date", "")) or now))


def clock_offset(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """How far the platform's clock is ahead of `now`, to the second; None where it tells no likely time."""
    theirs = _http_date(headers.get("Date", ""))
    return theirs - now if theirs is not None and _BEFORE_US <= theirs < _LONG_AFTER_US else None


def certainly_untaken(error: CloudError) -> bool:
    """Whether the platform surely did nothing of what was asked: it never saw the request, or refused it."""
    return isinstance(error, _UNTAKEN | _REFUSALS)


def worth_repeating(call: Call, error: BaseException) -> bool:
    """Whether sending the call again may help and can do no harm."""
    if not isinstance(error, OsfsyncError) or not error.retryable:
        return False
    match call.repeat:
        case Repeat.FREELY:
            return True
        case Repeat.UNTAKEN:
            return isinstance(error, _UNTAKEN)
        case Repeat.NEVER:
            return False


def _http_date(text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    except (ValueError, TypeError, OverflowError):
        return None
