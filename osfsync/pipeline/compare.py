"""The platform's two lists of one window, compared while they stream by.

The server's own list comes first, then the device's, then, where they contradict each other, the server's
once more: what was delivered or removed meanwhile contradicts nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from osfsync.domain.model import DataFile, StorageStatus, TimeWindow
from osfsync.pipeline.shelves import Shelves

MOST_NAMED = 10_000
"""Contradictions of one kind that are told of one window; more mean that a list is broken."""

_BY_THE_DEVICE_S, _BY_THE_SAME = 1, 2  # list a name was told again


@dataclass(slots=True)
class Comparison:
    """Knows names by their hashes: a window may list a million."""

    window: TimeWindow
    _server: Shelves = field(default_factory=Shelves)  # what was told again has a mark
    _only_device: dict[int, str] = field(default_factory=dict)

    def server_list(self, entries: Iterable[tuple[str, int | None]]) -> None:
        """Names and sizes of some files of the server's own list."""
        for name, size in entries:
            self._server.put(name, size)

    def device_list(self, files: Iterable[DataFile]) -> list[DataFile]:
        """Some files of the device's list; what the server's own list names is on the server.

        Where the device's list tells no size, the server's own does for what lies there.
        """
        judged = []
        for file in files:
            found = self._server.find(file.name)
            if found is not None:
                shelf, place = found
                shelf.marks[place] = _BY_THE_DEVICE_S
                judged.append(self._completed(file, shelf.size(place)))
                continue
            judged.append(file)
            if file.status.on_server and self._inside(file) and len(self._only_device) < MOST_NAMED:
                self._only_device[hash(file.name)] = file.name
        return judged

    @property
    def contradicts(self) -> bool:
        """Whether a name stands in one list and not in the other, as far as seen."""
        return bool(self._only_device) or self.unconfirmed > 0

    @property
    def unconfirmed(self) -> int:
        """How many names of the server's own list nothing that was read after it has told again."""
        return self._server.unmarked()

    def server_list_again(self, files: Iterable[DataFile]) -> list[DataFile]:
        """Some files of the server's own list, read once more: those that the device's list did not name."""
        named = []
        for file in files:
            self._only_device.pop(hash(file.name), None)
            found = self._server.find(file.name)
            if found is None:
                continue
            shelf, place = found
            if not shelf.marks[place]:
                shelf.marks[place] = _BY_THE_SAME
            if shelf.marks[place] == _BY_THE_SAME:
                named.append(file)
        return named

    def contradicting(self, files: Iterable[DataFile]) -> list[str]:
        """The names of those that the device's list should have named."""
        return [file.name for file in files if self._inside(file)]

    def only_device_list(self) -> tuple[str, ...]:
        """Files on the server, by the device's list, that the server's own list names neither time."""
        return tuple(self._only_device.values())

    @staticmethod
    def _completed(file: DataFile, size: int | None) -> DataFile:
        if not file.status.on_server:
            file = file._replace(status=StorageStatus.BOTH)
        return file._replace(size=size) if file.size is None and size is not None else file

    def _inside(self, file: DataFile) -> bool:
        """Whether both lists must name it: how they treat what reaches over the edge is not documented."""
        if file.start is None or file.end is None:
            return False
        return self.window.start <= file.start and file.end <= self.window.end
