"""Every endpoint of the API page, as a function from a call to an answer. No HTTP library in sight.

Where the page leaves something open, these do what ThingsBoard does, and are strict.
"""

import time
from collections import deque
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from urllib.parse import quote

from msgspec import Struct

from osfsync.simulator.access import Clock, Grants, Sessions
from osfsync.simulator.answers import Answer, Call, Refusal, as_json
from osfsync.simulator.fleet import DEFAULT_TAG, Event, EventKind, ListedBy, SimDevice, SimFile, SimTenant
from osfsync.simulator.listing import json_entry, milliseconds, xml_list
from osfsync.simulator.osf import VALUE_CHANNELS
from osfsync.simulator.ranges import Span, Validator, part_of, span_of, version_of
from osfsync.simulator.reading import (
    admits_xml,
    body_as,
    demand,
    iso_window,
    milliseconds_window,
    page_of,
    seconds_window,
)
from osfsync.simulator.world import World
from osfsync.simulator.zipping import zipped

SYSTEM_AUTHORITY = "13814000-1dd2-11b2-8080-808080808080"
"""The authority of the entry that lacks a tenant."""

_MOST_SPANS = 10_000


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How the platform is set up.

    Attributes:
        token_lifetime: of a session. `download_token_lifetime` likewise.
        max_page_size: the most entries of one page, whatever limit is asked for; None for no limit.
        quoted_download_token: whether the token comes as a JSON string instead of bare text.
        batches: whether several files can be asked for at once.
        ranges: whether parts of a file can be had.
        validator: by what versions of a file are told apart, where `ranges` is on.
        clock: what the two lifetimes are measured with, Unix seconds; the world's clock is another.
    """

    token_lifetime: timedelta = timedelta(hours=2)
    download_token_lifetime: timedelta = timedelta(minutes=5)
    max_page_size: int | None = None
    quoted_download_token: bool = False
    batches: bool = True
    ranges: bool = False
    validator: Validator = Validator.ETAG
    clock: Clock = time.time


class Desk:
    """What the endpoints work with.

    `spans` are the bytes of single files that were asked for, as (name, span); the last 10,000.
    """

    def __init__(self, world: World, options: ServerOptions) -> None:
        self.world = world
        self.options = options
        self.sessions = Sessions(options.token_lifetime, options.clock)
        self.grants = Grants(options.download_token_lifetime, options.clock)
        self.spans: deque[tuple[str, Span]] = deque(maxlen=_MOST_SPANS)


class _Credentials(Struct):
    username: str
    password: str

    def __repr__(self) -> str:
        return f"<credentials of {self.username}>"


class _Login(_Credentials, rename="camel"):
    authority_id: str


class _RequestList(Struct, rename="camel"):
    start_time: str
    end_time: str
    tag: str = DEFAULT_TAG


def authorization(desk: Desk, call: Call) -> Answer:
    """The tenants of the account, after an entry that has none."""
    _check_password(desk, body_as(call, _Credentials))
    system = {"authorityId": {"entityType": "AUTHORITY", "id": SYSTEM_AUTHORITY}}
    return as_json([system, *(_authority(desk, tenant) for tenant in desk.world.tenants)])


def login(desk: Desk, call: Call) -> Answer:
    """A session token for one authority of the account."""
    wanted = body_as(call, _Login)
    _check_password(desk, wanted)
    tenants = {tenant.authority_id: tenant.id for tenant in desk.world.tenants}
    if wanted.authority_id not in {SYSTEM_AUTHORITY, *tenants}:
        raise Refusal(401, "Unknown authority")
    return as_json({"token": desk.sessions.open(wanted.username, tenants.get(wanted.authority_id))})


def devices(desk: Desk, call: Call) -> Answer:
    """The devices of the session's tenant."""
    tenant_id = _tenant(desk, call)
    if tenant_id is None or call.path["tenant_id"] != tenant_id:
        raise Refusal(404, "Unknown tenant")
    entries = [
        {
            "id": _id(desk, "DEVICE", device.id),
            "createdTime": milliseconds(device.created),
            "tenantId": _id(desk, "TENANT", tenant_id),
            "name": device.name,
            "type": "data logger",
        }
        for device in desk.world.devices(tenant_id)
    ]
    return as_json(page_of(entries, call.query, desk.options.max_page_size))


def server_list(desk: Desk, call: Call) -> Answer:
    """The files that the server holds; times in ms."""
    device = _device(desk, call)
    window = milliseconds_window(call.query, "startTime", "endTime")
    entries = [
        json_entry(file, desk.world.dialect)
        for file in device.files.values()
        if (file.status.on_server or desk.world.dialect.json_lists_known)
        and file.listed_by is not ListedBy.DEVICE_LIST
        and file.within(window)
    ]
    return as_json(page_of(entries, call.query, desk.options.max_page_size))


def credentials(desk: Desk, call: Call) -> Answer:
    """The device's access token, for those who may see it."""
    device = _device(desk, call)
    if not device.readable:
        raise Refusal(403, "You don't have permission to perform this operation!")
    return as_json(
        {
            "deviceId": _id(desk, "DEVICE", device.id),
            "credentialsType": "ACCESS_TOKEN",
            "credentialsId": device.access_token,
        }
    )


