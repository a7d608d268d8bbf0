"""The platform's two lists of one window, compared while they stream by.

The server's own list comes first, then the device's, then, where they contradict each other, the server's
once more: what was delivered or removed meanwhile contradicts nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from osfsync.domain.model import DataFile, TimeWindow
from osfsync.domain.recording_name import base_name, plain_name
from osfsync.pipeline.shelves import Shelf, Shelves

MOST_BASES = 200_000
"""Names of the server's list that are kept by their base names, where only that list has folders."""

MOST_NAMED = 10_000
"""Contradictions of one kind that are told of one window; more mean that a list is broken."""

_BY_THE_DEVICE_S, _BY_THE_SAME = 1, 2  # list a name was told again


@dataclass(slots=True)
class Comparison:
    """Names by their hashes: a window may list a million.

    Attributes:
        keeps_bases: the device's list gives base names only, the server's list folders too.
    """

    window: TimeWindow
    _server: Shelves = field(default_factory=Shelves)  # what was told again has a mark
    _odd: bool = False  # a name of the server's list begins with / or ./, or has backslashes
    _flat: bool = True  # no name of the server's list has folders
    keeps_bases: bool = False
    _bases: dict[str, str | None] = field(default_factory=dict)  # base name -> name; None for several
    _spellings: dict[str, str] = field(default_factory=dict)
    _only_device: dict[int, str] = field(default_factory=dict)

    def server_list(self, entries: Iterable[tuple[str, int | None]]) -> None:
        """Names and sizes of some files of the server's own list."""
        for name, size in entries:
            self._server.put(name, size)
            if "/" in name or "\\" in name:
                self._flat = False
                if self.keeps_bases:
                    self._keep_base(name)
                self._odd = self._odd or plain_name(name) != name

    def device_list(self, files: Iterable[DataFile]) -> list[DataFile]:
        """Some files of the device's list, with the size of the server's own list where theirs is unknown.

        The storage status of the device's list is explicit, and stays: the server's own list may name
        files that the platform merely knows.
        """
        judged = []
        for file in files:
            found = self._server.find(file.name) or self._find_otherwise(file.name)
            if found is not None:
                shelf, place = found
                shelf.marks[place] = _BY_THE_DEVICE_S
                judged.append(self._completed(file, shelf.size(place)))
                continue
            judged.append(file)
            if file.status.on_server and self._inside(file) and len(self._only_device) < MOST_NAMED:
                self._only_device[hash(file.name)] = file.name
        return judged

    def needs_base_names(self, files: Sequence[DataFile]) -> bool:
        """Whether only the server's list has folders in names: read it again with `keeps_bases`."""
        if self._flat or self.keeps_bases:
            return False
        return not any("/" in file.name or "\\" in file.name for file in files)

    def take_spellings(self) -> dict[str, str]:
        """Names as the server's list spells them, by the device list's spelling, where these differ."""
        taken, self._spellings = self._spellings, {}
        return taken

    def _keep_base(self, name: str) -> None:
        base = base_name(name)
        if len(self._bases) < MOST_BASES or base in self._bases:
            self._bases[base] = None if base in self._bases else name

    def _find_otherwise(self, name: str) -> tuple[Shelf, int] | None:
        """A name that the server's list spells differently; `take_spellings` gives how."""
        plain = plain_name(name)
        others: list[str] = []
        if self._odd or plain != name:
            backslashes = plain.replace("/", "\\")
            others = [plain, f"/{plain}", f"./{plain}", backslashes, f"\\{backslashes}"]
        if self._flat and plain != base_name(plain):
            others.append(base_name(plain))
        elif (full := self._bases.get(plain)) is not None:
            others.append(full)
        for other in others:
            if other != name and (found := self._server.find(other)) is not None:
                self._spellings[name] = other
                return found
        return None

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
        return file._replace(size=size) if file.size is None and size is not None else file

    def _inside(self, file: DataFile) -> bool:
        """Whether both lists must name it: how they treat what reaches over the edge is not documented."""
        if file.start is None or file.end is None:
            return False
        return self.window.start <= file.start and file.end <= self.window.end
