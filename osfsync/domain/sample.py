"""A share of all files, another one each day, so that in time every file has its turn. Pure."""

from dataclasses import dataclass
from fractions import Fraction
from hashlib import blake2b

_DIGEST = 8  # bytes
_WHOLE = 2 ** (8 * _DIGEST)


@dataclass(frozen=True, slots=True)
class Sample:
    """The files whose place on a circle lies in the `number`-th stretch of it, each as long as `share`.

    A file's place is a hash of its path: fixed, and as good as random. Each stretch begins where the one
    before ends, so that 1 / share numbers in a row (rounded up) take every file.
    """

    share: Fraction
    number: int

    def takes(self, path: str) -> bool:
        """Whether a file belongs to it."""
        if self.share >= 1:
            return True
        place = int.from_bytes(blake2b(path.encode(), digest_size=_DIGEST).digest())
        begin = self.number * self.share % 1
        # In whole numbers: the ends of neighbours must meet to the last digit.
        first, last = int(begin * _WHOLE), int((begin + self.share) * _WHOLE)
        return first <= place < last or place < last - _WHOLE
