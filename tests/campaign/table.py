"""What a campaign prints: a line a check, expected beside seen."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """One check; `green` None means that it could not be made, and `seen` tells why."""

    what: str
    expected: str
    seen: str
    green: bool | None


def show(lines: Sequence[Line]) -> int:
    """Print the table; 1 where a line is red, else 0."""
    widths = [max(len(text) for text in column) for column in zip(*map(_cells, lines), strict=True)]
    for line in lines:
        cells = [f"{text:<{width}}" for text, width in zip(_cells(line), widths, strict=True)]
        sys.stdout.write("  ".join(cells).rstrip() + "\n")
    return int(any(line.green is False for line in lines))


def _cells(line: Line) -> tuple[str, str, str, str]:
    verdict = {True: "green", False: "red", None: "not checked"}[line.green]
    return line.what, line.expected, line.seen, verdict
