"""Shelves know what a dictionary would know, however many names they have."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osfsync.pipeline import shelves
from osfsync.pipeline.shelves import Shelves

names = st.integers(0, 60).map("{}.osf".format)
sizes = st.none() | st.integers(0, 2**40) | st.integers(2**32 - 4, 2**32 + 1)


@pytest.mark.parametrize("few", [3, 8_192])
@given(told=st.lists(st.tuples(names, sizes)), asked=st.lists(names), in_turn=st.integers(0, 60))
def test_the_same_as_a_dictionary(
    few: int, told: list[tuple[str, int | None]], asked: list[str], in_turn: int
) -> None:
    kept = Shelves()
    known: dict[str, int | None] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shelves, "_SPLIT_AT", few)
        for name, size in told:
            kept.put(name, size)
            known.setdefault(name, size)
    marked = set()
    for name in [*(name for name, _ in told[:in_turn]), *asked]:
        found = kept.find(name)
        assert (found is not None) == (name in known)
        if found is not None:
            shelf, place = found
            assert shelf.size(place) == known[name]
            assert shelf.marks[place] == (name in marked)
            shelf.marks[place] = 1
            marked.add(name)
    assert kept.unmarked() == len(known) - len(marked)


def test_very_many() -> None:
    kept = Shelves()
    for number in range(20_000):
        kept.put(f"{number}.osf", number)
    kept.put("7.osf", None)  # what was told first counts
    for number in range(0, 20_000, 2):
        found = kept.find(f"{number}.osf")
        assert found is not None
        shelf, place = found
        assert shelf.size(place) == number
        shelf.marks[place] = 1
    assert kept.find("20000.osf") is None
    assert kept.unmarked() == 10_000
