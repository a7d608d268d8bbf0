"""The command's sync in the working folder, which measures how long its loop stands still; prints JSON.

Every `_EVERY` seconds it looks how much later than that it wakes.
"""

import json
import time

import anyio

import osfsync
import osfsync.app.runs  # before the loop runs, as the command does
from osfsync.cli.context import run_async
from osfsync.pipeline.tally import Tally

_EVERY = 0.005


async def main() -> None:
    """One sync."""
    late: list[float] = []

    async def watch(_: Tally) -> None:
        while True:
            due = time.perf_counter() + _EVERY
            await anyio.sleep(_EVERY)
            late.append(time.perf_counter() - due)

    summary = await osfsync.sync(osfsync.load_settings(), observe=watch)
    late.sort()
    told = {
        "exit_code": int(summary.exit_code),
        "held": summary.files.held,
        "fetched": summary.files.fetched,
        "p99": late[int(len(late) * 0.99)] if late else 0.0,
        "longest": late[-1] if late else 0.0,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    run_async(main)
