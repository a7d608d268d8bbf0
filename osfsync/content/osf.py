"""Judges plain OSF while it streams by."""

from collections.abc import Callable, Mapping

from osfsync.content.blocks import walk
from osfsync.content.metablock import MAX_MAGIC_LINE, MagicLine, channel_widths, check_opening, parse_magic
from osfsync.domain.errors import DamagedError
from osfsync.domain.model import Verification

# Walking blocks is Python's work: only of files that are small, and only once the end is there.
WALK_BUDGET = 32 * 1024


_Step = Callable[["OsfCheck", memoryview], memoryview]
_End = Callable[["OsfCheck"], Verification]
_Widths = Mapping[int, int] | None


class OsfCheck:
    """Checks magic line, metablock and, in small files, the blocks.

    `finish` tells WHOLE (the blocks end where the file ends), TAIL_CUT (the file ends inside a block, or
    inside the metablock: the device lost power) or HEADER (more than `WALK_BUDGET` bytes of blocks, or blocks
    of a layout that is not known). Content alone can't tell a plain file that a device left incomplete
    from one that was cut on the way: both are TAIL_CUT, and the length is compared elsewhere.

    DamagedError's checks: `empty`, `not-osf`, `magic`, `metablock`.
    """

    def __init__(self) -> None:
        # What the next bytes and the end mean at this point of the file. Functions of the class: a method of
        # the object would keep it alive until garbage is collected, with all that it holds.
        self._step: _Step = OsfCheck._take_magic
        self._end: _End = OsfCheck._end_in_magic
        self._held = bytearray()
        self._magic = MagicLine(version=0, metablock_size=0)
        self._widths: _Widths = None

    def update(self, piece: bytes | bytearray | memoryview) -> None:
        """Take the next bytes."""
        rest = memoryview(piece)
        while rest:
            rest = self._step(self, rest)

    def finish(self) -> Verification:
        """Judge the end."""
        return self._end(self)

    def _take_magic(self, piece: memoryview) -> memoryview:
        before = len(self._held)
        self._held += piece[: MAX_MAGIC_LINE - before]
        parsed = parse_magic(self._held)
        if parsed is None:
            return piece[len(self._held) - before :]
        self._magic, used = parsed
        self._held.clear()
        self._step, self._end = OsfCheck._take_metablock, OsfCheck._end_in_metablock
        if self._magic.metablock_size == 0:
            self._close_metablock()
        return piece[used - before :]

    def _take_metablock(self, piece: memoryview) -> memoryview:
        missing = self._magic.metablock_size - len(self._held)
        self._held += piece[:missing]
        check_opening(self._held)
        if len(self._held) == self._magic.metablock_size:
            self._close_metablock()
        return piece[missing:]

    def _close_metablock(self) -> None:
        self._widths = channel_widths(self._magic, self._held)
        self._held.clear()
        if self._widths is None:
            self._stop_walking()
        else:
            self._step, self._end = OsfCheck._take_blocks, OsfCheck._end_in_blocks

    def _take_blocks(self, piece: memoryview) -> memoryview:
        if len(self._held) + len(piece) > WALK_BUDGET:
            self._stop_walking()
        else:
            self._held += piece
        return piece[len(piece) :]

    def _stop_walking(self) -> None:
        self._held = bytearray()
        self._step, self._end = OsfCheck._pass, OsfCheck._end_unwalked

    def _pass(self, piece: memoryview) -> memoryview:
        return piece[len(piece) :]

    def _end_in_magic(self) -> Verification:
        if self._held:
            raise DamagedError("magic", "The file ends inside its magic line.")
        raise DamagedError("empty", "The file is empty.")

    def _end_in_metablock(self) -> Verification:
        return Verification.TAIL_CUT

    def _end_in_blocks(self) -> Verification:
        return walk(self._held, self._widths or {})

    def _end_unwalked(self) -> Verification:
        return Verification.HEADER
