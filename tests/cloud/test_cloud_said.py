"""A refusal repeats the platform's reason, and nothing that may be a secret."""

import json
from typing import Any

import pytest

from osfsync.cloud import calls
from osfsync.cloud.refusals import refusal
from tests.cloud.cloud_platform import DEVICE, WINDOW

JSON = {"Content-Type": "application/json;charset=UTF-8"}
LIST = calls.file_list(DEVICE, "q7", WINDOW)


def text_of(answer: Any, status: int = 400) -> str:
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return str(refusal(LIST, status, JSON, body, "x.y.z"))


@pytest.mark.parametrize("answer", [{"message": "bad time"}, {"error": "bad time"}, {"Detail": "bad\ntime"}])
@pytest.mark.parametrize("status", [400, 406, 409, 422])
def test_the_reason_is_shown(answer: Any, status: int) -> None:
    assert "It says: bad time" in text_of(answer, status)


def test_a_reason_is_bounded_and_printable() -> None:
    text = text_of({"message": "a\x1b[31m\x00 " + "word " * 1_000})
    assert text.isprintable()
    assert len(text) < 400
    assert "\\x1b" in text


@pytest.mark.parametrize(
    "word",
    ["q7", "token=q7", "x.y.z", "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxIn0", "https://a/b"],
)
def test_no_secret_is_repeated(word: str) -> None:
    text = text_of({"message": f"bad {word} here"})
    assert "It says: bad … here" in text
    assert word not in text


@pytest.mark.parametrize("answer", [b"no JSON", b"", [], "text", {"message": 7}, {"a": 1}, b"[" * 9_999])
def test_without_a_reason_the_status_stands_alone(answer: Any) -> None:
    assert "It says" not in text_of(answer)
