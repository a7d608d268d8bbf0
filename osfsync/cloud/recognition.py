"""Which field of a record means what, decided by evidence: names of fields and the values of all records.

Pure. The API page names no field of a file record. A clear winner is used; a tie, or no candidate, for what
is needed (name, storage status) is refused with the candidates. Size, times and tag are extra: without a
clear field they are unknown.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from osfsync.cloud.field_values import (
    PLAIN_TIMES,
    STATUS_WORDS,
    TimeStyle,
    folded,
    has_zone,
    moment_of,
    number_of,
    scalar_of,
    slashed_parts,
    status_of,
    zone_of,
)
from osfsync.cloud.field_words import (
    DECOY,
    EXACT,
    LIKELY,
    Meaning,
    is_extension,
    is_folder,
    is_unit,
    name_score,
)
from osfsync.cloud.settings import ListFields
from osfsync.domain.errors import ConfigError
from osfsync.domain.model import StorageStatus, TimeWindow
from osfsync.domain.recording_name import plain_name, time_in_name

SAMPLE: Final = 100
"""Records of one list that are looked at before the first is used."""

Row = Mapping[str, object]
"""Fields of one record by their path, such as `Meta/FileName`."""

_DEPTH: Final = 4
_FITS: Final = 0.8
"""Share of the records whose value must fit."""

_MOST_FIELDS: Final = 256
_SHOWN: Final = 5
_LONGEST_SHOWN: Final = 40
_PROOF: Final = 0.95
_DISPROOF: Final = 0.6
_FEWEST_FOR_PROOF: Final = 3
_QUARTER: Final = timedelta(minutes=15)
_EARLIER, _LATER = timedelta(days=62), timedelta(days=2)
_EXTENSIONS = frozenset({"osf", "osfz"})
_RECORDING = re.compile(r"[^./\\]\.osfz?\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Found:
    """A field, and how many records speak for it."""

    path: str
    fits: int
    records: int

    def __str__(self) -> str:
        return f"field {self.path}, {self.fits:,} of {self.records:,} records fit"


@dataclass(frozen=True, slots=True)
class Layout:
    """What each field of a list means."""

    fields: Mapping[Meaning, Found]
    times: TimeStyle = PLAIN_TIMES
    words: Mapping[str, StorageStatus] = field(default_factory=lambda: STATUS_WORDS)
    notes: tuple[str, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether the fields have names that can mean nothing else: no evidence of values is needed."""
        needed = [found.path for m, found in self.fields.items() if m in (Meaning.NAME, Meaning.STATUS)]
        return all(name_score(path, m) >= EXACT for path, m in zip(needed, Meaning, strict=False))

    def path(self, meaning: Meaning) -> str | None:
        """Where the field stands; None where there is none."""
        found = self.fields.get(meaning)
        return None if found is None else found.path


@dataclass(frozen=True, slots=True)
class ServerNames:
    """What the other list says of the same device and window: evidence for the device's own.

    Attributes:
        starts: names as spelled by `plain_name`, with the start where it is known.
        complete: no name is left out.
    """

    starts: Mapping[str, datetime | None]
    complete: bool


class AmbiguousFieldsError(ValueError):
    """Needed fields can't be told. The text is a sentence; `meaning` names the field to configure."""

    def __init__(self, meaning: Meaning, text: str, line: str) -> None:
        super().__init__(text)
        self.meaning = meaning
        self.line = line


def rows_of(records: Iterable[object]) -> list[Row]:
    """Records with nested fields by their path. Repeated elements are left out: they say no single thing."""
    return [dict(_flat(record, "", _DEPTH)) for record in records]


def _flat(value: object, path: str, depth: int) -> Iterable[tuple[str, object]]:
    if isinstance(value, dict):
        if depth:
            for key, inner in list(value.items())[:_MOST_FIELDS]:
                name = key.removeprefix("@")
                if key == "#text" and path:
                    yield path, inner
                elif not (name == "xmlns" or name.startswith("xmlns:")):
                    yield from _flat(inner, f"{path}/{name}" if path else name, depth - 1)
    elif not isinstance(value, list) and value is not None:
        yield path or "#text", value


