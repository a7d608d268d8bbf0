"""JSON Schema of what the commands print as JSON, made from the models. Pure."""

from collections.abc import Mapping
from typing import Any

import msgspec

from osfsync.reports.contents import PROVENANCE
from osfsync.reports.models import SCHEMA, InfoModel, StatusModel, StoriesModel
from osfsync.reports.sheets import DEVICES, FILES, FINDINGS, FOUND, GAPS, MISSING, ORDERS, SETTINGS, Sheet
from osfsync.reports.summary import SummaryModel
from osfsync.reports.verify import VERIFIED

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REF = "#/$defs/{name}"
_PLACE = "https://github.com/osfsync/osfsync/blob/main/docs/schemas"

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
    """The schema of one command's JSON, one of `NAMES`. Documents may have more fields than it tells."""
    told = _rows(ROWS[name]) if name in ROWS else _object(OBJECTS[name])
    return {"$schema": _DIALECT, "$id": f"{_PLACE}/{name}.json", "title": f"osfsync {name}", **told}


def _object(model: type) -> dict[str, Any]:
    (shape,), definitions = msgspec.json.schema_components([model], ref_template=_REF)
    top = definitions.pop(shape["$ref"].rpartition("/")[2])
    top["properties"]["schema"] = {"const": SCHEMA}
    top.pop("title", None)
    return {**top, "$defs": definitions}


def _rows(sheet: Sheet[Any]) -> dict[str, Any]:
    (row,), definitions = msgspec.json.schema_components([sheet.model], ref_template=_REF)
    properties: dict[str, Any] = {
        "schema": {"const": SCHEMA},
        sheet.name: {"type": "array", "items": row},
        "unseen_devices": {"type": "array", "items": {"type": "string"}},
    }
    if sheet.counted is not None:
        properties["totals"] = {"type": "object", "additionalProperties": {"type": "integer", "minimum": 1}}
    return {
        "type": "object",
        "properties": properties,
        "required": ["schema", sheet.name],
        "$defs": definitions,
    }
