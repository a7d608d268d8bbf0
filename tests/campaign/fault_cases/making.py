"""Shorthand for the table: endpoints, faults, and the two fates of a download."""

from datetime import UTC, datetime, timedelta
from typing import Any

from osfsync.cloud.settings import BatchMode
from osfsync.domain.errors import ExitCode
from osfsync.simulator.faults import Fault, Framing, Replace
from tests.campaign.fault_case import Case, Dice, Hit, Left, Make, Trouble, Tuning

TOKEN, BODY = "download-token", "download"

LEAST = 2_000
"""Bytes that every file has."""

ROUND = 55
"""Bytes of the blocks in which a simulated file tells one value of each channel."""

IMPATIENT = Tuning(idle=0.4)
SINGLY = Tuning(batch=BatchMode.NEVER)
"""Of cases whose troubles must hit one file's own download."""

RETRYING = frozenset({"retrying"})
QUARANTINED = frozenset({"quarantined"})
BROKEN = frozenset({"connection-broken"})
TROUBLED = frozenset({"server-error"})
BUSY = frozenset({"busy"})
UNREADABLE = frozenset({"bad-answer"})
DAMAGED = frozenset({"damaged"})
UNKNOWN = frozenset({"not-found"})


def always(fault: Fault) -> Make:
    """The same fault, whatever the dice say."""
    return lambda _: fault


def tear(dice: Dice) -> Fault:
    return Fault.tear(dice.rng.randrange(1, LEAST))


def cut(framing: Framing, least: int = 0, most: int = LEAST) -> Make:
    return lambda dice: Fault.cut(dice.rng.randrange(least, most), framing=framing)


def cut_after_a_block(dice: Dice) -> Fault:
    """Where a plain file may end as well: no byte of it shows that more was to come."""
    magic, _, _ = dice.content.partition(b"\n")
    head = len(magic) + 1 + int(magic.split()[1])
    blocks = dice.rng.randrange(1, 4)
    return Fault.cut(head + blocks * ROUND, framing=Framing.CLOSE)


def flip(least: int, most: int) -> Make:
    """Damage on the way: another byte in each of the few bodies of one file."""
    return lambda dice: Fault.flip(dice.rng.randrange(least, most - 6), step=1)


def status(code: int, retry_after: int | None = None) -> Make:
    return always(Fault.status(code, retry_after=retry_after))


def status_until(code: int, seconds: float) -> Make:
    """An error status, and a date up to which the platform wants to be left alone."""
    return lambda _: Fault.status(code, retry_after=datetime.now(UTC) + timedelta(seconds=seconds))


def text(content: str, content_type: str) -> Make:
    """Status 200 and this in place of the answer."""
    return always(Fault(Replace(content.encode(), content_type)))


RESET, SILENCE, HTML, EMPTY = map(always, (Fault.reset(), Fault.silence(), Fault.html(), Fault.empty()))
JSON = always(Fault.wrong_json())


def passing(name: str, make: Make, on: str | None = BODY, hit: Hit = Hit.FILES, **rest: Any) -> Case:
    """Each that is hit is hit once, and all comes in the same run."""
    return Case(name=f"{name}, once", troubles=(Trouble(make, on, hit, times=1),), **rest)


def lasting(
    name: str,
    make: Make,
    *,
    reasons: frozenset[str] = RETRYING,
    problems: frozenset[str],
    on: str = BODY,
    hit: Hit = Hit.FILES,
    **rest: Any,
) -> Case:
    """What is hit is hit each time, and is missing at the end with its reason; all else is here."""
    return Case(
        name=name,
        troubles=(Trouble(make, on, hit),),
        exit=ExitCode.PARTIAL,
        left=Left.FILES,
        reasons=reasons,
        problems=problems,
        **rest,
    )


def both(name: str, make: Make, **rest: Any) -> tuple[Case, Case]:
    """The passing trouble and the lasting one."""
    problems, reasons = rest.pop("problems"), rest.pop("reasons", RETRYING)
    return passing(name, make, **rest), lasting(name, make, problems=problems, reasons=reasons, **rest)
