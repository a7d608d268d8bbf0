"""What is in files, as models and in words. Pure."""

from collections.abc import Sequence

from osfsync.domain.contents import Channel, Content, Found
from osfsync.reports.models import SCHEMA, ChannelModel, FoundModel, InfoModel
from osfsync.reports.text import amount, count, moment, printable


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
