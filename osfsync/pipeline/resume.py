"""Whether the rest of a broken download may be asked for: what the label of a part must say. Pure."""

from osfsync.archive.base import PartLabel
from osfsync.cloud.client import Proof, Rest
from osfsync.pipeline.messages import FetchJob


def label_for(job: FetchJob, size: int | None, proof: Proof | None) -> PartLabel | None:
    """The label of a part that begins with an answer of this size and proof.

    None where nothing could show later that it means the same file: the platform gives no parts, or tells
    versions in a way that proves nothing, or tells none and the list tells no size either.
    """
    if proof is None or not size or (proof.validator is None and job.file.size is None):
        return None
    return PartLabel(job.device.id, job.file.name, size, proof.validator)


def fits(label: PartLabel, job: FetchJob) -> bool:
    """Whether a part of an earlier run begins the file that is listed now."""
    if (label.device_id, label.name) != (job.device.id, job.file.name):
        return False
    return label.validator is not None if job.file.size is None else label.size == job.file.size


def rest_after(label: PartLabel, here: int) -> Rest | None:
    """What is to be asked for where so many bytes are here; None for the whole."""
    return Rest(here, label.size, Proof(label.validator)) if 0 < here < label.size else None
