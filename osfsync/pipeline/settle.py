"""What can only be said of a device when its whole list was seen: what to order, what is lost."""

from array import array
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import accumulate
from operator import attrgetter

from osfsync.domain.dialogue import Dialogue
from osfsync.domain.loss import is_near, loss_due
from osfsync.domain.model import (
    DataFile,
    Device,
    FileRecord,
    ListingSource,
    StorageStatus,
    TimeWindow,
    merge_windows,
)
from osfsync.domain.outcomes import Fact, FilesLost, OrderGivenUp
from osfsync.domain.planner import Action, Choice, Decision, Ordering, ordering_of
from osfsync.domain.policy import Policy
from osfsync.domain.reach import OVERLAP
from osfsync.domain.recording_name import window_of_name
from osfsync.domain.rows import Unlisted
from osfsync.domain.selection import Selection
from osfsync.pipeline.messages import OrderJob, Wanted, WindowListed
from osfsync.pipeline.tally import Tally
from osfsync.reports.text import amount
from osfsync.state.ledger import Ledger

MOST_WANTED, MOST_WANTED_TEXT = 20_000, 2_000_000
"""Files of one device that one run orders at most, the oldest first, and characters of their names."""

SUSPECTED_NAMED = 20
"""Files of one device that a run tells to be missing from its empty list; `osfsync missing` tells all."""

UNDATED_SPAN = timedelta(days=1)
"""Ordered for a file without a time: before it was first listed."""

_HOPELESS = frozenset({Ordering.EXHAUSTED, Ordering.UNHEARD_EXHAUSTED})


@dataclass(slots=True)
class DeviceProgress:
    """What a round remembers of a device while it is listed.

    Attributes:
        several: whether more than one window is asked for, in this round or in others of the backfill.
        unheld: hashes of the names of files that are not held; a device may list a million.
        wanted: files to be ordered.
        waiting: when recordings began that are ordered already, Unix seconds by tag.
        hopeless: orders that were the last attempt for a file.
        near: files that the device is about to drop; `due` is the first such moment.
        asked: windows that were asked for, in order; `failures` are the slugs of those that failed.
        listed: windows that were read to their end.
        newest: recording that was listed, and did not lie ahead when it was first seen.
        sighted: when the newest of those was first seen of which the list tells no times.
        undated: number of files to order for which neither the list nor their names hold a time.
    """

    dialogue: Dialogue
    several: bool = False
    unheld: set[int] = field(default_factory=set)
    wanted: list[Wanted] = field(default_factory=list)
    waiting: "dict[str | None, array[float]]" = field(default_factory=dict)
    hopeless: set[int] = field(default_factory=set)
    near: int = 0
    due: datetime | None = None
    asked: list[TimeWindow] = field(default_factory=list)
    failures: set[str] = field(default_factory=set)
    listed: list[WindowListed] = field(default_factory=list)
    newest: datetime | None = None
    sighted: datetime | None = None
    undated: int = 0
    _wanted_text: int = 0

    def want(self, file: Wanted) -> None:
        """Note what is to be ordered; of too much, the oldest."""
        self.wanted.append(file)
        self._wanted_text += len(file.name)
        if len(self.wanted) >= 2 * MOST_WANTED or self._wanted_text >= 2 * MOST_WANTED_TEXT:
            self.wanted = _oldest(self.wanted)
            self._wanted_text = sum(len(file.name) for file in self.wanted)


