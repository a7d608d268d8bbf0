"""`export`: all rows of a kind into one Parquet file."""

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from anyio import to_thread

from osfsync.app import known
from osfsync.app.gaps import gaps
from osfsync.app.ledger import all_orders
from osfsync.app.targets import refuse_as_target
from osfsync.archive.beside import write_beside
from osfsync.config import Settings
from osfsync.domain.errors import ConfigError
from osfsync.reports.contents import PROVENANCE
from osfsync.reports.sheets import DEVICES, FILES, GAPS, MISSING, ORDERS, Sheet

Chunks = Callable[[Settings], AsyncGenerator[Sequence[Any]]]

KINDS: Mapping[str, tuple[Sheet[Any], Chunks]] = {
    "devices": (DEVICES, known.devices),
    "files": (FILES, lambda settings: known.files(settings, None)),
    "missing": (MISSING, known.missing),
    "gaps": (GAPS, gaps),
    "orders": (ORDERS, all_orders),
    "provenance": (PROVENANCE, known.provenance),
}


async def export(
    settings: Settings, kind: str, target: Path, configuration: Iterable[Path] = ()
) -> tuple[int, int]:
    """Write one of `KINDS` to `target`, whole or not at all; answers how many rows and bytes there are.

    Raises ConfigError, see `refuse_as_target`, and where the extra is missing; ArchiveError, DiskFullError.
    """
    if find_spec("pyarrow") is None:
        raise ConfigError("Parquet needs a library that is missing.", hint="pip install 'osfsync[parquet]'")
    from osfsync.reports.renderers.parquet import ParquetRenderer  # noqa: PLC0415 - an extra

    refuse_as_target(target, settings, configuration)
    sheet, chunks = KINDS[kind]
    rows = 0

    async def pieces() -> AsyncGenerator[bytes]:
        nonlocal rows
        drawing = ParquetRenderer(sheet)
        async with aclosing(chunks(settings)) as stream:
            async for chunk in stream:
                rows += len(chunk)
                if piece := await to_thread.run_sync(drawing.rows, chunk):
                    yield piece
        yield await to_thread.run_sync(drawing.end)

    async with aclosing(pieces()) as stream:
        size = await write_beside(target, stream)
    return rows, size
