"""Rows → models: pure, one function a model."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from osfsync.domain.estimate import Estimate
from osfsync.domain.gaps import Gap
from osfsync.domain.loss import loss_due
from osfsync.domain.model import Device, ListingSource, StorageStatus
from osfsync.domain.rows import DeviceRow, FileRow, RunRow, Totals
from osfsync.domain.summary import RunSummary
from osfsync.reports.case import Case
from osfsync.reports.models import (
    SCHEMA,
    DeviceModel,
    FileModel,
    GapModel,
    MissingModel,
    OldestModel,
    RunModel,
    StatusModel,
)
from osfsync.reports.summary import (
    DeviceCountsModel,
    FileCountsModel,
    OrderCountsModel,
    ProblemModel,
    SummaryModel,
)
from osfsync.reports.tongue import amount, say
from osfsync.reports.words import explain


def file_model(row: FileRow) -> FileModel:
    """One file as the state knows it. `size` is the held size where it is held, else the listed one."""
    record, held = row.record, row.record.held
    return FileModel(
        device=row.device.name,
        device_id=row.device.id,
        name=record.file.name,
        storage_status=int(record.file.status),
        state="missing" if held is None else "held",
        path=record.path,
        size=record.file.size if held is None else held.size,
        sha256=None if held is None else held.sha256,
        fetched_at=None if held is None else held.fetched_at,
        verification=None if held is None else held.verification.value,
    )


def missing_model(row: FileRow, case: Case) -> MissingModel:
    """Why a file is not held."""
    record, words = row.record, explain(case)
    expected = case.expected if isinstance(case.expected, Estimate) else None
    return MissingModel(
        device=row.device.name,
        device_id=row.device.id,
        name=record.file.name,
        storage_status=int(record.file.status),
        reason="" if case.decision.reason is None else case.decision.reason.value,
        explanation=words.explanation,
        next_action=words.next_action,
        since=record.first_seen,
        attempts=record.tries if record.file.status.on_server else record.orders,
        expected=None if expected is None else expected.median,
        expected_by=None if expected is None else expected.bound,
        loss_due=None if record.lost_at is not None else loss_due(record.file, case.dialogue.horizon),
        ordered_at=record.ordered_at,
        last_contact=case.last_contact,
    )


def device_model(row: DeviceRow, contact: Estimate | None, horizon: timedelta | None) -> DeviceModel:
    """One device and its sums; `contact` is when it connects next, where that can be foreseen."""
    return DeviceModel(
        device=row.device.name,
        device_id=row.device.id,
        folder=row.folder,
        held=row.held,
        held_bytes=row.held_bytes,
        device_only=row.missing[StorageStatus.DEVICE_ONLY],
        requested=row.missing[StorageStatus.REQUESTED],
        on_server=row.missing[StorageStatus.SERVER_ONLY] + row.missing[StorageStatus.BOTH],
        listed_at=row.listed_at,
        source=None if row.source is None else row.source.value,
        problem=problem_of(row),
        last_contact=row.last_contact,
        expected_contact=None if contact is None else contact.median,
        expected_contact_by=None if contact is None else contact.bound,
        open_orders=row.open_orders,
        lost=row.lost,
        horizon_days=None if horizon is None else round(horizon / timedelta(days=1), 1),
        unseen=row.source is ListingSource.SERVER_LIST,
    )


def problem_of(row: DeviceRow) -> str | None:
    """Why its last listing failed, or what can't be seen of it."""
    return " ".join(_problems(row)) or None


def _problems(row: DeviceRow) -> Iterator[str]:
    if row.problem is not None:
        yield row.problem.explanation
    if row.source is ListingSource.SERVER_LIST:
        yield say("Its own list can't be had (credentials refused?): what lies only on it can't be seen.")
    if row.mute:
        yield say("Whether it is in contact can't be seen: {why}", why=row.mute)
    if row.contradicted:
        yield say(
            "{files} of it stand in only one of the platform's two lists.",
            files=amount(row.contradicted, "file"),
        )


def gap_model(device: Device, gap: Gap, usual: timedelta) -> GapModel:
    """One interval without a file; `usual` is how long the device's pauses usually are at the longest."""
    return GapModel(
        device=device.name,
        device_id=device.id,
        start=gap.start,
        end=gap.end,
        hours=_hours(gap.length),
        open=gap.open,
        contacts=gap.contacts,
        first_contact=gap.first,
        last_contact=gap.last,
        usual_hours=_hours(usual),
    )


def _hours(span: timedelta) -> float:
    return round(span / timedelta(hours=1), 1)


def run_model(row: RunRow) -> RunModel:
    """One run."""
    return RunModel(
        run=row.id,
        command=row.command,
        tenant=row.tenant,
        started=row.started,
        finished=row.finished,
        outcome=None if row.outcome is None else row.outcome.value,
        exit_code=row.exit_code,
    )


def status_model(
    totals: Totals, runs: Sequence[RunRow], last_success: datetime | None, oldest_gap: FileRow | None
) -> StatusModel:
    """The state in a few numbers."""
    return StatusModel(
        schema=SCHEMA,
        devices=totals.devices,
        held=totals.held,
        held_bytes=totals.held_bytes,
        device_only=totals.missing[StorageStatus.DEVICE_ONLY],
        requested=totals.missing[StorageStatus.REQUESTED],
        on_server=totals.missing[StorageStatus.SERVER_ONLY] + totals.missing[StorageStatus.BOTH],
        failing=totals.failing,
        lost=totals.lost,
        open_orders=totals.open_orders,
        unseen_devices=totals.unseen,
        last_success=last_success,
        oldest_gap=None
        if oldest_gap is None
        else OldestModel(oldest_gap.device.name, oldest_gap.record.file.name, oldest_gap.record.first_seen),
        runs=tuple(run_model(run) for run in runs),
    )


def summary_model(summary: RunSummary) -> SummaryModel:
    """One run, for `--json` and for the state."""
    devices, files, orders = summary.devices, summary.files, summary.orders
    return SummaryModel(
        schema=SCHEMA,
        run=summary.run,
        command=summary.command,
        dry_run=summary.dry_run,
        outcome=summary.outcome.value,
        exit_code=int(summary.exit_code),
        started=summary.started,
        finished=summary.finished,
        seconds=round(summary.seconds, 3),
        devices=DeviceCountsModel(devices.seen, devices.listed, devices.failed),
        files=FileCountsModel(
            listed=files.listed,
            held=files.held,
            fetched=files.fetched,
            failed=files.failed,
            device_only=files.device_only,
            requested=files.requested,
            lost=files.lost,
            quarantined=files.quarantined,
            filtered=files.filtered,
            left=files.left,
        ),
        orders=OrderCountsModel(orders.sent, orders.open),
        bytes=summary.bytes,
        at_once=summary.at_once,
        requests={str(status): number for status, number in sorted(summary.requests.items())},
        problems=tuple(
            ProblemModel(problem.device, problem.file, problem.reason, problem.explanation)
            for problem in summary.problems
        ),
        error=summary.error or None,
    )
