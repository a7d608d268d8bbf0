"""Device lists whose entries have other shapes than the API page's, or no id."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from osfsync.cloud import parsing
from osfsync.cloud.client import ListNotes
from osfsync.domain.errors import ProtocolError
from osfsync.domain.model import Device
from tests.cloud.cloud_platform import Platform, running

DEVICES = "/api/tenants/t-1/devices"
UUID = "0d9be6a0-4a3c-11ef-9f6b-3f3f3f3f3f3f"


@pytest.fixture
async def platform() -> AsyncIterator[Platform]:
    async with running() as platform:
        yield platform


def read(entry: Any) -> list[Device]:
    return parsing.devices(parsing.page(json.dumps([entry]).encode(), "list").records)


@pytest.mark.parametrize(
    "entry",
    [
        {"id": UUID},
        {"ID": UUID},
        {"id": {"entityType": "DEVICE", "id": UUID}},
        {"id": {"id": {"id": UUID}}},
        {"deviceId": UUID},
        {"device_id": {"entityType": "DEVICE", "id": UUID}},
        {"uuid": UUID, "id": 17},
        {"id": "17", "uuid": UUID},
        {"id": None, "deviceId": UUID},
        {"id": {"uuid": UUID}},
        {
            "tenantId": {"id": "t"},
            "customerId": {"id": "c"},
            "deviceProfileId": {"id": "p"},
            "deviceId": UUID,
        },
        {"device": {"id": {"id": UUID}}, "id": "a row of its own"},
    ],
)
def test_the_id_of_a_device_is_read_from_any_shape(entry: Any) -> None:
    assert read(entry) == [Device(UUID, UUID)]


@pytest.mark.parametrize("entry", [{"id": 17}, {"id": "17"}, {"deviceId": 17}, {"id": {"id": 17}}])
def test_ids_may_be_numbers(entry: Any) -> None:
    assert read(entry) == [Device("17", "17")]


def test_a_text_id_goes_before_a_number() -> None:
    assert read({"id": 0, "uuid": "d1"}) == [Device("d1", "d1")]


@pytest.mark.parametrize(
    "entry",
    [
        {"name": "Crane", "label": "other", "type": "other"},
        {"name": None, "label": "Crane"},
        {"deviceName": "Crane"},
        {"title": "Crane", "label": "other"},
        {"device": {"id": "d1", "name": "Crane"}, "name": "other"},
        {"device": {"id": "d1"}, "name": "Crane"},
    ],
)
def test_the_name_of_a_device_is_read_from_any_shape(entry: Any) -> None:
    assert read({"id": "d1"} | entry) == [Device("d1", "Crane")]


@pytest.mark.parametrize(
    "bad", [None, 7, "d3", [], {}, {"id": None, "name": "x"}, {"id": {}}, {"tenantId": "t"}, {"id": True}]
)
async def test_an_entry_without_an_id_is_skipped_and_counted(platform: Platform, bad: Any) -> None:
    entries = [{"id": "d1", "name": "A"}, bad, {"id": "d2"}, {"id": "d1", "name": "A"}]
    platform.give(DEVICES, json.dumps({"data": entries, "total": 4}))
    notes = ListNotes()
    async with platform.client() as client:
        assert await client.devices(notes) == [Device("d1", "A"), Device("d2", "d2")]
    assert notes.skips == 1


async def test_a_list_in_which_no_entry_has_an_id_is_refused(platform: Platform) -> None:
    platform.give(DEVICES, '{"data": [{"id": null, "name": "A"}, null]}')
    async with platform.client() as client:
        with pytest.raises(ProtocolError, match="the id of a device"):
            await client.devices()
