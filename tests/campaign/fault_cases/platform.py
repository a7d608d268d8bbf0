"""Logins, limits, redirects, commands, and a platform that goes away."""

from dataclasses import replace
from typing import Any

from osfsync.cloud.settings import BatchMode
from osfsync.domain.errors import ExitCode
from osfsync.simulator.faults import Fault, Framing
from tests.campaign.fault_case import Case, Dice, Fleet, Hit, Left, Make, Trouble, Tuning
from tests.campaign.fault_cases.making import (
    BODY,
    BROKEN,
    BUSY,
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
    lasting,
    passing,
    status,
    tear,
)

FIRST, SECOND, COMMAND, LOG = "authorization", "login", "request-list", "communication"
NOT_ORDERED = frozenset({"listed-not-ordered"})
WITH_ORDERS = Fleet(waiting=True)
MANY = Fleet(devices=range(3, 4), files=range(14, 17), sizes=range(2_000, 4_000))
NO_HURRY = Tuning(retries=0, downloads=4, batch=BatchMode.NEVER)


def shut(name: str, make: Make, on: str, *, code: ExitCode = ExitCode.UNREACHABLE, **rest: Any) -> Case:
    """The platform does not let us in: nothing is here."""
    return Case(name=name, troubles=(Trouble(make, on),), exit=code, left=Left.EVERYTHING, **rest)


def commands(name: str, make: Make, problems: frozenset[str], on: str = COMMAND, **rest: Any) -> Case:
    """What happens to commands keeps no file of the server away."""
    return Case(name=name, troubles=(Trouble(make, on),), problems=problems, fleet=WITH_ORDERS, **rest)


def away(code: int) -> Make:
    """To another host, with the path of the request as far as a host may choose it."""
    return lambda dice: Fault.redirect(f"{dice.elsewhere}/api/device/token", code=code)


def nearby(_: Dice) -> Fault:
    """To the same place."""
    return Fault.redirect("?page=0&limit=-1", code=307)


def astray(dice: Dice) -> Fault:
    """To the platform itself, again and again."""
    return Fault.redirect(f"{dice.here}/api/noauth/nowhere")


def _storm() -> tuple[Trouble, ...]:
    """All that may pass, with probabilities from the seed."""
    passing_by: tuple[tuple[str | None, Make], ...] = (
        (BODY, tear),
        (BODY, cut(Framing.LENGTH)),
        (BODY, cut(Framing.CHUNKED)),
        (BODY, cut(Framing.CLOSE)),
        (BODY, HTML),
        (BODY, EMPTY),
        (BODY, always(Fault.spend_token())),
        (BODY, status(502)),
        (TOKEN, status(503)),
        (TOKEN, RESET),
        ("file-list", cut(Framing.LENGTH, 1, 300)),
        ("file-list", status(500)),
        ("server-list", status(504)),
        (None, lambda dice: Fault.delay(dice.rng.uniform(0.0, 0.1))),
    )
    return tuple(Trouble(make, on, probability=0.04) for on, make in passing_by)


PLATFORM: tuple[Case, ...] = (
    passing("500 at the first login post", status(500), FIRST, Hit.ALL),
    passing("503 at the second login post, with Retry-After", status(503, 1), SECOND, Hit.ALL),
    passing("a login that is reset", RESET, SECOND, Hit.ALL),
    passing("a login that is cut", cut(Framing.LENGTH, 1, 100), SECOND, Hit.ALL),
    passing("silence in place of a login", SILENCE, FIRST, Hit.ALL, tuning=IMPATIENT),
    shut("a login that is refused", status(401), FIRST, code=ExitCode.LOGIN_REFUSED, says="cloud.username"),
    shut("a login that is refused at its second step", status(401), SECOND, code=ExitCode.LOGIN_REFUSED),
    shut("401 for all but the login", status(401), "devices", says="administrator"),
    shut("403 for the device list", status(403), "devices", says="administrator"),
    shut("500 for every login", status(500), SECOND),
    shut("silence in place of every login", SILENCE, SECOND, tuning=IMPATIENT),
    shut("HTML with status 200 for a login", HTML, FIRST, says="cloud.url"),
    shut("JSON of another kind for a login", JSON, SECOND),
    shut("an empty login", EMPTY, FIRST),
    Case(
        name="a login refused in the middle",
        troubles=(
            Trouble(always(Fault.delay(0)), TOKEN, times=15),
            Trouble(always(Fault.expire_tokens()), TOKEN, times=1),
            Trouble(always(Fault.delay(0)), FIRST, times=1),
            Trouble(status(401), FIRST),
        ),
        exit=ExitCode.LOGIN_REFUSED,
        left=Left.SOME,
        reasons=RETRYING | {"on-server"},
        waiting=NOT_ORDERED | {"ordered"},
        fleet=MANY,
        tuning=NO_HURRY,
    ),
    Case(
        name="a rate limit that our own pace keeps",
        troubles=(Trouble(always(Fault.rate_limit(30)), None),),
        tuning=Tuning(requests_per_second=27),
        requests=1.0,
    ),
    Case(
        name="a rate limit that we run into",
        troubles=(Trouble(always(Fault.rate_limit(40, seconds=0.9)), None),),
        tuning=Tuning(retries=5, downloads=8),
        seconds=20,
        requests=3.0,
    ),
    shut("a login redirected to another host", away(307), FIRST, says="cloud.url"),
    shut("a login's second step redirected to another host", away(308), SECOND, says="cloud.url"),
    shut("the device list redirected to another host", away(302), "devices", says="cloud.url"),
    Case(
        name="a file list redirected to another host",
        troubles=(Trouble(away(301), "file-list", Hit.DEVICE),),
        exit=ExitCode.PARTIAL,
        left=Left.DEVICE,
        problems=UNREADABLE,
        says="cloud.url",
    ),
    lasting("tokens redirected to another host", away(307), on=TOKEN, problems=UNREADABLE, says="cloud.url"),
    lasting("files redirected to another host", away(302), problems=UNREADABLE, says="cloud.url"),
    passing("a device list redirected within the platform", nearby, "devices", Hit.ALL),
    shut("a device list redirected for ever", astray, "devices"),
    commands("500 for commands", status(500), TROUBLED),
    commands("commands that are reset", RESET, BROKEN),
    commands("503 for commands", status(503), TROUBLED, waiting=NOT_ORDERED),
    commands("429 for commands, with Retry-After", status(429, 1), BUSY, waiting=NOT_ORDERED),
    commands("502 for the communication log", status(502), TROUBLED, on=LOG),
    commands("HTML with status 200 for the communication log", HTML, UNREADABLE, on=LOG),
    Case(
        name="a platform that goes away",
        troubles=(Trouble(always(Fault.delay(0)), None, times=70), Trouble(RESET, None)),
        exit=ExitCode.UNREACHABLE,
        left=Left.SOME,
        reasons=RETRYING | {"on-server"},
        problems=BROKEN,
        waiting=NOT_ORDERED | {"ordered"},
        fleet=replace(MANY, files=range(18, 21)),
        tuning=NO_HURRY,
        says="the next run goes on",
    ),
    Case(
        name="a bit of everything",
        troubles=_storm(),
        exit=None,
        left=Left.SOME,
        reasons=RETRYING | {"quarantined"},
        problems=frozenset(
            {"connection-broken", "server-error", "busy", "damaged", "not-found", "bad-answer"}
        ),
        tuning=Tuning(retries=2),
        seconds=20,
    ),
)
