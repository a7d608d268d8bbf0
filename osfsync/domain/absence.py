"""Files that the server's own list names and the server does not have: the platform merely knows them."""

from datetime import datetime
from typing import Final

from osfsync.domain.dialogue import Dialogue
from osfsync.domain.model import FileRecord
from osfsync.domain.policy import Policy

NOT_ON_SERVER: Final = "not-on-server"
"""Slug of the failure of a download that showed this."""


def is_absent(record: FileRecord | None) -> bool:
    """Whether the last download showed that the server does not have the file."""
    return record is not None and record.failure is not None and record.failure.slug == NOT_ON_SERVER


def may_have_arrived(record: FileRecord, dialogue: Dialogue, policy: Policy, now: datetime) -> bool:
    """Whether to try the download of an absent file again: the list shows no arrival.

    An ordered file: after a contact of its device, or after the patience where contacts are unknown.
    Any other file: after the rest.
    """
    failure = record.failure
    if failure is None or now < failure.at:  # a failure in the future came from a wrong clock
        return True
    if record.ordered_at is not None:
        contact = dialogue.last_contact
        if contact is not None and contact > max(failure.at, record.ordered_at):
            return True
        return now >= failure.at + policy.patience
    return now >= failure.at + policy.rest