def spelling(path: str) -> str:
    """A field's path without prefixes, case and separators: `@file_name` and `FileName` are one."""
    parts = path.split("/")
    return "/".join(
        part.rpartition(":")[2].lstrip("@").replace("_", "").replace("-", "").lower() for part in parts
    )


@dataclass(frozen=True, slots=True)
class _Candidate:
    path: str
    score: int
    fits: int
    texts: tuple[str | None, ...]

    def found(self, records: int) -> Found:
        return Found(self.path, self.fits, records)


class _Columns:
    """The values of all records, field by field."""

    def __init__(self, rows: Sequence[Row], names: ListFields) -> None:
        self.rows = rows
        self.names = names
        self.paths: dict[str, str] = {}  # spelling -> path as first seen
        for row in rows:
            for path in row:
                self.paths.setdefault(spelling(path), path)
        self._spelled = [
            {spelling(path): value for path, value in reversed(list(row.items()))} for row in rows
        ]

    def values(self, path: str) -> list[object]:
        key = spelling(path)
        return [row.get(key) for row in self._spelled]

    def candidates(self, meaning: Meaning, fits: Callable[[object], bool]) -> list[_Candidate]:
        """Fields whose values fit, the user's own choice alone where there is one."""
        override = getattr(self.names, meaning.value)
        paths = self.paths if override is None else {spelling(override): override}
        found = []
        for path in paths.values():
            values = self.values(path)
            present = [value for value in values if scalar_of(value) is not None]
            fitting = sum(map(fits, present))
            score = name_score(path, meaning) if override is None else EXACT + 5
            rare = len(present) * 2 < len(values) and score < EXACT
            if override is None and (not present or rare or fitting < _FITS * len(present)):
                continue
            found.append(_Candidate(path, score, fitting, tuple(scalar_of(value) for value in values)))
        return found


def recognize(
    rows: Sequence[Row],
    names: ListFields,
    *,
    window: TimeWindow | None = None,
    server: ServerNames | None = None,
    needs_status: bool = True,
) -> Layout:
    """What the fields of these records mean.

    Args:
        rows: records of one list, or of several devices' lists of one kind.
        names: the user's own choice of fields; it goes before any evidence.
        window: the period that was asked for: times far from it are no times.
        server: names that the server's own list has, where it was read before.
        needs_status: whether the list must say where a file lies.

    Raises:
        AmbiguousFieldsError: two fields fit equally well as name or storage status, or none does.
    """
    columns = _Columns(rows, names)
    name = _name(columns, server)
    fields: dict[Meaning, Found] = {Meaning.NAME: name.found(len(rows))}
    words = {**STATUS_WORDS, **words_of_setting(names.status_values)}
    status = _status(columns, words, name, server, needed=needs_status)
    if status is not None:
        fields[Meaning.STATUS] = status.found(len(rows))
    taken = {name.path} | ({status.path} if status else set())
    notes: list[str] = []
    size = _size(columns, taken, notes)
    if size is not None:
        fields[Meaning.SIZE] = size.found(len(rows))
        taken.add(size.path)
    style = _style(columns, names)
    times = _times(columns, taken, style, window)
    style, times = _zone(names, style, times, name, server, notes)
    fields |= {meaning: found.found(len(rows)) for meaning, found in times.items()}
    taken |= {found.path for found in times.values()}
    tag = _best(columns.candidates(Meaning.TAG, lambda value: scalar_of(value) is not None), taken, LIKELY)
    if tag is not None:
        fields[Meaning.TAG] = tag.found(len(rows))
    return Layout(fields, style, words, tuple(notes))


