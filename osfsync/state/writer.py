"""The one writer of a run: facts in, one transaction a batch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Self
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncEngine

from osfsync.domain.dialogue import OrderState
from osfsync.domain.errors import OsfsyncError
from osfsync.domain.list_fields import FieldChoice
from osfsync.domain.model import Tenant
from osfsync.domain.outcomes import Fact
from osfsync.domain.summary import RunOutcome
from osfsync.state import statements
from osfsync.state.batch import groups_of
from osfsync.state.border import border
from osfsync.state.engine import unwrapped
from osfsync.state.location import beside
from osfsync.state.statements import Row, Statement
from osfsync.state.steps import RunKey, Step
from osfsync.state.terms import to_text
from osfsync.state.watch import Watch
from osfsync.state.whole import to_the_end

_STATEMENTS: Mapping[Step, Statement] = {step: getattr(statements, step.name) for step in Step}

_ONE_ROW_EACH = frozenset(
    {statements.FILE_ORDERED, statements.FILE_HELD, statements.FILE_FAILED, statements.HELD_REFUTED}
)
"""Statements about files that must be known; another number of changed rows means that a fact was lost."""


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
    """Writes for one run. Every transaction is run to its end, whoever is cancelled meanwhile."""

    def __init__(self, engine: AsyncEngine, path: Path, run: RunKey) -> None:
        self._engine = engine
        self._watch: Watch | None = None
        self._path = path
        self._run = run

    @property
    def run_id(self) -> str:
        """The run that this writes for."""
        return self._run.id

    @classmethod
    async def start_run(cls, engine: AsyncEngine, path: Path, run: NewRun, at: datetime) -> Self:
        """Record that a run has started, and write for it.

        Commands that a killed run was about to send may be queued: they count as sent from now on.
        """
        key = RunKey(str(uuid4()), run.tenant.id)
        writer = cls(engine, path, key)
        row = {
            "id": key.id,
            "tenant_id": key.tenant_id,
            "command": run.command,
            "arguments": run.arguments,
            "since": None if run.since is None else to_text(run.since),
            "until": None if run.until is None else to_text(run.until),
            "backfill": run.backfill,
            "started": to_text(at),
        }
        doubt = {"sending": OrderState.SENDING.value, "doubtful": OrderState.DOUBTFUL.value}
        await writer._transact(
            [
                (statements.UPSERT_TENANT, [_tenant(run.tenant, run.url, at)]),
                (statements.INSERT_RUN, [row]),
                (statements.DOUBTED_FILES, [doubt]),
                (statements.DOUBTED_ORDERS, [doubt]),
            ]
        )
        return writer

    async def work_for(self, tenant: Tenant, url: str, at: datetime) -> None:
        """Record that the run is of this tenant from now on: what it meets and fetches comes from there."""
        row = {"of_run": self._run.id, "tenant_id": tenant.id}
        await self._transact(
            [(statements.UPSERT_TENANT, [_tenant(tenant, url, at)]), (statements.RUN_OF_TENANT, [row])]
        )
        self._run = RunKey(self._run.id, tenant.id)

    async def finish_run(
        self, outcome: RunOutcome, exit_code: int, at: datetime, summary: str | None = None
    ) -> None:
        """Record how the run ended; `summary` is JSON text."""
        row = {
            "of_run": self._run.id,
            "finished": to_text(at),
            "outcome": outcome.value,
            "exit_code": int(exit_code),
            "summary": summary,
        }
        await self._transact([(statements.FINISH_RUN, [row])])

    async def choose_fields(self, choices: Sequence[FieldChoice]) -> None:
        """Record the fields of the tenant's lists, over those that were chosen before."""
        rows = [
            {
                "tenant_id": self._run.tenant_id,
                "source": choice.source.value,
                "meaning": choice.meaning,
                "path": choice.path,
                "fits": choice.fits,
                "records": choice.records,
            }
            for choice in choices
        ]
        if rows:
            await self._transact([(statements.UPSERT_LIST_FIELD, rows)])

    async def commit(self, facts: Sequence[Fact]) -> None:
        """Write all facts in one transaction; when it returns they are committed, when it raises none is.

        Raises:
            DiskFullError, LockedError, StateError: see `border`.
            OsfsyncError: a fact is about a device or file that the state does not know.
        """
        work = [(_STATEMENTS[step], rows) for group in groups_of(facts, self._run) for step, rows in group]
        if work:
            await self._transact(work)

    async def _transact(self, work: Sequence[tuple[Statement, list[Row]]]) -> None:
        with border(self._path), unwrapped():
            await to_the_end(partial(self._write, work))

    async def _write(self, work: Sequence[tuple[Statement, list[Row]]]) -> None:
        async with self._engine.begin() as connection:
            if self._watch is None:  # now that SQLite has made its files
                ends = ("", "-wal", "-shm", ".lock")
                self._watch = Watch([self._path, *(beside(self._path, end) for end in ends)])
            self._watch.check()
            for statement, rows in work:
                result = await connection.exec_driver_sql(statement.sql, statement.parameters(rows))
                if statement in _ONE_ROW_EACH and result.rowcount != len(rows):
                    raise OsfsyncError(
                        f"The state {self._path} knows {result.rowcount} of {len(rows)} files "
                        "that a run fetched, failed to fetch or ordered; nothing was recorded."
                    )


def _tenant(tenant: Tenant, url: str, at: datetime) -> Row:
    return {"id": tenant.id, "name": tenant.name, "url": url, "first_seen": to_text(at)}
