"""Lists that break, lie, or say nothing where there was something."""

from typing import Any

from osfsync.domain.errors import ExitCode
from osfsync.simulator.faults import Fault, Framing
from tests.campaign.fault_case import Between, Case, Fleet, Hit, Left, Make, Trouble, Tuning
from tests.campaign.fault_cases.making import (
    BROKEN,
    EMPTY,
    HTML,
    IMPATIENT,
    JSON,
    RESET,
    RETRYING,
    SILENCE,
    TOKEN,
    TROUBLED,
    UNREADABLE,
    always,
    cut,
    passing,
    status,
    tear,
    text,
)

LIST, SERVER_LIST, DEVICES = "file-list", "server-list", "devices"
NO_FILES = text('<?xml version="1.0"?>\n<FileList>\n</FileList>\n', "application/xml")
NO_ENTRIES = text('{"data": [], "totalPages": 1, "totalElements": 0, "hasNext": false}', "application/json")
MORE_TO_COME = text('{"data": [], "totalPages": 9, "totalElements": 9, "hasNext": true}', "application/json")
SEALED = Fleet(sealed=True)
WITH_SEALED = frozenset({"no-permission"})


def one_device(
    name: str, make: Make, *, problems: frozenset[str], on: str = LIST, hit: Hit = Hit.DEVICE, **rest: Any
) -> Case:
    """One device's list can't be had: it fails alone."""
    return Case(
        name=name,
        troubles=(Trouble(make, on, hit),),
        exit=ExitCode.PARTIAL,
        left=Left.DEVICE,
        problems=problems,
        **rest,
    )


def no_devices(name: str, make: Make, *, says: str = "", **rest: Any) -> Case:
    """The device list can't be had: the run ends, and nothing is done."""
    return Case(
        name=name,
        troubles=(Trouble(make, DEVICES),),
        exit=ExitCode.UNREACHABLE,
        left=Left.EVERYTHING,
        says=says,
        **rest,
    )


LISTS: tuple[Case, ...] = (
    passing("a file list cut, with Content-Length", cut(Framing.LENGTH, 1, 300), LIST, Hit.DEVICE),
    passing("a file list cut, without Content-Length", cut(Framing.CLOSE, 1, 300), LIST, Hit.DEVICE),
    passing("a file list reset in its middle", always(Fault.tear(90)), LIST, Hit.DEVICE),
    passing("500 for a file list", status(500), LIST, Hit.DEVICE),
    one_device("a file list that is always cut", cut(Framing.LENGTH, 1, 300), problems=BROKEN),
    one_device("a file list that is always cut, chunked", cut(Framing.CHUNKED, 1, 300), problems=BROKEN),
    one_device("a file list that is always cut, without length", cut(Framing.CLOSE, 1, 300), problems=BROKEN),
    one_device(
        "a file list that breaks off in its XML", always(Fault.bad_xml()), problems=BROKEN | UNREADABLE
    ),
    one_device("a file list with a document type", always(Fault.doctype_xml()), problems=UNREADABLE),
    one_device("HTML with status 200 for a file list", HTML, problems=UNREADABLE),
    Case(
        name="HTML for a file list, once: the device is listed next time",
        troubles=(Trouble(HTML, LIST, Hit.DEVICE, times=1),),
        exit=ExitCode.PARTIAL,
        left=Left.DEVICE,
        problems=UNREADABLE,
    ),
    one_device("JSON for a file list", JSON, problems=UNREADABLE),
    one_device("an empty body for a file list", EMPTY, problems=UNREADABLE | BROKEN),
    one_device("502 for a file list", status(502), problems=TROUBLED),
    one_device("silence in place of a file list", SILENCE, problems=BROKEN, tuning=IMPATIENT),
    one_device(
        "a file list at one byte per second",
        always(Fault.drip(1)),
        problems=BROKEN,
        tuning=Tuning(retries=0, span=1.0),
        says="cloud.minimum_rate",
    ),
    Case(
        name="404 for credentials",
        troubles=(Trouble(status(404), "credentials", Hit.DEVICE),),
        problems=WITH_SEALED,
        says="permission to view device credentials",
    ),
    one_device("HTML with status 200 for credentials", HTML, on="credentials", problems=UNREADABLE),
    Case(
        name="403 for credentials",
        troubles=(Trouble(status(403), "credentials", Hit.DEVICE),),
        problems=WITH_SEALED,
        says="permission to view device credentials",
    ),
    one_device(
        "500 for the only list of a sealed device",
        status(500),
        on=SERVER_LIST,
        hit=Hit.SEALED,
        problems=TROUBLED,
        fleet=SEALED,
    ),
    Case(
        name="500 for the server's own lists",
        troubles=(Trouble(status(500), SERVER_LIST, Hit.DEVICE),),
        exit=ExitCode.PARTIAL,
        problems=frozenset({"not-compared"}),
    ),
    passing("503 for the device list", status(503, 1), DEVICES, Hit.ALL),
    passing("a device list reset in its middle", tear, DEVICES, Hit.ALL),
    no_devices("500 for the device list", status(500)),
    no_devices("a device list that is always cut", cut(Framing.CHUNKED, 1, 300)),
    no_devices("a device list that is always cut, without length", cut(Framing.CLOSE, 1, 300)),
    no_devices("a device list that lacks entries", MORE_TO_COME, says="incomplete"),
    no_devices("HTML with status 200 for the device list", HTML, says="cloud.url"),
    no_devices("XML for the device list", NO_FILES),
    no_devices("JSON of another kind for the device list", text('{"data": 7}', "application/json")),
    no_devices("silence in place of the device list", SILENCE, tuning=IMPATIENT),
    no_devices("a device list that is always reset", RESET),
    Case(
        name="no device where there were some",
        troubles=(Trouble(NO_ENTRIES, DEVICES),),
        before=(),
        exit=ExitCode.UNREACHABLE,
        says="are known",
    ),
    Case(
        name="empty lists of devices whose files are all here",
        troubles=(Trouble(NO_FILES, LIST), Trouble(NO_ENTRIES, SERVER_LIST)),
        before=(),
        problems=frozenset({"empty-list"}),  # of what lies only on devices
    ),
    Case(
        name="empty lists of devices, the server's own tell of more",
        troubles=(Trouble(NO_FILES, LIST),),
        before=(),
        between=Between.NEW_FILES,
        problems=frozenset({"lists-differ", "empty-list"}),
        fleet=SEALED,
    ),
    Case(
        name="empty lists where files were missing",
        troubles=(Trouble(NO_FILES, LIST), Trouble(NO_ENTRIES, SERVER_LIST)),
        fleet=Fleet(sealed=False),
        before=(Trouble(status(404), TOKEN, Hit.FILES),),
        exit=ExitCode.PARTIAL,
        left=Left.FILES,
        reasons=RETRYING,
        problems=frozenset({"empty-list"}),
    ),
)
