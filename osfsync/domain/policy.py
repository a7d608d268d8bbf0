"""What the user allows the planner to do."""

from dataclasses import dataclass
from datetime import timedelta

from osfsync.domain.model import OrderMode

LONGEST_PATIENCE = timedelta(days=30)
"""Patience grows up to here, unless the user's own is longer."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What the user allows.

    Attributes:
        patience: how long an order is given before the next one; doubled with each order of a file.
        attempts: how many orders a file gets.
        tries: failed runs of a file before it is given up.
        rest: how long a given-up file is left alone before it is tried once more.
    """

    mode: OrderMode = OrderMode.AUTO
    patience: timedelta = timedelta(hours=48)
    attempts: int = 5
    tries: int = 5
    rest: timedelta = timedelta(days=7)

    def patience_after(self, orders: int) -> timedelta:
        """How long the last of so many orders is given."""
        patience = self.patience
        for _ in range(orders - 1):
            if patience * 2 > LONGEST_PATIENCE:
                return max(self.patience, LONGEST_PATIENCE)
            patience *= 2
        return patience
