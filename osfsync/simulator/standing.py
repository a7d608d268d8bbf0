"""A simulator that stands by itself: with a clock that runs, or in a process of its own."""

import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from multiprocessing.connection import Connection

import anyio
import anyio.to_thread

from osfsync.simulator.endpoints import ServerOptions
from osfsync.simulator.server import serve
from osfsync.simulator.world import World

_TICK = 0.5  # seconds
_START_LIMIT = 120  # seconds; a big world takes its time
_STOP_LIMIT = 5  # seconds
_DEFAULTS = ServerOptions()


class SimulatorStartError(Exception):
    """The simulator's own process did not come up."""


async def run_clock(world: World, speed: float) -> None:
    """Let the world's time pass with real time, `speed` times as fast, until cancelled."""
    before = time.monotonic()
    while True:
        await anyio.sleep(_TICK)
        now = time.monotonic()
        world.advance(timedelta(seconds=(now - before) * speed))
        before = now


def own_process(
    build: Callable[[], World], options: ServerOptions = _DEFAULTS
) -> AbstractContextManager[str]:
    """Serve a world from a process of its own, which shares no core with the client; yields its url.

    Args:
        build: makes the world, there; must be importable (a function of a module, or a partial of one).
        options: how the platform is set up.

    The process ends with the block, and with this process, however that ends. Raises SimulatorStartError.
    """
    return standing(_stand, build, options)


@contextmanager
def standing(stand: Callable[..., None], *given: object) -> Iterator[str]:
    """Run `stand(*given, pipe)` in a process of its own, until the block ends; yields the url that it sends.

    It serves until the other end of its pipe is closed. Raises SimulatorStartError.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=stand, args=(*given, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        yield _url_from(ours)
    finally:
        ours.close()
        process.join(_STOP_LIMIT)
        if process.is_alive():
            process.kill()
            process.join()


def _url_from(pipe: Connection) -> str:
    if not pipe.poll(_START_LIMIT):
        raise SimulatorStartError(f"The simulator did not start within {_START_LIMIT} s.")
    try:
        return str(pipe.recv())
    except EOFError as error:
        raise SimulatorStartError(
            "The simulator's process ended before it served; see its output."
        ) from error


def _stand(build: Callable[[], World], options: ServerOptions, pipe: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's; it hangs up when it is done
    with pipe:
        anyio.run(_serve_until_hung_up, build(), options, pipe, backend_options={"use_uvloop": _has_uvloop()})


def _has_uvloop() -> bool:
    try:
        import uvloop  # noqa: F401, PLC0415 - not there on every system
    except ImportError:
        return False
    return True


async def _serve_until_hung_up(world: World, options: ServerOptions, pipe: Connection) -> None:
    async with serve(world, options=options) as sim:
        pipe.send(sim.url)
        await anyio.to_thread.run_sync(_wait_for_end, pipe)


def _wait_for_end(pipe: Connection) -> None:
    pipe.poll(None)  # readable as soon as the other end is closed
