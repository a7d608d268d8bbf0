"""When devices recorded and were in contact: what a calendar of a device is drawn from."""

from datetime import UTC, date, datetime, timedelta

from osfsync.domain.gaps import EARLIEST, LONGEST, SHORTEST, Recordings
from osfsync.domain.model import TimeWindow
from osfsync.state.query import Query
from osfsync.state.terms import MISSING, to_text

_WITH_CONTENTS = """
    files LEFT JOIN (
        SELECT device_id AS read_of, name AS read_as, sha256 AS read_hash,
               begin AS read_start, "end" AS read_end
        FROM contents
    ) ON read_of = device_id AND read_as = name AND read_hash = sha256
"""
_START, _END = 'coalesce(start, read_start, "end")', 'coalesce("end", read_end, start, read_start)'
"""Where no list told a time, what was read in the file itself counts."""

_HELD_DAYS = f"""
    SELECT substr({_START}, 1, 10), substr({_END}, 1, 10), count(*)
    FROM {_WITH_CONTENTS}
    WHERE device_id = ?1 AND {MISSING} IS NOT TRUE AND coalesce({_END}, ?2) >= ?2 GROUP BY 1, 2
"""  # noqa: S608 - constants
_SPANS = f"""
    WITH told AS (
        SELECT CAST(strftime('%s', {_START}) AS INTEGER) AS begin,
               CAST(strftime('%s', {_END}) AS INTEGER) AS until
        FROM {_WITH_CONTENTS} WHERE device_id = ?1 AND {_START} BETWEEN '{to_text(EARLIEST)}' AND ?2
    ), spans AS (
        SELECT begin, CASE WHEN until BETWEEN begin AND begin + {LONGEST.total_seconds():.0f}
                      THEN until ELSE begin END AS until FROM told
    )
"""  # noqa: S608 - constants
_LIMITS = f"{_SPANS} SELECT min(begin), max(until) FROM spans"  # noqa: S608 - constants
_PAUSES = f"""
    {_SPANS}, joints AS (
        SELECT begin,
               max(until) OVER (ORDER BY begin ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS ended
        FROM spans
    )
    SELECT ended, begin FROM joints WHERE begin - ended > {SHORTEST.total_seconds():.0f} ORDER BY begin
"""  # noqa: S608 - constants
_LENGTH = f"""
    {_SPANS} SELECT until - begin FROM spans ORDER BY 1 LIMIT 1 OFFSET (SELECT count(*) * 9 / 10 FROM spans)
"""  # noqa: S608 - constants
_HEARD_FROM = "SELECT min(at) FROM events WHERE device_id = ?"


class Chronicle:
    """Answers from the newest commit."""

    def __init__(self, query: Query) -> None:
        self._query = query

    async def held_days(self, device_id: str, since: datetime) -> list[tuple[date | None, date | None, int]]:
        """First and last day of held files, and how many have these; none that ended before `since`."""
        rows = await self._query.sql(_HELD_DAYS, (device_id, to_text(since)))
        return [(_day(first), _day(last), files) for first, last, files in rows]

    async def recordings(self, device_id: str, now: datetime) -> Recordings | None:
        """When a device recorded, by the times of all its known files, but for what lies after `now`.

        None where neither lists nor the content index tell any times.
        """
        texts = [_LIMITS, _PAUSES, _LENGTH]
        limits, pauses, lengths = await self._query.sqls(texts, (device_id, to_text(now)))
        begin, end = limits[0]
        if begin is None:
            return None
        return Recordings(
            _moment(begin),
            _moment(end),
            [TimeWindow(_moment(ended), _moment(again)) for ended, again in pauses],
            timedelta(seconds=lengths[0][0]),
        )

    async def heard_from(self, device_id: str) -> datetime | None:
        """The first event that is kept of a device's communication log."""
        rows = await self._query.sql(_HEARD_FROM, (device_id,))
        return None if rows[0][0] is None else datetime.fromisoformat(rows[0][0])


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
