"""Asks processes of their own what is in files; one that breaks off costs one file."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import anyio
import msgspec
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

from osfsync.config.sources import without_password
from osfsync.content.reader import PATIENCE, Answer
from osfsync.domain.contents import Content
from osfsync.domain.errors import ConfigError

_LONGEST = 64_000_000  # bytes of an answer
_BROKE_OFF = "The vendor's reader breaks off on it."
_BREAKS = (
    anyio.EndOfStream,
    anyio.IncompleteRead,
    anyio.BrokenResourceError,
    anyio.DelimiterNotFound,
    msgspec.DecodeError,  # native code may print where we answer
)
_TOO_LONG = f"The vendor's reader took more than {PATIENCE:.0f} seconds."


class NotReadError(Exception):
    """A file can't be read now; what is in it is not known."""


@dataclass(slots=True)
class ContentReader:
    """One process, started when it is first needed and after it broke off. Made by `content_reader`."""

    _process: Process | None = None
    _answers: BufferedByteReceiveStream | None = None

    async def read(self, path: Path) -> Content | str:
        """What is in a file, or why that can't be told. Raises NotReadError."""
        if self._process is None:
            await self._start()
        try:
            with anyio.fail_after(PATIENCE):
                answer = await self._ask(path)
        except TimeoutError:
            await self.close()
            return _TOO_LONG
        except _BREAKS:
            await self.close()
            return _BROKE_OFF
        if answer.absent:
            raise NotReadError(answer.problem)
        return answer.problem if answer.content is None else answer.content

    async def _ask(self, path: Path) -> Answer:
        process, answers = self._process, self._answers
        if process is None or process.stdin is None or answers is None:
            raise anyio.BrokenResourceError
        await process.stdin.send(msgspec.json.encode(os.fsencode(path)) + b"\n")
        return msgspec.json.decode(await answers.receive_until(b"\n", _LONGEST), type=Answer)

    async def _start(self) -> None:
        # Without -P the working folder comes first among the places of modules: it may be the archive, and a
        # device may be called as we are. What native code says on its way down is nobody's business.
        self._process = await anyio.open_process(
            [sys.executable, "-P", "-m", "osfsync.content.reader"],
            stderr=subprocess.DEVNULL,
            env=without_password(os.environ),
        )
        if self._process.stdout is None:
            raise anyio.BrokenResourceError
        self._answers = BufferedByteReceiveStream(self._process.stdout)
        try:
            with anyio.fail_after(PATIENCE):
                await self._answers.receive_until(b"\n", _LONGEST)
        except (TimeoutError, *_BREAKS) as error:
            await self.close()
            raise ConfigError(
                "The process that reads what is in files does not start.",
                hint="Run `python -m osfsync.content.reader` to see why; it needs about 500 MB of address "
                "space (`ulimit -v`) and a few threads (`ulimit -u`).",
            ) from error

    async def close(self) -> None:
        """End the process."""
        process, self._process, self._answers = self._process, None, None
        if process is None:
            return
        with anyio.CancelScope(shield=True):
            with suppress(ProcessLookupError):  # it may have ended by itself
                process.kill()
            await process.aclose()


@asynccontextmanager
async def content_reader() -> AsyncIterator[ContentReader]:
    """A reader, whose process ends with the block."""
    reader = ContentReader()
    try:
        yield reader
    finally:
        await reader.close()
