"""Downloads that the platform refuses, puts off, or answers with something else."""

from collections.abc import Iterator
from datetime import timedelta

from osfsync.domain.errors import ExitCode
from osfsync.simulator.endpoints import ServerOptions
from osfsync.simulator.faults import Fault
from tests.campaign.fault_case import Case, Fleet, Hit, Left, Trouble, Tuning
from tests.campaign.fault_cases.making import (
    BODY,
    BUSY,
    EMPTY,
    HTML,
    JSON,
    RETRYING,
    SINGLY,
    TOKEN,
    TROUBLED,
    UNKNOWN,
    UNREADABLE,
    always,
    lasting,
    passing,
    status,
    status_until,
    text,
)

READABLE = Fleet(sealed=False)
"""Where a device's list says that a file is on the server, 404 is a failure."""

UNAUTHORIZED = frozenset({"unauthorized"})
FORBIDDEN = frozenset({"no-permission"})
USED_UP = text("a-token-that-was-used", "text/plain")


def _statuses() -> Iterator[Case]:
    for code in (429, 500, 502, 503):
        slug = BUSY if code == 429 else TROUBLED
        patient = BUSY if code in {429, 503} else TROUBLED
        yield passing(f"{code} for a file", status(code))
        yield passing(f"{code} for a token, with Retry-After", status(code, 1), TOKEN)
        yield lasting(f"{code} for a token", status(code), on=TOKEN, problems=slug, seconds=22)
        # Beside its own ten seconds: up to six files, two tries of each, and each time a pause of a second.
        yield lasting(f"{code} for a file, with Retry-After", status(code, 1), problems=patient, seconds=22)


REFUSALS: tuple[Case, ...] = (
    *_statuses(),
    passing("503 for a file, with a date to wait for", status_until(503, 2)),
    Case(
        name="503 with a Retry-After of a day",
        troubles=(Trouble(status(503, 86_400), BODY),),
        exit=ExitCode.UNREACHABLE,
        left=Left.SOME,
        reasons=RETRYING | {"on-server"},
        problems=BUSY | {"not-compared"},
        waiting=frozenset({"ordered", "listed-not-ordered"}),
        says="Run again later",
    ),
    Case(name="401 in the middle", troubles=(Trouble(always(Fault.expire_tokens()), BODY, times=1),)),
    # One at a time: a call that meets two ends of its login is refused for this run.
    Case(
        name="401 in the middle, for a list",
        troubles=(Trouble(always(Fault.expire_tokens()), "file-list", times=1),),
    ),
    Case(
        name="401 in the middle, for tokens",
        troubles=(Trouble(always(Fault.expire_tokens()), TOKEN, times=1),),
    ),
    Case(
        name="a login that lasts a second",
        troubles=(Trouble(always(Fault.delay(0.25)), BODY),),
        options=ServerOptions(token_lifetime=timedelta(seconds=1)),
        tuning=Tuning(downloads=3),
        requests=3.0,
    ),
    lasting("401 for some files", status(401), on=TOKEN, problems=UNAUTHORIZED, requests=3.0),
    lasting("403 for some files", status(403), on=TOKEN, problems=FORBIDDEN, reasons=FORBIDDEN),
    lasting("404 for a listed file", status(404), on=TOKEN, problems=UNKNOWN, fleet=READABLE),
    lasting("410 for a listed file, at its second step", status(410), problems=UNKNOWN),
    passing("a download token that ran out", always(Fault.spend_token())),
    lasting("download tokens that run out each time", always(Fault.spend_token()), problems=UNKNOWN),
    Case(
        name="no download token lives long enough",
        troubles=(Trouble(always(Fault.spend_token()), BODY),),
        exit=ExitCode.PARTIAL,
        left=Left.EVERYTHING,
        reasons=RETRYING,
        problems=UNKNOWN,
    ),
    passing("a download token that was used before", USED_UP, TOKEN),
    lasting("download tokens that were used before", USED_UP, on=TOKEN, problems=UNKNOWN),
    lasting("HTML with status 200 for a token", HTML, on=TOKEN, problems=UNREADABLE),
    Case(
        name="HTML for a token, once: the file comes next time",
        troubles=(Trouble(HTML, TOKEN, Hit.FILES, times=1),),
        exit=ExitCode.PARTIAL,
        left=Left.FILES,
        reasons=RETRYING,
        problems=UNREADABLE,
        tuning=SINGLY,
    ),
    lasting("JSON for a token", JSON, on=TOKEN, problems=UNREADABLE),
    lasting("an empty token", EMPTY, on=TOKEN, problems=UNREADABLE),
    Case(
        name="500 for every token",
        troubles=(Trouble(status(500), TOKEN),),
        exit=ExitCode.PARTIAL,
        left=Left.EVERYTHING,
        reasons=RETRYING,
        problems=TROUBLED,
    ),
)
