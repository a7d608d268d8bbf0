"""The platform names no ISO 8601 spelling for the times of a command: the one that it takes is learned."""

import re
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import anyio
import pytest
from aiohttp import web

from osfsync.domain.errors import CloudError, RefusedError
from tests.cloud.cloud_platform import DEVICE, WINDOW, Platform, running

ORDER = f"/api/devices/{DEVICE.id}/request-list"
SECOND = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"


@pytest.fixture
async def platform() -> AsyncIterator[Platform]:
    async with running() as platform:
        yield platform


def wanting(pattern: str, taken: list[dict[str, str]]) -> Any:
    async def handler(request: web.Request) -> web.Response:
        command = await request.json()
        if not all(re.fullmatch(pattern, command[field]) for field in ("startTime", "endTime")):
            return web.json_response({"message": "bad time"}, status=400)
        taken.append(command)
        return web.Response()

    return handler


@pytest.mark.parametrize(
    "pattern",
    [SECOND + end for end in (r"\.\d{3}Z", "Z", r"\+00:00", r"\.\d{3}\+00:00", "", r"\.\d{3}", r"\+0000")],
)
async def test_the_spelling_that_is_accepted_is_kept(platform: Platform, pattern: str) -> None:
    taken: list[dict[str, str]] = []
    platform.on(ORDER, wanting(pattern, taken))
    async with platform.client() as client:
        await client.order(DEVICE, WINDOW, "preview")
        assert len(taken) == 1
        tries = platform.requests[ORDER]
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(client.order, DEVICE, WINDOW, "preview")
    assert (len(taken), platform.requests[ORDER]) == (4, tries + 3)
    start, end = (
        datetime.fromisoformat(taken[0][field][:19] + "+00:00") for field in ("startTime", "endTime")
    )
    assert timedelta(0) <= WINDOW.start - start < timedelta(seconds=1)
    assert timedelta(seconds=-1) < WINDOW.end - end < timedelta(seconds=1)


async def test_commands_at_once_are_each_taken_once(platform: Platform) -> None:
    taken: list[dict[str, str]] = []
    platform.on(ORDER, wanting(SECOND + r"\+0000", taken))
    async with platform.client() as client, anyio.create_task_group() as group:
        for tag in "abcdef":
            group.start_soon(client.order, DEVICE, WINDOW, tag)
    assert sorted(command["tag"] for command in taken) == list("abcdef")


async def test_spellings_are_tried_once_where_none_is_accepted(platform: Platform) -> None:
    platform.on(ORDER, wanting("never", []))
    async with platform.client() as client:
        for tries in (8, 9):
            with pytest.raises(RefusedError, match="400"):
                await client.order(DEVICE, WINDOW, "preview")
            assert platform.requests[ORDER] == tries


async def test_an_accepted_spelling_is_not_blamed_for_a_later_400(platform: Platform) -> None:
    platform.on(ORDER, wanting(SECOND + r"\.\d{3}Z", []))
    async with platform.client() as client:
        await client.order(DEVICE, WINDOW, "preview")
        platform.on(ORDER, wanting("never", []))
        with pytest.raises(RefusedError):
            await client.order(DEVICE, WINDOW, "preview")
    assert platform.requests[ORDER] == 2


@pytest.mark.parametrize("status", [202, 500, 403, 409])
async def test_what_is_no_400_is_sent_in_no_other_spelling(platform: Platform, status: int) -> None:
    platform.give(ORDER, "{}", status=status, content_type="application/json")
    async with platform.client() as client:
        with suppress(CloudError):
            await client.order(DEVICE, WINDOW, "preview")
    assert platform.requests[ORDER] == 1
