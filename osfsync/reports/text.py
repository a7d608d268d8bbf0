"""Numbers, sizes and hostile names as a person may read them."""

import unicodedata

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


def printable(text: str) -> str:
    """Text that can't move the cursor, change colours or reverse a line: such characters are spelled out."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char == " " else _spelled(char) for char in text)


def _spelled(char: str) -> str:
    code = ord(char)
    if unicodedata.category(char) == "Zs":
        return " "
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}"  # noqa: PLR2004 — the Latin-1 end
