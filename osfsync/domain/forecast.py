"""When files come that a device was asked for: its talk and its queue, put to the estimate. Pure."""

from array import array
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from osfsync.domain.dialogue import Dialogue
from osfsync.domain.estimate import FEWEST, Estimate, Queue, delivery, next_contact
from osfsync.domain.model import FileRecord, StorageStatus


class Unforeseen(Enum):
    """Why there is no estimate of when a file comes."""

    MUTE = "the device's log can't be read"
    FEW_CONTACTS = "too few contacts were seen"
    NO_DELIVERY = "no delivery of the device was seen"
    SILENT = "the device is silent for longer than it ever was"
    TOO_LONG = "it may take longer than anybody can say"


@dataclass(frozen=True, slots=True)
class Awaited:
    """A device's files that were asked for and that only it has: when they were recorded, Unix seconds.

    Attributes:
        requested: those that the platform has requested (status 1).
        ordered: the others, by the number of their order.
    """

    requested: Sequence[int] = ()
    ordered: Mapping[int, Sequence[int]] = field(default_factory=dict)


NOTHING_AWAITED = Awaited()


class Forecast:
    """What is known of a device, and what that says of each of its files.

    `last_contact` is remembered longer than the contacts of the dialogue are.
    """

    def __init__(
        self, dialogue: Dialogue, awaited: Awaited, now: datetime, last_contact: datetime | None = None
    ) -> None:
        self.dialogue = dialogue
        self.last_contact = dialogue.last_contact or last_contact
        self._now = now
        self._unforeseen = unforeseen(dialogue, now)
        self._starts = _queue(dialogue, awaited)
        self._estimates: dict[tuple[int, int], Estimate | None] = {}

    def expected(self, record: FileRecord) -> Estimate | Unforeseen | None:
        """When a file reaches the server, never before now; None where it is not on its way."""
        commands = self._commands_before(record)
        if commands is None:
            return None
        if self._unforeseen is not None:
            return self._unforeseen
        ahead = _coarse(bisect_left(self._starts, recorded_second(record)))
        if (commands, ahead) not in self._estimates:
            self._estimates[commands, ahead] = self._estimate(commands, ahead)
        return self._estimates[commands, ahead] or Unforeseen.TOO_LONG

    def _commands_before(self, record: FileRecord) -> int | None:
        if record.lost_at is not None:
            return None
        if record.file.status is StorageStatus.REQUESTED:
            return 0
        if record.file.status.on_server or record.order is None:
            return None
        followed = self.dialogue.followed.get(record.order)
        # Once its command was executed, a file that is still not requested is on no way that we know.
        if followed is None or followed.due_at is not None:
            return None
        return max(followed.order.ahead - followed.contacts, 0) + 1

    def _estimate(self, commands: int, ahead: int) -> Estimate | None:
        dialogue = self.dialogue
        queue = Queue(commands, ahead, len(self._starts))
        asked = dialogue.heard_until or self._now
        return _from_now(delivery(dialogue.contacts, dialogue.deliveries, queue, asked), self._now)


def unforeseen(dialogue: Dialogue, now: datetime) -> Unforeseen | None:
    """Why no file of a device can be estimated; None where it can."""
    if dialogue.mute:
        return Unforeseen.MUTE
    if len(dialogue.contacts) < FEWEST:
        return Unforeseen.FEW_CONTACTS
    if not dialogue.deliveries:
        return Unforeseen.NO_DELIVERY
    if foreseen_contact(dialogue.contacts, dialogue.heard_until, now) is None:
        return Unforeseen.SILENT
    return None


def foreseen_contact(
    contacts: Sequence[datetime], heard_until: datetime | None, now: datetime
) -> Estimate | None:
    """When a device connects next, never before now; of its silence no more is known than its log tells."""
    return _from_now(next_contact(contacts, heard_until or now), now)


def recorded_second(record: FileRecord) -> int:
    """When a file was recorded, or else listed first, in Unix seconds."""
    return int((record.file.start or record.file.end or record.seen_in.start).timestamp())


def _queue(dialogue: Dialogue, awaited: Awaited) -> Sequence[int]:
    """When the files were recorded that the device will deliver as far as we know, the oldest first."""
    queue = array("q", awaited.requested)
    for order, starts in awaited.ordered.items():
        followed = dialogue.followed.get(order)
        if followed is not None and followed.due_at is None:
            queue.extend(starts)
    return array("q", sorted(queue))


def _coarse(number: int) -> int:
    """Rounded up to two digits: nobody foresees more, and few different places are estimated."""
    step: int = 10 ** max(len(str(number)) - 2, 0)
    return -(-number // step) * step


def _from_now(estimate: Estimate | None, now: datetime) -> Estimate | None:
    return None if estimate is None else Estimate(max(estimate.median, now), max(estimate.bound, now))
