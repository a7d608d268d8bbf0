"""The fields of records as columns, and what they mean once that is decided. Pure."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from osfsync.cloud.field_values import (
    PLAIN_TIMES,
    STATUS_WORDS,
    TimeStyle,
    scalar_of,
)
from osfsync.cloud.field_words import (
    EXACT,
    LIKELY,
    Meaning,
    name_score,
)
from osfsync.cloud.settings import ListFields
from osfsync.domain.model import StorageStatus

Row = Mapping[str, object]
"""Fields of one record by their path, such as `Meta/FileName`."""

_DEPTH: Final = 4
_MOST_FIELDS: Final = 256
_SHOWN: Final = 5
_LONGEST_SHOWN: Final = 40

FITS: Final = 0.8
"""Share of the records whose value must fit."""

PROOF: Final = 0.95
"""Share of the records that must agree with the other list, where that is taken for proof."""


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
        return all(
            name_score(self.fields[meaning].path, meaning) >= EXACT
            for meaning in (Meaning.NAME, Meaning.STATUS)
            if meaning in self.fields
        )

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
class Candidate:
    """A field that may have a meaning: how well its name and its values fit; `texts` of all records."""

    path: str
    score: int
    fits: int
    texts: tuple[str | None, ...]

    def found(self, records: int) -> Found:
        """The field as evidence, of so many records."""
        return Found(self.path, self.fits, records)


class Columns:
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
        """The field's value in each record; None where it is absent."""
        key = spelling(path)
        return [row.get(key) for row in self._spelled]

    def candidates(self, meaning: Meaning, fits: Callable[[object], bool]) -> list[Candidate]:
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
            if override is None and (not present or rare or fitting < FITS * len(present)):
                continue
            found.append(Candidate(path, score, fitting, tuple(scalar_of(value) for value in values)))
        return found


def best_name(candidates: Sequence[Candidate], taken: Collection[str], least: int) -> Candidate | None:
    """The best name; None where two fit equally well and say different things."""
    free = sorted((c for c in candidates if c.path not in taken and c.score >= least), key=lambda c: -c.score)
    if not free:
        return None
    ties = [c for c in free[1:] if c.score == free[0].score and c.texts != free[0].texts]
    return None if ties else free[0]


def refusal_of(
    meaning: Meaning, what: str, columns: Columns, candidates: Sequence[Candidate]
) -> AmbiguousFieldsError:
    """The error for a field that can't be told, with what was seen and the line for the configuration."""
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
