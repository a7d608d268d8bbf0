from collections.abc import Sequence

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given
from hypothesis import strategies as st

from osfsync.pipeline.streams import ByteBudget, Feed, batches


async def nothing(_: Sequence[int]) -> None:
    """A page needs no preparation."""


def never(_: int) -> float:
    return float("inf")


def at_once(_: int) -> float:
    return 0.0


async def test_batches_end_by_weight_and_with_the_stream() -> None:
    send, receive = anyio.create_memory_object_stream[int](100)
    with receive:
        with send:
            for item in range(10):
                send.send_nowait(item)
        found = [batch async for batch in batches(receive, most=4, patience=never, weigh=lambda _: 1)]
    assert found == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


async def test_a_batch_ends_when_its_patience_does() -> None:
    send, receive = anyio.create_memory_object_stream[int](100)
    with send, receive:
        source = batches(receive, most=1000, patience=at_once, weigh=lambda _: 1)
        send.send_nowait(1)
        with anyio.fail_after(5):
            assert await anext(source) == [1]
        send.send_nowait(2)
        with anyio.fail_after(5):
            assert await anext(source) == [2]
        await source.aclose()


async def test_no_item_is_lost_between_batches() -> None:
    send, receive = anyio.create_memory_object_stream[int](3)
    found: list[int] = []

    async def produce() -> None:
        async with send:
            for item in range(500):
                await send.send(item)
                if item % 7 == 0:
                    await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as group:
        group.start_soon(produce)
        async with receive:
            async for batch in batches(receive, most=9, patience=at_once, weigh=lambda _: 1):
                found += batch
    assert found == list(range(500))


async def test_workers_share_a_feed() -> None:
    send, receive = anyio.create_memory_object_stream[Sequence[int]](1)
    feed: Feed[int] = Feed(receive, nothing)
    taken: list[int] = []

    async def work() -> None:
        while True:
            try:
                item = await feed.take()
            except anyio.EndOfStream:
                return
            taken.append(item)
            await anyio.lowlevel.checkpoint()
            feed.settle()

    with anyio.fail_after(5), receive:
        async with anyio.create_task_group() as group:
            for _ in range(4):
                group.start_soon(work)
            async with send:
                for page in range(20):
                    await send.send(range(page * 10, page * 10 + 10))
    assert sorted(taken) == list(range(200))


async def test_a_feed_stays_open_for_what_may_come_back() -> None:
    send, receive = anyio.create_memory_object_stream[Sequence[str]](1)
    feed: Feed[str] = Feed(receive, nothing)  # type: ignore[arg-type]
    ended = anyio.Event()
    second: list[str] = []

    async def idle_worker() -> None:
        second.append(await feed.take())
        feed.settle()
        with pytest.raises(anyio.EndOfStream):
            await feed.take()
        ended.set()

    with anyio.fail_after(5), receive:
        with send:
            send.send_nowait(["once more"])
        item = await feed.take()
        async with anyio.create_task_group() as group:
            group.start_soon(idle_worker)
            await anyio.wait_all_tasks_blocked()
            assert not ended.is_set()
            feed.give_back(item)
    assert second == ["once more"]
    assert ended.is_set()


async def test_an_empty_feed_ends() -> None:
    send, receive = anyio.create_memory_object_stream[Sequence[int]](1)
    feed: Feed[int] = Feed(receive, nothing)
    send.close()
    with receive, anyio.fail_after(5), pytest.raises(anyio.EndOfStream):
        await feed.take()


@given(st.lists(st.integers(0, 150), min_size=1, max_size=30))
def test_the_byte_budget_is_never_exceeded_and_all_are_served(sizes: list[int]) -> None:
    capacity = 100
    in_use = 0
    most = 0

    async def use(budget: ByteBudget, size: int) -> None:
        nonlocal in_use, most
        share = await budget.take(size)
        in_use += share
        most = max(most, in_use)
        await anyio.lowlevel.checkpoint()
        in_use -= share
        budget.give(share)

    async def main() -> None:
        budget = ByteBudget(capacity)
        with anyio.fail_after(5):
            async with anyio.create_task_group() as group:
                for size in sizes:
                    group.start_soon(use, budget, size)

    anyio.run(main)
    assert in_use == 0
    assert most <= capacity


async def test_a_cancelled_wait_leaves_the_budget_whole() -> None:
    budget = ByteBudget(100)
    share = await budget.take(80)
    with anyio.move_on_after(0):
        await budget.take(50)
    budget.give(share)
    with anyio.fail_after(5):
        assert await budget.take(100) == 100
