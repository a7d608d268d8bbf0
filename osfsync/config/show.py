"""The settings in force as text, for `config show`. Secrets are masked. Pure."""

import json
from collections.abc import Iterable
from datetime import timedelta
from enum import Enum
from functools import reduce
from pathlib import Path

from osfsync.config.addresses import mask_password
from osfsync.config.load import Loaded
from osfsync.config.schema import KEYS, Key, Kind
from osfsync.config.units import format_duration, format_size

NOT_SET = "(not set)"
SET = "(set)"
_HIDDEN = frozenset(
    {
        "cloud.password_file",
        "cloud.password_command",
        "notify.ping_url",
        "notify.webhook_url",
        "notify.command",
        "mqtt.token_file",
    }
)


def effective(loaded: Loaded) -> list[tuple[str, str, str]]:
    """Give (dotted key, value as sync.toml would hold it, origin) for every setting.

    Sources of the password and whom a run tells show only whether they are set: addresses and arguments may
    hold secrets. A proxy's user name and password are masked.
    """
    rows = []
    for name, key in KEYS.items():
        value = reduce(getattr, name.split("."), loaded.settings)
        rows.append((name, _text(key, value), loaded.origins[name]))
    if origin := loaded.origins.get("cloud.password"):
        rows.append(("cloud.password", SET, origin))
    return rows


def _text(key: Key, value: object) -> str:  # noqa: PLR0911 - a table, a line a type
    if value is None:
        return NOT_SET
    if key.name in _HIDDEN:
        return SET
    if key.name == "cloud.proxy":
        return _quoted(mask_password(str(value)))
    match value:
        case timedelta():
            return _quoted(format_duration(value))
        case 0 if key.kind is Kind.RATE:
            return _quoted("")  # no limit, as the example file writes it
        case int() if key.kind in {Kind.SIZE, Kind.RATE}:
            return _quoted(format_size(value) + ("/s" if key.kind is Kind.RATE else ""))
        case str() | Path() | Enum():
            return _quoted(str(value))
        case int() | float():
            return str(value)
        case Iterable():
            return "[" + ", ".join(_quoted(str(item)) for item in value) + "]"
        case _:
            raise TypeError(f"no way to show {key.name} is known")


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=not text.isprintable())
