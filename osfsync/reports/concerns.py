"""Why somebody should look after a device: pure, from what is known of it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from statistics import median

from osfsync.domain.gaps import LONGER, recurring
from osfsync.domain.planner import Reason
from osfsync.reports.models import DeviceModel, GapModel

RECENT = timedelta(days=30)
"""What was lost or left out before is history."""

SILENCE = timedelta(days=1)
"""No device is silent before."""

UNKNOWN_SILENCE = timedelta(days=2)
"""Nor one of which no pause recurs at least once a fortnight, and this or TIMES_AS_LONG its usual one."""

TIMES_AS_LONG = 4


class Concern(StrEnum):
    """What is wrong with a device, the most urgent first."""

    LOST = "lost"  # files vanished before they were held, lately
    NEAR_LOSS = "near-loss"  # it is about to drop files that only it has
    NOT_LISTED = "not-listed"  # its last listing failed
    FAILING = "failing"  # files on the server can't be fetched
    FORBIDDEN = "forbidden"  # files may not be fetched or ordered
    SILENT = "silent"  # for longer than is usual
    NEVER_SEEN = "never-seen"  # no contact of it was ever seen, and files wait for one
    GAP = "gap"  # in contact, but no file is known
    UNSEEN = "unseen"  # its own list can't be had


@dataclass(frozen=True, slots=True)
class ConcernModel:
    """One thing that is wrong with a device.

    Attributes:
        files: how many it concerns; None where it concerns the device.
        since: when it began, or when it was last otherwise.
        explanation: the platform's or the planner's words, where there are some.
    """

    kind: str
    files: int | None = None
    since: datetime | None = None
    explanation: str | None = None


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """What concerns are read off.

    Attributes:
        problem: why its last listing failed.
        reasons: its missing files by reason.
        lost_lately: files that vanished within `RECENT`.
        near_loss: files that only it has and that it is about to drop, and when the first is due.
        contacts: ascending, as far as the log is kept.
        heard_until: up to when it was read; None where it can't be.
        recorded_until: the end of its last known recording.
    """

    device: DeviceModel
    problem: str | None
    reasons: Counter[str]
    lost_lately: int
    near_loss: int
    loss_due: datetime | None
    contacts: Sequence[datetime]
    heard_until: datetime | None
    recorded_until: datetime | None
    gaps: Sequence[GapModel]


def concerns_of(facts: DeviceFacts, now: datetime) -> tuple[ConcernModel, ...]:
    """What is wrong with a device, the most urgent first; nothing where nobody need look."""
    return tuple(_concerns(facts, now))


def _concerns(facts: DeviceFacts, now: datetime) -> Iterator[ConcernModel]:
    device = facts.device
    if facts.lost_lately:
        yield ConcernModel(Concern.LOST, facts.lost_lately)
    if facts.near_loss:
        yield ConcernModel(Concern.NEAR_LOSS, facts.near_loss, facts.loss_due)
    if facts.problem is not None:
        yield ConcernModel(Concern.NOT_LISTED, None, device.listed_at, facts.problem)
    failing = (
        facts.reasons[Reason.FAILED] + facts.reasons[Reason.QUARANTINED] + facts.reasons[Reason.RETRYING]
    )
    if failing:
        yield ConcernModel(Concern.FAILING, failing)
    if forbidden := facts.reasons[Reason.NO_PERMISSION]:
        yield ConcernModel(Concern.FORBIDDEN, forbidden)
    if since := _silent_since(facts, now):
        yield ConcernModel(Concern.SILENT, None, since)
    elif waiting := _waiting_for_a_first_contact(facts):
        yield ConcernModel(Concern.NEVER_SEEN, waiting)
    lately = [gap for gap in facts.gaps if gap.open or gap.end > now - RECENT]
    if lately:
        yield ConcernModel(Concern.GAP, None, lately[0].start)
    if device.unseen:
        yield ConcernModel(Concern.UNSEEN)


def _silent_since(facts: DeviceFacts, now: datetime) -> datetime | None:
    """Its last sign of life, where that is longer ago than pauses that recur, such as nights and weekends.

    A log is read only while a device owes something: what it recorded later is a sign, too. And what came
    after a run last looked at the device, nobody knows: runs may have ceased, not the device.
    """
    device, contacts = facts.device, facts.contacts
    if device.last_contact is None:
        return None
    looked = min(max(filter(None, (facts.heard_until, device.listed_at)), default=now), now)
    last = max(device.last_contact, min(facts.recorded_until or device.last_contact, looked))
    pauses = [later - earlier for earlier, later in pairwise(contacts)]
    usual = recurring(pauses, contacts[-1] - contacts[0]) if pauses else timedelta(0)
    rarely = timedelta(seconds=TIMES_AS_LONG * median(map(timedelta.total_seconds, pauses or [timedelta(0)])))
    longest = max(SILENCE, LONGER * usual) if usual else max(UNKNOWN_SILENCE, rarely)
    return last if looked - last > longest else None


def _waiting_for_a_first_contact(facts: DeviceFacts) -> int:
    """Ordered files of a device without any contact; its log is read over weeks the first time."""
    device = facts.device
    if facts.heard_until is None or device.last_contact is not None or not device.open_orders:
        return 0
    return facts.reasons[Reason.ORDERED] + facts.reasons[Reason.DEVICE_SILENT]