def file_list(desk: Desk, call: Call) -> Answer:
    """The files with their storage status, as XML; times in the path in seconds."""
    device = _owned(desk, call, desk.world.device_of_token(call.path["credentials_id"]))
    if not admits_xml(call.headers.get("Accept", "")):
        raise Refusal(406, "Not Acceptable")
    window = seconds_window(call.path["start"], call.path["end"])
    files = [
        file
        for file in device.files.values()
        if file.announced and file.listed_by is not ListedBy.SERVER_LIST and file.within(window)
    ]
    return Answer(200, xml_list(files, desk.world.dialect), "application/xml")


def request_list(desk: Desk, call: Call) -> Answer:
    """Queues a command; times in ISO-8601. Answers nothing."""
    device = _device(desk, call)
    wanted = body_as(call, _RequestList)
    window = iso_window(wanted.start_time, wanted.end_time)
    if device.refusal is not None:
        raise Refusal(device.refusal, "The platform takes no commands for this device")
    desk.world.queue(device, window, wanted.tag)
    return Answer()


def communication(desk: Desk, call: Call) -> Answer:
    """What the device and the platform said to each other, latest first; times in ms."""
    device = _device(desk, call)
    demand(call.query, "startTime", "endTime", "limit", "page")
    window = milliseconds_window(call.query, "startTime", "endTime")
    entries = [
        {
            "deviceId": _id(desk, "DEVICE", device.id),
            "ts": milliseconds(event.at),
            "type": event.kind.value,
            "message": event.detail,
        }
        for event in reversed(device.events)
        if window.start <= event.at <= window.end
    ]
    return as_json(page_of(entries, call.query, desk.options.max_page_size))


def telemetry(desk: Desk, call: Call) -> Answer:
    """The values of a time in ms; where it holds none, the latest before its end."""
    device = _device(desk, call)
    window = milliseconds_window(call.query, "startTs", "endTs")
    before = [event for event in device.events if event.kind is EventKind.PING and event.at <= window.end]
    chosen = [event for event in before if event.at >= window.start] or before[-1:]
    if not chosen:
        return as_json({})
    values = [_values(desk.world.seed, device, event) for event in chosen]
    return as_json({channel: [value[channel] for value in values] for channel in VALUE_CHANNELS})


def download_token(desk: Desk, call: Call) -> Answer:
    """A token for the download of these files, as text."""
    device = _device(desk, call)
    names = tuple(dict.fromkeys(body_as(call, list[str])))
    if not names:
        raise Refusal(400, "Name at least one file")
    if len(names) > 1 and not desk.options.batches:
        raise Refusal(400, "Name one file")
    for name in names:
        file = device.files.get(name)
        if file is None or not file.status.on_server:
            raise Refusal(404, "The server does not hold this file")
    token = desk.grants.open(device.id, names)
    text = f'"{token}"' if desk.options.quoted_download_token else token
    return Answer(200, text.encode(), "text/plain")


def download(desk: Desk, call: Call) -> Answer:
    """The file of a token, or a ZIP of its files."""
    device = _device(desk, call)
    names = desk.grants.redeem(call.path["download_token"], device.id)
    if not all(name in device.files and device.files[name].status.on_server for name in names):
        raise Refusal(404, "The server does not hold this file any more")
    carries = tuple((device.id, name) for name in names)
    if len(names) == 1:
        content = desk.world.content(device.id, names[0])
        whole = Answer(200, content, headers=_attachment(names[0].rpartition("/")[2]), carries=carries)
        return _part(desk, call, device.files[names[0]], whole)
    members = ((name, desk.world.content(device.id, name)) for name in names)
    return Answer(200, zipped(members), "application/zip", _attachment("files.zip"), carries)


def _part(desk: Desk, call: Call, file: SimFile, whole: Answer) -> Answer:
    size = len(whole.joined())
    if not desk.options.ranges:
        desk.spans.append((file.name, Span(0, size)))
        return whole
    told = version_of(file, desk.options.clock()).headers(desk.options.validator)
    span = span_of(call.headers, told, size)
    desk.spans.append((file.name, span or Span(0, size)))
    return part_of(whole, span, told)


def _check_password(desk: Desk, given: _Credentials) -> None:
    if (given.username, given.password) != (desk.world.username, desk.world.password):
        raise Refusal(401, "Invalid username or password")


def _tenant(desk: Desk, call: Call) -> str | None:
    return desk.sessions.check(call.headers.get("X-Authorization", ""))


def _device(desk: Desk, call: Call) -> SimDevice:
    return _owned(desk, call, desk.world.device(call.path["device_id"]))


def _owned(desk: Desk, call: Call, device: SimDevice | None) -> SimDevice:
    tenant_id = _tenant(desk, call)
    if device is None or device.tenant_id != tenant_id:
        raise Refusal(404, "Unknown device")
    return device


def _id(desk: Desk, kind: str, text: str) -> object:
    return text if desk.world.dialect.bare_ids else {"entityType": kind, "id": text}


def _authority(desk: Desk, tenant: SimTenant) -> dict[str, object]:
    return {
        "tenant": {"id": _id(desk, "TENANT", tenant.id), "name": tenant.name},
        "authorityId": {"entityType": "AUTHORITY", "id": tenant.authority_id},
    }


def _values(seed: int, device: SimDevice, event: Event) -> dict[str, dict[str, object]]:
    at = milliseconds(event.at)
    rng = Random(f"{seed}/{device.id}/{at}")
    return {channel: {"ts": at, "value": f"{100 * rng.random():.2f}"} for channel in VALUE_CHANNELS}


def _attachment(name: str) -> dict[str, str]:
    return {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}"}
