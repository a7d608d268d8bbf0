from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.backtest import KINDS, Scores, backtest, simulate
from osfsync.domain.estimate import (
    FEWEST,
    HISTORY,
    ONE_CONTACT,
    Estimate,
    Queue,
    as_contacts,
    delivery,
    next_contact,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
ALONE = Queue(commands=0, files_ahead=0, files=1)

pauses = st.lists(st.timedeltas(timedelta(minutes=6), timedelta(days=40)), max_size=30)
silences = st.timedeltas(timedelta(0), timedelta(days=50))
queues = st.builds(
    lambda commands, ahead, behind: Queue(commands, ahead, ahead + 1 + behind),
    st.integers(0, 10),
    st.integers(0, 300),
    st.integers(0, 300),
)


def every(pause: timedelta, times: int, *, silence: timedelta = timedelta(0)) -> list[datetime]:
    """So many contacts in a steady rhythm, the last one `silence` ago."""
    return [NOW - silence - back * pause for back in range(times - 1, -1, -1)]


def after(gaps: Sequence[timedelta], silence: timedelta) -> list[datetime]:
    """Contacts with these pauses between them, the last one `silence` ago."""
    first = NOW - silence - sum(gaps, timedelta(0))
    return [first + sum(gaps[:count], timedelta(0)) for count in range(len(gaps) + 1)]


def delivered(contacts: Sequence[datetime], counts: Sequence[int]) -> list[datetime]:
    """Files delivered in the last contacts, a second apart; `counts` tells how many in each."""
    latest = contacts[len(contacts) - len(counts) :]
    return [
        contact + file * timedelta(seconds=1)
        for contact, files in zip(latest, counts, strict=True)
        for file in range(files)
    ]


def test_what_a_connected_device_says_within_minutes_is_one_contact() -> None:
    later = NOW + 4 * HOUR
    said = [later + timedelta(seconds=90), NOW, later, NOW + timedelta(seconds=1), NOW + ONE_CONTACT]
    assert as_contacts(said) == [NOW, later]


def test_a_device_that_is_always_connected_still_has_contacts() -> None:
    assert len(as_contacts(NOW + minute * timedelta(minutes=1) for minute in range(60))) == 10


@given(st.lists(st.timedeltas(timedelta(0), timedelta(days=1))))
def test_contacts_ascend_and_are_apart(moments: list[timedelta]) -> None:
    contacts = as_contacts(NOW + moment for moment in moments)
    assert all(later - earlier > ONE_CONTACT for earlier, later in pairwise(contacts))
    assert as_contacts(contacts) == contacts


def test_a_steady_rhythm_goes_on() -> None:
    contacts = every(4 * HOUR, 20, silence=HOUR)
    assert next_contact(contacts, NOW) == Estimate(NOW + 3 * HOUR, NOW + 3 * HOUR)


def test_only_pauses_longer_than_the_silence_count() -> None:
    contacts = after([HOUR, HOUR, HOUR, 24 * HOUR] * 20, silence=2 * HOUR)
    assert next_contact(contacts, NOW) == Estimate(NOW + 22 * HOUR, NOW + 22 * HOUR)


def test_a_rare_outage_is_beyond_the_bound_and_a_frequent_one_within() -> None:
    rare = next_contact(after([4 * HOUR] * 19 + [48 * HOUR], silence=HOUR), NOW)
    frequent = next_contact(after(([4 * HOUR] * 4 + [48 * HOUR]) * 4, silence=HOUR), NOW)
    assert rare == Estimate(NOW + 3 * HOUR, NOW + 3 * HOUR)
    assert frequent == Estimate(NOW + 3 * HOUR, NOW + 47 * HOUR)


def test_few_contacts_promise_less_than_they_saw() -> None:
    estimate = next_contact(every(4 * HOUR, FEWEST), NOW)
    assert estimate is not None
    assert estimate.median == NOW + 4 * HOUR
    assert NOW + 8 * HOUR < estimate.bound < NOW + 16 * HOUR


def test_a_device_silent_for_longer_than_ever_has_no_estimate() -> None:
    contacts = every(4 * HOUR, 50, silence=5 * HOUR)
    assert next_contact(contacts, NOW) is None
    assert delivery(contacts, delivered(contacts, [3]), ALONE, NOW) is None


def test_old_habits_are_forgotten() -> None:
    contacts = after([100 * HOUR] * 100 + [HOUR] * (HISTORY - 1), silence=timedelta(0))
    assert next_contact(contacts, NOW) == Estimate(NOW + HOUR, NOW + HOUR)


def test_centuries_are_no_estimate() -> None:
    contacts = every(24 * HOUR, 30)
    assert delivery(contacts, delivered(contacts, [1]), Queue(0, 10**7, 10**8), NOW) is None
    assert next_contact(every(timedelta(days=4000), 20), NOW) is None


def test_without_any_delivery_there_is_no_estimate() -> None:
    contacts = every(4 * HOUR, 30)
    assert delivery(contacts, [], ALONE, NOW) is None
    assert delivery(contacts, [contacts[0] - HOUR], ALONE, NOW) is None


def test_a_delivery_in_the_first_known_contact_counts() -> None:
    contacts = every(4 * HOUR, 30)
    assert delivery(contacts, [contacts[0]], ALONE, NOW) == Estimate(NOW + 4 * HOUR, NOW + 4 * HOUR)


def test_a_requested_file_comes_with_the_next_contact() -> None:
    contacts = every(4 * HOUR, 50, silence=HOUR)
    estimate = delivery(contacts, delivered(contacts, [3, 3, 2, 0]), ALONE, NOW)
    assert estimate == Estimate(NOW + 3 * HOUR, NOW + 3 * HOUR)


@pytest.mark.parametrize(("ahead", "contact"), [(0, 1), (2, 1), (3, 2), (5, 2), (6, 3), (60, 21)])
def test_files_ahead_take_their_contacts(ahead: int, contact: int) -> None:
    contacts = every(4 * HOUR, 100)
    past = delivered(contacts, [3] * 20)
    estimate = delivery(contacts, past, Queue(0, ahead, ahead + 1), NOW)
    assert estimate == Estimate(NOW + contact * 4 * HOUR, NOW + contact * 4 * HOUR)


def test_a_file_comes_with_its_own_command_at_the_earliest() -> None:
    contacts = every(4 * HOUR, 100)
    past = delivered(contacts, [3] * 20)
    assert delivery(contacts, past, Queue(1, 0, 1), NOW) == delivery(contacts, past, Queue(0, 0, 1), NOW)
    third = NOW + 12 * HOUR
    assert delivery(contacts, past, Queue(3, 0, 1), NOW) == Estimate(third, third)


def test_older_files_may_or_may_not_be_delivered_while_commands_run() -> None:
    contacts = every(4 * HOUR, 100)
    past = delivered(contacts, [3] * 20)
    assert delivery(contacts, past, Queue(3, 8, 9), NOW) == Estimate(NOW + 12 * HOUR, NOW + 20 * HOUR)


def test_a_contact_that_emptied_the_queue_shows_no_limit() -> None:
    contacts = every(4 * HOUR, 100)
    nights = delivered(contacts, [6, 0, 0, 2, 0, 0, 1, 0])
    assert delivery(contacts, nights, Queue(0, 5, 6), NOW) == delivery(contacts, nights, ALONE, NOW)
    limited = delivered(contacts, [2, 2, 2, 0, 0, 2, 2, 2, 0])
    assert delivery(contacts, limited, Queue(0, 5, 6), NOW) == Estimate(NOW + 12 * HOUR, NOW + 12 * HOUR)


def test_the_bound_counts_on_contacts_that_deliver_little() -> None:
    contacts = every(4 * HOUR, 100)
    past = delivered(contacts, [4, 4, 1, 4, 4] * 6)
    assert delivery(contacts, past, Queue(0, 3, 4), NOW) == Estimate(NOW + 4 * HOUR, NOW + 16 * HOUR)


def test_files_belong_to_the_contact_that_they_follow_or_barely_precede() -> None:
    contacts = every(4 * HOUR, 100)
    long_transfer = [contacts[-3] + minutes * timedelta(minutes=1) for minutes in (-1, 20, 40, 60)]
    estimate = delivery(contacts, long_transfer, Queue(0, 3, 4), NOW)
    assert estimate == Estimate(NOW + 4 * HOUR, NOW + 4 * HOUR)


def test_the_bound_holds_in_any_order_of_delivery() -> None:
    contacts = every(4 * HOUR, 100)
    estimate = delivery(contacts, delivered(contacts, [3] * 20), Queue(0, 0, 30), NOW)
    assert estimate == Estimate(NOW + 4 * HOUR, NOW + 40 * HOUR)


def test_outages_that_come_together_are_kept_together() -> None:
    apart = after(([HOUR] * 3 + [10 * HOUR]) * 12, silence=timedelta(0))
    together = after(([HOUR] * 18 + [10 * HOUR] * 6) * 2, silence=timedelta(0))
    fourth = Queue(4, 0, 1)
    one, other = (delivery(past, delivered(past, [1]), fourth, NOW) for past in (apart, together))
    assert one is not None
    assert other is not None
    assert one.bound - NOW < 24 * HOUR < 30 * HOUR < other.bound - NOW


@given(st.lists(silences, max_size=FEWEST - 1), queues)
def test_fewer_than_five_contacts_are_no_past(moments: list[timedelta], queue: Queue) -> None:
    contacts = as_contacts(NOW - moment for moment in moments)
    assert next_contact(contacts, NOW) is None
    assert delivery(contacts, contacts, queue, NOW) is None


@given(pauses, silences, st.lists(st.integers(0, 20), min_size=1, max_size=30), queues)
def test_an_estimate_lies_ahead_and_its_bound_behind_its_median(
    gaps: list[timedelta], silence: timedelta, counts: list[int], queue: Queue
) -> None:
    contacts = after(gaps, silence)
    counts = counts[-len(contacts) :]
    contact = next_contact(contacts, NOW)
    file = delivery(contacts, delivered(contacts, counts), queue, NOW)
    for estimate in (contact, file):
        assert estimate is None or NOW <= estimate.median <= estimate.bound
    if contact is not None and file is not None:
        assert contact.median <= file.median
        assert contact.bound <= file.bound


@given(
    pauses.filter(lambda gaps: len(gaps) >= FEWEST),
    st.lists(st.integers(0, 20), min_size=1, max_size=30),
    queues,
    st.integers(0, 5),
    st.integers(0, 50),
    st.integers(0, 50),
)
def test_a_longer_queue_never_delivers_earlier(
    gaps: list[timedelta], counts: list[int], queue: Queue, commands: int, ahead: int, behind: int
) -> None:
    contacts = after(gaps, timedelta(0))
    past = delivered(contacts, counts[-len(contacts) :])
    longer = Queue(queue.commands + commands, queue.files_ahead + ahead, queue.files + ahead + behind)
    sooner = delivery(contacts, past, queue, NOW)
    later = delivery(contacts, past, longer, NOW)
    rounding = timedelta(milliseconds=1)
    if sooner is None:
        assert later is None
    elif later is not None:
        assert sooner.median <= later.median + rounding
        assert sooner.bound <= later.bound + rounding


@pytest.fixture(scope="module")
def scores() -> Scores:
    scores: Scores = {}
    for seed in range(3):
        backtest(simulate(seed, nights=60, afterwards=40), scores)
    return scores


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", ["contact", "delivery"])
def test_nine_in_ten_came_by_the_bound_and_half_by_the_median(scores: Scores, kind: str, what: str) -> None:
    score = scores[kind, what]
    assert score.silent < 0.15 * score.cases
    assert score.share(score.by_bound) >= 0.87
    assert 0.3 <= score.share(score.by_median) <= 0.75


@pytest.mark.parametrize("kind", ["regular", "slow delivery", "changing delivery"])
def test_a_steady_rhythm_is_not_overstated(scores: Scores, kind: str) -> None:
    score = scores[kind, "contact"]
    assert score.share(score.by_bound) <= 0.96
    assert max(score.errors) <= 6
    assert max(score.ahead[60:]) <= 10
