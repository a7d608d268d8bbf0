"""What is in files and where they came from, as models and in words. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter

from osfsync.domain.contents import Channel, Content, Found
from osfsync.domain.rows import Provenance
from osfsync.reports.models import SCHEMA, ChannelModel, FoundModel, InfoModel
from osfsync.reports.sheets import Column, Sheet
from osfsync.reports.text import amount, count, moment, printable


@dataclass(frozen=True, slots=True)
class ProvenanceModel:
    """Where an archived file came from, and its hash."""

    device: str
    device_id: str
    name: str
    path: str
    size: int
    sha256: str
    verification: str
    fetched_at: datetime
    adopted: bool
    recorded_from: datetime | None
    recorded_to: datetime | None
    tag: str | None
    run: str | None
    command: str | None
    tenant: str | None
    platform: str | None


def provenance_model(row: Provenance) -> ProvenanceModel:
    """One held file."""
    return ProvenanceModel(
        device=row.file.device.name,
        device_id=row.file.device.id,
        name=row.file.name,
        path=row.file.path,
        size=row.file.held.size,
        sha256=row.file.held.sha256,
        verification=row.file.held.verification.value,
        fetched_at=row.file.held.fetched_at,
        adopted=row.adopted,
        recorded_from=row.start,
        recorded_to=row.end,
        tag=row.tag,
        run=row.run,
        command=row.command,
        tenant=row.tenant,
        platform=row.platform,
    )


PROVENANCE = Sheet(
    "files",
    ProvenanceModel,
    (
        Column("Path", attrgetter("path"), folds=30),
        Column("SHA-256", lambda row: row.sha256[:12]),
        Column("Fetched (UTC)", lambda row: f"{row.fetched_at:%Y-%m-%d %H:%M}"),
        Column("Adopted", lambda row: "yes" if row.adopted else "no"),
        Column("Run", lambda row: (row.run or "–")[:8]),
        Column("Platform", lambda row: row.platform or "–", folds=12),
    ),
)


def found_model(found: Found) -> FoundModel:
    """One file that was looked for."""
    return FoundModel(
        device=found.device.name,
        device_id=found.device.id,
        name=found.name,
        path=found.path,
        begin=found.begin,
        end=found.end,
        channels=tuple(channel.name for channel, _ in found.channels),
        samples=sum(samples for _, samples in found.channels),
    )


def info_model(file: str, content: Content) -> InfoModel:
    """One file."""
    return InfoModel(
        schema=SCHEMA,
        file=file,
        begin=content.begin,
        end=content.end,
        samples=content.samples,
        head=dict(content.head),
        channels=_channels(content.channels),
    )


def _channels(channels: Sequence[tuple[Channel, int]]) -> tuple[ChannelModel, ...]:
    return tuple(ChannelModel(each.name, each.unit, each.data_type, samples) for each, samples in channels)


def info_text(info: InfoModel) -> str:
    """One file, for people."""
    lines = [info.file, *(f"{name}: {value}" for name, value in info.head.items())]
    if info.begin is not None:
        lines.append(f"From {moment(info.begin)} to {moment(info.end)}.")
    lines.append(f"{amount(len(info.channels), 'channel')}, {amount(info.samples, 'sample')}.")
    width = max((len(count(channel.samples)) for channel in info.channels), default=0)
    for channel in info.channels:
        unit = f" [{channel.unit}]" if channel.unit else ""
        lines.append(f"{count(channel.samples):>{width}}  {channel.name}{unit}, {channel.data_type}")
    return "".join(f"{printable(line)}\n" for line in lines)