@dataclass(frozen=True, slots=True)
class Settler:
    """Collects while a device's pages are decided, and settles at its end.

    `finds_losses` is False where the state is not to change, and in later rounds over the same devices.
    `undated_span` is None where the user asked for the period: files without a time are ordered
    with all of it.
    """

    ledger: Ledger
    selection: Selection
    policy: Policy
    max_queued: int
    tally: Tally
    finds_losses: bool = True
    undated_span: timedelta | None = UNDATED_SPAN

    def note(  # noqa: PLR0913, PLR0917 - all that was decided of one file
        self,
        progress: DeviceProgress,
        file: DataFile,
        record: FileRecord | None,
        decision: Decision,
        seen_in: TimeWindow,
        now: datetime,
    ) -> None:
        """A file that is not held."""
        if file.status.on_server or decision.action is Action.LEAVE:
            return
        due = loss_due(file, progress.dialogue.horizon)
        urgent = is_near(due, progress.dialogue.horizon, self.policy.patience, now)
        if urgent and due is not None:
            progress.near += 1
            progress.due = min(progress.due or due, due)
        if decision.action is Action.ORDER:
            span = self._span(file, record, seen_in, now)
            progress.undated += self.undated_span is not None and is_undated(file)
            progress.want(Wanted(file.name, file.tag, span, urgent))
        elif file.status is StorageStatus.DEVICE_ONLY and record is not None and record.order is not None:
            start = self._span(file, record, seen_in, now).start.timestamp()
            progress.waiting.setdefault(file.tag, array("d")).append(start)
            self._note_hopeless(progress, record, now)

    def _span(
        self, file: DataFile, record: FileRecord | None, seen_in: TimeWindow, now: datetime
    ) -> TimeWindow:
        listed_at = now if record is None else record.first_seen
        return span_of(file, seen_in, listed_at, self.undated_span)

    def _note_hopeless(self, progress: DeviceProgress, record: FileRecord | None, now: datetime) -> None:
        if record is None or record.order is None or record.orders < self.policy.attempts:
            return
        if ordering_of(record, progress.dialogue, self.policy, now) in _HOPELESS:
            progress.hopeless.add(record.order)

    async def facts_of(self, device: Device, progress: DeviceProgress, now: datetime) -> tuple[Fact, ...]:
        """What a device's whole list shows beside its files."""
        if progress.near and progress.due is not None:
            text = (
                f"{amount(progress.near, 'file')} only on the device will soon be dropped there, the first "
                f"around {progress.due:%Y-%m-%d %H:%M} UTC, by what it dropped before."
            )
            self.tally.problem(device.name, None, "loss-near", text)
        if progress.undated:
            self.tally.problem(device.name, None, "times-unreadable", undated_text(progress.undated))
        facts: list[Fact] = []
        for order_id in sorted(progress.hopeless):
            if self._is_news(progress.dialogue, order_id):
                why = self._why_given_up(progress.dialogue, order_id)
                facts.append(OrderGivenUp(order_id, why, now))
                self.tally.problem(device.name, None, "given-up", f"An order was given up. {why}")
        return (*facts, *(await self._lost(device, progress) if self.finds_losses else ()))

    def job_of(self, device: Device, progress: DeviceProgress, now: datetime) -> OrderJob | None:
        """What to order; None where nothing is wanted, or enough commands wait for the device already."""
        commands = progress.dialogue.waiting(self.policy.patience, now)
        queued = len(commands)
        room = self.max_queued - queued
        if queued:
            # Without times a command asks for all of the days that were listed: one that waits will do.
            windows = {told.window for told in progress.listed}
            asked = {
                window for window in windows if any(_mostly(window, command.window) for command in commands)
            }
            progress.wanted = [file for file in progress.wanted if file.span not in asked]
        if not progress.wanted or room <= 0:
            return None
        waiting: Mapping[str | None, Sequence[float]] = {
            tag: sorted(starts) for tag, starts in progress.waiting.items()
        }
        return OrderJob(device, tuple(_oldest(progress.wanted)), waiting, queued, room)

    def _is_news(self, dialogue: Dialogue, order_id: int) -> bool:
        followed = dialogue.followed.get(order_id)
        return followed is None or followed.order.given_up_at is None

    def _why_given_up(self, dialogue: Dialogue, order_id: int) -> str:
        followed = dialogue.followed.get(order_id)
        asked = f"Its files were asked for {self.policy.attempts} times"
        if followed is not None and followed.answered_at is not None:
            return f"{asked}; the device listed them last at {followed.answered_at:%Y-%m-%d %H:%M} UTC."
        return f"{asked}; no answer to the last command was seen."

    async def _lost(self, device: Device, progress: DeviceProgress) -> list[FilesLost]:
        """Files that a list must have named and did not.

        A device's list is what all windows of this round told together: where they named nothing at all, it
        is suspect, and nothing is lost. Where the server's own list is all that may be read, it tells what is
        on the server.
        """
        if progress.listed and not sum(told.files for told in progress.listed):
            await self._suspect(device, progress)
        listed = [
            told for told in progress.listed if told.source is ListingSource.DEVICE_LIST or not told.missed
        ]
        if not sum(told.files for told in listed):
            return []
        lost: dict[WindowListed, list[str]] = {}
        async for file, told in self._unnamed(device, progress, listed):
            is_the_devices = told.source is ListingSource.DEVICE_LIST
            if (told.compared or not is_the_devices) if file.on_server else is_the_devices:
                lost.setdefault(told, []).append(file.name)
        for names in lost.values():
            self.tally.lost += len(names)
            text = (
                f"{amount(len(names), 'file')} vanished from the platform's list before what it named was "
                f"held, such as {names[0]}."
            )
            self.tally.problem(device.name, None, "lost", text)
        return [FilesLost(device.id, tuple(names), told.at) for told, names in lost.items()]

    async def _suspect(self, device: Device, progress: DeviceProgress) -> None:
        """Tell of files that an empty list should have named.

        What was on the server could have been fetched: that fails the device. What was on the device alone
        may be gone from there, and is only told; the server's own list never names it.
        """
        on_server: list[str] = []
        on_device = 0
        async for file, told in self._unnamed(device, progress, progress.listed):
            if not file.on_server:
                on_device += told.source is ListingSource.DEVICE_LIST
            elif len(on_server) < SUSPECTED_NAMED:
                on_server.append(file.name)
        for name in on_server:
            self.tally.devices_suspect.add(device.id)
            self.tally.unsettled.add(device.id)
            text = "The list came empty, though the file was on the server before: it could not be fetched."
            self.tally.problem(device.name, name, "empty-list", text)
        if not on_server and not on_device and await self._knows_held(device, progress):
            self.tally.unsettled.add(device.id)
            text = "The list came empty, though files of these days are held: it is suspect."
            self.tally.problem(device.name, None, "empty-list", text)
        if on_device:
            text = (
                f"The list came empty, though it named {amount(on_device, 'file')} before that only the "
                "device has: such a list is suspect, and nothing counts as lost."
            )
            self.tally.problem(device.name, None, "empty-list", text)

    async def _knows_held(self, device: Device, progress: DeviceProgress) -> bool:
        """Not where the device's list can't be read: a server may have made room."""
        for told in progress.listed:
            if told.source is ListingSource.DEVICE_LIST and await self.ledger.holds_within(
                device.id, told.window
            ):
                return True
        return False

    async def _unnamed(
        self, device: Device, progress: DeviceProgress, listed: Sequence[WindowListed]
    ) -> AsyncIterator[tuple[Unlisted, WindowListed]]:
        """Files that these windows cover and did not name, and the window."""
        together = _together(listed)
        async for page in self.ledger.unlisted(device.id):
            for file in page:
                windows = listed if file.timed else together
                told = next((told for told in windows if _covers(told.window, file.span)), None)
                if told is None or hash(file.name) in progress.unheld:
                    continue
                if self.selection.file(file.name) is Choice.SELECTED:
                    yield file, told


