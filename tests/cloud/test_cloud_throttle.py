import time
from datetime import UTC, datetime, timedelta

import anyio
import pytest

from osfsync.cloud.calls import ACCEPT, Call, Repeat
from osfsync.cloud.refusals import (
    BadRequestError,
    UnavailableError,
    clock_offset,
    refusal,
    retry_after,
    worth_repeating,
)
from osfsync.cloud.throttle import PauseTooLongError, Throttle
from osfsync.domain.errors import (
    BusyError,
    CloudError,
    ForbiddenError,
    InterruptedBodyError,
    NotFoundError,
    ProtocolError,
    RefusedError,
    ServerError,
    UnreachableError,
)

NOW = datetime(2025, 6, 26, 6, 41, 43, tzinfo=UTC)
CALL = Call("file list", "GET", "/SECRET", device="Crane 4")


async def test_requests_never_come_faster_than_allowed() -> None:
    throttle = Throttle(100, 0)
    starts: list[float] = []

    async def worker() -> None:
        while len(starts) < 30:
            await throttle.turn()
            starts.append(time.monotonic())

    async with anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(worker)
    starts.sort()
    for place, start in enumerate(starts):
        assert start - starts[0] >= (place - 1) * 0.01


async def test_bytes_never_come_faster_than_allowed() -> None:
    throttle = Throttle(0, 1_000_000)
    started, spent = time.monotonic(), 0

    async def worker() -> None:
        nonlocal spent
        for _ in range(10):
            await throttle.spend(5_000)
            spent += 5_000
            assert spent <= 1_000_000 * (time.monotonic() - started)

    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(worker)
    assert spent == 200_000


async def test_without_limits_nobody_waits() -> None:
    throttle = Throttle(0, 0)
    started = time.monotonic()
    for _ in range(10_000):
        await throttle.turn()
        await throttle.spend(10**9)
    assert time.monotonic() - started < 1


async def test_a_pause_holds_for_everybody_and_is_never_shortened() -> None:
    throttle = Throttle(0, 0)
    started = time.monotonic()
    throttle.pause(timedelta(milliseconds=150))
    throttle.pause(timedelta(milliseconds=1))

    async def worker() -> None:
        await throttle.turn()
        assert time.monotonic() - started >= 0.15

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(worker)


async def test_a_pause_also_holds_for_those_who_have_a_slot_already() -> None:
    throttle = Throttle(20, 0)
    await throttle.turn()

    async def worker() -> None:
        await throttle.turn()
        assert time.monotonic() - paused >= 0.15

    async with anyio.create_task_group() as group:
        group.start_soon(worker)
        await anyio.lowlevel.checkpoint()
        paused = time.monotonic()
        throttle.pause(timedelta(milliseconds=150))


async def test_answers_to_requests_of_one_time_ask_for_one_pause() -> None:
    throttle = Throttle(0, 0)
    sent = time.monotonic()
    throttle.pause(timedelta(seconds=0.2), sent)
    for _ in range(10):
        await anyio.sleep(0.03)  # they come in one after the other, during the pause of the first
        throttle.pause(timedelta(seconds=0.2), sent)
        if time.monotonic() - sent > 0.15:
            break
    turned = time.monotonic()
    await throttle.turn()
    assert time.monotonic() - turned < 0.15


async def test_second_steps_go_before_first_steps_that_wait() -> None:
    throttle = Throttle(50, 0)
    await throttle.turn()
    order: list[str] = []

    async def step(name: str, *, urgent: bool) -> None:
        await throttle.turn(urgent=urgent)
        order.append(name)

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(lambda: step("first", urgent=False))
        await anyio.lowlevel.checkpoint()
        for _ in range(3):
            group.start_soon(lambda: step("second", urgent=True))
    assert order == 3 * ["second"] + 5 * ["first"]


async def test_a_demand_of_more_than_15_minutes_is_not_waited_out() -> None:
    throttle = Throttle(0, 0)
    throttle.pause(timedelta(minutes=15, seconds=5))
    with pytest.raises(PauseTooLongError, match="16 minutes") as caught:
        await throttle.turn()
    assert isinstance(caught.value, BusyError)
    assert not caught.value.retryable


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Retry-After": "3"}, timedelta(seconds=3)),
        ({"Retry-After": " 0 "}, timedelta(0)),
        ({"Retry-After": "9" * 400}, timedelta(days=365)),
        ({"Retry-After": "Thu, 26 Jun 2025 06:42:43 GMT"}, timedelta(minutes=1)),
        ({"Retry-After": "Thu, 26 Jun 2025 06:41:00 GMT"}, timedelta(0)),
        (
            {"Retry-After": "Thu, 26 Jun 2025 09:00:10 GMT", "Date": "Thu, 26 Jun 2025 09:00:00 GMT"},
            timedelta(seconds=10),
        ),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-3"}, None),
        ({}, None),
    ],
)
def test_retry_after(headers: dict[str, str], expected: timedelta | None) -> None:
    assert retry_after(headers, NOW) == expected


@pytest.mark.parametrize(
    ("status", "headers", "kind"),
    [
        (200, {}, None),
        (204, {}, None),
        (304, {}, ProtocolError),
        (400, {}, BadRequestError),
        (403, {}, ForbiddenError),
        (404, {}, NotFoundError),
        (406, {}, RefusedError),
        (410, {}, NotFoundError),
        (413, {}, RefusedError),
        (429, {}, BusyError),
        (500, {}, ServerError),
        (502, {}, ServerError),
        (503, {}, UnavailableError),
        (503, {"Retry-After": "1"}, BusyError),
        (599, {}, ServerError),
    ],
)
def test_what_a_status_means(status: int, headers: dict[str, str], kind: type[CloudError] | None) -> None:
    error = refusal(CALL, status, headers)
    assert (None if error is None else type(error)) is kind
    if error is not None:
        assert "file list of device 'Crane 4'" in error.message
        assert str(status) in error.message
        assert "SECRET" not in str(error)


@pytest.mark.parametrize(
    ("error", "freely", "untaken"),
    [
        (UnreachableError("x"), True, True),
        (BusyError("x"), True, True),
        (UnavailableError("x"), True, True),
        (ServerError("x"), True, False),
        (InterruptedBodyError("x"), True, False),
        (PauseTooLongError("x"), False, False),
        (ForbiddenError("x"), False, False),
        (ValueError("x"), False, False),
    ],
)
def test_what_is_repeated(error: Exception, freely: bool, untaken: bool) -> None:
    def worth(repeat: Repeat) -> bool:
        return worth_repeating(Call("x", "GET", "/", (), None, ACCEPT, repeat), error)

    assert [worth(repeat) for repeat in Repeat] == [freely, untaken, False]


@pytest.mark.parametrize(
    ("date", "offset"),
    [
        ("Sun, 01 Mar 2026 14:00:00 GMT", timedelta(hours=2)),
        ("Thu, 01 Jan 1970 00:00:00 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", None),
        ("yesterday", None),
    ],
)
def test_a_date_that_can_not_be_right_tells_no_time(date: str, offset: timedelta | None) -> None:
    assert clock_offset({"Date": date}, datetime(2026, 3, 1, 12, tzinfo=UTC)) == offset