def words_of_setting(values: Sequence[str]) -> dict[str, StorageStatus]:
    """The user's own words for storage statuses, such as "auf Server = 2". Raises ConfigError."""
    words = {}
    for value in values:
        word, _, code = value.rpartition("=")
        if not word.strip() or code.strip() not in {"0", "1", "2", "3"}:
            raise ConfigError(
                f"cloud.fields.xml.status_values holds {value!r}.",
                hint='Each entry is a word of the platform and its status, such as "on device = 0".',
            )
        words[folded(word)] = StorageStatus(int(code))
    return words


def _name(columns: _Columns, server: ServerNames | None) -> _Candidate:
    candidates = columns.candidates(Meaning.NAME, lambda value: scalar_of(value) is not None)
    if columns.names.name is not None:
        return candidates[0]
    ends = {c.path: sum(_RECORDING.search(text) is not None for text in c.texts if text) for c in candidates}
    most = max(ends.values(), default=0)
    recordings = [c for c in candidates if ends[c.path] >= _FITS * max(most, 1)]
    if most * 2 < len(columns.rows):
        recordings = [c for c in candidates if c.score >= EXACT and "/" not in c.path]
        exact = next(
            (c for alias in ("filename", "name") for c in recordings if spelling(c.path) == alias), None
        )
        recordings = recordings if exact is None else [exact]
    recordings = [c for c in recordings if _may_be_names(c)]
    plain = [c for c in recordings if c.score > DECOY] or (recordings if len(recordings) == 1 else [])
    if not plain or _is_in_parts(columns, plain):
        raise _refusal(Meaning.NAME, "file name", columns, recordings)
    return _choose_name(columns, plain, server)


def _may_be_names(candidate: _Candidate) -> bool:
    """Not an address, and not the same text in all records."""
    texts = [text for text in candidate.texts if text]
    return not any("://" in text for text in texts) and (len(texts) <= 1 or len(set(texts)) > 1)


def _is_in_parts(columns: _Columns, candidates: Sequence[_Candidate]) -> bool:
    """Whether folders or extensions of the names stand in fields of their own."""
    flat = not any("/" in text or "\\" in text for c in candidates for text in c.texts if text)
    bare = not any(_RECORDING.search(text) for c in candidates for text in c.texts if text)

    def holds(path: str) -> bool:
        texts = [text for value in columns.values(path) if (text := scalar_of(value))]
        if flat and is_folder(path):
            return bool(texts)
        return bare and is_extension(path) and all(text.lstrip(".").lower() in _EXTENSIONS for text in texts)

    return any(holds(path) for path in columns.paths.values())


def _choose_name(columns: _Columns, plain: list[_Candidate], server: ServerNames | None) -> _Candidate:
    if len(plain) > 1 and server is not None and server.starts:
        hits = {c.path: sum(plain_name(text) in server.starts for text in c.texts if text) for c in plain}
        best = max(hits.values())
        if best and (named := [c for c in plain if hits[c.path] == best]):
            plain = named
    ranked = sorted(plain, key=lambda c: (-c.score, spelling(c.path) != "filename"))
    full = next((c for c in ranked if all(c is d or _holds(c, d) for d in ranked)), None)
    if full is None:
        raise _refusal(Meaning.NAME, "file name", columns, ranked)
    return full


def _holds(full: _Candidate, base: _Candidate) -> bool:
    """Whether one field is the same name as another, perhaps with its folders."""
    return all(
        a == b or (a is not None and b is not None and plain_name(a).endswith("/" + plain_name(b)))
        for a, b in zip(full.texts, base.texts, strict=True)
    )


