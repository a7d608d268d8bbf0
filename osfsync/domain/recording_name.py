"""What a recording's file name says of it."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from osfsync.domain.model import TimeWindow

ANY_ZONE: Final = timedelta(hours=14)
"""No local time is further from UTC than this."""

_STAMP = re.compile(r"(?<!\d)(20\d\d)-?(\d\d)-?(\d\d)[T_ -]?(\d\d)[-_:]?(\d\d)[-_:]?(\d\d)(?!\d)", re.ASCII)


def plain_name(name: str) -> str:
    """A file's name without what one list spells differently: a leading `/` or `./`, backslashes."""
    plain = name.strip().replace("\\", "/")
    while plain.startswith(("/", "./")):
        plain = plain.lstrip("/").removeprefix("./")
    return plain


def base_name(name: str) -> str:
    """A file's name without its folders, however they are separated."""
    return name.replace("\\", "/").rpartition("/")[2]


def time_in_name(name: str) -> datetime | None:
    """The time that a name holds, such as 20250626_064143, as if it were UTC; its zone is unknown."""
    found = _STAMP.search(base_name(name))
    if found is None:
        return None
    year, month, day, hour, minute, second = map(int, found.groups())
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None


def window_of_name(name: str) -> TimeWindow | None:
    """The period in which a recording must have begun by its name, in any time zone."""
    moment = time_in_name(name)
    return None if moment is None else TimeWindow(moment - ANY_ZONE, moment + ANY_ZONE)
