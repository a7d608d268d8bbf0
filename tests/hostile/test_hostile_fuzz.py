"""Every parser, with bytes that mean nothing, and with bytes that nearly mean something."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.hostile.targets import TARGETS, Target


@st.composite
def mutated(draw: st.DrawFn, target: Target) -> bytes:
    """A seed in which some places were cut out, doubled, or overwritten with something."""
    data = draw(st.sampled_from(target.seeds))
    piece = st.binary(max_size=6) | st.sampled_from([b"", *target.words])
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.sampled_from([0, 0, 1, 2, 8, 64])))
        again = data[start:end] * draw(st.sampled_from([0, 0, 1, 3]))
        data = data[:start] + draw(piece) + again + data[end:]
    return data


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_seeds_are_read(target: Target) -> None:
    for seed in target.seeds:
        target.try_with(seed)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
@settings(deadline=None)
@given(data=st.data())
def test_any_bytes_are_read_or_refused(target: Target, data: st.DataObject) -> None:
    target.try_with(data.draw(st.binary(max_size=300) | st.text(max_size=60).map(str.encode)))


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
@settings(deadline=None)
@given(data=st.data())
def test_bytes_that_nearly_mean_something_are_read_or_refused(target: Target, data: st.DataObject) -> None:
    target.try_with(data.draw(mutated(target)))
