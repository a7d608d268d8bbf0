"""JSON Schema of what the commands print as JSON, made from the models' fields and their descriptions. Pure.

Depends on no docstring and on no library: a published schema changes only if a model or a description does.
"""

from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from datetime import datetime
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from osfsync.reports.contents import PROVENANCE
from osfsync.reports.descriptions import DOCUMENTS, TOTALS, UNSEEN_DEVICES, VERSION, describe
from osfsync.reports.models import SCHEMA, InfoModel, StatusModel, StoriesModel
from osfsync.reports.sheets import DEVICES, FILES, FINDINGS, FOUND, GAPS, MISSING, ORDERS, SETTINGS, Sheet
from osfsync.reports.summary import SummaryModel
from osfsync.reports.verify import VERIFIED

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_PLACE = "https://github.com/osfsync/osfsync/blob/main/docs/schemas"
_VERSION = {"description": VERSION, "const": SCHEMA}
_PLAIN: Mapping[Any, Mapping[str, str]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    datetime: {"type": "string", "format": "date-time"},
    NoneType: {"type": "null"},
}

ROWS: Mapping[str, Sheet[Any]] = {
    "devices": DEVICES,
    "files": FILES,
    "missing": MISSING,
    "gaps": GAPS,
    "orders": ORDERS,
    "find": FOUND,
    "provenance": PROVENANCE,
    "doctor": FINDINGS,
    "config-show": SETTINGS,
    "verify": VERIFIED,
}
"""Commands that print rows, with `--format json`."""

OBJECTS: Mapping[str, type] = {
    "sync": SummaryModel,
    "status": StatusModel,
    "why": StoriesModel,
    "info": InfoModel,
}
"""Commands that print one object, with `--json`; `backfill` prints what `sync` does."""

NAMES = tuple(sorted([*ROWS, *OBJECTS]))


def schema(name: str) -> dict[str, Any]:
    """The schema of one command's JSON, one of `NAMES`. Documents may have more fields than it describes."""
    body = _rows(ROWS[name]) if name in ROWS else _object(OBJECTS[name])
    return {
        "$schema": _DIALECT,
        "$id": f"{_PLACE}/{name}.json",
        "title": f"osfsync {name}",
        "description": DOCUMENTS[name],
        **body,
    }


def _object(model: type) -> dict[str, Any]:
    definitions = _definitions(model)
    top = definitions.pop(model.__name__)
    return {**top, "properties": {**top["properties"], "schema": _VERSION}, "$defs": definitions}


def _rows(sheet: Sheet[Any]) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "schema": _VERSION,
        sheet.name: {"type": "array", "items": _value(sheet.model)},
        "unseen_devices": {"description": UNSEEN_DEVICES, "type": "array", "items": {"type": "string"}},
    }
    if sheet.counted is not None:
        counts = {"type": "integer", "minimum": 1}
        properties["totals"] = {"description": TOTALS, "type": "object", "additionalProperties": counts}
    return {
        "type": "object",
        "properties": properties,
        "required": ["schema", sheet.name],
        "$defs": _definitions(sheet.model),
    }


def _definitions(top: type) -> dict[str, Any]:
    """The schemas of a model and of all models in its fields, by name."""
    definitions: dict[str, Any] = {}
    waiting = [top]
    while waiting:
        model = waiting.pop()
        if model.__name__ not in definitions:
            types = get_type_hints(model)
            definitions[model.__name__] = {
                "title": model.__name__,
                "type": "object",
                "properties": {
                    field: {"description": describe(model, field), **_value(types[field])} for field in types
                },
                "required": list(types),
            }
            waiting += [part for each in types.values() for part in _models(each)]
    return dict(sorted(definitions.items()))


def _models(annotation: Any) -> Iterator[type]:
    if is_dataclass(annotation) and isinstance(annotation, type):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def _value(annotation: Any) -> dict[str, Any]:
    """The schema of a field's type. Raises TypeError for a type that no document has had so far."""
    parts = get_args(annotation)
    if annotation in _PLAIN:
        return dict(_PLAIN[annotation])
    if is_dataclass(annotation) and isinstance(annotation, type):
        return {"$ref": f"#/$defs/{annotation.__name__}"}
    kind = get_origin(annotation)
    if kind is Literal:
        return {"enum": list(parts)}
    if kind in (Union, UnionType):
        return {"anyOf": [_value(part) for part in parts]}
    if kind is tuple and parts[1:] == (...,):
        return {"type": "array", "items": _value(parts[0])}
    if kind in (dict, Mapping) and parts[0] is str:
        return {"type": "object", "additionalProperties": _value(parts[1])}
    raise TypeError(f"no JSON Schema for {annotation}")
