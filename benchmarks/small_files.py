"""20,000 files of 4 kB: `osfsync sync` beside the API page's sequential sample, from one server in one run.

    python benchmarks/small_files.py [FILES]

Prints files per second, their ratio, CPU seconds per 1,000 files and peak memory. Each side runs in a
process of its own; the simulator in a third. Read ratios, not figures: machines differ.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from osfsync.domain.model import StorageStatus
from osfsync.simulator.standing import own_process
from osfsync.simulator.world import World

SAMPLE = """
import os, sys
import requests
url, username, password, tenant, savedir = sys.argv[1:]
credentials = {"username": username, "password": password}
entries = requests.post(url + "/api/noauth/authorization", json=credentials).json()
entry = next(e for e in entries if e.get("tenant", {}).get("name") == tenant)
body = {**credentials, "authorityId": entry["authorityId"]["id"]}
token = requests.post(url + "/api/auth/login", json=body).json()["token"]
header = {"X-Authorization": f"Bearer {token}", "Accept": "application/json, application/xml;q=0.9"}
tenant_id = entry["tenant"]["id"]["id"]
every = {"page": 0, "limit": -1}
devices = requests.get(f"{url}/api/tenants/{tenant_id}/devices", headers=header, params=every).json()["data"]
period = {"startTime": 0, "endTime": 4102444800000, **every}
for device in devices:
    device_id = device["id"]["id"] if isinstance(device["id"], dict) else device["id"]
    base = f"{url}/api/device/{device_id}/data-files/CLIENT_SCOPE"
    listed = requests.get(f"{url}/api/devices/{device_id}/data-files/original", headers=header, params=period)
    for file in listed.json()["data"]:
        name = file.get("fileName") or file.get("name")
        response = requests.post(base + "/download", headers=header, json=[name])
        response.raise_for_status()
        response = requests.get(f"{base}/token/{response.text}", headers=header)
        response.raise_for_status()
        with open(os.path.join(savedir, name.split("/")[-1]), "wb") as handle:
            handle.write(response.content)
"""


def build(files: int) -> World:
    """One device, all files on the server."""
    return World.generate(
        seed=1,
        devices=1,
        files_per_device=files,
        now=datetime.now(UTC),
        mix={StorageStatus.BOTH: 1},
        cache_bytes=400_000_000,
    )


def measure(command: list[str], folder: Path, environment: dict[str, str]) -> tuple[float, float, int]:
    """Wall seconds, CPU seconds and peak memory (bytes) of one command."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begun
    if status:
        raise SystemExit(f"{command[:3]} ended with status {status}")
    unit = 1 if sys.platform == "darwin" else 1024
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit


def main(files: int) -> None:
    """Both sides in turn, the sample first: it warms the server for both alike."""
    world = build(1)
    with own_process(partial(build, files)) as url, tempfile.TemporaryDirectory() as scratch:
        print(f"{files} files of 4 kB, {sys.version.split()[0]}, {os.cpu_count()} cores")
        print(f"{'':28}{'files/s':>10}{'CPU s/1,000':>14}{'peak MB':>10}")
        rates = {}
        for name, command in sides(url, world).items():
            folder = Path(scratch) / name.replace(" ", "-")
            folder.mkdir()
            wall, cpu, peak = measure(*command(folder))
            rates[name] = files / wall
            print(f"{name:28}{files / wall:>10,.0f}{1000 * cpu / files:>14.2f}{peak / 1e6:>10.0f}")
        print(f"osfsync sync / API page's sample: {rates['osfsync sync'] / rates['sequential sample']:.1f} x")


Side = Callable[[Path], tuple[list[str], Path, dict[str, str]]]


def sides(url: str, world: World) -> dict[str, Side]:
    """What is compared."""

    def sample(folder: Path) -> tuple[list[str], Path, dict[str, str]]:
        arguments = [url, world.username, world.password, world.main.name, str(folder)]
        return [sys.executable, "-c", SAMPLE, *arguments], folder, dict(os.environ)

    def ours(folder: Path) -> tuple[list[str], Path, dict[str, str]]:
        (folder / "sync.toml").write_text(
            f'[cloud]\nurl = "{url}"\nusername = "{world.username}"\ntenant = "{world.main.name}"\n'
        )
        environment = {**os.environ, "OSFSYNC_PASSWORD": world.password, "XDG_CONFIG_HOME": str(folder)}
        return [sys.executable, "-m", "osfsync", "sync"], folder, environment

    return {"sequential sample": sample, "osfsync sync": ours}


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