def _status(
    columns: _Columns,
    words: Mapping[str, StorageStatus],
    name: _Candidate,
    server: ServerNames | None,
    *,
    needed: bool,
) -> _Candidate | None:
    """The storage status: fits 0 to 3 or known words in all records but one of a hundred, or but one."""
    candidates = [
        c
        for c in columns.candidates(Meaning.STATUS, lambda value: status_of(value, words) is not None)
        if c.path != name.path and _is_clean(c)
    ]
    if columns.names.status is not None:
        return candidates[0] if candidates else None
    scored = sorted(
        ((_status_score(c, words, name, server), c) for c in candidates if c.score > DECOY),
        key=lambda pair: -pair[0],
    )
    better = [
        path
        for path in columns.paths.values()
        if path not in {c.path for c in candidates} | {name.path}
        and name_score(path, Meaning.STATUS) > (scored[0][1].score if scored else EXACT)
        and any(scalar_of(value) is not None for value in columns.values(path))
    ]
    if not needed:
        return _status_of_server_list(scored, words)
    if not scored or scored[0][0] < EXACT or better:
        seen = [c for _, c in scored] or candidates
        raise _refusal(Meaning.STATUS, "storage status (0 to 3)", columns, seen)
    (best, first), rest = scored[0], scored[1:]
    constant = len(set(_statuses(first, words)) - {None}) == 1 and len(columns.rows) > 1
    least = min(best, LIKELY) if constant else best  # a constant is weak evidence
    ties = [c for score, c in rest if score >= least and _statuses(c, words) != _statuses(first, words)]
    if ties:
        raise _refusal(Meaning.STATUS, "storage status (0 to 3)", columns, [first, *ties])
    return first


def _status_of_server_list(
    scored: Sequence[tuple[int, _Candidate]], words: Mapping[str, StorageStatus]
) -> _Candidate | None:
    """A status that the server's own list need not have: one that varies, or is named after the storage."""
    for score, candidate in scored:
        varies = len(set(_statuses(candidate, words)) - {None}) > 1
        if candidate.score > EXACT or (score >= EXACT and varies):
            return candidate
    return None


def _is_clean(candidate: _Candidate) -> bool:
    present = sum(text is not None for text in candidate.texts)
    if "4" in candidate.texts and "0" not in candidate.texts:  # 1 to 4 in place of 0 to 3
        return False
    return present - candidate.fits <= max(1, present // 100)


def _statuses(candidate: _Candidate, words: Mapping[str, StorageStatus]) -> list[StorageStatus | None]:
    return [status_of(text, words) for text in candidate.texts]


def _status_score(
    candidate: _Candidate, words: Mapping[str, StorageStatus], name: _Candidate, server: ServerNames | None
) -> int:
    statuses = _statuses(candidate, words)
    score = candidate.score + (len(set(statuses) - {None}) > 1)
    if server is None or not server.complete:
        return score
    agree = {True: [0, 0], False: [0, 0]}  # named by the server's list: agreeing, all
    for text, status in zip(name.texts, statuses, strict=True):
        if text is not None and status is not None:
            named = plain_name(text) in server.starts
            agree[named][0] += status.on_server == named
            agree[named][1] += 1
    if min(agree[True][1], agree[False][1]) < _FEWEST_FOR_PROOF:
        return score
    share = sum(pair[0] for pair in agree.values()) / sum(pair[1] for pair in agree.values())
    if share >= _PROOF:
        return score + EXACT
    return score - EXACT if share < _DISPROOF else score


def _size(columns: _Columns, taken: Collection[str], notes: list[str]) -> _Candidate | None:
    if columns.names.size_unit not in {None, "bytes"}:
        notes.append("sizes are not in bytes, and are not used")
        return None
    size = _best(columns.candidates(Meaning.SIZE, lambda value: number_of(value) is not None), taken, LIKELY)
    if size is None or columns.names.size is not None:
        return size
    for path in columns.paths.values():
        if path.startswith(f"{size.path}/") and is_unit(path):
            notes.append(f"sizes in field {size.path} have a unit of their own, and are not used")
            return None
    lengths = "size" not in spelling(size.path) and "byte" not in spelling(size.path)
    alike = len(columns.rows) > 1 and len(set(size.texts)) == 1
    return None if lengths and alike else size


def _best(candidates: Sequence[_Candidate], taken: Collection[str], least: int) -> _Candidate | None:
    """The best name; None where two fit equally well and say different things."""
    free = sorted((c for c in candidates if c.path not in taken and c.score >= least), key=lambda c: -c.score)
    if not free:
        return None
    ties = [c for c in free[1:] if c.score == free[0].score and c.texts != free[0].texts]
    return None if ties else free[0]


def _style(columns: _Columns, names: ListFields) -> TimeStyle:
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


def _times(
    columns: _Columns, taken: Collection[str], style: TimeStyle, window: TimeWindow | None
) -> dict[Meaning, _Candidate]:
    def fits(value: object) -> bool:
        moment = moment_of(value, style)
        return moment is not None and (
            window is None or window.start - _EARLIER <= moment <= window.end + _LATER
        )

    start = _best(columns.candidates(Meaning.START, fits), taken, 1)
    end = _best(columns.candidates(Meaning.END, fits), {*taken, start.path if start else ""}, 1)
    if start is not None and end is not None and _are_swapped(start, end, style):
        start, end = end, start
    return {m: c for m, c in ((Meaning.START, start), (Meaning.END, end)) if c is not None}


def _are_swapped(start: _Candidate, end: _Candidate, style: TimeStyle) -> bool:
    pairs = [
        (a, b)
        for first, second in zip(start.texts, end.texts, strict=True)
        if (a := moment_of(first, style)) is not None and (b := moment_of(second, style)) is not None
    ]
    return len(pairs) > 1 and all(b < a for a, b in pairs)


def _zone(  # noqa: PLR0913, PLR0917 - one step of `recognize`
    names: ListFields,
    style: TimeStyle,
    times: dict[Meaning, _Candidate],
    name: _Candidate,
    server: ServerNames | None,
    notes: list[str],
) -> tuple[TimeStyle, dict[Meaning, _Candidate]]:
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
    start: _Candidate, style: TimeStyle, name: _Candidate, server: ServerNames | None
) -> timedelta | None:
    if server is None:
        return None
    return _constant(
        (moment, server.starts.get(plain_name(called)))
        for text, called in zip(start.texts, name.texts, strict=True)
        if called is not None and (moment := moment_of(text, style)) is not None
    )


