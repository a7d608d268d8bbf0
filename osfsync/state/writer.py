"""The one writer of a run: facts in, one transaction a batch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self
from uuid import uuid4

import anyio
from sqlalchemy import Insert, Update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from osfsync.domain.errors import OsfsyncError
from osfsync.domain.model import Tenant
from osfsync.domain.outcomes import Fact, RunOutcome
from osfsync.state import statements
from osfsync.state.batch import Group, Row, Step, groups_of
from osfsync.state.border import border

_STATEMENTS: Mapping[Step, Insert | Update] = {step: getattr(statements, step.name) for step in Step}

_ONE_ROW_EACH = frozenset({Step.FILE_ORDERED, Step.FILE_HELD, Step.FILE_FAILED})
"""Steps that change a file which must be known; another number of changed rows means a fact was lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRun:
    """What is known of a run when it starts.

    Attributes:
        url: of the platform.
        arguments: of the command, JSON text; no secrets.
        since: the period as it was asked for, None where it was not. Likewise `until`.
        backfill: id of the backfill that this run begins or goes on with.
    """

    tenant: Tenant
    url: str
    command: str
    arguments: str = "{}"
    since: datetime | None = None
    until: datetime | None = None
    backfill: str | None = None


class Writer:
    """Writes for one run. Every transaction is run to its end, or not at all, whoever is cancelled meanwhile."""

    def __init__(self, engine: AsyncEngine, path: Path, tenant_id: str, run_id: str) -> None:
        self._engine = engine
        self._path = path
        self._tenant_id = tenant_id
        self.run_id = run_id

    @classmethod
    async def start_run(cls, engine: AsyncEngine, path: Path, run: NewRun, at: datetime) -> Self:
        """Record that a run has started, and write for it."""
        writer = cls(engine, path, run.tenant.id, str(uuid4()))
        tenant = {"id": run.tenant.id, "name": run.tenant.name, "url": run.url, "first_seen": at}
        row = {
            "id": writer.run_id,
            "tenant_id": run.tenant.id,
            "command": run.command,
            "arguments": run.arguments,
            "since": run.since,
            "until": run.until,
            "backfill": run.backfill,
            "started": at,
        }
        await writer._transact([(statements.UPSERT_TENANT, [tenant]), (statements.INSERT_RUN, [row])])
        return writer

    async def finish_run(
        self, outcome: RunOutcome, exit_code: int, at: datetime, summary: str | None = None
    ) -> None:
        """Record how the run ended; `summary` is JSON text."""
        row = {
            "of_run": self.run_id,
            "finished": at,
            "outcome": outcome.value,
            "exit_code": int(exit_code),
            "summary": summary,
        }
        await self._transact([(statements.FINISH_RUN, [row])])

    async def commit(self, facts: Sequence[Fact]) -> None:
        """Write all facts in one transaction; when it returns they are committed, when it raises none is.

        Raises:
            DiskFullError, LockedError, StateError: see `border`.
            OsfsyncError: a fact is about a device or file that the state does not know.
        """
        if not facts:
            return
        groups = groups_of(facts, self.run_id)
        with anyio.CancelScope(shield=True), border(self._path):
            async with self._engine.begin() as connection:
                for group in groups:
                    await self._apply(connection, group)

    async def _apply(self, connection: AsyncConnection, group: Group) -> None:
        for step, rows in group:
            if step is Step.UPSERT_DEVICE:
                rows = [{**row, "tenant_id": self._tenant_id} for row in rows]
            result = await connection.execute(_STATEMENTS[step], rows)
            if step in _ONE_ROW_EACH and result.rowcount != len(rows):
                raise OsfsyncError(
                    f"The state {self._path} was told about a file that it does not know: {step.name.lower()}, "
                    f"{len(rows)} files, {result.rowcount} known."
                )

    async def _transact(self, work: Sequence[tuple[Insert | Update, list[Row]]]) -> None:
        with anyio.CancelScope(shield=True), border(self._path):
            async with self._engine.begin() as connection:
                for statement, rows in work:
                    await connection.execute(statement, rows)
