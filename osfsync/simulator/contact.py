"""What happens while a device is connected. Changes the device it is given and nothing else."""

from datetime import datetime, timedelta
from itertools import islice

from osfsync.domain.model import StorageStatus, TimeWindow
from osfsync.simulator.fleet import DEFAULT_TAG, Command, Event, EventKind, SimDevice, SimFile
from osfsync.simulator.osf import MINIMUM_SIZE

_MOST_RECORDINGS = 10_000  # a device that comes back after years must not stop the clock


def make_contact(device: SimDevice, now: datetime) -> None:
    """One connection: tell of new files, take one command, deliver what was asked for."""
    _record(device, now)
    _make_room(device)
    device.last_contact = now
    device.events.append(Event(now, EventKind.PING))
    news = [file for file in device.files.values() if not file.announced]
    for file in news:
        file.announced = True
    if news:
        device.events.append(Event(now, EventKind.ATTN, f"{len(news)} new files"))
    listed = _answer_list(device, device.queue.popleft(), now) if device.queue else []
    if device.behaviour.delivers:
        _request(listed)
        _deliver(device, now)


def file_name(start: datetime, suffix: str) -> str:
    """A name as the vendor's devices give it: a folder for the day, the time to the second."""
    return f"{start:%Y%m%d/%Y%m%d_%H%M%S}{suffix}"


def _record(device: SimDevice, now: datetime) -> None:
    length = device.behaviour.recording_length()
    if length is None:
        return
    due = (now - device.recorded_until) // length
    device.recorded_until += max(due - _MOST_RECORDINGS, 0) * length
    for _ in range(min(due, _MOST_RECORDINGS)):
        start = device.recorded_until
        device.recorded_until += length
        name = file_name(start, ".osf" if device.rng.random() < 0.15 else ".osfz")  # noqa: PLR2004 - a share
        size = max(device.behaviour.draw_size(device.rng), MINIMUM_SIZE)
        tag = DEFAULT_TAG if device.rng.random() < 0.9 else "trigger"  # noqa: PLR2004 - a share
        end = start + length - timedelta(seconds=1)
        if name not in device.files:
            device.files[name] = SimFile(
                name, StorageStatus.DEVICE_ONLY, start, end, size, tag, announced=False
            )


def _make_room(device: SimDevice) -> None:
    capacity = device.behaviour.capacity
    if capacity is None:
        return
    stored = sorted((file for file in device.files.values() if file.on_device), key=lambda file: file.start)
    excess = sum(file.size for file in stored) - capacity
    for file in stored:
        if excess <= 0:
            return
        excess -= file.size
        if file.status is StorageStatus.BOTH:
            file.status = StorageStatus.SERVER_ONLY
        else:
            del device.files[file.name]


def _answer_list(device: SimDevice, command: Command, now: datetime) -> list[SimFile]:
    matching = [file for file in device.files.values() if _matches(file, command.window, command.tag)]
    device.events.append(Event(now, EventKind.RETURN_LIST, f"{len(matching)} files"))
    return matching


def _matches(file: SimFile, window: TimeWindow, tag: str) -> bool:
    return file.on_device and file.tag == tag and file.within(window)


def _request(files: list[SimFile]) -> None:
    for file in files:
        if file.status is StorageStatus.DEVICE_ONLY:
            file.status = StorageStatus.REQUESTED


def _deliver(device: SimDevice, now: datetime) -> None:
    waiting = (file for file in device.files.values() if file.status is StorageStatus.REQUESTED)
    for file in list(islice(waiting, device.behaviour.files_per_contact)):
        file.status = StorageStatus.BOTH
        device.events.append(Event(now, EventKind.RETURN_FILE, file.name))
