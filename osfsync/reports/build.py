"""Rows → models: pure, one function a model."""

from collections.abc import Sequence
from datetime import datetime

from osfsync.domain.model import StorageStatus
from osfsync.domain.planner import Policy, plan
from osfsync.domain.rows import DeviceRow, FileRow, RunRow, Totals
from osfsync.domain.selection import Selection
from osfsync.domain.summary import RunSummary
from osfsync.reports.models import (
    SCHEMA,
    DeviceCountsModel,
    DeviceModel,
    FileCountsModel,
    FileModel,
    GapModel,
    MissingModel,
    OrderCountsModel,
    ProblemModel,
    RunModel,
    StatusModel,
    SummaryModel,
)
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


def missing_model(row: FileRow, policy: Policy, selection: Selection, now: datetime) -> MissingModel:
    """Why a file is not held: the planner is asked again, with what the state knows."""
    record = row.record
    decision = plan(record.file, record, selection.file(record.file.name), policy, now)
    words = explain(record, decision, policy, selection)
    return MissingModel(
        device=row.device.name,
        device_id=row.device.id,
        name=record.file.name,
        storage_status=int(record.file.status),
        reason="" if decision.reason is None else decision.reason.value,
        explanation=words.explanation,
        next_action=words.next_action,
        since=record.first_seen,
        attempts=record.tries if record.file.status.on_server else record.orders,
        expected=None,
    )


def device_model(row: DeviceRow) -> DeviceModel:
    """One device and its sums."""
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
        problem=None if row.problem is None else row.problem.explanation,
    )


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
        last_success=last_success,
        oldest_gap=None
        if oldest_gap is None
        else GapModel(oldest_gap.device.name, oldest_gap.record.file.name, oldest_gap.record.first_seen),
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
        problems=tuple(
            ProblemModel(problem.device, problem.file, problem.reason, problem.explanation)
            for problem in summary.problems
        ),
        error=summary.error or None,
    )
