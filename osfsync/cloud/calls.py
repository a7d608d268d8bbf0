"""One constructor per endpoint of the API page: path, unit, body and how often it may be sent.

Sans-IO. The platform's seconds and milliseconds exist here and nowhere else.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import lru_cache
from urllib.parse import quote

from osfsync.cloud.ranges import Rest
from osfsync.domain.errors import ProtocolError
from osfsync.domain.model import Device, TimeWindow

ACCEPT = "text/html, application/json, application/xhtml+xml, application/xml;q=0.9"
"""The header of the API page's sample. It admits XML, without which the file list answers 406."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_PLAUSIBLE = datetime(1990, 1, 1, tzinfo=UTC)
_NO_LONGER_PLAUSIBLE = datetime(2100, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_MILLISECOND = timedelta(milliseconds=1)

ALL = "-1"
"""`limit` that lists everything in one answer (API page)."""

ALL_EVENTS = "2147483647"
"""`limit` of the communication events in the API page's sample."""

_LEAST_MILLISECONDS = 1e11
"""From here on a number is milliseconds: as seconds it would be the year 5138, as milliseconds it is 1973."""


class Repeat(Enum):
    """Whether a call may be sent again after it failed."""

    FREELY = "freely"
    UNTAKEN = "untaken"  # only where the platform certainly did not take it
    NEVER = "never"  # the caller repeats the whole flow


class TimeSpelling(Enum):
    """ISO 8601 in UTC, as a platform may want it: the decimals of a second, and how UTC is written."""

    MILLISECONDS = ("milliseconds", "Z")
    SECONDS = ("seconds", "Z")
    OFFSET = ("seconds", "+00:00")
    OFFSET_MILLISECONDS = ("milliseconds", "+00:00")
    NO_ZONE = ("seconds", "")
    NO_ZONE_MILLISECONDS = ("milliseconds", "")
    SHORT_OFFSET = ("seconds", "+0000")
    SHORT_OFFSET_MILLISECONDS = ("milliseconds", "+0000")


class Hedge(Enum):
    """Whether a call may be sent again early, while nothing is known of the first one."""

    ALONE = "alone"
    FLOW = "flow"  # its token may be used up: the caller repeats the whole flow
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Call:
    """One request.

    Attributes:
        label: for logs and messages. The path is no such thing: it may hold a credential or a token.
        path: percent-encoded, from the server's root.
        json: to be sent as the body; None means no body.
        aside: a pause that the platform asks for in answer concerns calls of this label only: a run can do
            without them.
        device: the name of the device it is about, empty where there is none. Likewise `file`.
        rest: the part of the answer's body that is wanted; None means all of it.
        most: bytes that the answer's body may have; None means that whoever reads it bounds it.
        hedge: whether it may be sent again early.
        second: it is the second step of a flow whose token may run out.
        sort: calls of one sort usually take equally long; empty means those of its label.
    """

    label: str
    method: str
    path: str = field(repr=False)
    params: tuple[tuple[str, str], ...] = ()
    json: object = field(default=None, repr=False)
    accept: str = ACCEPT
    repeat: Repeat = Repeat.FREELY
    aside: bool = False
    device: str = ""
    file: str = ""
    rest: Rest | None = None
    most: int | None = None
    hedge: Hedge = Hedge.ALONE
    second: bool = False
    sort: str = ""

    @property
    def kind(self) -> str:
        """Calls of one kind usually take equally long."""
        return self.sort or self.label

    @property
    def what(self) -> str:
        """The words of a message, such as: file list of device 'Crane 4'."""
        of_file = f"{self.label} of file {self.file!r}" if self.file else self.label
        return f"{of_file} of device {self.device!r}" if self.device else of_file


def authorization(username: str, password: str) -> Call:
    """First login post: which tenants the account reaches."""
    return Call(
        "login", "POST", "/api/noauth/authorization", json={"username": username, "password": password}
    )


def login(username: str, password: str, authority_id: str) -> Call:
    """Second login post: a token for one tenant."""
    return Call(
        "login",
        "POST",
        "/api/auth/login",
        json={"username": username, "password": password, "authorityId": authority_id},
    )


def devices(tenant_id: str, page: int) -> Call:
    """The tenant's devices."""
    return Call(
        "device list",
        "GET",
        f"/api/tenants/{_segment(tenant_id)}/devices",
        params=(("page", str(page)), ("limit", ALL)),
    )


def server_files(device: Device, window: TimeWindow, page: int) -> Call:
    """The server's own files of a device; milliseconds."""
    return Call(
        "server's file list",
        "GET",
        f"/api/devices/{_segment(device.id)}/data-files/original",
        params=(
            ("startTime", str(milliseconds(window.start))),
            ("endTime", str(_up(window.end, _MILLISECOND))),
            ("limit", ALL),
            ("page", str(page)),
        ),
        device=device.name,
    )


def credentials(device: Device) -> Call:
    """The device's access token, which the file list wants in its path."""
    return Call("credentials", "GET", f"/api/device/{_segment(device.id)}/credentials", device=device.name)


def file_list(device: Device, credentials_id: str, window: TimeWindow) -> Call:
    """All known files of a device with their storage status: XML, upper-case /API/, seconds."""
    start, end = _down(window.start, _SECOND), _up(window.end, _SECOND)
    return Call(
        "file list",
        "GET",
        f"/API/filelist/list/deviceid/{_segment(credentials_id)}/StartTime/{start}/{end}",
        device=device.name,
    )


def download_token(device: Device, name: str) -> Call:
    """First step of a download: a token for one file."""
    return Call(
        "download",
        "POST",
        f"{_downloads(device)}/download",
        json=[name],
        repeat=Repeat.NEVER,
        device=device.name,
        file=name,
    )


def download(
    device: Device, name: str, token: str, rest: Rest | None = None, most: int | None = None
) -> Call:
    """Second step of a download: the file itself, or what is still wanted of it."""
    return Call(
        "download",
        "GET",
        f"{_downloads(device)}/token/{_segment(token)}",
        repeat=Repeat.NEVER,
        device=device.name,
        file=name,
        rest=rest,
        most=most,
        hedge=Hedge.FLOW,
        second=True,
        sort="file",
    )


def batch_token(device: Device, names: Sequence[str]) -> Call:
    """First step of a batch: a token for several files, whose answer is usually a ZIP (API page)."""
    return Call(
        f"download of {len(names)} files",
        "POST",
        f"{_downloads(device)}/download",
        json=list(names),
        repeat=Repeat.NEVER,
        device=device.name,
        sort="batch token",
    )


def batch(device: Device, names: Sequence[str], token: str) -> Call:
    """Second step of a batch: the files."""
    return Call(
        f"download of {len(names)} files",
        "GET",
        f"{_downloads(device)}/token/{_segment(token)}",
        repeat=Repeat.NEVER,
        device=device.name,
        hedge=Hedge.FLOW,
        second=True,
        sort="batch",
    )


@lru_cache(maxsize=64)
def _downloads(device: Device) -> str:
    return f"/api/device/{_segment(device.id)}/data-files/CLIENT_SCOPE"


def request_list(
    device: Device, window: TimeWindow, tag: str, spelling: TimeSpelling = TimeSpelling.MILLISECONDS
) -> Call:
    """Queue a command: deliver the files of `window`. ISO-8601. Sent twice, it would be queued twice."""
    timespec: str = spelling.value[0]
    unit = _SECOND if timespec == "seconds" else _MILLISECOND
    return Call(
        "command",
        "POST",
        f"/api/devices/{_segment(device.id)}/request-list",
        json={
            "startTime": _iso(_down(window.start, unit) * unit, spelling),
            "endTime": _iso(_up(window.end, unit) * unit, spelling),
            "tag": tag,
        },
        repeat=Repeat.UNTAKEN,
        aside=True,
        device=device.name,
        hedge=Hedge.NEVER,
    )


def communication(device: Device, window: TimeWindow, page: int) -> Call:
    """What device and platform said to each other; milliseconds, as the platform's other `startTime`s."""
    return Call(
        "communication",
        "GET",
        f"/api/devices/{_segment(device.id)}/communication/data",
        params=(
            ("startTime", str(milliseconds(window.start))),
            ("endTime", str(_up(window.end, _MILLISECOND))),
            ("limit", ALL_EVENTS),
            ("page", str(page)),
        ),
        aside=True,
        device=device.name,
    )


def telemetry(device: Device, now: datetime) -> Call:
    """Latest values: both ends of the time span are now (API page); milliseconds."""
    moment = str(milliseconds(now))
    return Call(
        "telemetry",
        "GET",
        f"/api/plugins/telemetry/DEVICE/{_segment(device.id)}/values/timeseries",
        params=(("startTs", moment), ("endTs", moment)),
        device=device.name,
    )


def milliseconds(moment: datetime) -> int:
    """Whole milliseconds since the epoch, rounded down, never negative."""
    return _down(moment, _MILLISECOND)


def from_epoch(number: float) -> datetime | None:
    """A time from seconds or milliseconds since the epoch, told apart by their size; None for neither.

    The unit inside the file list is not documented; an implausible time stands for "unknown".
    """
    if not number > 0:
        return None
    unit = _MILLISECOND if number >= _LEAST_MILLISECONDS else _SECOND
    try:
        return plausible(EPOCH + number * unit)
    except OverflowError:
        return None


def plausible(moment: datetime) -> datetime | None:
    """The time itself, None before 1990 or from 2100 on.

    No device had it: such as 0001-01-01 or 9999-12-31, it stands for "unknown", and windows around it
    would have no end.
    """
    return moment if _FIRST_PLAUSIBLE <= moment < _NO_LONGER_PLAUSIBLE else None


def _down(moment: datetime, unit: timedelta) -> int:
    return max(0, (moment - EPOCH) // unit)


def _up(moment: datetime, unit: timedelta) -> int:
    return max(0, -((EPOCH - moment) // unit))


def _iso(since_epoch: timedelta, spelling: TimeSpelling) -> str:
    timespec, utc = spelling.value
    return (EPOCH + since_epoch).replace(tzinfo=None).isoformat(timespec=timespec) + utc


def _segment(text: str) -> str:
    """One segment of a path. Ids and tokens come from the far side and must not lead elsewhere."""
    if text in {"", ".", ".."}:
        raise ProtocolError("The platform gave an id that can't stand in an address.")
    return quote(text, safe="")
