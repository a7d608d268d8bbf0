"""Every reason, told so that a fleet manager understands it."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osfsync.domain.dialogue import NOTHING_KNOWN, Dialogue, OrderState, Refusal
from osfsync.domain.forecast import Awaited, recorded_second
from osfsync.domain.model import ListingSource, OrderMode, StorageStatus
from osfsync.domain.planner import Reason
from osfsync.domain.policy import Policy
from osfsync.domain.rows import FileRow
from osfsync.reports.asking import asked
from osfsync.reports.case import Standpoint
from tests.reports.reports_samples import (
    NOW,
    STANDPOINT,
    ago,
    case,
    event,
    failure,
    held,
    missing,
    order,
    ordered,
    row,
    talk,
)

NEVER = replace(STANDPOINT, policy=Policy(mode=OrderMode.NEVER))
HOURLY = [event("PING", ago(hours=hours - 0.5)) for hours in range(40, 0, -1)]
RETURNED = [event("RETURN_FILE", ago(hours=hours), f"{hours}.osf") for hours in range(40, 30, -1)]


@pytest.mark.parametrize(
    ("known", "reason", "words_of_explanation", "words_of_next"),
    [
        (row(StorageStatus.SERVER_ONLY), Reason.ON_SERVER, "server", "next sync"),
        (row(StorageStatus.REQUESTED), Reason.DELIVERING, "requested", "next connects"),
        (row(StorageStatus.DEVICE_ONLY), Reason.LISTED_NOT_ORDERED, "only on the device", "asks the device"),
        (
            row(StorageStatus.DEVICE_ONLY, orders=1, ordered_at=ago(hours=1)),
            Reason.ORDERED,
            "once, on 2026-03-01 11:00 UTC",
            "2026-03-03 11:00 UTC",
        ),
        (
            row(StorageStatus.DEVICE_ONLY, orders=5, ordered_at=ago(days=31)),
            Reason.ORDERED,
            "5 times, last on",
            "Look at the device",
        ),
        (
            row(StorageStatus.DEVICE_ONLY, orders=2, ordered_at=ago(days=9)),
            Reason.ORDERED,
            "2 times, last on",
            "The next sync asks for it again, as attempt 3 of 5",
        ),
        (row(StorageStatus.BOTH, tries=1, failure=failure()), Reason.RETRYING, "One try failed", "next sync"),
        (
            row(StorageStatus.BOTH, tries=5, failure=failure(slug="not-found")),
            Reason.FAILED,
            "5 tries failed",
            "until 2026-03-08 11:00 UTC",
        ),
        (
            row(StorageStatus.BOTH, tries=1, failure=failure("gzip-end", "damaged")),
            Reason.QUARANTINED,
            "gzip-end",
            "next sync",
        ),
        (
            row(StorageStatus.BOTH, tries=5, failure=failure("gzip-end", "damaged")),
            Reason.QUARANTINED,
            "gzip-end",
            "until 2026-03-08 11:00 UTC",
        ),
        (
            row(StorageStatus.BOTH, tries=2, failure=failure(slug="no-permission")),
            Reason.NO_PERMISSION,
            "The platform refused the download. What happened.",
            "administrator",
        ),
        (row(StorageStatus.BOTH, "tmp/a.osf"), Reason.FILTERED, "'tmp/*'", "[select]"),
        (
            row(StorageStatus.DEVICE_ONLY, lost_at=ago(hours=2), last_seen=ago(hours=26)),
            Reason.LOST,
            "last seen on 2026-02-28 10:00 UTC, gone on 2026-03-01 10:00 UTC",
            "until 2026-04-30 10:00 UTC",
        ),
    ],
)
def test_each_reason_is_explained(
    known: FileRow, reason: Reason, words_of_explanation: str, words_of_next: str
) -> None:
    model = missing(known)
    assert model.reason == reason.value
    assert words_of_explanation in model.explanation
    assert words_of_next in model.next_action
    assert model.since == ago(days=3)


def test_orders_that_are_switched_off_are_told() -> None:
    model = missing(row(StorageStatus.DEVICE_ONLY), standpoint=NEVER)
    assert model.reason == "listed-not-ordered"
    assert "switched off" in model.next_action


def test_an_older_version_that_is_held_is_missing_its_newer_one() -> None:
    model = missing(row(StorageStatus.BOTH, held=held(5)))
    assert model.reason == "on-server"
    assert model.explanation.endswith("An older version of it is held.")


def test_an_ordered_file_waits_for_the_device_to_connect() -> None:
    model = missing(ordered(), talk(event("PING", ago(hours=30))))
    assert model.reason == "ordered"
    assert model.explanation == (
        "The device was asked for it once, on 2026-02-28 12:00 UTC. The command runs when the device next "
        "connects. Its last contact was on 2026-02-28 06:00 UTC. No estimate of when: fewer than 5 contacts "
        "were seen."
    )
    assert model.next_action == (
        "Asked for again after the device has connected and 2 d have passed, if it has not come by then."
    )
    assert (model.ordered_at, model.last_contact) == (ago(days=1), ago(hours=30))


def test_the_last_attempt_is_told() -> None:
    model = missing(ordered(5), talk())
    assert model.next_action.startswith("Given up after the device has connected and 30 d have passed")
    assert "No contact of it was ever seen." in model.explanation


def test_a_contact_that_only_the_state_remembers_is_told() -> None:
    model = missing(ordered(), talk(), last_contact=ago(days=200))
    assert "Its last contact was on 2025-08-13 12:00 UTC." in model.explanation
    assert model.last_contact == ago(days=200)


def test_why_contacts_cannot_be_seen_is_told() -> None:
    model = missing(ordered(), talk(mute="The account may not have the communication log (403)."))
    assert model.reason == "ordered"
    assert (
        "Whether it has connected since can't be seen, because its communication log can't be read: The "
        "account may not have the communication log (403)." in model.explanation
    )
    assert model.next_action == "Asked for again after 2026-03-02 12:00 UTC, if it has not come by then."
    assert "Its log was not read yet." in missing(ordered(), talk(heard_until=None)).explanation


def test_orders_switched_off_later_are_told() -> None:
    model = missing(ordered(), talk(), NEVER)
    assert model.next_action == (
        "It may still come. It is not asked for again: orders are switched off (orders.mode)."
    )


def test_a_command_of_which_nobody_knows_is_told() -> None:
    model = missing(ordered(), talk(orders=(order(state=OrderState.DOUBTFUL),)))
    assert "Whether the platform took the command is not known." in model.explanation


def test_a_silent_device_is_to_be_looked_at() -> None:
    known = row(StorageStatus.DEVICE_ONLY, orders=1, order=7, ordered_at=ago(days=3))
    model = missing(known, talk(event("PING", ago(days=4)), orders=(order(sent_at=ago(days=3)),)))
    assert model.reason == "device-silent"
    assert model.explanation == (
        "The device was asked for it once, on 2026-02-26 12:00 UTC. The device has not contacted the "
        "platform since. Its last contact was on 2026-02-25 12:00 UTC: it was silent for 4 d when its log "
        "was last read, on 2026-03-01 12:00 UTC. The command still waits on the platform and need not be "
        "repeated. No estimate of when: fewer than 5 contacts were seen."
    )
    assert model.next_action == (
        "Look at the device (power, SIM card, network). The command runs when it connects."
    )
    never = missing(known, talk(orders=(order(sent_at=ago(days=3)),)))
    assert "No contact of it was ever seen." in never.explanation


def test_a_device_that_was_in_contact_and_did_not_deliver() -> None:
    contacts = [event("PING", ago(hours=hours)) for hours in (20, 10, 2)]
    model = missing(ordered(), talk(*contacts, event("RETURN_LIST", ago(hours=20), "3 files")))
    assert model.reason == "ordered-not-delivered"
    assert model.explanation == (
        "The device was asked for it once, on 2026-02-28 12:00 UTC. It was in contact 3 times since, first "
        "on 2026-02-28 16:00 UTC, last on 2026-03-01 10:00 UTC. It executed the command and answered with "
        "its list on 2026-02-28 16:00 UTC, and the file still lies only on the device. Its last answer was "
        "RETURN_LIST on 2026-02-28 16:00 UTC (message: 3 files)."
    )
    assert model.next_action == "Asked for again after 2026-03-02 16:00 UTC, if it has not come by then."


def test_commands_without_effect_are_doubted() -> None:
    """Two executed commands covered the recording; the platform may need another kind of command."""
    orders = (order(6, ago(days=9)), order(7, ago(days=8)))
    answers = [event("RETURN_LIST", at) for at in (ago(days=8.5), ago(days=7))]
    files = [event("RETURN_FILE", ago(days=6), f"{number}.osf") for number in range(2)]
    known = row(StorageStatus.DEVICE_ONLY, orders=2, order=7, ordered_at=ago(days=8))
    model = missing(known, talk(*answers, *files, orders=orders))
    assert model.reason == "ordered-not-delivered"
    assert (
        "The device executed the command 2 times and the storage status stays 0: the platform may need a "
        "different command than request-list." in model.explanation
    )
    assert "Since then it delivered 2 files." in model.explanation
    assert model.next_action == "The next sync asks for it again, as attempt 3 of 5 (orders.attempts)."


def test_a_file_that_was_given_up_says_how_to_ask_anew() -> None:
    known = row(StorageStatus.DEVICE_ONLY, orders=5, order=7, ordered_at=ago(days=40))
    dialogue = talk(event("RETURN_LIST", ago(days=39)), orders=(order(sent_at=ago(days=40)),))
    model = missing(known, dialogue)
    assert model.reason == "ordered-not-delivered"
    assert model.next_action == (
        "None: it was asked for 5 times and given up (orders.attempts). Look at the device. "
        "`osfsync orders cancel --device NAME` lets it be asked for anew."
    )


def test_a_contact_without_a_list_has_let_the_command_run() -> None:
    model = missing(ordered(), talk(event("PING", ago(hours=20))))
    assert model.reason == "ordered-not-delivered"
    assert "It was in contact once since, on 2026-02-28 16:00 UTC." in model.explanation
    assert (
        "The command must have run by 2026-02-28 16:00 UTC, though no list for it was seen"
        in model.explanation
    )


def test_commands_that_wait_before_are_counted() -> None:
    dialogue = talk(event("PING", ago(hours=20)), orders=(order(ahead=3),))
    model = missing(ordered(), dialogue)
    assert model.reason == "ordered-not-delivered"
    assert "2 other commands of ours must run before this one; each contact runs one." in model.explanation
    assert model.next_action == "It comes by itself when the device has connected often enough."
    turn = missing(ordered(), talk(event("PING", ago(hours=20)), orders=(order(ahead=1),)))
    assert "The command runs at the next contact." in turn.explanation


def test_when_a_file_comes_is_told_with_its_bound() -> None:
    dialogue = talk(*HOURLY, *RETURNED, orders=(order(sent_at=ago(minutes=20)),))
    known = row(StorageStatus.DEVICE_ONLY, orders=1, order=7, ordered_at=ago(minutes=20))
    awaited = Awaited((), {7: [recorded_second(known.record)]})
    model = missing(known, dialogue, awaited=awaited)
    assert model.expected is not None
    assert model.expected_by is not None
    assert NOW <= model.expected <= model.expected_by
    assert (
        f"Expected around {model.expected:%Y-%m-%d %H:%M} UTC, in nine of ten cases by "
        f"{model.expected_by:%Y-%m-%d %H:%M} UTC." in model.explanation
    )


@pytest.mark.parametrize(
    ("later", "told"),
    [
        (timedelta(hours=30), "By the device's habits it was delivered meanwhile."),
        (timedelta(hours=2, minutes=30), "Expected any moment, in nine of ten cases by "),
    ],
)
def test_an_estimate_that_is_over_is_not_repeated(later: timedelta, told: str) -> None:
    """The log was read a while ago; nobody looked since."""
    pauses = [event("PING", ago(minutes=minutes)) for minutes in (700, 600, 500, 380, 230, 120, 0)]
    dialogue = talk(*pauses, *(event("RETURN_FILE", ago(minutes=minutes)) for minutes in (700, 600, 500)))
    model = missing(row(StorageStatus.REQUESTED), dialogue, replace(STANDPOINT, now=NOW + later))
    assert told in model.explanation
    assert model.expected == NOW + later


@pytest.mark.parametrize(
    ("dialogue", "why"),
    [
        (NOTHING_KNOWN, "fewer than 5 contacts were seen"),
        (talk(*HOURLY, mute="403."), "the device's contacts can't be seen"),
        (talk(*HOURLY), "the device was never seen to deliver a file"),
        (talk(*RETURNED), "the device is silent for longer than it ever was"),
    ],
)
def test_why_there_is_no_estimate_is_told(dialogue: Dialogue, why: str) -> None:
    model = missing(row(StorageStatus.REQUESTED), dialogue)
    assert f"No estimate of when: {why}." in model.explanation
    assert (model.expected, model.expected_by) == (None, None)


def test_a_requested_file_says_since_when() -> None:
    model = missing(row(StorageStatus.REQUESTED), talk(*HOURLY), requested_at=ago(days=1))
    assert model.reason == "delivering"
    assert (
        "The platform has requested the file from the device (storage status 1) since 2026-02-28 12:00 UTC. "
        "Deliveries come over several contacts. Its last contact was on 2026-03-01 11:30 UTC."
        in model.explanation
    )


def test_a_refused_command_is_told() -> None:
    refusal = Refusal("refused", "The platform answered 400 to the command.", ago(hours=5))
    model = missing(row(StorageStatus.DEVICE_ONLY), replace(NOTHING_KNOWN, refusal=refusal))
    assert model.reason == "listed-not-ordered"
    assert (
        "The platform refused the last command to the device, on 2026-03-01 07:00 UTC: The platform answered "
        "400 to the command." in model.explanation
    )
    assert model.next_action == "The next sync asks the device for it."


def test_commands_that_may_not_be_sent_are_told() -> None:
    refusal = Refusal("no-permission", "The account may not have the command (403).", ago(hours=5))
    model = missing(row(StorageStatus.DEVICE_ONLY), replace(NOTHING_KNOWN, refusal=refusal))
    assert model.reason == "no-permission"
    assert model.explanation == (
        "The file lies only on the device, and the platform refuses commands to it. It said on 2026-03-01 "
        "07:00 UTC: The account may not have the command (403)."
    )
    assert "administrator" in model.next_action


def test_a_full_queue_is_told() -> None:
    dialogue = talk(orders=tuple(order(number) for number in range(1, 5)))
    for known in (
        row(StorageStatus.DEVICE_ONLY),
        row(StorageStatus.DEVICE_ONLY, orders=1, ordered_at=ago(days=9)),
    ):
        assert missing(known, dialogue).next_action == (
            "Asked for when fewer than 4 commands wait for the device (orders.max_queued): 4 wait, and each "
            "contact runs one."
        )


def test_how_long_a_device_keeps_files_is_told_of_lost_ones() -> None:
    lost = row(StorageStatus.DEVICE_ONLY, lost_at=ago(hours=2), last_seen=ago(hours=26))
    model = missing(lost, talk(horizon=timedelta(days=12)))
    assert "the device drops files about 12 d after recording" in model.explanation
    assert model.loss_due is None


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (ListingSource.DEVICE_LIST, "Only the device's list knows the file; the server's own list does not."),
        (ListingSource.SERVER_LIST, "Only the server's own list knows the file; the device's list does not."),
    ],
)
def test_a_file_of_one_list_only_says_so(source: ListingSource, told: str) -> None:
    assert missing(row(StorageStatus.BOTH, listed_by=source)).explanation == (
        f"The file lies on the server. {told}"
    )


def test_a_file_that_is_about_to_be_dropped_is_warned_of() -> None:
    """It was recorded three days ago."""
    near, over, far = (talk(horizon=timedelta(days=days)) for days in (4, 2, 30))
    model = missing(ordered(), near)
    assert model.explanation.endswith(
        "The device is about to drop the file, around 2026-03-02 12:10 UTC, by what it lost before."
    )
    assert model.loss_due == ago(days=-1, minutes=-10)
    assert "may drop the file at any moment" in missing(ordered(), over).explanation
    assert "drop" not in missing(ordered(), far).explanation
    assert missing(ordered(), far).loss_due is not None
    assert "drop" not in missing(row(StorageStatus.BOTH), near).explanation
    assert "drop" not in missing(row(StorageStatus.DEVICE_ONLY, "tmp/a.osf"), near).explanation


def test_what_was_never_ordered_is_told_so_however_it_is_asked() -> None:
    """The planner's table and these words are two; a file that the one misses, the other still tells."""
    never = case(row(StorageStatus.DEVICE_ONLY))
    assert "was not asked for" in asked(never).explanation
    refusal = Refusal("no-permission", "It may not (403).", NOW)
    refused = case(row(StorageStatus.DEVICE_ONLY), replace(NOTHING_KNOWN, refusal=refusal))
    assert "refuses commands" in asked(refused).explanation


