"""What the simulator's tests share: a moment, and a client that speaks plain HTTP."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
import anyio
import msgspec

from osfsync.simulator.faults import Faults
from osfsync.simulator.fleet import SimDevice
from osfsync.simulator.server import ServerOptions, Simulator, serve
from osfsync.simulator.world import World

NOW = datetime(2025, 11, 1, 12, tzinfo=UTC)
XML = "application/xml"


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


@dataclass(slots=True)
class Visitor:
    """A client without any cleverness. `token` goes with every call."""

    sim: Simulator
    session: aiohttp.ClientSession
    token: str = ""

    async def send(
        self, method: str, path: str, *, accept: str = "*/*", json: Any = None, **params: Any
    ) -> Reply:
        async with self.session.request(
            method,
            self.sim.url + path,
            headers={"X-Authorization": f"Bearer {self.token}", "Accept": accept},
            params={name: str(value) for name, value in params.items()},
            json=json,
            allow_redirects=False,
        ) as response:
            return Reply(response.status, dict(response.headers), await response.read())

    async def get(self, path: str, *, accept: str = "*/*", **params: Any) -> Reply:
        return await self.send("GET", path, accept=accept, **params)

    async def post(self, path: str, json: Any) -> Reply:
        return await self.send("POST", path, json=json)

    async def log_in(self, tenant: str | None = None) -> None:
        world = self.sim.world
        account = {"username": world.username, "password": world.password}
        entries = (await self.post("/api/noauth/authorization", account)).json
        wanted = tenant or world.main.name
        authority = next(entry for entry in entries if entry.get("tenant", {}).get("name") == wanted)
        body = account | {"authorityId": authority["authorityId"]["id"]}
        self.token = (await self.post("/api/auth/login", body)).json["token"]

    async def file_list(self, device: SimDevice, start: int = 0, end: int = 2_000_000_000) -> Reply:
        path = f"/API/filelist/list/deviceid/{device.access_token}/StartTime/{start}/{end}"
        return await self.get(path, accept=XML)

    async def server_list(self, device: SimDevice) -> Reply:
        return await self._told(device, "data-files/original")

    async def communication(self, device: SimDevice) -> Reply:
        return await self._told(device, "communication/data")

    async def order(self, device: SimDevice) -> Reply:
        """Ask for all that the device recorded from 2000 to 2030 under the usual tag."""
        span = {"startTime": "2000-01-01T00:00:00Z", "endTime": "2030-01-01T00:00:00Z", "tag": "preview"}
        return await self.post(f"/api/devices/{device.id}/request-list", span)

    async def download_token(self, device: SimDevice, *names: str) -> Reply:
        path = f"/api/device/{device.id}/data-files/CLIENT_SCOPE/download"
        return await self.post(path, list(names))

    async def redeem(self, device: SimDevice, token: str) -> Reply:
        return await self.get(f"/api/device/{device.id}/data-files/CLIENT_SCOPE/token/{token}")

    async def download(self, device: SimDevice, *names: str) -> Reply:
        token = (await self.download_token(device, *names)).body.decode()
        return await self.redeem(device, token)

    async def _told(self, device: SimDevice, what: str) -> Reply:
        span: dict[str, Any] = {"startTime": 0, "endTime": 2_000_000_000_000, "limit": -1, "page": 0}
        return await self.get(f"/api/devices/{device.id}/{what}", **span)


async def until(condition: Callable[[], object]) -> None:
    """Wait for what another task or process will bring about."""
    with anyio.fail_after(20):
        while not condition():  # noqa: ASYNC110 - the code under test has no event to wait for
            await anyio.sleep(0.002)


@asynccontextmanager
async def visiting(
    world: World, *, options: ServerOptions | None = None, faults: Faults | None = None
) -> AsyncIterator[Visitor]:
    """A served world with somebody who has logged in."""
    async with (
        serve(world, options=options or ServerOptions(), faults=faults) as sim,
        aiohttp.ClientSession(auto_decompress=False) as session,
    ):
        visitor = Visitor(sim, session)
        await visitor.log_in()
        sim.requests.clear()
        yield visitor
