"""What the far side can be told: sections `[cloud]`, `[cloud.fields]` and `[limits]` of sync.toml."""

from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

Bytes = Annotated[int, Meta(ge=0, extra={"unit": "bytes"})]
"""A number of bytes; configuration files may write "4MB"."""

BytesPerSecond = Annotated[int, Meta(ge=0, extra={"unit": "bytes/s"})]
"""A rate; configuration files may write "20MB/s". 0 means no limit."""


class ListFields(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The user's own choice of fields for the records of one list.

    A field is named by its path, such as `FileName` or `Meta/FileName`. None means: by evidence.

    Attributes:
        status_values: words of the platform and their storage status, such as "on device = 0".
        time_zone: of times that say no zone, such as "+02:00" or "Europe/Berlin".
        size_unit: "bytes"; sizes in any other unit are not exact, and are not used.
    """

    name: str | None = None
    status: str | None = None
    size: str | None = None
    start: str | None = None
    end: str | None = None
    tag: str | None = None
    status_values: tuple[str, ...] = ()
    time_zone: str | None = None
    size_unit: str | None = None


class FieldNames(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fields of both lists: the device's XML list and the server's JSON list."""

    xml: ListFields = ListFields()
    json: ListFields = ListFields()


class CloudSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which platform, which account.

    The password itself is no setting: it comes from OSFSYNC_PASSWORD, `password_file`,
    `password_command` or the system's key store, at the moment of the login.
    """

    url: str
    username: str
    tenant: str | None = None
    password_file: Path | None = None
    password_command: tuple[str, ...] | None = None
    proxy: str | None = None
    ca_file: Path | None = None
    connect_timeout: timedelta = timedelta(seconds=30)
    idle_timeout: timedelta = timedelta(seconds=60)
    outage_patience: timedelta = timedelta(minutes=10)
    minimum_rate: BytesPerSecond = 1_000
    fields: FieldNames = FieldNames()


class MqttSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device of the user's own on the platform, which osfsync speaks for.

    Attributes:
        url: the platform's MQTT side; None for no such device.
        token_file: holds the device's access token in its first line.
    """

    url: str | None = None
    token_file: Path | None = None


class BatchMode(StrEnum):
    """Whether small files are asked for several at once."""

    NEVER = "never"
    AUTO = "auto"  # as long as the platform answers as it should


class LimitSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How hard the platform and the line may be driven."""

    downloads: Annotated[int, Meta(ge=1, le=256)] = 32
    batch: BatchMode = BatchMode.AUTO
    listings: Annotated[int, Meta(ge=1, le=64)] = 8
    requests_per_second: Annotated[float, Meta(ge=0)] = 0
    bandwidth: BytesPerSecond = 0
    retries: Annotated[int, Meta(ge=0, le=100)] = 5
    max_file_size: Bytes = 64_000_000_000