moments = st.integers(-2_000, 2_000).map(lambda hours: ago(hours=hours))
maybe = st.none() | moments
events = st.builds(
    event,
    st.sampled_from(["PING", "RETURN_LIST", "RETURN_FILE", "RETURN_ERROR"]),
    moments,
    st.just("3 files"),
)
orders = st.lists(
    st.builds(
        lambda sent_at, ahead, state: order(7, sent_at, ahead=ahead, state=state),
        moments,
        st.integers(0, 3),
        st.sampled_from([OrderState.SENT, OrderState.DOUBTFUL, OrderState.REFUSED]),
    ),
    max_size=1,
).map(tuple)
talks = st.builds(
    talk,
    events,
    events,
    orders=orders,
    heard_until=maybe,
    mute=st.sampled_from(["", "It may not (403)."]),
    refusal=st.none()
    | st.builds(Refusal, st.sampled_from(["no-permission", "busy"]), st.just("No."), moments),
    horizon=st.none() | st.just(timedelta(days=9)),
)
records = st.builds(
    lambda status, number, at, lost, tries, listed_by: row(
        status,
        orders=number,
        order=7 if number else None,
        ordered_at=at if number else None,
        lost_at=lost,
        last_seen=lost,
        tries=tries,
        failure=failure(slug="not-found") if tries else None,
        listed_by=listed_by,
    ),
    st.sampled_from(StorageStatus),
    st.integers(0, 6),
    moments,
    maybe,
    st.integers(0, 6),
    st.none() | st.sampled_from(ListingSource),
)


@given(records, talks, st.sampled_from([STANDPOINT, NEVER]), maybe)
def test_whatever_is_known_sentences_are_whole(
    known: FileRow, dialogue: Dialogue, standpoint: Standpoint, last_contact: datetime | None
) -> None:
    model = missing(known, dialogue, standpoint, last_contact=last_contact)
    for text in (model.explanation, model.next_action):
        assert text.endswith(".")
        assert not text.startswith(" ")
        for slip in ("  ", "..", " .", "on never", "after never", "by never", "-1 ", " 0 times", "None on"):
            assert slip not in text
