"""A long JSON list in pieces is the same as in one, whatever its texts hold and wherever a chunk ends."""

import json
from functools import partial
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from osfsync.cloud import parsing
from osfsync.cloud.elements import Elements, Frame
from osfsync.domain.errors import ProtocolError

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
    last = reading.end()
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


@given(records)
def test_a_frame_is_the_text_without_its_elements(entries: list[dict[str, Any]]) -> None:
    told = {"totalElements": len(entries), "data": entries, "hasNext": False}
    text = json.dumps(told).encode()
    frame = Frame.of(text, text)
    assert frame is not None
    page = parsing.page(frame.head + frame.tail, "list")
    assert (page.total, page.has_next, list(page.records)) == (len(entries), False, [])
    assert taken(text[len(frame.head) : -len(frame.tail)], 17) == entries


@pytest.mark.parametrize(
    "text",
    [
        b'{"data": []',
        b'{"data": {}}',
        b"",
        b"][",
        b'{"sort": ["a"], "data": [{}]}',
    ],
)
def test_other_texts_are_read_as_a_whole_or_refused(text: bytes) -> None:
    frame = Frame.of(text[:20], text[20:])
    if frame is not None:
        with pytest.raises(ProtocolError):
            parsing.page(frame.head + frame.tail, "list")
