"""Readers of list records, as a client makes them."""

from osfsync.cloud.field_book import FieldBook
from osfsync.cloud.fields import RecordReader
from osfsync.cloud.layout import ServerNames
from osfsync.cloud.settings import ListFields
from osfsync.domain.model import ListingSource, TimeWindow


def device_reader(
    names: ListFields | None = None,
    *,
    what: str = "file list of device 'Crane 4'",
    device_id: str = "d-1",
    window: TimeWindow | None = None,
    server: ServerNames | None = None,
    book: FieldBook | None = None,
) -> RecordReader:
    """A reader of a device's XML list."""
    book = book or FieldBook(ListingSource.DEVICE_LIST, "cloud.fields.xml", names or ListFields())
    return RecordReader(device_id, what, book, window=window, server=server)


def server_reader(
    names: ListFields | None = None, *, what: str = "list", device_id: str = "d1"
) -> RecordReader:
    """A reader of the server's JSON list."""
    book = FieldBook(ListingSource.SERVER_LIST, "cloud.fields.json", names or ListFields())
    return RecordReader(device_id, what, book, needs_status=False)
