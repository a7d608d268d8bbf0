"""Several files in one answer that comes broken, damaged or as something else: each comes alone then."""

from osfsync.cloud.settings import BatchMode
from osfsync.simulator.faults import Framing
from tests.campaign.fault_case import Case, Fleet, Hit, Make, Trouble, Tuning
from tests.campaign.fault_cases.making import (
    BODY,
    EMPTY,
    HTML,
    JSON,
    RESET,
    SILENCE,
    TOKEN,
    cut,
    flip,
    status,
    tear,
)

MANY = Fleet(devices=range(1, 3), files=range(20, 40), sealed=False)
BATCHED = Tuning(batch=BatchMode.AUTO, idle=0.4)


def batch(name: str, make: Make, on: str = BODY, times: int = 2) -> Case:
    """The first answers are hit; more requests are needed than where batches come."""
    return Case(
        name=f"batches: {name}",
        troubles=(Trouble(make, on, Hit.ALL, times=times),),
        fleet=MANY,
        tuning=BATCHED,
        requests=20.0,
    )


BATCHES: tuple[Case, ...] = (
    Case(name="batches", troubles=(), fleet=MANY, tuning=BATCHED, requests=1.0),
    batch("reset", RESET),
    batch("reset in the middle", tear),
    batch("cut, with Content-Length", cut(Framing.LENGTH)),
    batch("cut, chunked", cut(Framing.CHUNKED)),
    batch("cut, without Content-Length", cut(Framing.CLOSE)),
    batch("a flipped byte", flip(0, 2_000)),
    batch("HTML with status 200", HTML),
    batch("JSON", JSON),
    batch("nothing", EMPTY),
    batch("silence", SILENCE),
    batch("404 for the token", status(404), TOKEN),
    batch("400 for the token", status(400), TOKEN, times=1),
    batch("500 for the token", status(500), TOKEN),
    batch("500", status(500)),
)
