"""What the archive can be told: section `[archive]` of sync.toml."""

from pathlib import Path

from msgspec import Struct


class ArchiveSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the mirror lies and how its tree is laid out.

    `layout` may use {tenant} {device} {device_id} {path} {name} {date}.
    """

    path: Path = Path("mirror")
    layout: str = "{device}/{path}"
