"""What a run can be told: sections `[select]` and `[orders]` of sync.toml."""

from datetime import timedelta
from typing import Annotated

from msgspec import Meta, Struct

from osfsync.domain.model import OrderMode


class SelectSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which devices and files are mirrored. Globs, case-insensitive; devices by name or id."""

    devices: tuple[str, ...] = ("*",)
    exclude_devices: tuple[str, ...] = ()
    files: tuple[str, ...] = ("*.osf", "*.osfz")
    exclude_files: tuple[str, ...] = ()
    lookback: timedelta = timedelta(days=30)


class OrderSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How device-only files are ordered.

    Attributes:
        merge_gap: recordings no further apart than this go into one command.
        max_window: the longest time span of one command.
        max_queued: commands that wait for one device at the same time; it fetches one at each contact.
    """

    mode: OrderMode = OrderMode.AUTO
    tag: str = "preview"
    patience: timedelta = timedelta(hours=48)
    attempts: Annotated[int, Meta(ge=1, le=1000)] = 5
    merge_gap: timedelta = timedelta(hours=24)
    max_window: timedelta = timedelta(days=31)
    max_queued: Annotated[int, Meta(ge=1, le=100)] = 4
