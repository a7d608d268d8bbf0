from datetime import UTC, datetime, timedelta
from typing import Any

from osfsync.domain.model import DataFile, StorageStatus, TimeWindow
from osfsync.pipeline.compare import Comparison

NOW = datetime(2026, 3, 1, tzinfo=UTC)
WINDOW = TimeWindow(NOW - timedelta(days=1), NOW)
INSIDE: dict[str, Any] = {"start": NOW - timedelta(hours=2), "end": NOW - timedelta(hours=1)}
OVER_THE_EDGE: dict[str, Any] = {"start": NOW - timedelta(hours=2), "end": NOW + timedelta(hours=1)}


def file(name: str, status: StorageStatus = StorageStatus.BOTH, **times: Any) -> DataFile:
    return DataFile("device", name, status, 100, **times)


def comparison(server: list[DataFile], device: list[DataFile]) -> Comparison:
    made = Comparison(WINDOW)
    made.server_list((file.name, file.size) for file in server)
    made.device_list(device)
    return made


def test_lists_that_agree_contradict_nothing() -> None:
    known = [file("a", **INSIDE), file("b", **INSIDE)]
    only_on_device = file("c", StorageStatus.DEVICE_ONLY, **INSIDE)
    assert not comparison(known, [*known, only_on_device]).contradicts


def test_what_only_one_list_knows_is_found_when_it_is_confirmed() -> None:
    server = [file("a", **INSIDE), file("s", **INSIDE)]
    found = comparison(server, [file("a", **INSIDE), file("d", **INSIDE)])
    assert found.contradicts
    assert found.server_list_again(server) == [server[1]]
    assert found.contradicting([server[1]]) == ["s"]
    assert found.only_device_list() == ("d",)


def test_what_was_delivered_or_removed_meanwhile_contradicts_nothing() -> None:
    found = comparison([file("removed", **INSIDE)], [file("delivered", **INSIDE)])
    assert found.contradicts
    assert found.server_list_again([file("delivered", **INSIDE), file("new", **INSIDE)]) == []
    assert found.only_device_list() == ()


def test_what_reaches_over_the_edge_or_tells_no_time_is_not_judged() -> None:
    edge = [file("edge", **OVER_THE_EDGE), file("timeless")]
    assert not comparison([], edge).contradicts
    found = comparison(edge, [])
    assert found.server_list_again(edge) == edge  # to be had all the same
    assert found.contradicting(edge) == []


def test_a_storage_status_of_the_device_list_stays_where_the_servers_own_list_names_the_file() -> None:
    """That list may name files "already known to the server" (API page)."""
    made = comparison([file("a", **INSIDE)], [])
    told = [file("a", StorageStatus.DEVICE_ONLY, **INSIDE), file("b", StorageStatus.REQUESTED, **INSIDE)]
    assert [judged.status for judged in made.device_list(told)] == [
        StorageStatus.DEVICE_ONLY,
        StorageStatus.REQUESTED,
    ]


def test_what_begins_or_ends_at_the_edge_lies_inside() -> None:
    inside = [file("first", start=WINDOW.start, end=NOW), file("last", start=NOW, end=WINDOW.end)]
    assert comparison([], inside).only_device_list() == ("first", "last")
