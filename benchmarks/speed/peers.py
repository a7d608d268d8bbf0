"""What osfsync is measured beside: each fetches the same files, by the same two requests a file."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.speed.cheap import DEVICE_ID, PASSWORD, TENANT, USERNAME, Load
from benchmarks.speed.running import Command, osfsync

CONNECTIONS = 32

_LOGIN = """
import os, sys
import requests
url, username, password, tenant, folder, most = sys.argv[1:]
credentials = {"username": username, "password": password}
entries = requests.post(url + "/api/noauth/authorization", json=credentials).json()
entry = next(e for e in entries if e.get("tenant", {}).get("name") == tenant)
body = {**credentials, "authorityId": entry["authorityId"]["id"]}
token = requests.post(url + "/api/auth/login", json=body).json()["token"]
header = {"X-Authorization": f"Bearer {token}", "Accept": "application/json, application/xml;q=0.9"}
every = {"page": 0, "limit": -1}
tenant_id = entry["tenant"]["id"]["id"]
devices = requests.get(f"{url}/api/tenants/{tenant_id}/devices", headers=header, params=every).json()["data"]
device_id = devices[0]["id"]["id"]
base = f"{url}/api/device/{device_id}/data-files/CLIENT_SCOPE"
period = {"startTime": 0, "endTime": 4102444800000, **every}
listed = requests.get(f"{url}/api/devices/{device_id}/data-files/original", headers=header, params=period)
names = [file["name"] for file in listed.json()["data"]][: int(most)]

def fetch(name, get, post):
    response = post(base + "/download", headers=header, json=[name])
    response.raise_for_status()
    response = get(f"{base}/token/{response.text}", headers=header)
    response.raise_for_status()
    with open(os.path.join(folder, name.replace("/", "_")), "wb") as handle:
        handle.write(response.content)
"""

SEQUENTIAL = f"""{_LOGIN}
for name in names:
    fetch(name, requests.get, requests.post)
"""

THREADS = f"""{_LOGIN}
import threading
from concurrent.futures import ThreadPoolExecutor
local = threading.local()
def one(name):
    if not hasattr(local, "session"):
        local.session = requests.Session()
    fetch(name, local.session.get, local.session.post)
with ThreadPoolExecutor({CONNECTIONS}) as pool:
    list(pool.map(one, names))
"""

BARE = f"""
import asyncio, os, sys
import aiohttp, uvloop
url, folder = sys.argv[1:3]
base = url + "/api/device/{DEVICE_ID}/data-files/CLIENT_SCOPE"
header = {{"X-Authorization": "Bearer session-token"}}
names = open(os.path.join(folder, "names")).read().split()
async def work(http, queue):
    for name in queue:
        async with http.post(base + "/download", json=[name], headers=header) as answer:
            token = await answer.text()
        async with http.get(base + "/token/" + token, headers=header) as answer:
            await answer.read()
async def main():
    queue = iter(names)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        await asyncio.gather(*(work(http, queue) for _ in range({CONNECTIONS})))
uvloop.run(main())
"""

UNPACK = """
import sys, zlib
data = memoryview(open(sys.argv[1], "rb").read())
for _ in range(int(sys.argv[2])):
    stream, rest = zlib.decompressobj(31), data
    for at in range(0, len(data), 262144):
        rest = data[at : at + 262144]
        while rest:
            stream.decompress(rest, 1048576)
            rest = stream.unconsumed_tail
    assert stream.eof
"""

Peer = Callable[[Load, str, Path, int], Command]
"""Makes the command from the load, the server's url, an empty folder and how many files at most."""


def sequential(load: Load, url: str, folder: Path, most: int) -> Command:
    """The API page's sample: one request after the other, a connection each."""
    return _sample(SEQUENTIAL, load, url, folder, most)


def threads(load: Load, url: str, folder: Path, most: int) -> Command:
    """The same with a pool of threads that keep their connections."""
    return _sample(THREADS, load, url, folder, most)


