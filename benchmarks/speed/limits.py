"""How exactly limits hold: the user's own, and what a platform bears that refuses the rest."""

import json
import urllib.request
from pathlib import Path

from benchmarks.speed.cheap import Load, serving
from benchmarks.speed.running import osfsync, timed

SECONDS = 30


def measure(folder: Path) -> list[str]:
    """A row for each limit: what was set, and what the platform saw in the first 30 seconds."""
    rows = []
    for rate in (50, 200):
        seen = _seen(Load(20_000, 4_000), f"requests_per_second = {rate}", folder / f"own-{rate}")
        rows.append(_row(f"requests_per_second = {rate}", seen["answered"] / SECONDS, rate, "requests/s"))
    for megabytes in (2, 10):
        load = Load(20_000, 64_000)
        seen = _seen(load, f'bandwidth = "{megabytes}MB/s"', folder / f"bandwidth-{megabytes}")
        rows.append(_row(f"bandwidth = {megabytes} MB/s", seen["bytes"] / SECONDS / 1e6, megabytes, "MB/s"))
    for rate in (50, 200):
        load = Load(20_000, 4_000, bears=rate)
        seen = _seen(load, "downloads = 32", folder / f"borne-{rate}")
        refused = seen["put_off"] / (seen["put_off"] + seen["answered"])
        row = _row(f"429 above {rate} requests/s", seen["answered"] / SECONDS, rate, "requests/s")
        rows.append(f"{row}, {100 * refused:.2f} % refused")
    return rows


def _seen(load: Load, limits: str, folder: Path) -> dict[str, int]:
    # Batches would be done before the time is over, and their answers count as a whole when they begin.
    limits = f'{limits}\nbatch = "never"'
    with serving(load) as url:
        arguments = ("-q", "sync", "--max-duration", f"{SECONDS + 2}s")
        timed(osfsync(url, folder, limits, *arguments), may_end=(0, 10))
        with urllib.request.urlopen(f"{url}/seen?seconds={SECONDS}") as answer:
            told: dict[str, int] = json.load(answer)
    return told


def _row(label: str, seen: float, wanted: float, unit: str) -> str:
    return f"{label:34}{seen:>10.1f} {unit:12}{100 * seen / wanted - 100:>+8.1f} %"
