"""Raw values (TOML, environment, flags) into the types of the settings. Pure, but for looking `~` up."""

import math
import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from enum import Enum
from pathlib import Path

import msgspec

from osfsync.config.addresses import check_address, check_mqtt, check_proxy, check_server, place_database
from osfsync.config.schema import Key, Kind
from osfsync.config.units import parse_duration, parse_rate, parse_size
from osfsync.domain.errors import ConfigError

_SENSITIVE = frozenset(
    {
        "cloud.url",
        "cloud.proxy",
        "cloud.password_command",
        "cloud.password_file",
        "notify.ping_url",
        "notify.webhook_url",
        "notify.command",
        "mqtt.url",
        "mqtt.token_file",
    }
)
_SHOWN = 60
_EXACT = frozenset({"cloud.password_command", "notify.command"})
"""Arguments of programs: a blank or an empty one may be meant."""
_BYTE_ORDER_MARK = "\ufeff"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class UnfitError(ValueError):
    """A value does not fit; the text is the end of a sentence that begins with the setting's name."""


_REFINE: dict[str, Callable[[str, Path], str]] = {
    "cloud.url": lambda text, _: check_server(text),
    "cloud.proxy": lambda text, _: check_proxy(text),
    "state.url": place_database,
    "notify.ping_url": lambda text, _: check_address(text),
    "notify.webhook_url": lambda text, _: check_address(text),
    "mqtt.url": lambda text, _: check_mqtt(text),
}
_NEVER_ZERO = frozenset({"cloud.connect_timeout", "cloud.idle_timeout", "select.lookback"})


def convert(key: Key, raw: object, base: Path) -> object:
    """Give the value a setting gets from what was written; relative paths are placed under `base`.

    Blanks and line ends around a text count nowhere, whichever source it comes from. Raises UnfitError.
    """
    raw = _trimmed(key, raw)
    if raw is None or (key.optional and raw in ("", [])):
        return None
    value = _READ[key.kind](key, raw, base)
    try:
        value = msgspec.convert(value, key.type)
        if key.name in _REFINE and isinstance(value, str):
            value = _REFINE[key.name](value, base)
    except msgspec.ValidationError:
        raise _unfit(key, raw) from None
    except ConfigError as error:
        raise UnfitError(error.message) from None
    if key.name in _NEVER_ZERO and value == timedelta(0):
        raise UnfitError("is zero; it must be longer than that")
    return value


def from_text(key: Key, text: str) -> object:
    """Turn the text of a variable or flag into what a TOML file would hold.

    Lists are separated by commas. Text that is no number stays text, and `convert` refuses it.
    """
    match key.kind:
        case Kind.TEXTS:
            return [part for part in map(bare, text.split(",")) if part]
        case Kind.WHOLE_NUMBER | Kind.NUMBER:
            return _number_or_text(text)
        case _:
            return text


def bare(text: str) -> str:
    """The text of a variable without what its way there may add: blanks, line ends, a mark, quotes.

    Docker's --env-file passes on the quotes around a value, a shell's $(cat file) the CR of Windows.
    """
    text = text.strip().removeprefix(_BYTE_ORDER_MARK).strip()
    for quote in "\"'":
        if len(text) > 1 and text[0] == text[-1] == quote and text.count(quote) == 2:  # noqa: PLR2004
            return text[1:-1].strip()
    return text


def _trimmed(key: Key, raw: object) -> object:
    if isinstance(raw, str):
        return raw.strip()
    if (
        isinstance(raw, list | tuple)
        and key.name not in _EXACT
        and all(isinstance(item, str) for item in raw)
    ):
        return [item.strip() for item in raw if item.strip()]
    return raw


def _number_or_text(text: str) -> int | float | str:
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text


def _unfit(key: Key, raw: object) -> UnfitError:
    return UnfitError(f"is {_shown(key, raw)}; expected {key.expected}")


def _shown(key: Key, raw: object) -> str:
    kinds = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "text",
        list: "a list",
        dict: "a section",
    }
    if key.name in _SENSITIVE or type(raw) not in {bool, int, float, str}:
        return kinds.get(type(raw), "a date or time")
    return str(raw).lower() if isinstance(raw, bool) else repr(raw)[:_SHOWN]


def _read_text(key: Key, raw: object, _: Path) -> str:
    if not isinstance(raw, str):
        raise _unfit(key, raw)
    if _CONTROL.search(raw):
        raise UnfitError("holds a control character (between double quotes a backslash is written twice)")
    if not raw.strip():
        raise UnfitError(f"is empty; expected {key.expected}")
    return raw


def _read_texts(key: Key, raw: object, _: Path) -> tuple[str, ...]:
    if (
        isinstance(raw, str)
        or not isinstance(raw, Sequence)
        or not all(isinstance(item, str) for item in raw)
    ):
        raise _unfit(key, raw)
    return tuple(raw)


def _read_number(key: Key, raw: object, _: Path) -> int | float:
    # bool is an int to Python, not to a person.
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not math.isfinite(raw):
        raise _unfit(key, raw)
    return raw


def _read_duration(key: Key, raw: object, _: Path) -> timedelta:
    if isinstance(raw, timedelta):
        return raw
    if not isinstance(raw, str):
        raise _unfit(key, raw)
    try:
        return parse_duration(raw)
    except ConfigError:
        raise _unfit(key, raw) from None


def _read_bytes(key: Key, raw: object, _: Path) -> int:
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    if not isinstance(raw, str):
        raise _unfit(key, raw)
    try:
        return parse_rate(raw) if key.kind is Kind.RATE else parse_size(raw)
    except ConfigError:
        raise _unfit(key, raw) from None


def _read_path(key: Key, raw: object, base: Path) -> Path:
    text = str(raw) if isinstance(raw, Path) else _read_text(key, raw, base)
    try:
        return base / Path(text).expanduser()
    except RuntimeError:
        raise UnfitError("starts with ~, but no home folder is known; write the whole path") from None


def _read_choice(_: Key, raw: object, __: Path) -> object:
    return raw.value if isinstance(raw, Enum) else raw


_READ: dict[Kind, Callable[[Key, object, Path], object]] = {
    Kind.TEXT: _read_text,
    Kind.TEXTS: _read_texts,
    Kind.CHOICE: _read_choice,
    Kind.WHOLE_NUMBER: _read_number,
    Kind.NUMBER: _read_number,
    Kind.DURATION: _read_duration,
    Kind.SIZE: _read_bytes,
    Kind.RATE: _read_bytes,
    Kind.PATH: _read_path,
}
