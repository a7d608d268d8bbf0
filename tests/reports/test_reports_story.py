"""A file's whole story, in order of time."""

from dataclasses import replace
from datetime import datetime

import pytest

from osfsync.domain.dialogue import NOTHING_KNOWN, Dialogue, OrderState
from osfsync.domain.model import StorageStatus, Verification
from osfsync.domain.rows import AttemptRow, FileRow, StatusRow
from osfsync.reports.models import SCHEMA, StoriesModel, StoryModel
from osfsync.reports.renderers.story import text
from osfsync.reports.story import History, story_model
from tests.reports.reports_samples import (
    TRUCK,
    ago,
    case,
    event,
    failure,
    held,
    order,
    ordered,
    row,
    talk,
)

NOTHING = History()


def story(
    known: FileRow,
    history: History = NOTHING,
    dialogue: Dialogue = NOTHING_KNOWN,
) -> StoryModel:
    return story_model(known, history, case(known, dialogue))


def told(model: StoryModel) -> list[str]:
    return [event.what for event in model.events]


def change(at: datetime, was: StorageStatus, became: StorageStatus) -> StatusRow:
    return StatusRow(at, was, became)


def test_the_story_of_a_file_that_came() -> None:
    known = row(StorageStatus.BOTH, orders=1, order=7, ordered_at=ago(days=1), held=held())
    events = [
        event("PING", ago(hours=20)),
        event("RETURN_LIST", ago(hours=20), "3 files"),
        event("PING", ago(hours=10)),
        event("RETURN_FILE", ago(hours=10), "b.osf"),
        event("PING", ago(hours=8)),
        event("RETURN_FILE", ago(hours=8), "a.osf"),
        event("PING", ago(hours=-3)),
    ]
    history = History(
        statuses=[
            change(ago(hours=16), StorageStatus.DEVICE_ONLY, StorageStatus.REQUESTED),
            change(ago(hours=2), StorageStatus.REQUESTED, StorageStatus.BOTH),
        ],
        orders=[order()],
        events=events,
        attempts=[
            AttemptRow("r", replace(failure("gzip-end", "damaged"), at=ago(hours=1))),
            AttemptRow("r", replace(failure(), at=ago(hours=1.5))),
        ],
    )
    model = story(known, history, talk(*events))
    assert told(model) == [
        "First seen: only on the device (storage status 0).",
        (
            "Order 7 was sent to the device: files recorded 2026-01-30 12:00 – 2026-03-01 12:00 UTC, tag "
            "preview. The platform took it."
        ),
        "First contact of the device after order 7.",
        "The device executed order 7 and returned its list.",
        "The list shows it as requested from the device (storage status 1).",
        (
            "After order 7 the device was in contact 3 times, the first time on 2026-02-28 16:00 UTC; this "
            "was the last."
        ),
        "The device delivered the file (RETURN_FILE, message: a.osf).",
        "The list shows it as on device and server (storage status 3).",
        "A download failed: What happened.",
        "It arrived damaged (check gzip-end): What happened.",
        f"Held: 10 bytes at Truck 1/a.osf, SHA-256 {'ab' * 32}, checked: whole to the last byte.",
    ]
    moments = [event.at for event in model.events]
    assert moments == sorted(moments)
    assert (model.state, model.reason, model.next_action) == ("held", None, None)
    assert model.explanation == "Held at Truck 1/a.osf in the archive."


def test_the_story_of_a_missing_file_ends_with_its_reason() -> None:
    model = story(ordered(), History(orders=[order()]), talk())
    assert (model.state, model.reason) == ("missing", "ordered")
    assert "The command runs when the device next connects." in model.explanation
    assert model.next_action is not None
    assert model.next_action.startswith("Asked for again after")
    assert told(model) == [
        "First seen: only on the device (storage status 0).",
        told(model)[1],
    ]


@pytest.mark.parametrize(
    ("state", "answer"),
    [
        (OrderState.DOUBTFUL, "Its answer was never heard; it counts as taken."),
        (OrderState.SENDING, "It is being sent, or the run was killed while it was."),
        (OrderState.REFUSED, "The platform refused it: It may not (403)."),
    ],
)
def test_what_the_platform_said_to_an_order(state: OrderState, answer: str) -> None:
    asked = order(state=state, answer="no-permission: It may not (403).")
    history = History(orders=[asked])
    model = story(row(StorageStatus.DEVICE_ONLY), history, talk(orders=(asked,)))
    assert told(model)[-1].endswith(answer)


