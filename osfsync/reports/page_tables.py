"""What the page tells of runs, orders and devices in tables, in both languages."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import msgspec

from osfsync.domain.rows import DeviceRow, OrderRow, RunRow
from osfsync.reports.build import problem_of
from osfsync.reports.models import OrderModel
from osfsync.reports.ordering import order_model
from osfsync.reports.tongue import in_german


@dataclass(frozen=True, slots=True)
class RunPageModel:
    """A run and its numbers; these are None while it works, and for ever if it was killed."""

    command: str
    started: datetime
    finished: datetime | None
    outcome: str | None
    exit_code: int | None
    fetched: int | None
    bytes: int | None
    failed: int | None
    lost: int | None
    error: str | None


class _Files(msgspec.Struct):
    fetched: int | None = None
    failed: int | None = None
    lost: int | None = None


class _Numbers(msgspec.Struct):
    """What is read of a run's summary; verifications have none of it."""

    files: _Files = msgspec.field(default_factory=_Files)
    bytes: int | None = None
    error: str | None = None


def run_page(row: RunRow) -> RunPageModel:
    """One run."""
    told = _Numbers() if row.summary is None else msgspec.json.decode(row.summary, type=_Numbers)
    return RunPageModel(
        command=row.command,
        started=row.started,
        finished=row.finished,
        outcome=None if row.outcome is None else row.outcome.value,
        exit_code=row.exit_code,
        fetched=told.files.fetched,
        bytes=told.bytes,
        failed=told.files.failed,
        lost=told.files.lost,
        error=told.error,
    )


def orders_page(rows: Iterable[OrderRow]) -> tuple[tuple[OrderModel, ...], dict[str, str]]:
    """Orders, and their explanations in German."""
    models, german = [], {}
    for row in rows:
        model = order_model(row)
        with in_german():
            german[model.explanation] = order_model(row).explanation
        models.append(model)
    return tuple(models), german


def problems_page(rows: Iterable[DeviceRow]) -> dict[str, str]:
    """Problems of devices in German."""
    german = {}
    for row in rows:
        if (problem := problem_of(row)) is not None:
            with in_german():
                german[problem] = problem_of(row) or problem
    return german
