"""Batch: small files of one device, fetched by one request instead of one each.

A batch that fails for a passing reason is tried again; what does not come as it should is fetched by itself.
A platform that answers otherwise is not asked again in this run.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from anyio import to_thread

from osfsync.cloud.client import CloudClient
from osfsync.content import unpack
from osfsync.domain.errors import CloudError, DamagedError, LoginRefusedError, TenantError
from osfsync.pipeline.checks import check_of, completeness
from osfsync.pipeline.messages import FetchJob
from osfsync.pipeline.streams import ByteBudget
from osfsync.pipeline.tally import Tally
from osfsync.pipeline.transfer import SmallBody

log = structlog.get_logger(__name__)

MOST_FILES = 32
MOST_BYTES = 2_000_000
LARGEST = 256_000
"""Bytes of a file: a larger one gains nothing from company."""

GIVEN_UP_AFTER = 3
"""Batches in a row that brought nothing, though they were answered."""

TROUBLES = 12
"""Batches in a row that failed for passing reasons: then they are what the platform can't do."""

TRIES = 3
"""Of a file in company; then it is fetched by itself."""

_WEIGHT = 3
"""Bytes of memory a byte: the answer, what is unpacked from it, what the allocator keeps (measured)."""

_OVERHEAD = 1_000
"""Bytes that a ZIP takes for each file beside its name, about; generous."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What came of a batch; `error` is what it failed with."""

    bodies: Sequence[SmallBody] = ()
    error: CloudError | DamagedError | None = None


@dataclass(slots=True)
class Batches:
    """Fetches batches for all workers of a run.

    Attributes:
        barren: batches in a row that brought nothing.
        troubled: those that failed for passing reasons.
    """

    client: CloudClient
    tally: Tally
    budget: ByteBudget
    barren: int = 0
    troubled: int = 0
    under_way: int = 0  # bytes that were asked for

    @property
    def work(self) -> bool:
        """Whether the platform may be asked for several files at once."""
        return self.barren < GIVEN_UP_AFTER and self.troubled < TROUBLES

    def takes(self, job: FetchJob) -> bool:
        """Whether a job may be part of a batch."""
        size, largest = job.file.size, min(LARGEST, self.client.largest_file or LARGEST)
        return size is not None and 0 < size <= largest and not (job.present or job.damaged or job.alone)

    def company_of(self, first: FetchJob, most: int) -> Callable[[FetchJob], bool]:
        """What may be fetched together with a job: asked of one job after the other, until it says no.

        `most` bytes together, but that the first one comes anyway.
        """
        files, size, most = 1, first.file.size or 0, min(most, MOST_BYTES)

        def joins(job: FetchJob) -> bool:
            nonlocal files, size
            files, size = files + 1, size + (job.file.size or 0)
            return (
                self.takes(job) and job.device.id == first.device.id and files <= MOST_FILES and size <= most
            )

        return joins

    async def fetch(self, jobs: Sequence[FetchJob]) -> Batch:
        """What came of these jobs, all of one device; those that are left out are to be tried again.

        Raises LoginRefusedError, TenantError; all else that fails leaves all jobs out.
        """
        sizes = {job.asked_name: job.file.size or 0 for job in jobs}
        wanted = sum(sizes.values())
        most = wanted + sum(_OVERHEAD + 4 * len(name) for name in sizes)
        self.under_way += wanted
        try:
            share = await self.budget.take(_WEIGHT * wanted)
            return await self._fetch(jobs, sizes, most, share)
        finally:
            self.under_way -= wanted

    async def _fetch(self, jobs: Sequence[FetchJob], sizes: dict[str, int], most: int, share: int) -> Batch:
        device = jobs[0].device
        found: dict[str, bytes] = {}
        failure: CloudError | DamagedError | None = None
        try:
            data = await self.client.batch(device, list(sizes), most)
            self.tally.received += len(data)
            found = await to_thread.run_sync(unpack, data, sizes)
        except (LoginRefusedError, TenantError):
            raise
        except (CloudError, DamagedError) as error:
            failure = error
            log.info(
                "a batch failed", device=device.name, files=len(jobs), reason=error.slug, error=str(error)
            )
        finally:
            self.budget.give(share - _WEIGHT * sum(map(len, found.values())))
        if isinstance(failure, CloudError) and failure.retryable:
            self.troubled += not failure.put_off
        else:
            self.troubled = 0
            self.barren = 0 if found else self.barren + 1
        bodies = [_body(job, found[job.asked_name]) for job in jobs if job.asked_name in found]
        return Batch(bodies, failure)


def _body(job: FetchJob, data: bytes) -> SmallBody:
    complete = completeness(job, job.file.size, framed=True)  # a ZIP member of the listed size
    return SmallBody(job, data, job.file.size, check_of(job), _WEIGHT * len(data), complete)
