"""The platform's two lists of one window, compared while they stream by.

The server's own list comes first, then the device's, then, where they contradict each other, the server's
once more: what was delivered or removed meanwhile contradicts nothing.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from osfsync.domain.model import DataFile, StorageStatus, TimeWindow

MOST_NAMED = 10_000
"""Contradictions of one kind that are told of one window; more mean that a list is broken."""

_UNTOLD = -1
_BY_THE_SAME = 2  # list: the device's has not told it


@dataclass(slots=True)
class Comparison:
    """Knows names by their hashes: a window may list a million."""

    window: TimeWindow
    _server: "array[int]" = field(default_factory=lambda: array("q"))
    _sizes: "array[int]" = field(default_factory=lambda: array("q"))  # in the order of `_server`
    _told_again: bytearray = field(default_factory=bytearray)
    _only_device: dict[int, str] = field(default_factory=dict)

    def server_list(self, entries: Iterable[tuple[str, int | None]]) -> None:
        """Names and sizes of some files of the server's own list."""
        for name, size in entries:
            self._server.append(hash(name))
            self._sizes.append(_UNTOLD if size is None else size)

    def server_list_read(self) -> None:
        """The server's own list has ended; the device's list follows."""
        order = sorted(range(len(self._server)), key=self._server.__getitem__)
        once = [
            place
            for before, place in zip([None, *order], order, strict=False)
            if before is None or self._server[before] != self._server[place]
        ]
        self._server = array("q", (self._server[place] for place in once))
        self._sizes = array("q", (self._sizes[place] for place in once))
        self._told_again = bytearray(len(self._server))

    def device_list(self, files: Iterable[DataFile]) -> list[DataFile]:
        """Some files of the device's list; what the server's own list names is on the server.

        Where the device's list tells no size, the server's own does for what lies there.
        """
        judged = []
        for file in files:
            place = self._place(hash(file.name))
            judged.append(file if place is None else self._completed(file, self._sizes[place]))
            if place is not None:
                self._told_again[place] = 1
            elif file.status.on_server and self._inside(file) and len(self._only_device) < MOST_NAMED:
                self._only_device[hash(file.name)] = file.name
        return judged

    @property
    def contradicts(self) -> bool:
        """Whether a name stands in one list and not in the other, as far as seen."""
        return bool(self._only_device) or self.unconfirmed > 0

    @property
    def unconfirmed(self) -> int:
        """How many names of the server's own list nothing that was read after it has told again."""
        return self._told_again.count(0)

    def server_list_again(self, files: Iterable[DataFile]) -> list[DataFile]:
        """Some files of the server's own list, read once more: those that the device's list did not name."""
        found = []
        for file in files:
            self._only_device.pop(hash(file.name), None)
            place = self._place(hash(file.name))
            if place is not None and not self._told_again[place]:
                self._told_again[place] = _BY_THE_SAME
            if place is not None and self._told_again[place] == _BY_THE_SAME:
                found.append(file)
        return found

    def contradicting(self, files: Iterable[DataFile]) -> list[str]:
        """The names of those that the device's list should have named."""
        return [file.name for file in files if self._inside(file)]

    def only_device_list(self) -> tuple[str, ...]:
        """Files on the server, by the device's list, that the server's own list names neither time."""
        return tuple(self._only_device.values())

    @staticmethod
    def _completed(file: DataFile, size: int) -> DataFile:
        if not file.status.on_server:
            file = replace(file, status=StorageStatus.BOTH)
        return replace(file, size=size) if file.size is None and size != _UNTOLD else file

    def _place(self, key: int) -> int | None:
        place = bisect_left(self._server, key)
        return place if place < len(self._server) and self._server[place] == key else None

    def _inside(self, file: DataFile) -> bool:
        """Whether both lists must name it: how they treat what reaches over the edge is not documented."""
        if file.start is None or file.end is None:
            return False
        return self.window.start <= file.start and file.end <= self.window.end
