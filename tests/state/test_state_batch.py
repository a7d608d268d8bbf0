from osfsync.domain.model import ListingSource
from osfsync.domain.outcomes import Fact, HeldRefuted, Listed, WindowSettled
from osfsync.state.batch import groups_of
from osfsync.state.steps import RunKey, Step
from tests.state.state_samples import (
    DEVICE,
    NOW,
    WINDOW,
    device_seen,
    failure,
    fetch_failed,
    fetched,
    file,
    files_seen,
)

RUN = RunKey("run-1", "tenant-1")


def steps(*facts: Fact) -> list[list[tuple[Step, int]]]:
    return [[(step, len(rows)) for step, rows in group] for group in groups_of(facts, RUN)]


def test_facts_about_different_things_are_one_group_whatever_their_order() -> None:
    facts: list[Fact] = [fetched("b"), fetch_failed("c"), files_seen(file("a")), fetched("d"), device_seen()]
    assert steps(*facts) == [
        [
            (Step.UPSERT_DEVICE, 1),
            (Step.NAME_DEVICE, 1),
            (Step.UPSERT_FILE, 1),
            (Step.FILE_HELD, 2),
            (Step.FILE_FAILED, 1),
            (Step.INSERT_ATTEMPT, 1),
        ]
    ]


def test_a_file_that_is_seen_fetched_and_failed_in_the_order_of_steps_is_one_group() -> None:
    assert len(steps(files_seen(file("a")), fetched("a"), fetch_failed("a"))) == 1


def test_a_file_whose_facts_go_against_the_order_of_steps_opens_a_group() -> None:
    assert len(steps(fetched("a"), files_seen(file("b"), file("a")))) == 2
    assert len(steps(fetch_failed("a"), fetched("a"), fetch_failed("a"), fetched("a"))) == 3


def test_a_file_that_is_held_and_refuted_is_one_group_and_not_the_other_way_round() -> None:
    refuted = HeldRefuted(DEVICE.id, "a", failure())
    assert len(steps(fetched("a"), refuted)) == 1
    assert len(steps(refuted, fetched("a"))) == 2


def test_a_window_is_listed_and_settled_in_one_group_and_not_the_other_way_round() -> None:
    listed = Listed(DEVICE.id, WINDOW, ListingSource.DEVICE_LIST, 1, NOW, backfill="b1")
    settled = WindowSettled("b1", DEVICE.id, WINDOW, NOW)
    assert len(steps(listed, settled)) == 1
    assert len(steps(settled, listed)) == 2


def test_rows_keep_the_order_of_their_facts() -> None:
    first, second = files_seen(file(size=1)), files_seen(file(size=2))
    (group,) = groups_of([first, second], RUN)
    assert [row["size"] for _, rows in group for row in rows] == [1, 2]
