"""What a decision adds to the counts of a run: a file is counted once, however often it is listed."""

from collections.abc import Callable
from typing import assert_never

from osfsync.domain.model import DataFile, Device, FileRecord, StorageStatus
from osfsync.domain.planner import Action, Decision, Reason
from osfsync.pipeline.tally import Tally

Count = Callable[[Tally, Decision, Device, DataFile, FileRecord | None], None]


def count(
    tally: Tally, decision: Decision, device: Device, file: DataFile, record: FileRecord | None
) -> None:
    """A file that this run sees for the first time."""
    tally.listed += 1
    match decision.action:
        case Action.KEEP:
            tally.held += 1
        case Action.FETCH:
            tally.to_fetch += 1
        case Action.LEAVE:
            tally.filtered += 1
        case Action.ORDER:
            tally.device_only += 1
            _note_pending(tally, device, file)
        case Action.WAIT:
            _note_pending(tally, device, file)
            _count_waiting(tally, decision.reason, device, file, record)
        case _:
            assert_never(decision.action)


def recount(
    tally: Tally, decision: Decision, device: Device, file: DataFile, record: FileRecord | None
) -> None:
    """A file in a later round: it was counted as what the state knows it to be, unless it is new."""
    if record is None:
        count(tally, decision, device, file, record)
        return
    was, became = record.file.status, file.status
    if decision.action in {Action.KEEP, Action.LEAVE} or was.on_server:
        return
    if not _is_pending(tally, device, file):  # its device could not be listed before
        count(tally, decision, device, file, record)
        return
    if was is became and decision.action is not Action.FETCH:
        return
    _move(tally, was, -1)
    if decision.action is Action.FETCH:
        tally.to_fetch += 1
    else:
        _move(tally, became, 1)


def _is_pending(tally: Tally, device: Device, file: DataFile) -> bool:
    return tally.pending is not None and hash((device.id, file.name)) in tally.pending


def _note_pending(tally: Tally, device: Device, file: DataFile) -> None:
    if tally.pending is not None and not file.status.on_server:
        tally.pending.add(hash((device.id, file.name)))


def _move(tally: Tally, status: StorageStatus, step: int) -> None:
    if status is StorageStatus.DEVICE_ONLY:
        tally.device_only += step
    elif status is StorageStatus.REQUESTED:
        tally.requested += step


def _count_waiting(
    tally: Tally, reason: Reason | None, device: Device, file: DataFile, record: FileRecord | None
) -> None:
    if reason in {Reason.FAILED, Reason.QUARANTINED}:
        tally.unsettled.add(device.id)
        if reason is Reason.FAILED:
            tally.given_up += 1
        else:
            tally.given_up_damaged += 1
        if record is not None and record.failure is not None:
            tally.problem(
                device.name,
                file.name,
                reason,
                f"Given up after {record.tries} runs; tried once more after a rest. "
                f"Last error: {record.failure.explanation}",
            )
    elif file.status is StorageStatus.DEVICE_ONLY:
        tally.device_only += 1
    elif file.status is StorageStatus.REQUESTED:
        tally.requested += 1
    else:
        tally.unsettled.add(device.id)
