"""Puts a group of small files in place, in one go. Blocking, for a worker thread."""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from threading import Semaphore

from osfsync.archive.base import Body, Placed, Result, Unplaced
from osfsync.archive.durable import sync_folder
from osfsync.archive.failures import translate
from osfsync.archive.intake import judge
from osfsync.archive.tree import Tree, open_part, remove_part, write_all
from osfsync.domain.errors import ArchiveError, DamagedError, DiskFullError, OsfsyncError

AT_ONCE = 16
"""From this many files (or folders) on, one flush of the file system is cheaper than one for each."""

FLUSHERS = 8
"""Threads that make files durable one by one: the disk takes several orders at once (measured: 2.6 times as
many files with 4 threads as with one)."""

_UNFLUSHED = 2 * FLUSHERS  # files that are open meanwhile

SyncAll = Callable[[], None]


class Group:
    """One group on its way: judged, written, made durable, named, names made durable.

    Where the disk fills up, what was written before is still put in place.
    """

    def __init__(self, tree: Tree, sync_all: SyncAll | None, bodies: Sequence[Body]) -> None:
        self._tree = tree
        self._bodies = bodies
        self._sync_all = sync_all if len(bodies) >= AT_ONCE else None
        self._results: dict[int, Result] = {}
        self._parts: dict[int, str] = {}  # on the disk, not yet in place
        self._written: dict[int, Placed] = {}
        self._failure: OsfsyncError | None = None

    def place(self) -> list[Result]:
        """One result per body, in order. Raises what leaves none of them in place for good."""
        try:
            self._write()
            changed = self._name()
            self._sync(changed)
        finally:
            self._discard(self._parts.values())
        if self._failure is not None and not any(isinstance(it, Placed) for it in self._results.values()):
            raise self._failure
        return [self._result(number) for number in range(len(self._bodies))]

    def _result(self, number: int) -> Result:
        if number not in self._results and self._failure is not None:
            return Unplaced(self._failure)
        return self._results[number]

    def _write(self) -> None:
        with ThreadPoolExecutor(FLUSHERS, "flush") as pool:
            flushed = self._write_parts(pool)
        for number, flushing in flushed.items():
            if isinstance(error := flushing.exception(), OSError):
                self._fail(number, error)
            elif error is not None:
                raise error
        if self._sync_all is not None and self._parts:
            try:
                self._sync_all()
            except OSError as error:
                raise translate(error, "making files durable", self._tree.root) from error

    def _write_parts(self, pool: ThreadPoolExecutor) -> dict[int, Future[None]]:
        """What `pool` makes durable, by number: nothing where all is made durable at once, afterwards."""
        flushed: dict[int, Future[None]] = {}
        room = Semaphore(_UNFLUSHED)
        for number, body in enumerate(self._bodies):
            try:
                self._written[number] = Placed(
                    judge(body.data, body.expected_size, body.check, body.complete)
                )
            except DamagedError as error:
                self._results[number] = error
                continue
            try:
                descriptor = self._write_part(number, body.data)
                if self._sync_all is not None:
                    os.close(descriptor)
                    continue
            except OSError as error:
                self._fail(number, error)
                break
            room.acquire()
            flushed[number] = pool.submit(_flush, descriptor, room)
        return flushed

    def _write_part(self, number: int, data: bytes) -> int:
        """Its descriptor, still open."""
        part = self._parts[number] = self._tree.new_part()
        descriptor = open_part(part)
        try:
            write_all(descriptor, data)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _fail(self, number: int, error: OSError) -> None:
        self._failure = translate(error, f"writing {self._bodies[number].path}", self._tree.root)
        self._discard([self._parts.pop(number)])

    def _name(self) -> set[str]:
        """Rename what was written; the folders that got new names."""
        changed: set[str] = set()
        for number in list(self._parts):
            body, held = self._bodies[number], self._written[number].held
            try:
                kept = self._tree.move(
                    self._parts[number], body.path, held.verification, body.former, changed
                )
            except DiskFullError as error:
                self._failure = error
                break
            except ArchiveError as error:
                self._results[number] = error
            else:
                self._results[number] = Placed(held, kept)
                del self._parts[number]
        return changed

    def _sync(self, changed: set[str]) -> None:
        try:
            if self._sync_all is not None and len(changed) >= AT_ONCE:
                self._sync_all()
            else:
                for folder in changed:
                    sync_folder(folder)
        except OSError as error:
            raise translate(error, "making names durable", self._tree.root) from error
        self._tree.know(changed)

    def _discard(self, parts: Iterable[str]) -> None:
        for part in parts:
            with suppress(OSError):  # the next run's `prepare` removes what could not be removed here
                remove_part(part)


def _flush(descriptor: int, room: Semaphore) -> None:
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
        room.release()


def place_group(tree: Tree, sync_all: SyncAll | None, bodies: Sequence[Body]) -> list[Result]:
    """See `Archive.place`; `sync_all` makes the whole file system durable, where that can be trusted."""
    return Group(tree, sync_all, bodies).place()
