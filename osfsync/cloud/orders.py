"""Commands to devices, and the spelling of their times that the platform takes."""

import anyio

from osfsync.cloud import calls
from osfsync.cloud.body import Body
from osfsync.cloud.calls import TimeSpelling
from osfsync.cloud.refusals import BadRequestError
from osfsync.cloud.sender import Sender
from osfsync.domain.model import Device, TimeWindow


class Orders:
    """Sends request-list commands. The API page only says that their times are ISO 8601.

    After the first 400 the other spellings are tried, once in a run. The one that was accepted stays.
    """

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._spelling = TimeSpelling.MILLISECONDS
        self._settled = False
        self._learning = anyio.Lock()

    async def send(self, device: Device, window: TimeWindow, tag: str) -> None:
        """Queue one command. Only a 400 shows that its spelling is refused, and that it was not queued."""
        spelling = self._spelling
        try:
            await self._send(device, window, tag, spelling)
        except BadRequestError as error:
            async with self._learning:
                if not self._settled:
                    await self._learn(device, window, tag, error)
                elif self._spelling is not spelling:  # learned meanwhile
                    await self._send(device, window, tag, self._spelling)
                else:
                    raise

    async def _learn(self, device: Device, window: TimeWindow, tag: str, error: BadRequestError) -> None:
        """Try the other spellings. Raises the first refusal where none is accepted."""
        refused = self._spelling
        for spelling in TimeSpelling:
            if spelling is not refused:
                try:
                    await self._send(device, window, tag, spelling)
                except BadRequestError:
                    continue
                return
        self._settled = True
        raise error

    async def _send(self, device: Device, window: TimeWindow, tag: str, spelling: TimeSpelling) -> None:
        await self._sender.send(calls.request_list(device, window, tag, spelling), _ignore)
        self._spelling, self._settled = spelling, True


async def _ignore(_: Body) -> None:
    """A command is answered by its status alone."""
