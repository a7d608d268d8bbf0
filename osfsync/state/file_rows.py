"""Facts about devices, files and listings → rows. Pure."""

from collections.abc import Iterator
from datetime import datetime

import msgspec

from osfsync.domain.model import ListingSource
from osfsync.domain.outcomes import (
    DeviceLeftOut,
    DeviceSeen,
    Fetched,
    FetchFailed,
    FilesLost,
    FilesSeen,
    HeldRefuted,
    Listed,
    ListingFailed,
    ListsCompared,
    Reached,
    WindowSettled,
)
from osfsync.domain.pathkey import path_key
from osfsync.domain.rows import LEFT_OUT
from osfsync.state.statements import Row
from osfsync.state.steps import Placed, Step
from osfsync.state.terms import to_text


def device_seen(fact: DeviceSeen, tenant_id: str) -> Iterator[Placed]:
    """A device, known from now on."""
    at = to_text(fact.at)
    row = {
        "id": fact.device.id,
        "tenant_id": tenant_id,
        "name": fact.device.name,
        "folder": fact.folder,
        "folder_key": path_key(fact.folder),
        "first_seen": at,
        "last_seen": at,
    }
    yield Step.UPSERT_DEVICE, None, row
    yield Step.NAME_DEVICE, None, {"device_id": fact.device.id, "name": fact.device.name}


def files_seen(fact: FilesSeen) -> Iterator[Placed]:
    """Files, and what changed of their storage status."""
    at, seen_from, seen_to = to_text(fact.at), to_text(fact.window.start), to_text(fact.window.end)
    for seen in fact.files:
        file = seen.file
        row = {
            "device_id": fact.device_id,
            "name": file.name,
            "storage_status": int(file.status),
            "size": file.size,
            "start": None if file.start is None else to_text(file.start),
            "end": None if file.end is None else to_text(file.end),
            "tag": file.tag,
            "extra": msgspec.json.encode(file.extra).decode() if file.extra else None,
            "path": seen.path,
            "path_key": path_key(seen.path),
            "first_seen": at,
            "changed_at": at,
            "seen_from": seen_from,
            "seen_to": seen_to,
        }
        yield Step.UPSERT_FILE, (fact.device_id, file.name), row
        if seen.was is not None and seen.was is not file.status:
            change = {
                "device_id": fact.device_id,
                "name": file.name,
                "at": at,
                "was": int(seen.was),
                "became": int(file.status),
            }
            yield Step.INSERT_STATUS, None, change


def listed(fact: Listed, run_id: str) -> Iterator[Placed]:
    """A window that was listed."""
    row = {
        "run_id": run_id,
        "device_id": fact.device_id,
        "start": to_text(fact.window.start),
        "end": to_text(fact.window.end),
        "source": fact.source.value,
        "files": fact.files,
        "compared": fact.compared,
        "listed_at": to_text(fact.at),
        "backfill": fact.backfill,
        "problem": None,
        "problem_text": None,
    }
    yield Step.INSERT_LISTING, fact.backfill and ("backfill", fact.backfill), row
    listed = {"of_device": fact.device_id, "at": to_text(fact.at), "source": fact.source.value}
    yield Step.DEVICE_LISTED, ("device", fact.device_id), listed


def listing_failed(fact: ListingFailed, run_id: str) -> Iterator[Placed]:
    """A window that was not."""
    row = {
        "run_id": run_id,
        "device_id": fact.device_id,
        "start": to_text(fact.window.start),
        "end": to_text(fact.window.end),
        "source": None,
        "files": None,
        "compared": None,
        "listed_at": to_text(fact.at),
        "backfill": None,
        "problem": fact.slug,
        "problem_text": fact.explanation,
    }
    yield Step.INSERT_LISTING, None, row
    yield _problem(fact.device_id, fact.slug, fact.explanation, fact.at)


def device_left_out(fact: DeviceLeftOut) -> Iterator[Placed]:
    """A device of which nothing was asked."""
    if fact.explanation is None:
        row = {"of_device": fact.device_id, "slug": LEFT_OUT}
        yield Step.DEVICE_EXCLUDED, ("device", fact.device_id), row
    else:
        yield _problem(fact.device_id, LEFT_OUT, fact.explanation, fact.at)


