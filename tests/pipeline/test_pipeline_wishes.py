from datetime import UTC, datetime, timedelta

from osfsync.domain.model import Device
from osfsync.pipeline.wishes import in_turn

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DEVICES = [Device(name, name) for name in "abc"]


def test_every_device_is_first_on_some_day_and_none_is_left_out() -> None:
    days = [in_turn(DEVICES, NOW + timedelta(days=day)) for day in range(3)]
    assert {turn[0] for turn in days} == set(DEVICES)
    assert all(sorted(turn, key=lambda device: device.id) == DEVICES for turn in days)
    assert in_turn([], NOW) == []