def test_how_orders_ended() -> None:
    orders = (
        order(7, ago(days=2), given_up_at=ago(days=1), given_up_why="It was in vain."),
        order(8, ago(hours=20), cancelled_at=ago(hours=3)),
    )
    model = story(row(StorageStatus.DEVICE_ONLY), History(orders=orders))
    assert told(model)[2] == "Order 7 was given up. It was in vain."
    assert told(model)[-1] == "Order 8 was cancelled: forgotten at your wish."


def test_what_the_log_showed_since_the_last_run_is_told() -> None:
    """The ledger learns of a contact with the next run; the log may be ahead of it."""
    history = History(orders=[order()])
    model = story(ordered(), history, talk(event("PING", ago(hours=2))))
    assert told(model)[-1] == "First contact of the device after order 7."
    known = order(contacted_at=ago(hours=3), answered_at=ago(hours=3))
    forgotten = story(ordered(), History(orders=[known]), NOTHING_KNOWN)
    assert told(forgotten)[-2:] == [
        "First contact of the device after order 7.",
        "The device executed order 7 and returned its list.",
    ]


@pytest.mark.parametrize(
    ("name", "message", "names"),
    [
        ("20260101/a.osf", "20260101/a.osf", True),
        ("20260101/a.osf", "stored /data/20260101/a.osf.", True),
        ("20260101/a.osf", '["x", "20260101/a.osf"]', True),
        ("20260101/a.osf", "a.osf", True),
        ("20260101/a.osf", "20260102/a.osf", False),
        ("a.osf", "aa.osf", False),
        ("a.osf", "a.osfz", False),
        ("a+(.osf", "a+(.osf", True),
    ],
)
def test_which_events_name_a_file(name: str, message: str, names: bool) -> None:
    history = History(events=[event("ATTN", ago(hours=2), message), event("PING", ago(hours=1))])
    model = story(row(StorageStatus.DEVICE_ONLY, name), history)
    assert told(model)[1:] == ([f"The log names the file (ATTN, message: {message})."] if names else [])


def test_a_lost_file_says_when_it_was_seen_last() -> None:
    lost = row(StorageStatus.DEVICE_ONLY, lost_at=ago(hours=1), last_seen=ago(days=1))
    model = story(lost)
    assert told(model)[-1] == (
        "Lost: the device's list names it no more; it last did on 2026-02-28 12:00 UTC."
    )
    assert model.reason == "lost"


def test_an_older_version_is_held_and_the_newer_one_missing() -> None:
    model = story(row(StorageStatus.BOTH, held=held(5, Verification.TAIL_CUT)))
    assert (model.state, model.reason) == ("held", "on-server")
    assert "the device lost power" in told(model)[-1]


def stories(*models: StoryModel, more: int = 0) -> str:
    return text(StoriesModel(SCHEMA, models, more))


def test_a_story_reads_like_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "90")
    known = ordered()
    lines = stories(story(known, History(orders=[order()]), talk())).splitlines()
    assert lines[0] == "a.osf of Truck 1 (recorded from 2026-02-26 12:00 UTC to 2026-02-26 12:10 UTC, 10 B)"
    assert lines[1] == "  2026-02-26 12:00 UTC  First seen: only on the device (storage status 0)."
    assert lines[2].startswith("  2026-02-28 12:00 UTC  Order 7 was sent to the device: ")
    assert any(line.startswith("Now: ordered. The device was asked for it once, on ") for line in lines)
    assert any(line.startswith("Next: Asked for again after ") for line in lines)
    assert all(len(line) <= 90 for line in lines)


def test_a_held_file_has_no_next() -> None:
    shown = stories(story(row(StorageStatus.BOTH, held=held())))
    assert shown.splitlines()[-1] == "Now: held at Truck 1/a.osf in the archive."
    assert "Next:" not in shown


def test_several_files_of_one_name_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    first = story(row(StorageStatus.BOTH))
    bare = replace(first, name="b.osf", recorded_from=None, recorded_to=None, size=None)
    ended = replace(bare, recorded_to=ago(days=1))
    shown = stories(first, bare, ended, more=3)
    assert "\n\nb.osf of Truck 1\n" in shown
    assert "\n\nb.osf of Truck 1 (recorded until 2026-02-28 12:00 UTC)\n" in shown
    assert shown.endswith("\n\nAt least 3 more files go by this name; give the whole name, or --device.\n")


def test_a_story_cannot_move_the_cursor() -> None:
    hostile = row(StorageStatus.DEVICE_ONLY, "\x1b[31ma.osf")
    history = History(
        orders=[order(given_up_at=ago(hours=1), given_up_why="\x1b[2J")],
        events=[event("ATTN\x07", ago(hours=2), "\x1b[31ma.osf")],
    )
    shown = stories(story(FileRow(replace(TRUCK, name="Tru\x1bck"), hostile.record), history))
    assert all(char.isprintable() or char == "\n" for char in shown)
