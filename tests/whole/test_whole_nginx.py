"""A real nginx before the platform, with limits as administrators set them."""

import shutil
import socket
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from osfsync.cloud.settings import BatchMode
from osfsync.domain.errors import ExitCode
from osfsync.simulator.behaviour import Behaviour
from osfsync.simulator.world import World
from tests.conftest import skip_unless_all_is_required

MirrorOf = Callable[..., AbstractAsyncContextManager[Any]]
DEAD = Behaviour(contact_every=None, files_per_day=0)

RATE = "limit_req_zone $binary_remote_addr zone=rate:1m rate=60r/s;"
CONNECTIONS = "limit_conn_zone $binary_remote_addr zone=connections:1m;"
LIMITS = {
    "rate, 503": (RATE, "limit_req zone=rate burst=5 nodelay;"),
    "rate, 429": (RATE, "limit_req zone=rate burst=5 nodelay; limit_req_status 429;"),
    "connections, 503": (CONNECTIONS, "limit_conn connections 2;"),
}


@asynccontextmanager
async def nginx(folder: Path, platform: str, http: str, location: str) -> AsyncIterator[tuple[str, Path]]:
    """Serve `platform` under these limits; yields the url and the log of statuses."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        skip_unless_all_is_required("nginx is not installed")
        raise AssertionError("skipped")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    paths = " ".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    log, config = folder / "statuses", folder / "nginx.conf"
    config.write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/errors crit; events {{}} http {{ {paths} {http}"
        f" log_format status '$status'; access_log {log} status;"
        f" server {{ listen 127.0.0.1:{port}; location / {{ {location} proxy_pass {platform};"
        ' proxy_http_version 1.1; proxy_set_header Connection ""; } } }',
        encoding="utf-8",
    )
    command = [program, "-e", str(folder / "early"), "-p", str(folder), "-c", str(config)]
    process = await anyio.open_process(command, stdout=None, stderr=subprocess.DEVNULL)
    try:
        with anyio.fail_after(20):
            while True:
                try:
                    await (await anyio.connect_tcp("127.0.0.1", port)).aclose()
                    break
                except OSError:
                    await anyio.sleep(0.02)
        yield f"http://127.0.0.1:{port}", log
    finally:
        process.terminate()
        await process.wait()


@pytest.mark.parametrize("limit", LIMITS)
async def test_what_nginx_refuses_for_the_load_fails_no_file(
    mirror_of: MirrorOf, empty_world: World, tmp_path: Path, limit: str
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    for number in range(60):
        empty_world.add_file(device, f"{number}.osf")
    (tmp_path / "nginx").mkdir()
    async with (
        mirror_of(empty_world) as mirror,
        nginx(tmp_path / "nginx", mirror.simulator.url, *LIMITS[limit]) as (url, log),
    ):
        mirror.change("cloud", url=url)
        mirror.change("limits", retries=1, batch=BatchMode.NEVER)
        summary = await mirror.sync()
        assert summary.exit_code is ExitCode.COMPLETE
        await mirror.assert_equals_server()
        statuses = Counter(log.read_text().split())
        assert statuses["200"] >= 120
        assert sum(statuses.values()) < 2 * statuses["200"]
