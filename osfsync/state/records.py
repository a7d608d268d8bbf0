"""Rows of the table of files → FileRecord. Pure; written for speed, a quiet night makes a million of them."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from osfsync.domain.model import (
    DataFile,
    Failure,
    FileRecord,
    Held,
    ListingSource,
    StorageStatus,
    TimeWindow,
    Verification,
)

COLUMNS = (
    'device_id, name, storage_status, size, start, "end", tag, extra, path, first_seen, seen_from, seen_to, '
    "held_size, sha256, fetched_at, verification, tries, failure, failure_text, failure_check, failed_at, "
    "orders, ordered_at, order_id, lost_at, last_seen, listed_by"
)
"""What `records_of` takes, in its order; all of the table of files."""

_STATUS: Mapping[int, StorageStatus] = {status.value: status for status in StorageStatus}
_VERIFICATION: Mapping[str, Verification] = {shown.value: shown for shown in Verification}
_EXTRA = msgspec.json.Decoder(tuple[tuple[str, str], ...])
_time = datetime.fromisoformat


def records_of(rows: Iterable[Iterable[Any]]) -> Iterator[FileRecord]:
    """One record for each row of `COLUMNS`."""
    windows: dict[tuple[str, str], TimeWindow] = {}  # a page was seen in one window, or few
    moments: dict[str, datetime] = {}  # likewise first seen
    for (
        device_id, name, status, size, start, end, tag, extra, path, first_seen, seen_from, seen_to,
        held_size, sha256, fetched_at, verification, tries, failure, failure_text, failure_check, failed_at,
        orders, ordered_at, order_id, lost_at, last_seen, listed_by,
    ) in rows:  # fmt: skip
        window = windows.get((seen_from, seen_to))
        if window is None:
            window = windows[seen_from, seen_to] = TimeWindow(_time(seen_from), _time(seen_to))
        seen = moments.get(first_seen)
        if seen is None:
            seen = moments[first_seen] = _time(first_seen)
        yield FileRecord(
            DataFile(
                device_id,
                name,
                _STATUS[status],
                size,
                None if start is None else _time(start),
                None if end is None else _time(end),
                tag,
                () if extra is None else _EXTRA.decode(extra),
            ),
            path,
            seen,
            window,
            None
            if sha256 is None
            else Held(
                held_size,
                sha256,
                _time(fetched_at),
                _VERIFICATION[verification],
                failure_check if failure is None else None,  # with a failure it is that one's
            ),
            tries,
            None if failure is None else Failure(failure, failure_text, _time(failed_at), failure_check),
            orders,
            None if ordered_at is None else _time(ordered_at),
            order_id,
            None if lost_at is None else _time(lost_at),
            None if last_seen is None else _time(last_seen),
            None if listed_by is None else ListingSource(listed_by),
        )
