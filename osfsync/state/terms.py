"""What is said of the tables in SQL text, for those who ask them; loads none of what makes them."""

from datetime import UTC, datetime, timedelta

HEAD = "0006"
"""The migration that these tables correspond to."""


def to_text(moment: datetime) -> str:
    """`2025-06-26T06:41:43.000000Z`: UTC and of fixed width, so that text sorts as time does.

    Raises ValueError for a naive datetime: nobody knows which moment it means.
    """
    if moment.tzinfo is None:
        raise ValueError(f"the state stores zone-aware times only, not {moment}")
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    # Formatted by hand: half the time of isoformat(), and a page of files has a thousand moments.
    return "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ" % (  # noqa: UP031 - the fastest way
        utc.year,
        utc.month,
        utc.day,
        utc.hour,
        utc.minute,
        utc.second,
        utc.microsecond,
    )


MISSING = "(sha256 IS NULL OR held_size <> size)"
"""A file that is not held as the list tells it: not at all, or in an older version."""

AWAITED = f"order_id IS NOT NULL AND {MISSING}"
"""A file that was ordered and is not held as listed; whether it is lost is another question."""

BUSY_SECONDS = 10.0
"""How long to wait for a program that has locked the database."""

KEEP_EVENTS = timedelta(days=120)
"""Communication events that are older are forgotten; what they told of orders is not."""
