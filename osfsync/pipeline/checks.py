"""How a file's bytes are judged: by which content check, and against which size."""

from dataclasses import dataclass, field

from osfsync.archive.base import Complete
from osfsync.content import LengthCheck, check_for, only_whole, shows_its_end
from osfsync.domain.errors import DamagedError
from osfsync.domain.model import ContentCheck
from osfsync.pipeline.messages import FetchJob


def check_of(job: FetchJob) -> ContentCheck:
    """How to judge a file's bytes.

    A file that the list tells to be empty is empty. A version that is cut off must not replace a longer one.
    """
    held = job.replaces
    if held is None:
        return LengthCheck() if job.file.size == 0 else check_for(job.file.name)
    check = check_for(job.file.name)
    grew = job.file.size is not None and job.file.size >= held.size
    return check if grew else only_whole(check)


def completeness(job: FetchJob, size: int | None, *, framed: bool) -> Complete | None:
    """What shows that a body is complete: the listed size, and framing that proves its end."""
    return Complete(job.refused) if framed and size is not None and size == job.file.size else None


def has_grown(job: FetchJob, length: int | None) -> bool:
    """Whether a body may be a recording that went on after it was listed.

    It is longer than listed, and its content must show by its end that it is whole.
    """
    listed = job.file.size
    return listed is not None and length is not None and length > listed and shows_its_end(job.file.name)


ENOUGH_DEVIATIONS = 3
"""Whole files of another size than listed, and none of that size: the list's sizes are something else."""


@dataclass(slots=True)
class ListedSizes:
    """Whether the sizes of the lists are those of the files' bytes, learned from downloads.

    A list may give the size of the unpacked file, or kibibytes.
    """

    unusable: bool = False
    _agreed: bool = False
    _deviating: set[tuple[str, str]] = field(default_factory=set)

    def agreed(self, job: FetchJob, length: int | None) -> int | None:
        """The size that the body must have. Raises DamagedError where list and answer differ."""
        listed = job.file.size
        if listed is None or length is None:
            return length if length is not None or self.unusable else listed
        if listed == length:
            self._agreed = True
        elif not (self.unusable or has_grown(job, length)):
            raise contradiction(listed, length)
        return length

    def may_deviate(self, job: FetchJob) -> bool:
        """Whether the body of a deviating file is evidence: it must show by its end that it is whole."""
        return not (self._agreed or self.unusable) and shows_its_end(job.file.name)

    def deviates(self, job: FetchJob) -> bool:
        """Note a whole file of another size than listed; True where the sizes become unusable by it."""
        self._deviating.add((job.device.id, job.file.name))
        if self._agreed or self.unusable or len(self._deviating) < ENOUGH_DEVIATIONS:
            return False
        self.unusable = True
        return True


def contradiction(listed: int, length: int) -> DamagedError:
    """The error for a body of another size than listed."""
    return DamagedError(
        "listed-size", f"The list gives {listed} bytes, the download announces {length} bytes."
    )