def _offset_of_names(start: _Candidate, style: TimeStyle, name: _Candidate) -> timedelta | None:
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
    if quarters is None or count < _PROOF * total or abs(quarters) > whole_day:
        return None
    return quarters * _QUARTER


def _refusal(
    meaning: Meaning, what: str, columns: _Columns, candidates: Sequence[_Candidate]
) -> AmbiguousFieldsError:
    seen = [
        f"{shown_text(c.path)} ({', '.join(dict.fromkeys(shown_text(t) for t in c.texts[:50] if t))[:60]})"
        for c in candidates[:_SHOWN]
    ]
    fields = shown(columns.paths.values())
    likely = candidates[0].path if candidates else "…"
    text = (
        f"has several fields that may be the {what}: {'; '.join(seen)}"
        if len(candidates) > 1
        else f"has no readable {what}; it holds these fields: {fields}"
    )
    if meaning is Meaning.STATUS and not candidates:
        unread = [p for p in columns.paths.values() if name_score(p, Meaning.STATUS) >= LIKELY]
        if unread:
            values = dict.fromkeys(scalar_of(value) or "" for value in columns.values(unread[0])[:50])
            text += f"; {shown_text(unread[0])} holds {shown(value for value in values if value)}"
            return AmbiguousFieldsError(meaning, text, 'status_values = ["… = 0", "… = 1", "… = 2", "… = 3"]')
    return AmbiguousFieldsError(meaning, text, f'{meaning.value} = "{likely}"')


def shown(fields: Iterable[str]) -> str:
    """The names of fields for a message, bounded, control characters made visible."""
    names = [shown_text(field) for field in fields]
    most = 20
    listed = ", ".join(names[:most]) or "none"
    return f"{listed} and {len(names) - most} more" if len(names) > most else listed


def shown_text(text: str) -> str:
    """A text of the platform for a message, bounded, control characters made visible."""
    return repr(text[:_LONGEST_SHOWN])
