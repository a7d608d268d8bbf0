"""How a file's bytes are judged: by which content check, and against which size."""

from osfsync.content import LengthCheck, check_for, only_whole
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


def agreed_size(job: FetchJob, length: int | None) -> int | None:
    """The size that the body must have. Raises DamagedError where list and answer contradict each other."""
    listed = job.file.size
    if listed is not None and length is not None and listed != length:
        raise DamagedError(
            "listed-size", f"The list tells {listed} bytes, the download announces {length} bytes."
        )
    return length if length is not None else listed
