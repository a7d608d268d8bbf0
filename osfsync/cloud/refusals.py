"""HTTP status → error. Sans-IO.

Messages never repeat an address or a body: they may hold the device's credential or a token.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from osfsync.cloud.calls import Call, Repeat
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
_BEFORE_US = datetime(2025, 1, 1, tzinfo=UTC)  # a clock that tells such times is wrong
_LONG_AFTER_US = datetime(2100, 1, 1, tzinfo=UTC)
_LONGEST_DEMAND = timedelta(days=365)


class UnavailableError(ServerError):
    """503 without Retry-After: the platform did not take the request."""


_UNTAKEN = UnreachableError | BusyError | UnavailableError
_REFUSALS = (
    RefusedError | ForbiddenError | NotFoundError | UnauthorizedError | LoginRefusedError | TenantError
)


def refusal(call: Call, status: int, headers: Mapping[str, str]) -> CloudError | None:
    """The error that a status means; None for success."""
    if status in _OK:
        return None
    told = f"The platform answered {status} to the request for the {call.what}."
    if status in _CLIENT_ERROR:
        return _client_error(call, status, told)
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
