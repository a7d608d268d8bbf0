"""Bodies of files that come late, broken, damaged, slowly or not at all."""

from dataclasses import replace

from osfsync.domain.errors import ExitCode
from osfsync.simulator.endpoints import ServerOptions
from osfsync.simulator.faults import Fault, Framing
from osfsync.simulator.listing import TERSE
from osfsync.simulator.ranges import Validator
from tests.campaign.fault_case import Between, Case, Fleet, Hit, Left, Trouble, Tuning
from tests.campaign.fault_cases.making import (
    BODY,
    BROKEN,
    DAMAGED,
    EMPTY,
    HTML,
    IMPATIENT,
    JSON,
    LEAST,
    QUARANTINED,
    RESET,
    RETRYING,
    SILENCE,
    SINGLY,
    TOKEN,
    always,
    both,
    cut,
    cut_after_a_block,
    flip,
    lasting,
    passing,
    tear,
)

LARGE = Fleet(devices=range(1, 2), files=range(2, 4), sizes=range(4_200_000, 5_000_000))
"""Files that are not collected in memory, but written as they come."""

LATE = Fleet(devices=range(1, 2), files=range(2, 3), sizes=range(9_600_000, 10_400_000))
"""Files whose beginnings are worth keeping for a later run."""

LATE_CUT = cut(Framing.LENGTH, 9_100_000, 9_500_000)

PARTS = tuple(ServerOptions(ranges=True, validator=validator) for validator in Validator)

UNMEASURED = Fleet(sealed=False, dialect=TERSE)
"""The only list that can be had tells no sizes."""

HURRIED = Tuning(retries=0, span=1.0)
"""The rate of a body is judged after a second."""

BODIES: tuple[Case, ...] = (
    Case(
        name="latency everywhere",
        troubles=(Trouble(lambda dice: Fault.delay(dice.rng.uniform(0.01, 0.15)), None, probability=0.5),),
        requests=1.0,
    ),
    passing("an answer later than the idle limit", always(Fault.delay(0.9)), tuning=IMPATIENT),
    *both("reset before the body", RESET, problems=BROKEN),
    *both("reset in the middle of a body", tear, problems=BROKEN),
    *both("a body cut, with Content-Length", cut(Framing.LENGTH), problems=BROKEN),
    *both("a body cut, chunked", cut(Framing.CHUNKED), problems=BROKEN),
    *both("a body cut, without Content-Length", cut(Framing.CLOSE), problems=DAMAGED, reasons=QUARANTINED),
    *both(
        # The ten bytes before are the head of a gzip stream, in which nothing guards the time and the system.
        "a flipped byte in a compressed file",
        flip(10, LEAST),
        hit=Hit.PACKED,
        problems=DAMAGED,
        reasons=QUARANTINED,
        tuning=SINGLY,
    ),
    lasting(
        "a flipped byte in a plain file's opening",
        flip(0, 19),
        hit=Hit.PLAIN,
        problems=DAMAGED,
        reasons=QUARANTINED,
        tuning=SINGLY,
    ),
    *both("HTML with status 200 for a file", HTML, problems=DAMAGED, reasons=QUARANTINED),
    *both("JSON for a file", JSON, problems=DAMAGED, reasons=QUARANTINED),
    *both("an empty body for a file", EMPTY, problems=DAMAGED, reasons=QUARANTINED),
    *both("silence in place of a file", SILENCE, problems=BROKEN, tuning=IMPATIENT),
    lasting("silence in place of a token", SILENCE, on=TOKEN, problems=BROKEN, tuning=IMPATIENT),
    lasting(
        "one byte per second, against the idle limit",
        always(Fault.drip(1)),
        problems=BROKEN,
        tuning=IMPATIENT,
    ),
    lasting(
        "one byte per second, against the least rate",
        always(Fault.drip(1)),
        problems=BROKEN,
        tuning=HURRIED,
        says="cloud.minimum_rate",
    ),
    lasting(
        "one byte at a time, from the head on",
        always(Fault.drip(9, head=True)),
        problems=BROKEN,
        tuning=Tuning(retries=0, span=1.0, idle=0.5),
    ),
    *both("a large body reset in its middle", always(Fault.tear(3_000_000)), problems=BROKEN, fleet=LARGE),
    *both(
        "a large body cut, without Content-Length",
        cut(Framing.CLOSE, 4_050_000, 4_200_000),
        problems=DAMAGED,
        reasons=QUARANTINED,
        fleet=LARGE,
    ),
    lasting(
        "a flipped byte in a large compressed file",
        flip(10, 4_200_000),
        hit=Hit.PACKED,
        problems=DAMAGED,
        reasons=QUARANTINED,
        fleet=LARGE,
    ),
    *(
        passing(
            f"a large body cut late, parts by {options.validator}",
            LATE_CUT,
            fleet=LATE,
            options=options,
        )
        for options in PARTS
    ),
    *(
        Case(
            name=f"a large {kind} cut late, then replaced, parts by {options.validator}",
            troubles=(Trouble(LATE_CUT, BODY, hit, 1), Trouble(RESET, BODY, hit)),
            exit=ExitCode.PARTIAL,
            left=Left.FILES,
            reasons=RETRYING,
            problems=BROKEN,
            fleet=LATE,
            options=options,
            after=Between.SAME_SIZES,
        )
        for options in PARTS
        for kind, hit in ((".osfz", Hit.PACKED), (".osf", Hit.PLAIN))
        # Of a plain file without any validator only the size can be compared: README names that limit.
        if kind == ".osfz" or options.validator is not Validator.NONE
    ),
    *both("a body cut where no list tells sizes", cut(Framing.LENGTH), problems=BROKEN, fleet=UNMEASURED),
    *both(
        "a compressed body cut where nothing tells its size",
        cut(Framing.CLOSE),
        hit=Hit.PACKED,
        problems=DAMAGED,
        reasons=QUARANTINED,
        fleet=UNMEASURED,
    ),
    *both(
        "a plain body cut early where nothing tells its size",
        cut(Framing.CLOSE, 0, 1_000),
        hit=Hit.PLAIN,
        problems=DAMAGED,
        reasons=QUARANTINED,
        fleet=UNMEASURED,
    ),
    lasting(
        "a plain body cut after a block where nothing tells its size",
        cut_after_a_block,
        hit=Hit.PLAIN,
        problems=DAMAGED,
        reasons=QUARANTINED,
        fleet=UNMEASURED,
    ),
    *both(
        "a long plain body cut where nothing tells its size",
        cut(Framing.CLOSE, 40_000, 60_000),
        hit=Hit.PLAIN,
        problems=DAMAGED,
        reasons=QUARANTINED,
        fleet=replace(UNMEASURED, sizes=range(60_000, 90_000)),
    ),
    Case(
        name="a new version that breaks: the old one stays",
        before=(),
        between=Between.NEW_VERSIONS,
        troubles=(Trouble(tear, BODY, Hit.FILES),),
        exit=ExitCode.PARTIAL,
        left=Left.FILES,
        reasons=RETRYING,
        problems=BROKEN,
    ),
)
