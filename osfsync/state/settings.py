"""What the state can be told: section `[state]` of sync.toml."""

from msgspec import Struct


class StateSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the state database lies: `sqlite:///` and a path."""

    url: str = "sqlite:///osfsync.db"
