"""A long JSON list in pieces is the same as in one, whatever its texts hold and wherever a chunk ends."""

import json
from functools import partial
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from osfsync.cloud import parsing
from osfsync.cloud.elements import Elements
from osfsync.cloud.wrappers import head_of

NASTY = ["}, {", "},{", "]", "[", '"},{"', "\\", "}", "{", '{"a":[{},{}]}', "ä", "\x00", "]}"]

texts = st.lists(st.sampled_from(NASTY) | st.text(max_size=3), max_size=4).map("".join)
values: st.SearchStrategy[Any] = st.recursive(
    texts | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
records = st.lists(st.dictionaries(texts, values, max_size=3), max_size=30)


def taken(text: bytes, chunk: int) -> list[Any] | None:
    """What the elements between the brackets of a text are; None where it is no list."""
    reading = Elements(partial(parsing.elements, what="list"), smallest=1)
    found = [reading.feed(text[start : start + chunk]) for start in range(0, len(text), chunk)]
    last = parsing.elements(b"[" + reading.rest + b"]", "list")
    if last is None:
        return None
    return [msgspec.json.decode(raw) for piece in (*found, last) for raw in piece]


@given(records, st.integers(1, 40), st.booleans(), st.booleans())
def test_the_same_records_whatever_they_hold(
    entries: list[dict[str, Any]], chunk: int, indented: bool, escaped: bool
) -> None:
    separators = (" ,\n ", ": ") if indented else (",", ":")
    text = json.dumps(entries, separators=separators, ensure_ascii=escaped).encode()
    assert taken(text[1:-1], chunk) == entries


@given(st.binary(max_size=60) | texts.map(str.encode), st.integers(1, 9))
def test_what_is_no_list_in_one_is_none_in_pieces(text: bytes, chunk: int) -> None:
    try:
        whole = [msgspec.json.decode(raw) for raw in parsing.elements(b"[" + text + b"]", "list") or ()]
        valid = parsing.elements(b"[" + text + b"]", "list") is not None
    except msgspec.DecodeError:
        return
    assert taken(text, chunk) == (whole if valid else None)


def test_other_blanks_than_json_s_part_no_elements() -> None:
    assert taken(b'{"a":1},\x0b{"b":2},{}', 1) is None
    assert taken(b'{"a":1},\n {"b":2} , {}', 1) == [{"a": 1}, {"b": 2}, {}]


behind = st.sampled_from(
    ["", ',"hasNext":false', ',"sort":[{"by":"name"},{"by":"size"}]', ',"note":"}]"', " "]
)
before = st.sampled_from(["", '"totalElements":7,', '"note":"x: y",', " "])


@given(records, behind, before, st.integers(1, 40))
def test_what_stands_behind_a_list_is_told_of_it_and_is_no_record(
    entries: list[dict[str, Any]], tail: str, start: str, chunk: int
) -> None:
    text = f'{{{start}"data": {json.dumps(entries)}{tail}}}'.encode()
    found_head = head_of(text)
    assert found_head is not None
    head, within = found_head
    reading = Elements(partial(parsing.elements, what="list"), smallest=1)
    rest = text[len(head) :]
    found = [raw for at in range(0, len(rest), chunk) for raw in reading.feed(rest[at : at + chunk])]
    page = parsing.page(head + reading.rest, "list", within=within)
    assert [msgspec.json.decode(raw) for raw in (*found, *page.records)] == entries
    assert page.total == (7 if "total" in start else None)
    assert page.has_next is (False if "hasNext" in tail else None)


@pytest.mark.parametrize(
    "text",
    [b'{"sort": ["a"], "data": [{}]}', b'{"meta": {"data": [{}]}}', b'{"data": {}}', b"", b"{}", b"]["],
)
def test_where_another_list_may_come_first_the_whole_is_read(text: bytes) -> None:
    assert head_of(text) is None