def _sample(code: str, load: Load, url: str, folder: Path, most: int) -> Command:
    files = min(most, load.files)
    arguments = [url, USERNAME, PASSWORD, TENANT, str(folder), str(files)]
    return Command([sys.executable, "-c", code, *arguments], folder, dict(os.environ), files)


def bare_aiohttp(load: Load, url: str, folder: Path, most: int) -> Command:
    """aiohttp and uvloop alone, to no disk."""
    names = load.names()[:most]
    (folder / "names").write_text("\n".join(names))
    return Command([sys.executable, "-c", BARE, url, str(folder)], folder, dict(os.environ), len(names))


def curl(load: Load, url: str, folder: Path, most: int) -> Command:
    """`curl --parallel`: all tokens, then all files; no login, no list, no check.

    The second pass uses the tokens that the platform is known to give: curl can't carry one over.
    """
    names = load.names()[:most]
    base = f"{url}/api/device/{DEVICE_ID}/data-files/CLIENT_SCOPE"
    tokens, files = folder / "tokens", folder / "files"
    tokens.mkdir()
    files.mkdir()
    head = 'header = "X-Authorization: Bearer session-token"\n'
    first = (
        f'url = "{base}/download"\n{head}header = "Content-Type: application/json"\n'
        f'data = {json.dumps(json.dumps([name]))}\noutput = "{tokens / str(number)}"\n'
        for number, name in enumerate(names)
    )
    second = (
        f'url = "{base}/token/t{number}"\n{head}output = "{files / name.replace("/", "_")}"\n'
        for number, name in enumerate(names)
    )
    (folder / "first").write_text("next\n".join(first))
    (folder / "second").write_text("next\n".join(second))
    run = f"curl --silent --no-progress-meter --fail --parallel --parallel-max {CONNECTIONS} --config"
    return Command(["/bin/sh", "-c", f"{run} first && {run} second"], folder, dict(os.environ), len(names))


def unpacking(load: Load, _: str, folder: Path, most: int) -> Command:
    """zlib alone, on one core: nothing is fetched, written or hashed."""
    data, times = str(folder / "data"), min(most, load.files)
    making = [sys.executable, "-m", "benchmarks.speed.contents", load.suffix, str(load.size), data]
    subprocess.run(
        making, check=True
    )  # not in here: this process's memory would count as that of its children
    argv = [sys.executable, "-c", UNPACK, data, str(times)]
    return Command(argv, folder, dict(os.environ), times)


def singly(load: Load, url: str, folder: Path, most: int) -> Command:
    """`osfsync sync`, everything on: hash, checks, durable, recorded; two requests a file, as the others."""
    return _osfsync(load, url, folder, most, "never")


def batched(load: Load, url: str, folder: Path, most: int) -> Command:
    """The same, and small files several at once."""
    return _osfsync(load, url, folder, most, "auto")


def _osfsync(load: Load, url: str, folder: Path, most: int, batch: str) -> Command:
    del most  # it mirrors whatever there is
    return osfsync(url, folder, limits_of(batch), "-q", "sync", files=load.files)


def limits_of(batch: str) -> str:
    """As many connections as the others have."""
    return f'downloads = {CONNECTIONS}\nbatch = "{batch}"'


SINGLY, BATCHED = "osfsync sync", "osfsync sync, batched"

PEERS: dict[str, Peer] = {
    "API page's sample": sequential,
    "its two requests, 32 threads": threads,
    "curl --parallel 32": curl,
    "bare aiohttp, no disk": bare_aiohttp,
    SINGLY: singly,
    BATCHED: batched,
}
"""Of small files."""

PEERS_OF_LARGE: dict[str, Peer] = {
    name: peer for name, peer in PEERS.items() if peer not in {threads, batched}
}

PEERS_OF_PACKED: dict[str, Peer] = {"zlib alone, one core": unpacking, SINGLY: singly}
