"""What the user wants of a run: which devices, which windows of time, how device-only files are ordered."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from osfsync.archive.paths import device_folder, path_key
from osfsync.cloud.client import CloudClient, ListNotes
from osfsync.domain.dialogue import CLOCKS_AHEAD
from osfsync.domain.errors import ConfigError, ProtocolError
from osfsync.domain.loss import LOOKED_FOR
from osfsync.domain.model import Device, TimeWindow, merge_windows, split_window
from osfsync.domain.planner import Choice
from osfsync.domain.policy import Policy
from osfsync.domain.reach import OVERLAP, begin_of
from osfsync.domain.rows import LEFT_OUT, LEFT_OUT_TOLD, KnownDevice
from osfsync.domain.selection import Selection
from osfsync.pipeline.complaints import Complaints
from osfsync.pipeline.merge import MergeTerms
from osfsync.pipeline.settle import UNDATED_SPAN, Settler
from osfsync.pipeline.tally import Tally
from osfsync.state.ledger import Ledger
from osfsync.state.reader import Reader

CLOCK_TOLERANCE = timedelta(seconds=30)
"""Clocks that differ by less are taken for right."""

LISTED_AT_ONCE = timedelta(days=30)
"""Of what is older than the lookback: a platform may refuse longer windows, or not manage them in time."""

_MOST_AHEAD = timedelta(days=2)
"""By which the newest window is longer for files that lie ahead; days beyond have windows of their own."""

_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
T = TypeVar("T")

WindowsOf = Callable[[Device], Awaitable[Sequence[TimeWindow]]]
"""What to list of a device."""


@dataclass(frozen=True, slots=True)
class Met:
    """The tenant's devices.

    Attributes:
        listed: all that the platform lists.
        chosen: those that the selection wants.
        left_out: known ones that are passed over, though the selection wants them; why. None for one that
            was wanted before, and is not any more.
    """

    listed: Sequence[Device]
    chosen: Sequence[Device]
    left_out: Mapping[Device, str | None]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user wants of a run.

    Attributes:
        layout: the archive's, see `[archive]`.
        merging: how device-only files are put into commands.
        max_queued: commands that may wait for one device at the same time.
        lookback: how far back a plain sync lists.
        batch: whether small files are fetched several at once.
        max_transfer: bytes after which no download starts; None for no limit.
    """

    selection: Selection
    policy: Policy
    layout: str
    merging: MergeTerms
    max_queued: int
    lookback: timedelta
    listings: int
    downloads: int
    batch: bool = False
    max_transfer: int | None = None


async def choose_devices(
    client: CloudClient, wishes: Wishes, tally: Tally, known: Sequence[KnownDevice]
) -> Met:
    """The tenant's devices.

    Raises:
        ProtocolError: the platform lists none, though some are known: such a list is suspect.
        ConfigError: the selection fits none of them.
    """
    notes = ListNotes()
    listed = await client.devices(notes)
    Complaints(tally).unidentified(notes.skips)
    if not listed and known:
        raise ProtocolError(
            f"The platform lists no device, though {len(known)} are known; nothing was done.",
            hint="See whether the account still reaches them (osfsync doctor).",
        )
    former = [Device(each.device.id, name) for each in known for name in each.names]
    selection = wishes.selection.among([*listed, *former])
    chosen = [device for device in listed if selection.device(device) is Choice.SELECTED]
    if listed and not chosen:
        raise ConfigError(
            f"None of the tenant's {len(listed)} devices fits select.devices or --device.",
            hint=f"The first is named {listed[0].name!r}; globs fit names or ids.",
        )
    left_out = _left_out(listed, chosen, known, selection)
    _tell_left_out(left_out, tally)
    tally.devices_seen = len(chosen)
    _check_clock(client.clock_offset, tally)
    return Met(listed, chosen, left_out)


def _left_out(
    listed: Sequence[Device], chosen: Sequence[Device], known: Sequence[KnownDevice], selection: Selection
) -> dict[Device, str | None]:
    """Known devices that this run passes over, and why. The selection may want them by any of their names."""
    names, worked_on = {device.id: device.name for device in listed}, {device.id for device in chosen}
    told: dict[Device, str | None] = {}
    for each in known:
        device, now = each.device, names.get(each.device.id)
        if device.id in worked_on:
            continue
        is_excluded = selection.devices.excludes(now or device.name, device.id)
        by_name = (selection.device(Device(device.id, name)) for name in each.names)
        if not is_excluded and Choice.SELECTED in by_name:
            told[device] = (
                "The platform does not list it any more: nothing of it was looked for."
                if now is None
                else f"It is called {now!r} now, which select.devices or --device does not fit."
            )
        elif each.left_out:
            told[device] = None
    return told


def _tell_left_out(left_out: Mapping[Device, str | None], tally: Tally) -> None:
    wanted = [(device, why) for device, why in left_out.items() if why is not None]
    for device, why in wanted[:LEFT_OUT_TOLD]:
        text = f"{why} If that is as it should be, put {device.id!r} into select.exclude_devices."
        tally.problem(device.name, None, LEFT_OUT, text)
    if len(wanted) > LEFT_OUT_TOLD:
        text = f"{len(wanted) - LEFT_OUT_TOLD} more devices were passed over; `osfsync devices` names them."
        tally.problem("(more devices)", None, LEFT_OUT, text)


