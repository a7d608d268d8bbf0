"""Sentences for people, in the language that is asked for: written in English, translated by their text."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime

from osfsync.reports import text
from osfsync.reports.german import NOUNS, SENTENCES

_GERMAN: ContextVar[bool] = ContextVar("german", default=False)


@contextmanager
def in_german() -> Iterator[None]:
    """What is said in here is German."""
    before = _GERMAN.set(True)
    try:
        yield
    finally:
        _GERMAN.reset(before)


def say(sentence: str, /, **values: object) -> str:
    """A sentence with its values; one that has no translation stays English."""
    return (SENTENCES.get(sentence, sentence) if _GERMAN.get() else sentence).format(**values)


def amount(number: int, thing: str) -> str:
    """A number of things, as `text.amount`."""
    if not _GERMAN.get():
        return text.amount(number, thing)
    one, several = NOUNS[thing]
    return f"{number} {one if number == 1 else several}"


def recorded(told: str | None, otherwise: str) -> str:
    """What the state has in English, or in another language and where it has nothing, `otherwise`."""
    return otherwise if told is None or _GERMAN.get() else told


def moment(when: datetime | None) -> str:
    """A time, as `text.moment`."""
    return say("never") if when is None else text.moment(when)
