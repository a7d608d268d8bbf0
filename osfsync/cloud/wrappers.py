"""The list inside of a JSON answer of undocumented shape, and what the answer says of its pages. Sans-IO.

The list stands bare or inside of objects. Of several lists the one counts that is named as the API page does
(`data`), then one named after its records, then one of a usual name; each must hold objects or nothing.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from osfsync.cloud.answers import AmbiguousError, decoded
from osfsync.cloud.field_values import number_of
from osfsync.cloud.layout import spelling

Path = tuple[str, ...]
"""Spelled names of the objects around a value."""

_DEEPEST = 3
# fmt: off
_USUAL = frozenset({
    "data", "content", "contents", "item", "items", "result", "results", "record", "records", "list", "entry",
    "entries", "element", "elements", "row", "rows", "value", "values", "response", "payload", "page", "body",
    "object", "objects", "collection", "embedded",
})
# fmt: on
_DECOYS = ("link", "error", "warning", "sort", "filter", "message", "column", "facet", "tag", "order")
_META = frozenset({"page", "meta", "metadata", "pagination", "paging"})
_LINKS = frozenset({"links", "link"})
_TOTALS = ("totalelements", "total", "totalcount", "totalitems", "totalrecords")
_TOTAL_PAGES = ("totalpages", "pagecount", "pages")
_NEXT = ("next", "nextpage")
_ERRORS = ("error", "errors", "errorcode", "errormessage", "exception")
_FIRST_ERROR = 400
_LOOKED_AT = 1_000  # bytes of a list
_IDENTIFYING = frozenset({"id", "name"})

_NOT_JSON = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b', re.DOTALL)
_BLANKS = b" \t\r\n\0"

Records = Sequence[msgspec.Raw]


@dataclass(frozen=True, slots=True)
class Wrapped:
    """The records of an answer, undecoded, and the scalars beside them by their spelled names."""

    records: Records
    told: Mapping[str, object] = field(default_factory=dict)

    @property
    def total(self) -> int | None:
        """Entries of the whole list."""
        return next((n for name in _TOTALS if (n := number_of(self.told.get(name))) is not None), None)

    @property
    def count(self) -> int | None:
        """Entries of the whole list or of this page; which one is not said."""
        return number_of(self.told.get("count"))

    @property
    def total_pages(self) -> int | None:
        """Pages of the whole list."""
        return next((n for name in _TOTAL_PAGES if (n := number_of(self.told.get(name))) is not None), None)

    @property
    def has_next(self) -> bool | None:
        """Whether a page follows; None where that is not said."""
        for name in ("hasnext", "hasmore"):
            if isinstance(found := self.told.get(name), bool):
                return found
        if isinstance(last := self.told.get("last"), bool):
            return not last
        return next((bool(self.told[name]) for name in _NEXT if name in self.told), None)

    @property
    def is_error(self) -> bool:
        """Whether the answer says that it is an error."""
        code = max((number_of(self.told.get(name)) or 0 for name in ("status", "code")), default=0)
        return (
            any(self.told.get(name) for name in _ERRORS)
            or self.told.get("success") is False
            or code >= _FIRST_ERROR
        )


def wrapped(body: bytes, names: Sequence[str], within: Path | None = None) -> Wrapped | None:
    """The list of an answer, None where there is none. Nothing, null and an empty object are an empty list.

    Args:
        body: UTF-8.
        names: stems after which the list may be named, in lower case.
        within: where the list is known to stand; another one that fits as well is still an error.

    Raises:
        msgspec.DecodeError, UnicodeDecodeError, RecursionError: it is no JSON.
        AmbiguousError: two lists fit equally well.
    """
    if not body.strip(_BLANKS):
        return Wrapped(())
    answer = msgspec.json.decode(body, type=list[msgspec.Raw] | dict[str, msgspec.Raw] | None)
    if isinstance(answer, list):
        return Wrapped(answer)
    if not answer:
        return Wrapped(())
    found = _Found({}, [])
    _look(answer, (), found)
    records = _choose(found.lists, names, within)
    told = Wrapped((), found.told)
    if records is None and (told.total == 0 or any(rank(path, names) > 1 for path in found.nothing)):
        records = ()
    if records is None or (not records and told.is_error):
        return None
    return Wrapped(records, found.told)


@dataclass(slots=True)
class _Found:
    told: dict[str, object]
    nothing: list[Path]
    lists: list[tuple[Path, msgspec.Raw, bool]] = field(default_factory=list)


def _look(fields: Mapping[str, msgspec.Raw], path: Path, found: _Found) -> None:
    is_record = not _IDENTIFYING.isdisjoint(map(spelling, fields))
    for name, raw in fields.items():
        spelled = spelling(name)
        inner, first = (*path, spelled), bytes(memoryview(raw)[:1])
        if first == b"[":
            found.lists.append((inner, raw, is_record))
            if spelled in _ERRORS:
                found.told.setdefault(spelled, bytes(memoryview(raw)[1:]).strip(_BLANKS) != b"]")
        elif first == b"{":
            if spelled in _ERRORS:
                found.told.setdefault(spelled, True)
            if len(inner) < _DEEPEST:
                _look_into(raw, inner, found)
        else:
            value = msgspec.json.decode(raw)
            found.told.setdefault(spelled, value)
            if value is None:
                found.nothing.append(inner)


def _look_into(raw: msgspec.Raw, path: Path, found: _Found) -> None:
    fields = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    if not fields:
        found.nothing.append(path)
    if path[-1] in _LINKS:
        if "next" in fields:
            found.told.setdefault("next", True)
    elif path[-1] in _META | _USUAL:
        _look(fields, path, found)


def _choose(
    lists: Sequence[tuple[Path, msgspec.Raw, bool]], names: Sequence[str], within: Path | None
) -> Records | None:
    """Records of the list that fits best."""
    best, found = (0, 0), list[tuple[Path, msgspec.Raw]]()
    for path, raw, in_record in lists:
        by_name, holds = rank(path, names), _first_entry(raw)
        fits = holds in {b"{", b"]"} or path == within
        if by_name == 0 or (by_name == 1 and (in_record or holds != b"{")):
            continue
        if (fit := (int(fits), by_name)) > best:
            best, found = fit, [(path, raw)]
        elif fit == best:
            found.append((path, raw))
    if len(found) > 1 or (found and within is not None and found[0][0] != within):
        raise AmbiguousError("Two lists fit equally well.")
    return msgspec.json.decode(found[0][1], type=list[msgspec.Raw]) if found else None


def _first_entry(raw: msgspec.Raw) -> bytes:
    """The first byte of the first entry of a list that is not null, or the bracket at its end."""
    return bytes(memoryview(raw)[1:_LOOKED_AT]).replace(b"null", b"").lstrip(_BLANKS + b",")[:1]


def rank(path: Path, names: Sequence[str]) -> int:
    """How well the place of a list fits; 0 means not at all."""
    *around, name = path
    if not _USUAL.issuperset(around):
        return 0
    if path == ("data",):
        return 4
    if any(stem in name for stem in names):
        return 3
    if name in _USUAL:
        return 2
    return 0 if name.startswith(_DECOYS) or name.endswith(_DECOYS) else 1


_BEFORE = rb'\{(?:[^\[\]{}]|\{[^\[\]{}]*\})*?"([^"\\\[\]{}]*)"[ \t\n\r]*:[ \t\n\r]*'
_HEADS = tuple(
    re.compile(rb"(?:\xef\xbb\xbf)?[ \t\n\r]*" + _BEFORE * depth + rb"\[") for depth in range(_DEEPEST + 1)
)


def head_of(text: bytes, names: Sequence[str] = ()) -> tuple[bytes, Path] | None:
    """What stands before the first record of a long text, bracket included, and the place of the list.

    None where that is unknown: another list, or an object that holds one, stands before it.
    """
    for pattern in _HEADS:
        if (found := pattern.match(text)) is not None:
            path = tuple(spelling(name.decode(errors="replace")) for name in found.groups())
            return (found[0], path) if not path or rank(path, names) > 1 else None
    return None


def mended(body: bytes) -> bytes | None:
    """An answer as UTF-8 and without NaN and Infinity; None where nothing is to be mended."""
    text = body.rstrip(_BLANKS) if body[:2] != b"\xff\xfe" else body
    try:
        text = decoded(text).strip("\0 \t\r\n").encode()
    except UnicodeError:
        return None
    if b"NaN" in text or b"Infinity" in text:
        text = _NOT_JSON.sub(lambda found: found[0] if found[0][:1] == b'"' else b"null", text)
    return text if text != body else None
