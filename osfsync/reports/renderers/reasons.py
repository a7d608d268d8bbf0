"""Why files are missing, in short: sums by reason, and one example of each."""

from collections import Counter
from collections.abc import Sequence

from osfsync.reports.models import MissingModel
from osfsync.reports.renderers.table import totals, wrap
from osfsync.reports.text import printable


class Reasons:
    """Collects missing files; keeps a number and the first file of each reason."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._examples: dict[str, MissingModel] = {}

    def add(self, chunk: Sequence[MissingModel]) -> None:
        """Count some files."""
        for row in chunk:
            self._counts[row.reason] += 1
            self._examples.setdefault(row.reason, row)

    def text(self) -> str:
        """The sums, and an example of each reason with its explanation and what happens next."""
        if not self._counts:
            return "No known file is missing.\n"
        lines = [wrap(totals(self._counts))]
        for reason, _ in self._counts.most_common():
            row = self._examples[reason]
            told = (
                f"- {reason}, for example {row.name} of {row.device}: {row.explanation} "
                f"Next: {row.next_action}"
            )
            lines.append(wrap(printable(told), indent="  "))
        return "\n".join(lines) + "\n"