def _mostly(window: TimeWindow, asked: TimeWindow) -> bool:
    """Whether most of a window was asked for: windows of nights to come move on, others just touch."""
    common = min(window.end, asked.end) - max(window.start, asked.start)
    return 2 * common >= window.end - window.start


def span_of(
    file: DataFile, seen_in: TimeWindow, first_listed: datetime, undated_span: timedelta | None
) -> TimeWindow:
    """The period to order a file with: that of its recording, by its list or its name.

    Without either, `undated_span` before it was first listed: an order of all days that were listed would ask
    the device for everything it has. None means all of these days.
    """
    if file.start is not None:
        return TimeWindow(file.start, max(file.start, file.end or file.start))
    if file.end is not None:
        return TimeWindow(file.end, file.end)
    named = window_of_name(file.name)
    if named is not None or undated_span is None:
        return named or seen_in
    end = min(max(first_listed, seen_in.start), seen_in.end)
    return TimeWindow(max(seen_in.start, end - undated_span), end)


def is_undated(file: DataFile) -> bool:
    """Whether neither its list nor its name says when a file was recorded."""
    return file.start is None and file.end is None and window_of_name(file.name) is None


def undated_text(files: int) -> str:
    """The explanation of files without a time."""
    return (
        f"{amount(files, 'file')} only on the device: neither the file list nor the names hold a readable "
        "time. Only the day before they were first listed is ordered. Name the field under "
        '[cloud.fields.xml] in sync.toml (start = "…"), or order a period with `osfsync backfill --since D`.'
    )


def _oldest(wanted: Sequence[Wanted]) -> list[Wanted]:
    oldest = sorted(wanted, key=lambda file: (not file.urgent, file.span))[:MOST_WANTED]
    texts = accumulate(len(file.name) for file in oldest)
    return [file for file, text in zip(oldest, texts, strict=True) if text <= MOST_WANTED_TEXT]


def _together(listed: Sequence[WindowListed]) -> list[WindowListed]:
    """Windows that were read in the same way, as one where they overlap: they name whatever has no times."""
    ways: dict[tuple[ListingSource, bool], list[WindowListed]] = {}
    for told in listed:
        ways.setdefault((told.source, told.compared), []).append(told)
    return [
        replace(max(alike, key=attrgetter("at")), window=window)
        for alike in ways.values()
        for window in merge_windows(told.window for told in alike)
    ]


def _covers(window: TimeWindow, span: TimeWindow) -> bool:
    """With a margin: lists may tell local time, and how they treat what lies at an edge is not documented."""
    return span.start - window.start >= OVERLAP and window.end - span.end >= OVERLAP
