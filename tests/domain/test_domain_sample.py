"""Samples: the same for the same number, and in turn everything."""

from fractions import Fraction
from math import ceil

import pytest

from osfsync.domain.sample import Sample

PATHS = [f"Truck 1/2026{number:04}/{number}.osf" for number in range(2_000)]


def taken(share: Fraction, number: int) -> list[str]:
    sample = Sample(share, number)
    return [path for path in PATHS if sample.takes(path)]


def test_a_sample_is_about_its_share_and_always_the_same() -> None:
    assert 60 <= len(taken(Fraction(1, 20), 739_000)) <= 140
    assert taken(Fraction(1, 20), 739_000) == taken(Fraction(1, 20), 739_000)
    assert taken(Fraction(1, 20), 739_000) != taken(Fraction(1, 20), 739_001)


@pytest.mark.parametrize("share", [Fraction(1, 20), Fraction(3, 10), Fraction(1, 7), Fraction(99, 100)])
def test_numbers_in_a_row_take_every_file(share: Fraction) -> None:
    first = 739_123
    row = [taken(share, first + number) for number in range(ceil(1 / share))]
    assert {path for files in row for path in files} == set(PATHS)
    if (1 / share).denominator == 1:  # then they meet without an overlap
        assert sum(map(len, row)) == len(PATHS)


def test_all_of_it() -> None:
    assert taken(Fraction(1), 5) == PATHS


def test_a_name_of_any_kind_has_its_place() -> None:
    assert Sample(Fraction(1), 1).takes("ü/\x00.osf")
