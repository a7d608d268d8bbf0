"""Take stock: held files → whether they still lie where they were put, where that is not sure any more."""

from collections.abc import Callable, Mapping
from datetime import datetime

import structlog

from osfsync.archive.base import Archive
from osfsync.domain.model import Failure
from osfsync.domain.outcomes import HeldRefuted
from osfsync.domain.verdict import REFUTED, HeldFile
from osfsync.pipeline.tally import Tally
from osfsync.reports.text import amount
from osfsync.state.holdings import Holdings
from osfsync.state.writer import Writer

log = structlog.get_logger(__name__)

NOT_IN_PLACE = (
    "State and archive may not be of the same moment (was a run killed, or one of them put back?), and {} "
    "that the state holds did not lie in place as they were, such as {}: those that are selected are fetched "
    "again. `osfsync verify` reads what is in place."
)


async def take_stock(
    holdings: Holdings, archive: Archive, writer: Writer, tally: Tally, now: Callable[[], datetime]
) -> None:
    """Forget that files are held which are gone or have another length; one look at each, no content is read.

    What can't be seen now may be whole, and stays.

    Raises StateError and ArchiveError where that can't be told.
    """
    lost, example = 0, ""
    async for page in holdings.held(None):
        sizes = await archive.sizes([file.path for file in page])
        gone = [file for file in page if _is_gone(file, sizes)]
        if gone:
            await archive.confirm()
            sizes = await archive.sizes([file.path for file in gone])  # the disk may have been away meanwhile
            gone = [file for file in gone if _is_gone(file, sizes)]
        if gone:
            await writer.commit([_refuted(file, sizes.get(file.path), now()) for file in gone])
            lost += len(gone)
            example = example or gone[0].path
    log.info("held files looked for in the archive", not_in_place=lost)
    if lost:
        tally.problem(
            "(this computer)", None, "out-of-step", NOT_IN_PLACE.format(amount(lost, "file"), example)
        )


def _is_gone(file: HeldFile, sizes: Mapping[str, int | None]) -> bool:
    return sizes.get(file.path, -1) not in {file.held.size, None}


def _refuted(file: HeldFile, size: int | None, at: datetime) -> HeldRefuted:
    lay = "Nothing lay" if size is None else f"{size} bytes instead of {file.held.size} lay"
    told = f"{lay} at its path when state and archive may have been of different moments."
    return HeldRefuted(file.device.id, file.name, Failure(REFUTED, told, at))