def _problem(device_id: str, slug: str, explanation: str, at: datetime) -> Placed:
    row = {"of_device": device_id, "slug": slug, "explanation": explanation, "at": to_text(at)}
    return Step.DEVICE_FAILED, ("device", device_id), row


def fetched(fact: Fetched, run_id: str) -> Iterator[Placed]:
    """A file that is in place."""
    row = {
        "of_device": fact.device_id,
        "of_name": fact.name,
        "held": fact.held.size,
        "hash": fact.held.sha256,
        "at": to_text(fact.held.fetched_at),
        "shown": fact.held.verification.value,
        "check_name": fact.held.check,
        "found": fact.adopted,
        "run": run_id,
    }
    yield Step.FILE_HELD, (fact.device_id, fact.name), row


def fetch_failed(fact: FetchFailed, run_id: str) -> Iterator[Placed]:
    """A file that could not be fetched."""
    about, told = (fact.device_id, fact.name), _failure(fact)
    row = {"of_device": fact.device_id, "of_name": fact.name}
    yield Step.FILE_FAILED, about, {**row, **told}
    if fact.absent:
        yield Step.FILE_ABSENT, about, row
    yield Step.INSERT_ATTEMPT, None, _attempt(fact, run_id)


def held_refuted(fact: HeldRefuted, run_id: str) -> Iterator[Placed]:
    """A file that is held no more."""
    row = {"of_device": fact.device_id, "of_name": fact.name}
    yield Step.HELD_REFUTED, (fact.device_id, fact.name), row
    yield Step.INSERT_ATTEMPT, None, _attempt(fact, run_id)


def _attempt(fact: FetchFailed | HeldRefuted, run_id: str) -> Row:
    return {"run_id": run_id, "device_id": fact.device_id, "name": fact.name, **_failure(fact)}


def _failure(fact: FetchFailed | HeldRefuted) -> Row:
    failure = fact.failure
    return {
        "slug": failure.slug,
        "explanation": failure.explanation,
        "check_name": failure.check,
        "at": to_text(failure.at),
    }


def files_lost(fact: FilesLost) -> Iterator[Placed]:
    """Files that vanished."""
    for name in fact.names:
        row = {"of_device": fact.device_id, "of_name": name, "at": to_text(fact.at)}
        yield Step.FILE_LOST, (fact.device_id, name), row


def lists_compared(fact: ListsCompared) -> Iterator[Placed]:
    """Files that only one list knows; what was thought of the window before is forgotten."""
    window = {"of_start": to_text(fact.window.start), "of_end": to_text(fact.window.end)}
    about = ("lists", fact.device_id)
    yield Step.CLEAR_LISTED_BY, about, {"of_device": fact.device_id, **window}
    for source, names in (
        (ListingSource.DEVICE_LIST, fact.only_device_list),
        (ListingSource.SERVER_LIST, fact.only_server_list),
    ):
        for name in names:
            row = {"of_device": fact.device_id, "of_name": name, "source": source.value}
            yield Step.SET_LISTED_BY, about, row


def reached(fact: Reached) -> Iterator[Placed]:
    """How far a list is seen."""
    reach = fact.reach
    row = {
        "device_id": fact.device_id,
        "source": fact.source.value,
        "until": to_text(reach.until),
        "newest": to_text(reach.newest),
        "newest_at": to_text(reach.newest_at),
        "served_at": None if reach.served_at is None else to_text(reach.served_at),
        "refusals": reach.refusals,
    }
    yield Step.UPSERT_REACH, ("reach", fact.device_id, fact.source), row


def window_settled(fact: WindowSettled) -> Iterator[Placed]:
    """A window of a backfill that is done."""
    row = {
        "of_backfill": fact.backfill,
        "of_device": fact.device_id,
        "of_start": to_text(fact.window.start),
        "of_end": to_text(fact.window.end),
    }
    yield Step.SETTLE_LISTINGS, ("backfill", fact.backfill), row
