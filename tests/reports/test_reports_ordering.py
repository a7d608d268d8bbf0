"""Commands to devices: how far each has come, and why it ended."""

import json

import pytest

from osfsync.domain.dialogue import OrderState
from osfsync.domain.rows import Fate, OrderRow
from osfsync.reports.models import OrderModel
from osfsync.reports.ordering import order_model
from osfsync.reports.renderers import renderer
from osfsync.reports.renderers.json import document
from osfsync.reports.sheets import ORDERS
from osfsync.reports.tongue import in_german
from tests.reports.reports_samples import NOW, TRUCK, WINDOW, ago, order


def order_row(
    counts: tuple[int, int, int, int, int] = (3, 0, 0, 0, 0), files: int = 3, **known: object
) -> OrderRow:
    """An order, and how many of its files are awaited, requested, delivered, held and lost."""
    return OrderRow(TRUCK, order(**known), "run-1", files, *counts)  # type: ignore[arg-type]  # a test may tell anything


@pytest.mark.parametrize(
    ("row", "fate", "explanation"),
    [
        (order_row(), Fate.SENT, "No contact of the device was seen since."),
        (
            order_row(state=OrderState.DOUBTFUL),
            Fate.SENT,
            "Whether the platform took it is not known. No contact of the device was seen since.",
        ),
        (order_row(state=OrderState.SENDING), Fate.SENT, "A run is sending it, or was killed while it did."),
        (
            order_row(contacted_at=ago(hours=2)),
            Fate.CONTACTED,
            "The device was in contact on 2026-03-01 10:00 UTC; no list that answers it was seen yet.",
        ),
        (
            order_row(contacted_at=ago(hours=2), answered_at=ago(hours=2)),
            Fate.ANSWERED,
            "executed it and returned its list on 2026-03-01 10:00 UTC. Still only on the device: 3 files.",
        ),
        (
            order_row((3, 1, 1, 0, 0)),
            Fate.REQUESTED,
            "Of 3 awaited files the platform has requested 1 from the device, and 1 lie on the server.",
        ),
        (order_row((2, 0, 2, 1, 0)), Fate.DELIVERED, "the next sync fetches them"),
        (order_row((0, 0, 0, 3, 0)), Fate.FETCHED, "All its files are held."),
        (order_row((0, 0, 0, 1, 2)), Fate.LOST, "2 files vanished from the platform's list"),
        (order_row((0, 0, 0, 1, 0)), Fate.ASKED_AGAIN, "asked for again"),
        (order_row(given_up_at=NOW, given_up_why="It was in vain."), Fate.GIVEN_UP, "It was in vain."),
        (order_row(given_up_at=NOW), Fate.GIVEN_UP, "It was the last attempt for its files."),
        (order_row(cancelled_at=NOW), Fate.CANCELLED, "Forgotten at your wish"),
        (
            order_row(
                state=OrderState.REFUSED, answer="busy: The platform answered 429. It asks for patience."
            ),
            Fate.REFUSED,
            "The platform answered 429. It asks for patience.",
        ),
        (order_row(state=OrderState.REFUSED), Fate.REFUSED, "It did not say why."),
    ],
)
def test_each_fate_is_explained(row: OrderRow, fate: Fate, explanation: str) -> None:
    model = order_model(row)
    assert model.fate == fate.value
    assert explanation in model.explanation
    assert model.open is fate.is_open
    ended = {Fate.GIVEN_UP: NOW, Fate.CANCELLED: NOW, Fate.REFUSED: row.order.sent_at}
    assert model.ended_at == ended.get(fate)


def test_an_order_has_all_its_fields() -> None:
    shown = json.loads(document(order_model(order_row(contacted_at=ago(hours=2)))))
    assert shown == {
        "order": 7,
        "device": "Truck 1",
        "device_id": "0b1c",
        "run": "run-1",
        "window_start": "2026-01-30T12:00:00Z",
        "window_end": "2026-03-01T12:00:00Z",
        "tag": "preview",
        "files": 3,
        "awaited": 3,
        "requested": 0,
        "delivered": 0,
        "held": 0,
        "lost": 0,
        "sent_at": "2026-02-28T12:00:00Z",
        "state": "sent",
        "fate": "contacted",
        "open": True,
        "contacted_at": "2026-03-01T10:00:00Z",
        "answered_at": None,
        "ended_at": None,
        "explanation": shown["explanation"],
    }


def orders_table(*models: OrderModel) -> str:
    drawing = renderer("table", ORDERS)
    drawing.rows(models)
    return drawing.end()


@pytest.mark.parametrize(("columns", "left_out"), [(80, True), (200, False)])
def test_the_table_of_orders_fits(monkeypatch: pytest.MonkeyPatch, columns: int, left_out: bool) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    text = orders_table(order_model(order_row(contacted_at=ago(hours=2), answered_at=ago(hours=2))))
    assert all(len(line) <= columns for line in text.splitlines())
    assert "list-answered" in text
    assert ("Not shown, for want of room: Tag, First contact (UTC), List (UTC)." in text) is left_out
    assert text.splitlines()[-1] == "1 order: 1 list-answered."


def test_a_tag_cannot_move_the_cursor() -> None:
    hostile = order_model(OrderRow(TRUCK, order(answer=None), "run-1", 1, 1, 0, 0, 0, 0))
    assert "\x1b" not in orders_table(hostile)
    assert WINDOW.start == hostile.window_start


def test_why_it_was_given_up_is_told_in_german_as_well() -> None:
    row = order_row(given_up_at=NOW, given_up_why="It was in vain.")
    with in_german():
        assert order_model(row).explanation == "Es war der letzte Versuch für seine Dateien."
        assert order_model(order_row((0, 0, 0, 1, 2))).explanation.startswith("2 Dateien aus der Liste")
