"""Every parser that meets bytes of a stranger, as a function of bytes that holds it to its promises.

A target returns where the parser read something within its bounds, or refused it with an error of ours; all
else it lets through. The tests throw random bytes at them, the fuzz campaign directed ones.
"""

from tests.hostile.targets.answers import ANSWERS
from tests.hostile.targets.base import Target
from tests.hostile.targets.local import LOCAL
from tests.hostile.targets.wire import WIRE

__all__ = ["TARGETS", "Target"]

TARGETS: tuple[Target, ...] = (*ANSWERS, *WIRE, *LOCAL)
"""All of them."""
