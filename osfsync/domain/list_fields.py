"""Which field of a tenant's file lists means what, as it is kept from run to run."""

from dataclasses import dataclass

from osfsync.domain.model import ListingSource


@dataclass(frozen=True, slots=True)
class FieldChoice:
    """The field of one list that was chosen for one meaning.

    Attributes:
        source: the list.
        meaning: such as `name` or `status`.
        path: such as `Meta/FileName`; empty where the list has such a field, and it can't be used.
        fits: number of records whose value fitted, of `records`, when it was chosen.
    """

    source: ListingSource
    meaning: str
    path: str
    fits: int = 0
    records: int = 0
