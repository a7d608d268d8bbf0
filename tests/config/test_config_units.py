from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osfsync.config.units import (
    LARGEST,
    LONGEST,
    format_duration,
    format_size,
    parse_duration,
    parse_end,
    parse_moment,
    parse_rate,
    parse_share,
    parse_size,
)
from osfsync.domain.errors import ConfigError

NOW = datetime(2025, 6, 26, 6, 41, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30d", timedelta(days=30)),
        ("48h", timedelta(hours=48)),
        ("90m", timedelta(minutes=90)),
        ("2h30m", timedelta(hours=2, minutes=30)),
        ("45s", timedelta(seconds=45)),
        ("1w", timedelta(weeks=1)),
        ("1w2d3h4m5s", timedelta(weeks=1, days=2, hours=3, minutes=4, seconds=5)),
        (" 0s ", timedelta(0)),
    ],
)
def test_durations_are_read(text: str, expected: timedelta) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", " ", "30", "d", "-1d", "1.5h", "30m2h", "2h2h", "1y", "30 d", "٣d", "40000d", "9999999999999d"],
)
def test_what_is_no_duration_is_refused_with_the_text(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_duration(text)
    assert repr(text[:40]) in str(caught.value)


@given(st.timedeltas(timedelta(0), LONGEST).map(lambda t: timedelta(seconds=int(t.total_seconds()))))
def test_a_written_duration_reads_back(duration: timedelta) -> None:
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("512", 512),
        ("0", 0),
        ("4MB", 4_000_000),
        ("10GB", 10_000_000_000),
        ("10 gb", 10_000_000_000),
        ("1GiB", 2**30),
        ("1kB", 1000),
        ("1KiB", 1024),
        ("2TB", 2_000_000_000_000),
        ("1.5GB", 1_500_000_000),
        ("0.25KiB", 256),
        ("7B", 7),
    ],
)
def test_sizes_are_read(text: str, expected: int) -> None:
    assert parse_size(text) == expected


@pytest.mark.parametrize(
    "text", ["", "GB", "-1", "4Mbit", "4M", "1e3", "4MB/s", ".5GB", "10000000TB", "1_000", "iB"]
)
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="expected a size"):
        parse_size(text)


@given(st.integers(0, LARGEST))
def test_a_written_size_reads_back(count: int) -> None:
    assert parse_size(format_size(count)) == count


@given(st.integers(1, 999), st.sampled_from(["kB", "MB", "GB", "TB"]))
def test_a_round_size_is_written_with_its_unit(count: int, unit: str) -> None:
    assert format_size(parse_size(f"{count}{unit}")) == f"{count}{unit}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("20MB/s", 20_000_000), ("20MB", 20_000_000), ("", 0), ("0", 0), ("1 KiB / s", 1024), ("512/S", 512)],
)
def test_rates_are_read(text: str, expected: int) -> None:
    assert parse_rate(text) == expected


@pytest.mark.parametrize("text", ["20Mbit/s", "20MB/h", "/s", "fast"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="expected a rate"):
        parse_rate(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-06-25", datetime(2025, 6, 25, tzinfo=UTC)),
        ("20250625", datetime(2025, 6, 25, tzinfo=UTC)),
        ("2025-06-25T10:00", datetime(2025, 6, 25, 10, tzinfo=UTC)),
        ("2025-06-25 10:00:01", datetime(2025, 6, 25, 10, 0, 1, tzinfo=UTC)),
        ("2025-06-25T10:00Z", datetime(2025, 6, 25, 10, tzinfo=UTC)),
        ("2025-06-25T10:00+02:00", datetime(2025, 6, 25, 8, tzinfo=UTC)),
        ("1h", datetime(2025, 6, 26, 5, 41, 30, tzinfo=UTC)),
        ("30d", datetime(2025, 5, 27, 6, 41, 30, tzinfo=UTC)),
    ],
)
def test_moments_are_read_in_utc(text: str, expected: datetime) -> None:
    moment = parse_moment(text, NOW)
    assert moment == expected
    assert moment.tzinfo is UTC


def test_a_bare_date_as_an_end_takes_the_day_in() -> None:
    assert parse_end("2025-06-25", NOW) == datetime(2025, 6, 25, 23, 59, 59, tzinfo=UTC)
    assert parse_end("2025-06-25T10:00", NOW) == parse_moment("2025-06-25T10:00", NOW)
    assert parse_end("2d", NOW) == parse_moment("2d", NOW)


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "2025-13-01", "25.06.2025", "10:00", "1969-12-31", "0001-01-01T00:00+05:00", "2025"],
)
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="expected a date"):
        parse_moment(text, NOW)


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused_with_a_config_error(text: str) -> None:
    for parse in (parse_duration, parse_size, parse_rate, lambda text: parse_moment(text, NOW)):
        try:
            assert parse(text) is not None
        except ConfigError as error:
            refusal = error.message
            assert refusal.isprintable()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5%", Fraction(1, 20)),
        (" 0.5 % ", Fraction(1, 200)),
        ("100%", Fraction(1)),
        ("33.3%", Fraction(333, 1000)),
    ],
)
def test_shares_are_read(text: str, expected: Fraction) -> None:
    assert parse_share(text) == expected


@pytest.mark.parametrize("text", ["", "5", "%", "0%", "100.1%", "-5%", "1/20", ".5%", "1e1%", "٣%"])
def test_what_is_no_share_is_refused_with_the_text(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_share(text)
    assert repr(text) in str(caught.value)