def in_turn(things: Sequence[T], now: datetime) -> list[T]:
    """Another one first each day: who gets nothing from a busy platform today is earlier tomorrow."""
    first = now.toordinal() % max(len(things), 1)
    return [*things[first:], *things[:first]]


def pieces_of(window: TimeWindow) -> list[TimeWindow]:
    """None longer than is listed at once; each reaches into the next.

    A platform may list only what lies wholly inside a window.
    """
    if window.end - window.start <= LISTED_AT_ONCE:
        return [window]
    pieces = split_window(window, LISTED_AT_ONCE)
    return [TimeWindow(piece.start, min(piece.end, window.end - OVERLAP) + OVERLAP) for piece in pieces]


def by_platform(now: datetime, offset: timedelta | None) -> datetime:
    """The present moment by the platform's clock, where it tells one and ours is some way off.

    What devices did is told by that clock; it must not seem to have happened before we asked.
    """
    return now if offset is None or abs(offset) <= CLOCK_TOLERANCE else now + offset


def _check_clock(offset: timedelta | None, tally: Tally) -> None:
    if offset is not None and abs(offset) > CLOCKS_AHEAD:
        way = "behind" if offset > timedelta(0) else "ahead of"
        text = f"This computer's clock is {abs(offset)} {way} the platform's, which is followed. Set it."
        tally.problem("(this computer)", None, "clock", text)


def windows_to_list(
    reader: Reader, wishes: Wishes, now: datetime, since: datetime | None, until: datetime | None
) -> WindowsOf:
    """What a sync lists of a device: the lookback's window first, then those of what is known and not held.

    What no sync could list, and what a device out of contact may tell late, is listed too. Older days never
    share a window with the newest: the platform may refuse them for their age or length, and give the newest.
    Another of them comes first each day, for those that can't be had hold up the others. With `since` or
    `until`, that period only.
    """
    end = until or now + CLOCKS_AHEAD
    selected = wishes.selection.file
    recent = period_of(since or min(now, end) - wishes.lookback, end)

    async def windows_of(device: Device) -> Sequence[TimeWindow]:
        if since is not None or until is not None:
            return [recent]
        reaches = (await reader.reaches(device.id)).values()
        # Time in which no list was read gave lost files no chance to be seen again.
        served = max((reach.served_at for reach in reaches if reach.served_at is not None), default=now)
        lost_since = min(served, now) - LOOKED_FOR
        gaps = await reader.unheld_windows(
            device.id, lambda name: selected(name) is Choice.SELECTED, lost_since, recent.end
        )
        begin = begin_of(reaches, now)
        unseen = [] if begin is None or begin >= recent.start else [TimeWindow(begin, recent.start)]
        latest = max((gap.end for gap in gaps if gap.start <= recent.end), default=recent.end)
        newest = TimeWindow(recent.start, min(max(recent.end, latest), recent.end + _MOST_AHEAD))
        others = [*_between([*gaps, *unseen], _FIRST, recent.start), *_between(gaps, newest.end, _LAST)]
        return [newest, *in_turn(others, now)]

    return windows_of


def _between(windows: Sequence[TimeWindow], since: datetime, until: datetime) -> list[TimeWindow]:
    """What of these windows lies in between, and reaches over its end; see `pieces_of`."""
    parts = [
        TimeWindow(max(window.start, since), min(window.end, until))
        for window in windows
        if window.start < until and window.end > since
    ]
    reaching = (
        TimeWindow(whole.start, min(whole.end, _LAST - OVERLAP) + OVERLAP) for whole in merge_windows(parts)
    )
    return [piece for window in reaching for piece in pieces_of(window)]


def period_of(since: datetime, until: datetime) -> TimeWindow:
    """The period that the user asked for. Raises ConfigError where it ends before it begins."""
    if until < since:
        raise ConfigError(
            f"The period ends ({until:%Y-%m-%d %H:%M} UTC) before it begins ({since:%Y-%m-%d %H:%M} UTC)."
        )
    return TimeWindow(since, until)


def known_folders(state: dict[str, str], noted: dict[str, str]) -> dict[str, str]:
    """Folders by device id: those that the state knows, and those that the archive alone still does."""
    taken = {path_key(folder) for folder in state.values()}
    return {
        **{device_id: folder for device_id, folder in noted.items() if path_key(folder) not in taken},
        **state,
    }


def folders_of(devices: Sequence[Device], known: dict[str, str]) -> dict[str, str]:
    """A folder for each device: its own where it has one, else a new one that no other device has."""
    taken = set(known.values())
    folders = {}
    for device in devices:
        folder = known.get(device.id) or device_folder(device.name, device.id, taken)
        taken.add(folder)
        folders[device.id] = folder
    return folders


def unsure_of(listed: Sequence[Device], known: dict[str, str]) -> set[str]:
    """Devices (ids) without a known folder that share their name: which was whose is not known any more.

    Of all that the platform lists: which of them are selected may have been others before.
    """
    named = Counter(path_key(device.name) for device in listed)
    return {device.id for device in listed if device.id not in known and named[path_key(device.name)] > 1}


def settler_of(
    ledger: Ledger, wishes: Wishes, tally: Tally, *, finds_losses: bool, whole_period: bool = False
) -> Settler:
    """What settles a device at the end of its list; `whole_period` where the user asked for a period."""
    span = None if whole_period else UNDATED_SPAN
    return Settler(ledger, wishes.selection, wishes.policy, wishes.max_queued, tally, finds_losses, span)
