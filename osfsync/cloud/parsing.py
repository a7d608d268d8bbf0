"""The platform's JSON and text answers → domain types. Sans-IO.

Strict where the API page promises something, tolerant where the shape is only inferred.
"""

import base64
import math
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import unquote

import msgspec

from osfsync.cloud.answers import AmbiguousError, Rank, best, credentials_rank, decoded, login_rank, read_json
from osfsync.cloud.bounds import Raws, bounded, refuse_swarm
from osfsync.cloud.calls import from_epoch
from osfsync.cloud.device_records import device_of, identity
from osfsync.cloud.field_values import moment_of, scalar_of
from osfsync.cloud.fields import RecordReader, extra_of
from osfsync.cloud.layout import spelling
from osfsync.cloud.models import Reading
from osfsync.cloud.wrappers import Path, mended, wrapped
from osfsync.domain.errors import ProtocolError
from osfsync.domain.model import CommunicationEvent, DataFile, Device, Tenant

LONGEST_TOKEN = 8_192
"""Characters of a token or a credential; more would not fit into an address or a header."""

_WRAPPERS = 3  # objects around a list or an id
_LISTS = ("data", "content", "items", "tenants", "authorities", "result", "results", "list")
_BEFORE_TOKEN = "/token/"  # noqa: S105 - a part of a path

_VISIBLE = re.compile(r"[!-~]+", re.ASCII)

_KIND_FIELDS = ("type", "eventtype", "kind", "command", "event", "messagetype", "action", "name")
_TIME_FIELDS = ("ts", "timestamp", "time", "eventtime", "createdtime", "createdat", "date", "starttime")
_KINDS = frozenset({"PING", "ATTN", "UPLOAD", "RETURN_LIST", "RETURN_FILE", "RETURN_ERROR", "LIST_FILES"})

_LONGEST_KIND = 64

DEVICES, FILES, EVENTS = (
    ("device",),
    ("file", "recording"),
    ("event", "message", "communication", "log", "histor"),
)
"""Stems of the names that a list of them may have."""

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

Chunks = Iterator[bytes]


@dataclass(frozen=True, slots=True)
class Authority:
    """One tenant that the account reaches, and the id that the second login post wants."""

    tenant: Tenant
    authority_id: str


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list: undecoded records, and what the answer says of the rest, where it does."""

    records: Raws
    total: int | None
    total_pages: int | None
    has_next: bool | None
    count: int | None = None  # of the whole list or of this page

    def of_all(self, entries: int) -> "Page":
        """With a count that is more than the page's own `entries` as the total."""
        if self.total is not None or self.count is None or self.count <= entries:
            return self
        return replace(self, total=self.count)


def authorities(body: bytes) -> list[Authority]:
    """First login post. Entries without a tenant are skipped, as the API page's sample does."""
    entries = _small(body, "login", "a list of tenants")
    for _ in range(_WRAPPERS):
        if isinstance(entries, dict):
            inner = [entries[name] for name in _LISTS if isinstance(entries.get(name), list | dict)]
            if len(inner) > 1:
                raise _unexpected("login", "one list of tenants")
            entries = inner[0] if inner else [entries]
    if not isinstance(entries, list):
        raise _unexpected("login", "a list of tenants")
    found = [_authority(entry) for entry in entries if isinstance(entry, dict)]
    authorities = [authority for authority in found if authority is not None]
    if not authorities and isinstance(_small(body, "login", "a list of tenants"), dict) and found:
        raise _unexpected("login", "a list of tenants")
    return authorities


def _authority(entry: Mapping[str, object]) -> Authority | None:
    tenant, authority = entry.get("tenant"), entry.get("authority")
    inner = tenant if isinstance(tenant, dict) else {}
    name = _first(scalar_of, inner.get("name"), inner.get("title"), entry.get("tenantName"))
    if name is None:
        return None
    authority_id = _first(
        identity, entry.get("authorityId"), authority if isinstance(authority, dict) else None
    )
    tenant_id = _first(identity, inner.get("id"), inner.get("tenantId"), entry.get("tenantId"))
    if authority_id is None or tenant_id is None:
        raise _unexpected("login", "the ids of a tenant and its authority")
    return Authority(Tenant(tenant_id, name), authority_id)


def _first(read: Callable[[object], str | None], *values: object) -> str | None:
    return next((found for value in values if (found := read(value)) is not None), None)


def login_token(body: bytes) -> str:
    """Second login post: the page's own `token`, otherwise the field that is named like one."""
    answer = _small_or_text(body, "login", "a token")
    token = _best(answer, login_rank, "login", "a token").removeprefix("Bearer ").strip()
    if not _visible(token):
        raise _unexpected("login", "a token")
    return token


