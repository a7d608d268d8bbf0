"""Whom a run tells how it went: sections `[metrics]` and `[notify]` of sync.toml."""

from pathlib import Path

from msgspec import Struct


class MetricsSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Numbers for Prometheus.

    Attributes:
        textfile: what its node exporter reads; None writes none.
        groups: globs of device names or ids; files are counted for each, a device in the first that fits.
    """

    textfile: Path | None = None
    groups: tuple[str, ...] = ()


class NotifySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is told of each sync and backfill. Addresses are secrets: they hold what proves who may post.

    Attributes:
        ping_url: a check as healthchecks.io has them: `/start` is appended, at the end the exit code.
        webhook_url: gets the summary as JSON.
        command: a program that gets the same on its standard input.
    """

    ping_url: str | None = None
    webhook_url: str | None = None
    command: tuple[str, ...] | None = None
