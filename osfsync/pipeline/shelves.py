"""Names and sizes of a list that may have a million, in some fifteen bytes each."""

from array import array
from bisect import bisect_left

_SPLIT_AT = 8_192
"""Names; putting so many in order takes a few milliseconds."""

_BITS = 9
_LARGE, _UNTOLD = 2**32 - 2, 2**32 - 1  # in place of a size


class Shelf:
    """Some names, known by their hashes.

    They are usually looked for in the order in which they were told; put in order of their hashes once one
    is not (measured: that, and looking for each among all, is a twentieth of a quiet night).

    Attributes:
        marks: a byte for each name, 0 at first; there once a name was looked for, which ends the telling.
    """

    __slots__ = ("_in_order", "_keys", "_large", "_next", "_sizes", "marks")

    def __init__(self) -> None:
        self._keys = array("q")
        self._sizes = array("I")
        self._large: dict[int, int] = {}  # sizes of 4 GB and more, by key
        self._in_order = False
        self._next = 0  # the place of the name that is likely to be looked for
        self.marks = bytearray()

    def __len__(self) -> int:
        return len(self._keys)

    def put(self, key: int, size: int | None) -> None:
        """One more name; `size` in bytes, where it is told. What was told first counts."""
        self._keys.append(key)
        if size is None:
            size = _UNTOLD
        elif size >= _LARGE:
            self._large.setdefault(key, size)
            size = _LARGE
        self._sizes.append(size)

    def place(self, key: int) -> int | None:
        """Where a name stands at present, for `marks` and `size`."""
        self.close()
        keys, place = self._keys, self._next
        if place < len(keys) and keys[place] == key:
            self._next += 1
            return place
        if not self._in_order:
            self._put_in_order()
            keys = self._keys
        place = bisect_left(keys, key)
        return place if place < len(keys) and keys[place] == key else None

    def size(self, place: int) -> int | None:
        """In bytes, where it was told."""
        size = self._sizes[place]
        if size == _LARGE:
            return self._large[self._keys[place]]
        return None if size == _UNTOLD else size

    def close(self) -> None:
        """No more names come: each has a mark now, and stands here once."""
        if not self.marks and self._keys:
            self.marks = bytearray(len(self._keys))
            if len(set(self._keys)) < len(self._keys):
                self._put_in_order()

    def _put_in_order(self) -> None:
        """Each name once."""
        keys, sizes, marks = self._keys, self._sizes, self.marks
        order = sorted(range(len(keys)), key=keys.__getitem__)
        once = [
            place
            for before, place in zip([None, *order], order, strict=False)
            if before is None or keys[before] != keys[place]
        ]
        self._keys = array("q", (keys[place] for place in once))
        self._sizes = array("I", (sizes[place] for place in once))
        self.marks = bytearray(marks[place] for place in once)
        self._in_order = True
        self._next = len(once)

    def spread(self, shelves: "list[Shelf]") -> None:
        """Put the names on other shelves."""
        for place, key in enumerate(self._keys):
            shelves[key & len(shelves) - 1].put(key, self.size(place))


class Shelves:
    """All names: one shelf as long as they are few, else many."""

    __slots__ = ("_mask", "_shelves")

    def __init__(self) -> None:
        self._shelves = [Shelf()]
        self._mask = 0

    def put(self, name: str, size: int | None) -> None:
        """One more; `size` in bytes, where it is told."""
        key = hash(name)
        shelf = self._shelves[key & self._mask]
        shelf.put(key, size)
        if not self._mask and len(shelf) > _SPLIT_AT:
            self._shelves = [Shelf() for _ in range(1 << _BITS)]
            self._mask = len(self._shelves) - 1
            shelf.spread(self._shelves)

    def find(self, name: str) -> tuple[Shelf, int] | None:
        """The shelf on which a name stands, and its place there."""
        key = hash(name)
        shelf = self._shelves[key & self._mask]
        place = shelf.place(key)
        return None if place is None else (shelf, place)

    def unmarked(self) -> int:
        """How many names have no mark."""
        for shelf in self._shelves:
            shelf.close()
        return sum(shelf.marks.count(0) for shelf in self._shelves)
