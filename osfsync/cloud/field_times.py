"""Which fields hold the times of recordings, and how they are to be read. Pure."""

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from osfsync.cloud.field_values import (
    TimeStyle,
    has_zone,
    moment_of,
    slashed_parts,
    zone_of,
)
from osfsync.cloud.field_words import (
    Meaning,
)
from osfsync.cloud.layout import (
    PROOF,
    Candidate,
    Columns,
    ServerNames,
    best_name,
)
from osfsync.cloud.settings import ListFields
from osfsync.domain.errors import ConfigError
from osfsync.domain.model import TimeWindow
from osfsync.domain.recording_name import plain_name, time_in_name

_QUARTER: Final = timedelta(minutes=15)
_EARLIER, _LATER = timedelta(days=62), timedelta(days=2)


def time_style(columns: Columns, names: ListFields) -> TimeStyle:
    """How times without a zone, and dates such as 03/04/2026, are to be read. Raises ConfigError."""
    parts = [
        pair
        for path in columns.paths.values()
        for value in columns.values(path)
        if isinstance(value, str) and (pair := slashed_parts(value)) is not None
    ]
    months = 12
    day_first = True if any(first > months for first, _ in parts) else None
    if any(second > months for _, second in parts):
        day_first = None if day_first else False
    zone = None if names.time_zone is None else zone_of(names.time_zone)
    if names.time_zone is not None and zone is None:
        raise ConfigError(
            f"cloud.fields.xml.time_zone {names.time_zone!r} is unknown.",
            hint='Write "+02:00" or a name such as "Europe/Berlin".',
        )
    return TimeStyle(zone or UTC, day_first)


def find_times(
    columns: Columns, taken: Collection[str], style: TimeStyle, window: TimeWindow | None
) -> dict[Meaning, Candidate]:
    """The fields of start and end: those whose values lie near the window. A swapped pair is put right."""

    def fits(value: object) -> bool:
        moment = moment_of(value, style)
        return moment is not None and (
            window is None or window.start - _EARLIER <= moment <= window.end + _LATER
        )

    start = best_name(columns.candidates(Meaning.START, fits), taken, 1)
    end = best_name(columns.candidates(Meaning.END, fits), {*taken, start.path if start else ""}, 1)
    if start is not None and end is not None and _are_swapped(start, end, style):
        start, end = end, start
    return {m: c for m, c in ((Meaning.START, start), (Meaning.END, end)) if c is not None}


def _are_swapped(start: Candidate, end: Candidate, style: TimeStyle) -> bool:
    pairs = [
        (a, b)
        for first, second in zip(start.texts, end.texts, strict=True)
        if (a := moment_of(first, style)) is not None and (b := moment_of(second, style)) is not None
    ]
    return len(pairs) > 1 and all(b < a for a, b in pairs)


def settle_zone(  # noqa: PLR0913, PLR0917 - one step of `recognize`
    names: ListFields,
    style: TimeStyle,
    times: dict[Meaning, Candidate],
    name: Candidate,
    server: ServerNames | None,
    notes: list[str],
) -> tuple[TimeStyle, dict[Meaning, Candidate]]:
    """Times without a zone: UTC, unless the other list shows a constant offset of quarter hours."""
    start = times.get(Meaning.START)
    if start is None or names.time_zone is not None or all(has_zone(text) for text in start.texts if text):
        return style, times
    offset = _offset(start, style, name, server)
    if offset is None:
        if not server or not any(server.starts.values()):
            named = _offset_of_names(start, style, name)
            if named:
                notes.append(
                    f"times in field {start.path} say no zone and differ from those in the names; "
                    "they are not used: set time_zone"
                )
                return style, {}
        return style, times
    if offset == timedelta(0):
        return style, times
    notes.append(f"times in field {start.path} are local: {offset} from UTC, by the server's own list")
    from datetime import timezone  # noqa: PLC0415 - seldom needed

    return TimeStyle(timezone(offset), style.day_first), times


def _offset(
    start: Candidate, style: TimeStyle, name: Candidate, server: ServerNames | None
) -> timedelta | None:
    if server is None:
        return None
    return _constant(
        (moment, server.starts.get(plain_name(called)))
        for text, called in zip(start.texts, name.texts, strict=True)
        if called is not None and (moment := moment_of(text, style)) is not None
    )


def _offset_of_names(start: Candidate, style: TimeStyle, name: Candidate) -> timedelta | None:
    return _constant(
        (moment, time_in_name(called))
        for text, called in zip(start.texts, name.texts, strict=True)
        if called is not None and (moment := moment_of(text, style)) is not None
    )


def _constant(pairs: Iterable[tuple[datetime, datetime | None]]) -> timedelta | None:
    """The offset in whole quarter hours that all pairs share."""
    offsets = Counter(
        round((a - b) / _QUARTER)
        if abs((a - b) - round((a - b) / _QUARTER) * _QUARTER) < timedelta(seconds=2)
        else None
        for a, b in pairs
        if b is not None
    )
    total = sum(offsets.values())
    if not total:
        return None
    quarters, count = offsets.most_common(1)[0]
    whole_day = timedelta(hours=15) // _QUARTER
    if quarters is None or count < PROOF * total or abs(quarters) > whole_day:
        return None
    return quarters * _QUARTER
