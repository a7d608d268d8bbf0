from datetime import timedelta

from osfsync.pipeline.nightly import POLL_FIRST, POLL_LONGEST, next_pause


def test_a_run_that_waits_looks_less_and_less_often_while_nothing_comes() -> None:
    pauses = [POLL_FIRST]
    while pauses[-1] < POLL_LONGEST:
        pauses.append(next_pause(pauses[-1], something_came=False))
    assert pauses[:3] == [timedelta(seconds=30), timedelta(seconds=45), timedelta(seconds=67.5)]
    assert pauses == sorted(pauses)
    assert next_pause(pauses[-1], something_came=False) == POLL_LONGEST == pauses[-1]
    assert next_pause(pauses[-1], something_came=True) == POLL_FIRST
