"""A dead platform must not be asked file by file, nor may one device hold up all others."""

from collections import Counter
from collections.abc import Awaitable, Callable

import anyio
import structlog

from osfsync.domain.errors import BusyError, CloudError, ProtocolError, UnauthorizedError, UnreachableError
from osfsync.domain.model import Device

log = structlog.get_logger(__name__)

GIVE_UP_AFTER = 16
"""Operations in a row that fail, each after its own retries."""

_NOT_SERVED = (UnreachableError, UnauthorizedError, ProtocolError)


class Lifeline:
    """Counts operations in a row that were not served.

    After so many the platform is asked for something that it must be able to give. Where it can't, the run
    ends; where it can, devices whose own operations all failed are left alone for the rest of the run.

    Args:
        probe: what the platform must be able to give; raises CloudError where it does not.
    """

    def __init__(self, probe: Callable[[], Awaitable[object]]) -> None:
        self._probe = probe
        self._failures = 0
        self._of_device: Counter[str] = Counter()
        self._suspended: set[str] = set()
        self._asking = anyio.Lock()

    def answered(self, device: Device) -> None:
        """The platform did what it was asked, or said why it does not."""
        self._failures = 0
        self._of_device.pop(device.id, None)

    def is_suspended(self, device: Device) -> bool:
        """Whether this device is left alone for the rest of the run."""
        return device.id in self._suspended

    async def failed(self, device: Device, error: CloudError) -> None:
        """An operation failed, after its retries.

        Raises:
            BusyError: the platform asks for more patience than a run has.
            CloudError: the platform serves nothing any more.
        """
        if isinstance(error, BusyError) and not error.retryable:
            raise error
        if not (error.retryable or isinstance(error, _NOT_SERVED)):  # a refusal is an answer
            self.answered(device)
            return
        self._failures += 1
        self._of_device[device.id] += 1
        if self._of_device[device.id] >= GIVE_UP_AFTER and device.id not in self._suspended:
            log.warning("device is left alone in this run", device=device.name, error=str(error))
            self._suspended.add(device.id)
        if self._failures >= GIVE_UP_AFTER:
            await self._ask(error)

    async def _ask(self, error: CloudError) -> None:
        async with self._asking:
            if self._failures < GIVE_UP_AFTER:  # somebody asked meanwhile
                return
            try:
                await self._probe()
            except CloudError as silence:
                raise type(silence)(
                    f"The platform failed {self._failures} operations in a row, and now: {silence.message} "
                    f"The run was ended. The last error before: {error.message}",
                    hint="What was fetched is safe; the next run goes on from here.",
                ) from silence
            self._failures = 0
