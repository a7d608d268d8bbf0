"""Listening: what happened at devices that owe us files, or whose news others may have told: from the log."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from anyio.streams.memory import MemoryObjectSendStream

from osfsync.cloud.client import CloudClient
from osfsync.domain.dialogue import CONTACT_KINDS, NOTHING_KNOWN, Dialogue, OrderState
from osfsync.domain.errors import (
    BusyError,
    CloudError,
    InterruptedBodyError,
    LoginRefusedError,
    ProtocolError,
    ServerError,
    TenantError,
    UnreachableError,
)
from osfsync.domain.model import CommunicationEvent, Device, TimeWindow, split_window
from osfsync.domain.outcomes import Heard, HearingFailed, OrderFollowed
from osfsync.pipeline.messages import Facts, Receipt
from osfsync.pipeline.tally import Tally
from osfsync.state.ledger import Ledger
from osfsync.state.terms import KEEP_EVENTS

log = structlog.get_logger(__name__)

FIRST_LOOK = timedelta(days=30)
"""How far back the log is read at first: past contacts tell when the next one may be expected."""

LOG_WINDOW = timedelta(days=7)
FAILURES_IN_A_ROW = 3
"""Logs that can't be had for the platform's trouble, each after retries: then a round asks for no more."""

_TROUBLE = (UnreachableError, InterruptedBodyError, ServerError, BusyError, ProtocolError)

OVERLAP = timedelta(minutes=15)
"""Read again, because clocks differ and events may reach the log late."""


_NOT_ASKED = f"it was not asked for, as those of {FAILURES_IN_A_ROW} devices in a row could not be had."


@dataclass(slots=True)
class _Patience:
    """With logs that are read for one purpose."""

    failures: int = 0

    @property
    def is_lost(self) -> bool:
        """Whether no more logs are asked for."""
        return self.failures >= FAILURES_IN_A_ROW


@dataclass(slots=True)
class Listener:
    """Reads each device's log once a run; the stages share one.

    `talking` are the devices of which more is known than their files, `awaiting` those that owe a file that
    was ordered (ids).
    """

    client: CloudClient
    ledger: Ledger
    tally: Tally
    clock: Callable[[], datetime]
    talking: set[str] = field(default_factory=set)
    awaiting: set[str] = field(default_factory=set)
    _heard: dict[str, datetime | None] = field(default_factory=dict)  # last contacts by device
    _news: set[str] = field(default_factory=set)
    _late: set[str] = field(default_factory=set)
    _told: set[str] = field(default_factory=set)
    _round_began: datetime = field(init=False)
    _with_owing: _Patience = field(default_factory=_Patience)
    _with_doubtful: _Patience = field(default_factory=_Patience)

    def __post_init__(self) -> None:
        self._round_began = self.clock()

    async def begin_round(self) -> None:
        """Look up which devices there is something to know of."""
        self.talking = await self.ledger.talking()
        self.awaiting = await self.ledger.awaiting()
        self._round_began = self.clock()

    def ask_again(self) -> None:
        """Let every log be read once more in this run; what a list has shown is no news any more."""
        self._heard.clear()
        self._with_owing, self._with_doubtful = _Patience(), _Patience()
        self._news, self._late = self._late, set()

    def has_news(self, device: Device) -> bool:
        """Whether the last reading showed that the device was in contact, or could not show that."""
        return device.id in self._news

    async def dialogue_with(self, device: Device, out: MemoryObjectSendStream[Facts]) -> Dialogue:
        """What is known of a device; its log is read where it owes us files."""
        if device.id in self.awaiting and device.id not in self._heard:
            return await self._hear(device, out, self._with_owing)
        if device.id in self.talking:
            return await self.ledger.dialogue(device.id, self.clock())
        return NOTHING_KNOWN

    async def hear_once(self, device: Device, out: MemoryObjectSendStream[Facts]) -> None:
        """Read a device's log after it was listed, unless that was done in this run.

        A contact since is news in the next round, too: the list was made before it.
        """
        if device.id not in self._heard:
            await self._hear_late(device, out, self._with_owing)

    async def last_contact(self, device: Device, out: MemoryObjectSendStream[Facts]) -> datetime | None:
        """When a device that may owe nothing was last in contact, as far as its log could ever be read."""
        if device.id not in self._heard:
            await self._hear_late(device, out, self._with_doubtful)
        return self._heard[device.id]

    async def _hear_late(
        self, device: Device, out: MemoryObjectSendStream[Facts], patience: _Patience
    ) -> None:
        last = (await self._hear(device, out, patience)).last_contact
        if last is not None and last >= self._round_began:
            self._late.add(device.id)

    async def _hear(
        self, device: Device, out: MemoryObjectSendStream[Facts], patience: _Patience
    ) -> Dialogue:
        """Read what is new in a device's log, tell it, and what it shows of our orders. A failure is told."""
        now = self.clock()
        talk = await self.ledger.talk(device.id, now)
        before = talk.dialogue()
        self._heard[device.id] = before.last_contact
        if patience.is_lost:
            await self._not_heard(device, _NOT_ASKED, out)
            return before
        news: list[CommunicationEvent] = []
        try:
            for window in _windows(before.heard_until, now):
                events = await self.client.communication(device, window)
                await out.send(Facts((Heard(device.id, window, tuple(events)),)))
                news += events
        except (LoginRefusedError, TenantError):
            raise
        except CloudError as error:
            patience.failures += isinstance(error, _TROUBLE)
            self._tell_failure(device, error)
            await self._not_heard(device, str(error), out)
            return before
        patience.failures = 0
        if any(_is_new_contact(event, before.last_contact) for event in news):
            self._news.add(device.id)
        dialogue = talk.dialogue(news, heard_until=now)
        self._heard[device.id] = dialogue.last_contact
        followed = _followed(dialogue)
        if followed:
            await self._tell(followed, dialogue, out)
        log.info("log read", device=device.name, events=len(news), last_contact=str(dialogue.last_contact))
        return dialogue

    async def _tell(
        self, followed: tuple[OrderFollowed, ...], dialogue: Dialogue, out: MemoryObjectSendStream[Facts]
    ) -> None:
        receipt = Receipt()
        await out.send(Facts(followed, receipt))
        if any(dialogue.followed[fact.order_id].order.state is OrderState.DOUBTFUL for fact in followed):
            await receipt.wait()  # how often files were asked for may change, before their rows are read

    def _tell_failure(self, device: Device, error: CloudError) -> None:
        log.warning("log could not be read", device=device.name, reason=error.slug, error=str(error))
        if device.id not in self._told:
            self._told.add(device.id)
            text = f"Whether the device was in contact can't be seen: {error}"
            self.tally.problem(device.name, None, error.slug, text)

    async def _not_heard(self, device: Device, why: str, out: MemoryObjectSendStream[Facts]) -> None:
        """Its list may tell what the log did not."""
        self._news.add(device.id)
        await out.send(Facts((HearingFailed(device.id, why, self.clock()),)))


def _windows(heard_until: datetime | None, now: datetime) -> Sequence[TimeWindow]:
    """From where the log was read up to before: no contact may be passed over."""
    start = now - FIRST_LOOK
    if heard_until is not None:
        start = max(min(heard_until, now) - OVERLAP, now - KEEP_EVENTS)
    return list(split_window(TimeWindow(start, now), LOG_WINDOW))


def _is_new_contact(event: CommunicationEvent, last: datetime | None) -> bool:
    return event.kind in CONTACT_KINDS and event.at is not None and (last is None or event.at > last)


def _followed(dialogue: Dialogue) -> tuple[OrderFollowed, ...]:
    """What the log showed for the first time."""
    return tuple(
        OrderFollowed(followed.order.id, followed.contacted_at, followed.answered_at, followed.due_at)
        for followed in dialogue.followed.values()
        if (followed.contacted_at, followed.answered_at, followed.due_at)
        != (followed.order.contacted_at, followed.order.answered_at, followed.order.due_at)
    )
