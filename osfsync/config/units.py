"""Durations, sizes, rates and moments as people write them. Pure.

All times are zone-aware datetimes in UTC. Every function raises ConfigError for text it can't read;
the message says what was read and what is expected.
"""

import re
from datetime import UTC, datetime, time, timedelta
from fractions import Fraction

from osfsync.domain.errors import ConfigError

DURATION_FORMAT = 'a duration such as "30d", "48h", "90m", "2h30m", "45s" or "1w"'
SIZE_FORMAT = 'a size such as "10GB", "4MB", "1GiB" or a number of bytes'
RATE_FORMAT = 'a rate such as "20MB/s" or a number of bytes per second; 0 or "" means no limit'
SHARE_FORMAT = 'a share such as "5%" or "0.5%", more than nothing and at most 100%'
MOMENT_FORMAT = (
    "a date (2025-06-26), a date and time (2025-06-26T06:41, in UTC unless it names a zone) "
    'or "30d" for 30 days ago'
)

LONGEST = timedelta(days=36_500)
LARGEST = 2**63 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SHOWN = 40
_LONGEST_BARE_DATE = len("2025-06-26")

_SECONDS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_DURATION = re.compile("".join(rf"(?:(\d{{1,12}}){unit})?" for unit in _SECONDS), re.ASCII)

_BYTES = {
    "": 1,
    "b": 1,
    **{f"{prefix}b": 1000**power for power, prefix in enumerate("kmgt", start=1)},
    **{f"{prefix}ib": 1024**power for power, prefix in enumerate("kmgt", start=1)},
}
_SIZE = re.compile(r"(\d{1,19}(?:\.\d{1,9})?)\s*((?:[kmgt]i?)?b)?", re.ASCII | re.IGNORECASE)
_SHARE = re.compile(r"(\d{1,3}(?:\.\d{1,9})?)\s*%", re.ASCII)


def _unreadable(text: str, expected: str) -> ConfigError:
    return ConfigError(f"{text[:_SHOWN]!r} can't be read; expected {expected}.")


def parse_duration(text: str) -> timedelta:
    """Read whole weeks, days, hours, minutes, seconds, in this order: "30d", "2h30m". At most 100 years."""
    match = _DURATION.fullmatch(text.strip())
    if not match or not any(match.groups()):
        raise _unreadable(text, DURATION_FORMAT)
    pairs = zip(match.groups(default="0"), _SECONDS.values(), strict=True)
    seconds = sum(int(count) * unit for count, unit in pairs)
    if seconds > LONGEST.total_seconds():
        raise _unreadable(text, f"a duration of at most {LONGEST.days}d")
    return timedelta(seconds=seconds)


def format_duration(duration: timedelta) -> str:
    """Write a duration the way `parse_duration` reads it; parts of a second are dropped."""
    rest = int(duration.total_seconds())
    parts = []
    for unit in ("d", "h", "m", "s"):
        count, rest = divmod(rest, _SECONDS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def parse_size(text: str) -> int:
    """Read a number of bytes: "10GB" is 10·1000³, "1GiB" is 1024³, "512" is 512. Case is ignored."""
    return _parse_bytes(text, SIZE_FORMAT)


def parse_share(text: str) -> Fraction:
    """Read a percentage: "5%" is 1/20."""
    match = _SHARE.fullmatch(text.strip())
    share = Fraction(match[1]) / 100 if match else Fraction(0)
    if not 0 < share <= 1:
        raise _unreadable(text, SHARE_FORMAT)
    return share


def parse_rate(text: str) -> int:
    """Read a number of bytes per second: "20MB/s"; 0 and "" mean no limit. Bits are refused."""
    trimmed = text.strip()
    if not trimmed:
        return 0
    return _parse_bytes(re.sub(r"\s*/\s*s$", "", trimmed, flags=re.IGNORECASE), RATE_FORMAT)


def _parse_bytes(text: str, expected: str) -> int:
    match = _SIZE.fullmatch(text.strip())
    if not match:
        raise _unreadable(text, expected)
    whole, _, part = match[1].partition(".")
    unit = _BYTES[(match[2] or "").lower()]
    count: int = int(whole) * unit + int(part or "0") * unit // 10 ** len(part)
    if count > LARGEST:
        raise _unreadable(text, expected)
    return count


def format_size(count: int) -> str:
    """Write a number of bytes exactly: "4MB" where it is a whole number of such units, else "1500"."""
    for prefix, power in (("T", 4), ("G", 3), ("M", 2), ("k", 1)):
        if count and count % 1000**power == 0:
            return f"{count // 1000**power}{prefix}B"
    return str(count)


def parse_moment(text: str, now: datetime) -> datetime:
    """Read an ISO date (its first moment), an ISO date and time, or a duration meaning "that long ago".

    A time without a zone is UTC, so that the same command means the same on every machine.
    """
    return _parse_moment(text, now, time.min)


def parse_end(text: str, now: datetime) -> datetime:
    """Like `parse_moment`, but a bare date means its last second: `--until 2025-06-30` takes the day in."""
    return _parse_moment(text, now, time(23, 59, 59))


def _parse_moment(text: str, now: datetime, of_day: time) -> datetime:
    trimmed = text.strip()
    if _DURATION.fullmatch(trimmed) and trimmed:
        return now.astimezone(UTC) - parse_duration(trimmed)
    moment = _read_iso(trimmed, of_day)
    if moment is None or moment < _EPOCH:
        raise _unreadable(text, MOMENT_FORMAT)
    return moment


def _read_iso(text: str, of_day: time) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return datetime.combine(moment, of_day, UTC) if len(text) <= _LONGEST_BARE_DATE else moment
