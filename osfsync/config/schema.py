"""All settings, and the keys they are known by, read off the rooms' structs.

A new field in a room's settings is a new key here without further code.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any

from msgspec import NODEFAULT, Struct, inspect
from msgspec.structs import fields

from osfsync.archive.settings import ArchiveSettings
from osfsync.cloud.settings import CloudSettings, LimitSettings, MqttSettings
from osfsync.config.units import DURATION_FORMAT, RATE_FORMAT, SIZE_FORMAT
from osfsync.pipeline.settings import OrderSettings, SelectSettings
from osfsync.reports.settings import MetricsSettings, NotifySettings
from osfsync.state.settings import StateSettings


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be set; one struct a room, one section a struct."""

    cloud: CloudSettings
    archive: ArchiveSettings = ArchiveSettings()
    state: StateSettings = StateSettings()
    select: SelectSettings = SelectSettings()
    orders: OrderSettings = OrderSettings()
    limits: LimitSettings = LimitSettings()
    metrics: MetricsSettings = MetricsSettings()
    notify: NotifySettings = NotifySettings()
    mqtt: MqttSettings = MqttSettings()


class Kind(Enum):
    """How a value is written."""

    TEXT = auto()
    TEXTS = auto()
    CHOICE = auto()
    WHOLE_NUMBER = auto()
    NUMBER = auto()
    DURATION = auto()
    SIZE = auto()
    RATE = auto()
    PATH = auto()


@dataclass(frozen=True, slots=True)
class Key:
    """One setting: its dotted name, its type, how it is written, and what it is when nobody says."""

    name: str
    type: Any
    kind: Kind
    expected: str
    optional: bool
    default: object

    @property
    def required(self) -> bool:
        """Whether somebody must say it."""
        return self.default is NODEFAULT

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return "OSFSYNC_" + self.name.replace(".", "_").upper()


_BY_UNIT = {"bytes": (Kind.SIZE, SIZE_FORMAT), "bytes/s": (Kind.RATE, RATE_FORMAT)}


def _range(info: inspect.IntType | inspect.FloatType) -> str:
    if info.ge is not None and info.le is not None:
        return f" from {info.ge} to {info.le}"
    return "" if info.ge is None else f" of at least {info.ge}"


def _writing(info: inspect.Type) -> tuple[Kind, str]:  # noqa: PLR0911 - a table, a line a type
    """How values of a type are written, and how to say so."""
    match info:
        case inspect.Metadata(extra={"unit": unit}):
            return _BY_UNIT[unit]
        case inspect.StrType():
            return Kind.TEXT, "text in quotes"
        case inspect.VarTupleType(item_type=inspect.StrType()):
            return Kind.TEXTS, 'a list of texts such as ["a", "b"]'
        case inspect.EnumType(cls=choices):
            return Kind.CHOICE, "one of " + ", ".join(f'"{choice.value}"' for choice in choices)
        case inspect.IntType():
            return Kind.WHOLE_NUMBER, "a whole number" + _range(info)
        case inspect.FloatType():
            return Kind.NUMBER, "a number" + _range(info)
        case inspect.TimeDeltaType():
            return Kind.DURATION, DURATION_FORMAT
        case inspect.CustomType(cls=cls) if cls is Path:
            return Kind.PATH, "a path in quotes"
        case _:
            raise TypeError(f"no way to write {info} is known")


def _keys(struct: type[Struct], prefix: str) -> Iterator[Key]:
    for field in fields(struct):
        name = prefix + field.name
        info = inspect.type_info(field.type)
        if isinstance(info, inspect.StructType):
            yield from _keys(info.cls, f"{name}.")
            continue
        optional = isinstance(info, inspect.UnionType) and info.includes_none
        if isinstance(info, inspect.UnionType):
            (info,) = (part for part in info.types if not isinstance(part, inspect.NoneType))
        kind, expected = _writing(info)
        yield Key(name, field.type, kind, expected, optional, field.default)


KEYS: dict[str, Key] = {key.name: key for key in _keys(Settings, "")}
"""Every key by its dotted name, in the order of the structs."""

SECTIONS: frozenset[str] = frozenset(
    name.rsplit(".", depth)[0] for name in KEYS for depth in range(1, name.count(".") + 1)
)
"""Dotted names of all sections: `cloud`, `cloud.fields`, …"""

VARIABLES: dict[str, Key] = {key.variable: key for key in KEYS.values()}
"""Every key by its environment variable."""
