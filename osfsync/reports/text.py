"""Numbers, sizes, times and hostile names as a person may read them."""

import unicodedata
from datetime import datetime, timedelta

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_STEP = 1000


def size(amount: int) -> str:
    """Bytes with a decimal unit: 1,234,567 → "1.2 MB"."""
    value = float(amount)
    for unit in _UNITS:
        if value < _STEP or unit == _UNITS[-1]:
            return f"{amount} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= _STEP
    raise AssertionError("the last unit takes every size")


def count(amount: int) -> str:
    """A number with thousands apart."""
    return f"{amount:,}"


def amount(number: int, thing: str) -> str:
    """A number of things: "1 file", "1,234 files"."""
    return f"{count(number)} {thing}" if number == 1 else f"{count(number)} {thing}s"


def moment(when: datetime | None) -> str:
    """A time, UTC, to the minute."""
    return "never" if when is None else f"{when:%Y-%m-%d %H:%M} UTC"


def duration(span: timedelta) -> str:
    """A span: the two largest units that matter."""
    seconds = int(span.total_seconds())
    parts = []
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        number, seconds = divmod(seconds, length)
        if number:
            parts.append(f"{number} {unit}")
    return " ".join(parts[:2]) or "0 s"


def printable(text: str) -> str:
    """Text that can't move the cursor, change colours or reverse a line: such characters are spelled out."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char == " " else _spelled(char) for char in text)


def for_terminal(text: str) -> str:
    """Lines of text, each of them `printable`."""
    return text if text.isprintable() else "\n".join(map(printable, text.split("\n")))


def _spelled(char: str) -> str:
    if unicodedata.category(char) == "Zs":
        return " "
    return char.encode("unicode_escape", errors="surrogatepass").decode("ascii")