def token_lifetime(token: str, now: datetime) -> timedelta | None:
    """How long a login token is good for, by its own word; None where it does not tell.

    It is a JWT as far as known, and is only read, not verified: the platform is the one to judge it. Its
    own `iat` counts before our clock, which may be wrong.
    """
    try:
        claims = msgspec.json.decode(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
        expires, issued = claims.get("exp"), claims.get("iat")
    except (IndexError, AttributeError, ValueError, *_UNREADABLE):
        return None
    end, start = from_epoch(_float(expires)), from_epoch(_float(issued))
    if end is None:
        return None
    lifetime = end - (start or now)
    return lifetime if lifetime > timedelta(0) else None


def credentials_id(body: bytes, what: str) -> str | None:
    """The device's access token; None where the platform says there is none.

    The API page's own field comes first. Of several credentials, the one of type ACCESS_TOKEN counts.
    """
    if not body.strip():
        return None
    answer = _small_or_text(body, what, "a credentialsId")
    if answer is None or answer in ([], {}):
        return None
    if isinstance(answer, dict) and answer.get("credentialsId", "") is None:
        return None
    if isinstance(answer, list):
        typed = [c for c in answer if isinstance(c, dict) and c.get("credentialsType") == "ACCESS_TOKEN"]
        answer = typed or answer
    found = _best(answer, credentials_rank, what, "a credentialsId")
    if not _visible(found):
        raise _unexpected(what, "a credentialsId")
    return found


def download_token(body: bytes, what: str, origin: str | None = None) -> str:
    """First step of a download: text, JSON text, an object that holds it, or an address that ends in it.

    Args:
        body: the answer.
        what: the answer, in the words of a message.
        origin: scheme, host and port that an address must have.

    Raises:
        ProtocolError: no token, more than one, an error in its place, or an address elsewhere.
    """
    answer = _small_or_text(body, what, "a download token")
    if isinstance(answer, dict) and any(answer.get(field) for field in ("error", "errorCode", "errors")):
        raise _unexpected(what, "a download token")
    text = _best(answer, _download_rank, what, "a download token")
    if "://" in text or _BEFORE_TOKEN in text:
        text = _from_address(text, what, origin)
    if not _visible(text) or text.startswith(("<", "{", "[", "/")):
        raise _unexpected(what, "a download token")
    return text


def _from_address(text: str, what: str, origin: str | None) -> str:
    if "://" in text and (origin is None or not text.startswith(origin.rstrip("/") + "/")):
        raise ProtocolError(f"The {what} gave an address on another server; it was not followed.")
    _, found, token = text.partition("?")[0].rpartition(_BEFORE_TOKEN)
    if not found or not token or "/" in token:
        raise _unexpected(what, "a download token")
    return unquote(token)


def _download_rank(path: tuple[str, ...], text: str) -> int:
    name = next((name for name in reversed(path) if name), "")
    if not name or name in {"token", "downloadtoken"}:
        return 3
    if _BEFORE_TOKEN in text and name in {"url", "href", "link", "downloadurl", "uri", "location", "path"}:
        return 2
    return 1 if name in {"filetoken", "data", "result", "value"} else 0


def _small(body: bytes, what: str, wanted: str) -> object:
    try:
        return read_json(body)
    except (ValueError, RecursionError):
        raise _unexpected(what, wanted, body) from None


def _small_or_text(body: bytes, what: str, wanted: str) -> object:
    """JSON, or the plain text of an answer that is none. A number is text too."""
    try:
        text = decoded(body).strip()
    except UnicodeDecodeError:
        raise _unexpected(what, wanted) from None
    if text[:1] in {"{", "[", '"'} or text == "null":
        return _small(body, what, wanted)
    if not _visible(text) or text.startswith("<"):
        raise _unexpected(what, wanted)
    return text


def _best(answer: object, rank: Rank, what: str, wanted: str) -> str:
    try:
        found = best(answer, rank)
    except AmbiguousError:
        raise _unexpected(what, f"{wanted}, and only one,") from None
    if not found:
        raise _unexpected(what, wanted)
    return found


def page(body: bytes, what: str, names: Sequence[str] = (), within: Path | None = None) -> Page:
    """One page of a list: bare, under `data` (API page), or in another wrapper; see `wrapped`."""
    refuse_swarm(body, what)
    try:
        try:
            found = wrapped(body, names, within)
        except _UNREADABLE:
            if (text := mended(body)) is None:
                raise
            found = wrapped(text, names, within)
    except AmbiguousError:
        raise _unexpected(what, "one list, and only one,", body) from None
    except _UNREADABLE:
        found = None
    if found is None:
        raise _unexpected(what, "a list under the name of data", body)
    records = bounded(found.records, body, what)
    return Page(records, found.total, found.total_pages, found.has_next, found.count)


def devices(records: Raws) -> list[Device]:
    """Devices of one page; entries without an id are left out."""
    entries = (device_of(_decode(raw, "device list")) for raw in records)
    return [device for device in entries if device is not None]


def check_identified(found: Collection[Device], skips: int) -> None:
    """Raise ProtocolError where no entry of a device list has an id."""
    if skips and not found:
        raise _unexpected("device list", "the id of a device")


def server_files(records: Raws, reader: RecordReader, what: str) -> list[DataFile]:
    """Files of a page, or a piece of a page, of the server's own list."""
    return reader.files(_settled(records, reader, what))


def server_entries(records: Raws, reader: RecordReader, what: str) -> list[tuple[str, int | None]]:
    """Of the same files, the name and the size."""
    return reader.entries(_settled(records, reader, what))


def _settled(records: Raws, reader: RecordReader, what: str) -> list[object]:
    decoded = [_decode(raw, what) for raw in records]
    if decoded and reader.sample:
        reader.settle(decoded)
    return decoded


def elements(body: bytes, what: str) -> Raws | None:
    """The records of a bare list; None where it is none. Raises ProtocolError where it holds too much."""
    refuse_swarm(body, what)
    records = _list(body)
    if records is None and (text := mended(body)) is not None:
        records = _list(text)
    return None if records is None else bounded(records, body, what)


def _list(body: bytes) -> Raws | None:
    try:
        return msgspec.json.decode(body, type=list[msgspec.Raw])
    except _UNREADABLE:
        return None


def events(records: Raws, what: str) -> list[CommunicationEvent]:
    """Communication events. Their fields are not documented."""
    return [_event(_decode(raw, what)) for raw in records]


def _event(record: object) -> CommunicationEvent:
    fields = _flattened(record) if isinstance(record, dict) else {"event": record}
    spelled = {spelling(field): value for field, value in reversed(fields.items())}
    texts = [text for text in map(scalar_of, fields.values()) if text is not None]
    kind = next((text.upper() for text in texts if text.upper() in _KINDS), None)
    if kind is None:
        named = (scalar_of(spelled.get(field)) for field in _KIND_FIELDS)
        kind = next((text.upper() for text in named if text is not None), "")
    times = (moment_of(spelled.get(field)) for field in _TIME_FIELDS)
    at = next((moment for moment in times if moment is not None), None)
    return CommunicationEvent(kind[:_LONGEST_KIND], at, extra_of(fields, fields))


def _flattened(record: Mapping[str, object]) -> dict[str, object]:
    """A record with the fields of its inner records beside its own, which come first."""
    inner = {
        field: value
        for holder in record.values()
        if isinstance(holder, dict)
        for field, value in holder.items()
    }
    return {**record, **{field: value for field, value in inner.items() if field not in record}}


def readings(body: bytes, what: str) -> list[Reading]:
    """Latest value of each channel, in order of their names."""
    answer = _decode(body, what)
    if not isinstance(answer, dict):
        raise _unexpected(what, "values by channel")
    return [_reading(channel, answer[channel]) for channel in sorted(answer)]


def _reading(channel: str, values: object) -> Reading:
    entries: Iterable[object] = values if isinstance(values, list) else [values]
    found = [
        Reading(channel, scalar_of(entry.get("value")) or "", moment_of(entry.get("ts")))
        for entry in entries
        if isinstance(entry, dict)
    ]
    dated = [reading for reading in found if reading.at is not None]
    return max(dated, key=lambda r: r.at.timestamp() if r.at else 0, default=Reading(channel, "", None))


def html(body: bytes) -> bool:
    """Whether an answer is a web page in place of data."""
    head = body[:256].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return head.startswith((b"<!doctype html", b"<html"))


def _decode(body: bytes | msgspec.Raw, what: str) -> object:
    try:
        return msgspec.json.decode(body)
    except _UNREADABLE:
        if (text := mended(bytes(body))) is None:
            raise _unexpected(what, "JSON", bytes(body)) from None
    try:
        return msgspec.json.decode(text)
    except _UNREADABLE:
        raise _unexpected(what, "JSON", bytes(body)) from None


def _unexpected(what: str, wanted: str, body: bytes = b"") -> ProtocolError:
    if html(body):
        return ProtocolError(
            f"The {what} came as a web page, not as data.",
            hint="Check cloud.url, and whether a proxy or a login page stands in between.",
        )
    if body and not body.strip():
        return ProtocolError(f"The {what} came empty.")
    return ProtocolError(f"The {what} can't be read: {wanted} was expected.")


def _visible(text: str) -> bool:
    return len(text) <= LONGEST_TOKEN and _VISIBLE.fullmatch(text) is not None


def _float(value: object) -> float:
    try:
        return float(value) if isinstance(value, int | float) else 0.0
    except OverflowError:
        return math.inf
