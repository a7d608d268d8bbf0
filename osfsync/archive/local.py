"""An archive on a local disk: part file, hash and check while writing, durable, then its name."""

import shutil
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from anyio import CapacityLimiter, to_thread

from osfsync.archive.base import Body, Complete, PartLabel, Placed, Result
from osfsync.archive.durable import find_syncfs
from osfsync.archive.failures import translate
from osfsync.archive.group import place_group
from osfsync.archive.inspection import Inspection
from osfsync.archive.intake import Intake
from osfsync.archive.kept import Shelf, can_be_noted
from osfsync.archive.receiver import LocalReceiver, Workshop
from osfsync.archive.tree import Tree
from osfsync.archive.twins import Twins, beside_told_apart, doubtful
from osfsync.domain.errors import DamagedError
from osfsync.domain.model import ContentCheck, Held

_STREAMS = 4  # threads for large files: more of them only fight over the interpreter


class LocalArchive:
    """Files below `root`. All disk work and all checks run in worker threads.

    One run at a time uses an archive: `prepare` takes the part files of all others, whose files then fail.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
        self._tree = Tree(root)
        self._sync_all: Callable[[], None] | None = None
        self._groups = CapacityLimiter(1)  # one thread writes small files faster than two
        self._streams = CapacityLimiter(_STREAMS)
        self._shelf = Shelf(self._tree)
        self._state: str | None = None  # whose archive it was found to be
        self._twins: Twins = {}
        self._workshop = Workshop(self._tree, self._shelf, self._streams)

    async def check(self) -> None:
        """See `Archive.check`. Makes the folder where it is missing."""
        await to_thread.run_sync(self._tree.check, limiter=self._groups)

    async def prepare(self, state: str, *, known: bool) -> None:
        """See `Archive.prepare`."""

        def work() -> None:
            self._tree.check()
            self._tree.claim(state, known=known)
            self._tree.remove_parts(keep=self._shelf.load())
            self._sync_all = find_syncfs(self._root)

        await to_thread.run_sync(work, limiter=self._groups)
        self._state = state

    async def last_step(self) -> str:
        """See `Archive.last_step`."""
        return await to_thread.run_sync(self._tree.last_step, limiter=self._groups)

    async def note_step(self, step: str) -> None:
        """See `Archive.note_step`."""
        await to_thread.run_sync(self._tree.note_step, step, limiter=self._groups)

    async def folders(self) -> dict[str, str]:
        """See `Archive.folders`."""
        return await to_thread.run_sync(self._tree.folders, limiter=self._groups)

    async def note_folders(self, folders: Mapping[str, str]) -> None:
        """See `Archive.note_folders`."""
        await to_thread.run_sync(self._tree.note_folders, folders, limiter=self._groups)

    async def judge(self, state: str, *, known: bool) -> None:
        """See `Archive.judge`."""
        await to_thread.run_sync(partial(self._tree.judge, state, known=known), limiter=self._groups)
        self._state = state

    async def confirm(self) -> None:
        """See `Archive.confirm`."""
        if self._state is None:
            raise RuntimeError("an archive is confirmed that was neither prepared nor judged")
        await to_thread.run_sync(partial(self._tree.judge, self._state, known=True), limiter=self._groups)

    async def set_aside(self, path: str) -> str:
        """See `Archive.set_aside`. It lies in the hidden folder then, and stays there."""
        return await to_thread.run_sync(self._tree.set_aside, path, limiter=self._streams)

    async def sizes(self, paths: Sequence[str]) -> dict[str, int | None]:
        """See `Archive.sizes`."""
        return await to_thread.run_sync(self._tree.sizes, paths, limiter=self._streams)

    async def doubtful(self, paths: Sequence[str]) -> set[str]:
        """See `Archive.doubtful`."""
        return await to_thread.run_sync(doubtful, self._tree, self._twins, paths, limiter=self._streams)

    async def beside_told_apart(self, paths: Sequence[str]) -> set[str]:
        """See `Archive.beside_told_apart`."""
        return await to_thread.run_sync(
            beside_told_apart, self._tree, self._twins, paths, limiter=self._streams
        )

    async def adopt(self, path: str, expected_size: int | None, check: ContentCheck) -> Held | None:
        """See `Archive.adopt`. A symbolic link is followed: reading does no harm."""
        inspection = Inspection(self._tree, path, Intake(expected_size, check), self._streams)
        try:
            held = await inspection.judge() if await inspection.open() else None
        except DamagedError:
            return None
        finally:
            await inspection.close()
        if held is not None:
            await self.forget(path)
        return held

    async def place(self, bodies: Sequence[Body]) -> list[Result]:
        """See `Archive.place`. Once it runs, cancellation waits for its end."""

        def work() -> list[Result]:
            results = place_group(self._tree, self._sync_all, bodies)
            self._shelf.drop(
                body.path for body, result in zip(bodies, results, strict=True) if isinstance(result, Placed)
            )
            return results

        return await to_thread.run_sync(work, limiter=self._groups)

    @asynccontextmanager
    async def receive(
        self,
        path: str,
        expected_size: int | None,
        check: ContentCheck,
        label: PartLabel | None = None,
        complete: Complete | None = None,
    ) -> AsyncIterator[LocalReceiver]:
        """See `Archive.receive`."""
        await self.forget(path)
        noted = label if label is not None and can_be_noted(label) else None
        receiver = self._workshop.receiver(path, expected_size, check, noted, complete)
        try:
            yield receiver
        finally:
            await receiver.leave()

    async def kept(self, path: str) -> PartLabel | None:
        """See `Archive.kept`."""
        return self._shelf.label(path)

    @asynccontextmanager
    async def resume(
        self, path: str, check: ContentCheck, complete: Complete | None = None
    ) -> AsyncIterator[LocalReceiver]:
        """See `Archive.resume`."""
        kept = self._shelf.take(path)
        if kept is None:
            raise DamagedError("kept-part", f"Nothing is kept of {path}.")
        receiver = self._workshop.receiver_again(kept, check, complete)
        try:
            await receiver.take_up(kept)
            yield receiver
        finally:
            await receiver.leave()

    async def forget(self, path: str) -> None:
        """See `Archive.forget`."""
        if self._shelf.label(path) is not None:
            await to_thread.run_sync(self._shelf.drop, [path], limiter=self._streams)

    async def free_space(self) -> int:
        """See `Archive.free_space`. Raises ArchiveError where the folder is gone."""

        def work() -> int:
            try:
                return shutil.disk_usage(self._root).free
            except OSError as error:
                raise translate(error, "asking for its free space", self._root) from error

        return await to_thread.run_sync(work, limiter=self._streams)
