"""Values of record fields, as platforms write them → numbers, times, storage status. Sans-IO.

The API page documents none of these spellings; each reader returns None for a text that it can't read.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from email.utils import parsedate_to_datetime
from typing import Final

from osfsync.cloud.calls import EPOCH, from_epoch, plausible
from osfsync.domain.model import StorageStatus

LARGEST: Final = 2**63 - 1
_MOST_DIGITS: Final = 20
_GROUP: Final = 3

_NUMBER = re.compile(r"[0-9]{1,20}(\.[0-9]*)?", re.ASCII)
_GROUPED = re.compile(r"[0-9]{1,3}(?:([ ,.'\u00a0\u202f])[0-9]{3})(?:\1[0-9]{3})*", re.ASCII)
_CODE = re.compile(r"0*([0-3])(?:\.0*)?", re.ASCII)
_CODE_AND_WORDS = re.compile(r"0*([0-3])\s*[-:=(/|].*|.*[(\[]\s*0*([0-3])\s*[)\]]", re.ASCII | re.DOTALL)
_LETTERS = re.compile(r"[^a-z]+")
_DOTTED = re.compile(
    r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?:[ T,]+(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,]\d+)?)?)?", re.ASCII
)
_SLASHED = re.compile(
    r"(\d{1,2})/(\d{1,2})/(\d{4})(?:[ T,]+(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,]\d+)?)?\s*([AaPp][Mm])?)?",
    re.ASCII,
)
_COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)[T_ -]?(\d\d)(\d\d)(\d\d)?(?:[.,]\d+)?Z?", re.ASCII)
_YEAR_FIRST = re.compile(r"(\d{4})[/.](\d{1,2})[/.](\d{1,2})(?=[ T]|$)", re.ASCII)
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)", re.ASCII)

_DAYS_OF_1990, _DAYS_OF_2100 = 32_874, 73_051  # days since 1899-12-30: Delphi, OLE, spreadsheets
_MICROSECONDS, _NANOSECONDS = 1e14, 1e18
_DAY_ZERO = datetime(1899, 12, 30, tzinfo=UTC)
_NOON = 12

STATUS_WORDS: Final[Mapping[str, StorageStatus]] = {
    word: status
    for status, words in {
        StorageStatus.DEVICE_ONLY: (
            "device deviceonly onlydevice ondevice ondeviceonly onlyondevice onlyavailableonthedevice "
            "onlyavailableondevice logger onlogger nurgeraet nuraufgeraet nuraufdemgeraet "
            "geraet aufgeraet aufdemgeraet notrequested nichtangefordert appareil surappareil dispositivo"
        ),
        StorageStatus.REQUESTED: (
            "requested requestedfromserver requestedfromtheserver requestedfromdevice requestedfromthedevice "
            "pending ordered queued waiting angefordert bestellt wartend demande demandee solicitado"
        ),
        StorageStatus.SERVER_ONLY: (
            "server serveronly onlyserver onserver onserveronly onlyonserver onlyavailableontheserver "
            "onlyavailableonserver cloud cloudonly nurserver nuraufserver nuraufdemserver aufserver "
            "aufdemserver serveur surserveur servidor"
        ),
        StorageStatus.BOTH: (
            "both onboth beide beides deviceandserver serveranddevice deviceserver serverdevice "
            "ondeviceandserver onserveranddevice onbothdeviceandserver availableonboth "
            "availableonbothdeviceandserver availableonboththedeviceandserver "
            "availableonboththedeviceandtheserver geraetundserver serverundgeraet lesdeux ambos"
        ),
    }.items()
    for word in words.split()
}
"""Known words for a storage status, letters only."""


@dataclass(frozen=True, slots=True)
class TimeStyle:
    """How a list writes times that do not say it themselves.

    Attributes:
        zone: of texts without a zone.
        day_first: of dates such as 03/04/2026; None means unknown, and such a date is unreadable.
    """

    zone: tzinfo = UTC
    day_first: bool | None = None


PLAIN_TIMES: Final = TimeStyle()


def scalar_of(value: object) -> str | None:
    """The text of a field: of an element with attributes its text, of a repeated one the first."""
    if isinstance(value, str):  # nearly always
        return value.strip() or None
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, dict):
        value = value.get("#text", value.get("id"))
    match value:
        case str():
            return value.strip() or None
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
        case _:
            return None


def number_of(value: object) -> int | None:
    """A whole number from 0 up, perhaps with thousands separators."""
    if type(value) is int:  # nearly always in JSON
        return value if 0 <= value <= LARGEST else None
    text = scalar_of(value)
    if text is None:
        return None
    if _is_whole(text):
        number = int(text)
        return number if number <= LARGEST else None
    if _NUMBER.fullmatch(text) is not None:
        whole, _, fraction = text.partition(".")
        if len(fraction) == _GROUP and len(whole) <= _GROUP:  # thousands, or a fraction: nobody can tell
            return None
        number = int(whole)
        return number if number <= LARGEST and not fraction.strip("0") else None
    grouped = _GROUPED.fullmatch(text)
    return int("".join(filter(str.isdigit, text))) if grouped is not None and grouped[1] != "." else None


def status_of(value: object, words: Mapping[str, StorageStatus]) -> StorageStatus | None:
    """A storage status: 0 to 3 (API page), padded, beside words, or a word of `words` (see `folded`)."""
    text = scalar_of(value)
    if text is None:
        return None
    word = words.get(folded(text))
    if word is not None:
        return word
    code = _CODE.fullmatch(text)
    if code is None and (code := _CODE_AND_WORDS.fullmatch(text)) is None:
        return None
    return StorageStatus(int(code[1] or code[2]))


def folded(text: str) -> str:
    """A word without case, blanks and accents of German; digits are kept where there is nothing else."""
    lower = text.strip().lower().replace("ä", "ae").replace("ö", "oe").replace("ü", "ue").replace("ß", "ss")
    lower = lower.replace("é", "e").replace("&", "and").replace("+", "and")
    return _LETTERS.sub("", lower) if _LETTERS.fullmatch(lower) is None else lower


def moment_of(value: object, style: TimeStyle = PLAIN_TIMES) -> datetime | None:
    """A time, told from its size or its form.

    Numbers: seconds, milliseconds, microseconds or nanoseconds since 1970, days since 1899-12-30, or digits
    such as 20250626064143. Texts: ISO-8601, RFC 2822, German and other dates. None where the time is
    implausible (see `calls.plausible`).
    """
    if type(value) is str and _is_whole(value):  # nearly always in XML
        value = int(value)
    if type(value) is int:
        return _from_whole(value, style) if value <= LARGEST else None
    text = scalar_of(value)
    if text is None:
        return None
    if _is_whole(text):
        return _from_whole(int(text), style)
    if _NUMBER.fullmatch(text) is not None:
        number = float(text)
        return from_epoch(number) or _from_days(number)
    return _from_text(text, style)


def _from_whole(number: int, style: TimeStyle) -> datetime | None:
    moment = from_epoch(number)
    if moment is not None:
        return moment
    if number >= _NANOSECONDS:
        return plausible(EPOCH + timedelta(microseconds=number // 1_000))
    if number >= _MICROSECONDS:
        return from_epoch(number / 1e6)
    compact = _COMPACT.fullmatch(str(number))
    return _from_days(number) if compact is None else _made(*compact.groups(), style=style)


def _from_days(number: float) -> datetime | None:
    return _DAY_ZERO + timedelta(days=number) if _DAYS_OF_1990 <= number < _DAYS_OF_2100 else None


def _from_text(text: str, style: TimeStyle) -> datetime | None:
    if (found := _DOTTED.fullmatch(text)) is not None:
        day, month, year, *clock = found.groups()
        return _made(year, month, day, *clock, style=style)
    if (found := _SLASHED.fullmatch(text)) is not None:
        if style.day_first is None:
            return None
        first, second, year, hour, minute, second_of, half = found.groups()
        day, month = (first, second) if style.day_first else (second, first)
        if half is not None and hour is not None:
            hour = str(int(hour) % _NOON + (_NOON if half.lower() == "pm" else 0))
        return _made(year, month, day, hour, minute, second_of, style=style)
    if (found := _COMPACT.fullmatch(text)) is not None:
        return _made(*found.groups(), style=style)
    try:
        moment = datetime.fromisoformat(_YEAR_FIRST.sub(r"\1-\2-\3", text))
    except ValueError:
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError):
            return None
    return _in_utc(moment, style)


def _made(  # noqa: PLR0913, PLR0917 - the parts of a date
    year: str | None,
    month: str | None,
    day: str | None,
    hour: str | None,
    minute: str | None,
    second: str | None,
    *,
    style: TimeStyle,
) -> datetime | None:
    try:
        parts = [int(part or 0) for part in (year, month, day, hour, minute, second)]
        return _in_utc(datetime(*parts), style)  # type: ignore[arg-type]  # noqa: DTZ001 - the zone follows
    except ValueError:
        return None


def _in_utc(moment: datetime, style: TimeStyle) -> datetime | None:
    try:
        aware = moment.replace(tzinfo=style.zone) if moment.tzinfo is None else moment
        return plausible(aware.astimezone(UTC))
    except (ValueError, OverflowError):
        return None


def has_zone(value: object) -> bool:
    """Whether a readable time says its own zone: all numbers but those of a calendar do."""
    text = scalar_of(value) or ""
    if _NUMBER.fullmatch(text) is not None:
        return _COMPACT.fullmatch(text) is None or from_epoch(float(text)) is not None
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def slashed_parts(value: object) -> tuple[int, int] | None:
    """The first two numbers of a date such as 03/04/2026."""
    found = _SLASHED.fullmatch(scalar_of(value) or "")
    return None if found is None else (int(found[1]), int(found[2]))


def zone_of(text: str) -> tzinfo | None:
    """The zone that a setting names: `UTC`, `+02:00`, or a name such as `Europe/Berlin`; None if unknown."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # noqa: PLC0415 - seldom needed

    if text.upper() in {"UTC", "Z"}:
        return UTC
    if (found := _OFFSET.fullmatch(text)) is not None:
        offset = timedelta(hours=int(found[2]), minutes=int(found[3]))
        return timezone(-offset if found[1] == "-" else offset) if offset < timedelta(days=1) else None
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _is_whole(text: str) -> bool:
    """Whether it is a number of digits alone, as nearly all are: found out faster than by a pattern."""
    return text.isdigit() and text.isascii() and len(text) <= _MOST_DIGITS
