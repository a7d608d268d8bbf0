"""Numbers of the last run and of all that is known, for Prometheus. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from osfsync.domain.model import StorageStatus
from osfsync.domain.planner import Choice
from osfsync.domain.rows import DeviceRow
from osfsync.domain.selection import Globs
from osfsync.domain.summary import RunSummary

BEGIN = b"# HELP osfsync_"
"""How the file begins."""

OTHERS = "other"
"""The group of devices that fit no glob."""

STATES = ("held", "on-server", "requested", "device-only", "lost")


@dataclass(slots=True)
class GroupModel:
    """Sums over the devices of a group: files by state, bytes that are held."""

    files: Counter[str] = field(default_factory=Counter)
    held_bytes: int = 0
    devices: int = 0


@dataclass(frozen=True, slots=True)
class KnownModel:
    """What the state tells.

    Attributes:
        oldest_pending: when the file was recorded that has been missing longest and may still come.
    """

    groups: Mapping[str, GroupModel]
    last_success: datetime | None
    oldest_pending: datetime | None
    open_orders: int


def groups_of(rows: Sequence[DeviceRow], globs: Sequence[str]) -> dict[str, GroupModel]:
    """Sums by group; every group is there, also one without devices."""
    groups = {name: GroupModel() for name in (*globs, OTHERS)}
    spellings = [spelling for row in rows for spelling in (row.device.name, row.device.id)]
    fits = [(name, Globs.of([name]).among(spellings)) for name in globs]
    for row in rows:
        device = row.device
        name = next(
            (name for name, glob in fits if glob.choose(device.name, device.id) is Choice.SELECTED), OTHERS
        )
        group = groups[name]
        group.devices += 1
        group.held_bytes += row.held_bytes
        group.files["held"] += row.held
        group.files["lost"] += row.lost
        group.files["device-only"] += row.missing[StorageStatus.DEVICE_ONLY]
        group.files["requested"] += row.missing[StorageStatus.REQUESTED]
        group.files["on-server"] += row.missing[StorageStatus.SERVER_ONLY] + row.missing[StorageStatus.BOTH]
    return groups


Samples = Sequence[tuple[Mapping[str, str], float]]


def exposition(summary: RunSummary, known: KnownModel | None) -> str:
    """Prometheus' text format, version 0.0.4. Where nothing is `known`, the run's own numbers only."""
    run = {"command": summary.command}
    told: list[tuple[str, str, Samples]] = [
        ("last_run_timestamp_seconds", "When the last run ended.", [(run, summary.finished.timestamp())]),
        ("last_run_exit_code", "How it ended; 0 is success.", [(run, int(summary.exit_code))]),
        ("last_run_duration_seconds", "How long it took.", [(run, summary.seconds)]),
        ("last_run_fetched_files", "Files that it put in place.", [(run, summary.files.fetched)]),
        ("last_run_failed_files", "Files that it could not fetch.", [(run, summary.files.failed)]),
        ("last_run_fetched_bytes", "Bytes that it put in place.", [(run, summary.bytes)]),
        (
            "last_run_requests",
            "Answers of the platform to it, by HTTP status.",
            [({**run, "status": str(status)}, number) for status, number in sorted(summary.requests.items())],
        ),
    ]
    if known is not None:
        told += _known(known)
    return "".join(_family(f"osfsync_{name}", meaning, samples) for name, meaning, samples in told if samples)


def _known(known: KnownModel) -> list[tuple[str, str, Samples]]:
    groups = [({"group": name}, group) for name, group in known.groups.items()]
    files = [({**label, "state": state}, group.files[state]) for label, group in groups for state in STATES]
    last, oldest = _moment(known.last_success), _moment(known.oldest_pending)
    return [
        ("last_success_timestamp_seconds", "When a run last ended with all that could be had.", last),
        ("oldest_pending_timestamp_seconds", "When the file missing longest was recorded.", oldest),
        ("open_orders", "Commands to devices that may still bring files.", [({}, known.open_orders)]),
        ("devices", "Known devices.", [(label, group.devices) for label, group in groups]),
        ("held_bytes", "Bytes of files in place.", [(label, group.held_bytes) for label, group in groups]),
        ("files", "Known files by where they are.", files),
    ]


def _moment(at: datetime | None) -> Samples:
    return [] if at is None else [({}, at.timestamp())]


def _family(name: str, meaning: str, samples: Samples) -> str:
    lines = [f"# HELP {name} {meaning}", f"# TYPE {name} gauge"]
    for labels, value in samples:
        told = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        lines.append(f"{name}{{{told}}} {value:.15g}" if told else f"{name} {value:.15g}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
