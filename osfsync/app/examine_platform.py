"""The checks of `doctor` that ask the platform: login, clock, devices, lists, logs, one download."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from osfsync.app.choice import selection_of
from osfsync.app.examined import Finding
from osfsync.cloud.client import CloudClient
from osfsync.cloud.field_words import Meaning
from osfsync.config import Settings
from osfsync.content import check_for
from osfsync.domain.errors import DamagedError, ExitCode, ForbiddenError, OsfsyncError
from osfsync.domain.model import DataFile, Device, ListingSource, TimeWindow, utc_now
from osfsync.domain.planner import Choice
from osfsync.domain.selection import Selection
from osfsync.reports.text import amount, count, duration, size

CLOCK_TOLERANCE = timedelta(minutes=2)

DEVICES_TRIED = 5

LARGEST_TRIED = 4_000_000
"""Bytes of the file that is fetched for a try."""

NAMED = 5

FIELD_WORDS = {
    Meaning.NAME: "file name",
    Meaning.STATUS: "storage status",
    Meaning.SIZE: "size",
    Meaning.START: "start",
    Meaning.END: "end",
    Meaning.TAG: "tag",
}
LIST_WORDS = {ListingSource.DEVICE_LIST: "file list", ListingSource.SERVER_LIST: "server list"}


@dataclass(slots=True)
class _Seen:
    """What the lists of the devices that were tried tell."""

    refused: list[str] = field(default_factory=list)
    mute: list[str] = field(default_factory=list)
    files: int = 0
    wanted: int = 0
    unwanted: str = ""
    smallest: tuple[Device, DataFile] | None = None

    def add(self, device: Device, files: Sequence[DataFile], selection: Selection) -> None:
        """A page of a list."""
        for file in files:
            self.files += 1
            if selection.file(file.name) is not Choice.SELECTED:
                self.unwanted = file.name
                continue
            self.wanted += 1
            if file.status.on_server and file.size and file.size < self._smallest_size():
                self.smallest = device, file

    def _smallest_size(self) -> int:
        return LARGEST_TRIED if self.smallest is None else self.smallest[1].size or 0


async def platform(client: CloudClient, settings: Settings) -> AsyncGenerator[Finding]:
    """Each finding as it is made. Raises what keeps all others from being made."""
    selection = selection_of(settings)
    tenant = await client.tenant()
    yield Finding("ok", "login", f"accepted; tenant {tenant.name!r}.")
    yield _clock(client.clock_offset)
    devices = await client.devices()
    selection = selection.among(devices)
    chosen = [device for device in devices if selection.device(device) is Choice.SELECTED]
    yield _devices(len(devices), len(chosen))
    seen = _Seen()
    async for finding in _lists(client, settings, chosen, seen):
        yield finding
    if seen.smallest is not None:
        yield await _download(client, *seen.smallest)


async def _lists(
    client: CloudClient, settings: Settings, chosen: Sequence[Device], seen: _Seen
) -> AsyncGenerator[Finding]:
    """What the lists of some devices show."""
    if not chosen:
        return
    selection, now = selection_of(settings), utc_now()
    for device in chosen[:DEVICES_TRIED]:
        window = TimeWindow(now - settings.select.lookback, now)
        try:
            async for page in client.files(device, window):
                seen.add(device, page, selection)
        except ForbiddenError:
            seen.refused.append(device.name)
        except OsfsyncError as error:
            yield Finding("error", "file list", str(error), ExitCode.PARTIAL)
        try:
            await client.communication(device, TimeWindow(now - timedelta(days=1), now))
        except OsfsyncError:
            seen.mute.append(device.name)
    tried = min(len(chosen), DEVICES_TRIED)
    yield _permissions(tried, len(chosen), seen.refused)
    if seen.mute:
        yield Finding(
            "warning",
            "communication",
            f"the log of {_named(seen.mute)} can't be read: orders are followed without knowing of contacts. "
            "Ask an administrator for the permission.",
        )
    for finding in _fields(client):
        yield finding
    if len(seen.refused) < tried:
        yield _listed(seen, settings)


def _fields(client: CloudClient) -> Iterator[Finding]:
    """Which fields of the lists were chosen, and by what evidence."""
    for book in client.field_books:
        if book.layout is None:
            continue
        chosen = "; ".join(f"{FIELD_WORDS[m]}: {found}" for m, found in book.layout.fields.items())
        unknown = [FIELD_WORDS[m] for m in Meaning if m not in book.layout.fields]
        notes = ". ".join(book.layout.notes)
        text = f"{LIST_WORDS[book.source]}: {chosen}."
        if unknown:
            text += f" Not found: {', '.join(unknown)}."
        yield Finding("warning" if notes else "ok", "fields", f"{text} {notes}".rstrip())


def _clock(offset: timedelta | None) -> Finding:
    if offset is None:
        return Finding("warning", "clock", "the platform does not tell its time; it can't be compared.")
    if abs(offset) > CLOCK_TOLERANCE:
        way = "behind" if offset > timedelta(0) else "ahead of"
        return Finding(
            "warning",
            "clock",
            f"this computer is {duration(abs(offset))} {way} the platform; set its clock by NTP.",
        )
    return Finding("ok", "clock", "agrees with the platform's.")


def _devices(listed: int, chosen: int) -> Finding:
    told = f"the tenant lists {amount(listed, 'device')}"
    if not listed:
        return Finding("warning", "devices", f"{told}: is it the right tenant (cloud.tenant)?")
    if not chosen:
        return Finding(
            "error",
            "devices",
            f"{told}, and the selection fits none of them: see select.devices and select.exclude_devices.",
            ExitCode.USAGE,
        )
    return Finding(
        "ok", "devices", f"{told}; {count(chosen)} are selected." if chosen < listed else f"{told}."
    )


def _permissions(tried: int, devices: int, refused: list[str]) -> Finding:
    looked_at = f"{count(tried)} of {amount(devices, 'device')} {'was' if tried == 1 else 'were'} tried"
    if not refused:
        return Finding("ok", "permissions", f"{looked_at}; their credentials and file lists can be read.")
    return Finding(
        "warning",
        "permissions",
        f"{looked_at}; {len(refused)} of these {'refuses its' if len(refused) == 1 else 'refuse their'} "
        f"credentials ({', '.join(refused)}): what lies only there can't be seen. "
        "Ask an administrator for the permission to view device credentials.",
    )


def _listed(seen: _Seen, settings: Settings) -> Finding:
    span = duration(settings.select.lookback)
    if not seen.files:
        return Finding(
            "warning",
            "files",
            f"those devices list none of the last {span}: do they record, and are they in contact?",
        )
    if not seen.wanted:
        return Finding(
            "warning",
            "files",
            f"none of {amount(seen.files, 'file')} of the last {span} is selected, not {seen.unwanted!r}: "
            "see select.files and select.exclude_files.",
        )
    return Finding("ok", "files", f"{amount(seen.wanted, 'file')} of the last {span} are selected.")


async def _download(client: CloudClient, device: Device, file: DataFile) -> Finding:
    """Both steps, and what came judged; nothing of it is kept."""
    told = f"{file.name!r} of {device.name!r}"
    check, came = check_for(file.name), 0
    try:
        async with client.download(device, file.name, listed=file.size) as body:
            async for piece in body.pieces():
                check.update(piece)
                came += len(piece)
                _compare(came, file, ended=False)
        check.finish()
        _compare(came, file, ended=True)
    except DamagedError as error:
        return Finding(
            "error", "download", f"what came for {told} is not the file: {error}", ExitCode.PARTIAL
        )
    except OsfsyncError as error:
        return Finding("error", "download", str(error), ExitCode.PARTIAL)
    return Finding("ok", "download", f"{told} came whole ({size(came)}).")


def _compare(came: int, file: DataFile, *, ended: bool) -> None:
    listed = file.size or 0
    if came > listed or (ended and came < listed):
        raise DamagedError("length", f"There are {came} bytes, {listed} were listed.")


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
