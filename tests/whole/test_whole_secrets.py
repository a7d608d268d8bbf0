"""What a run with every log leaves behind: nowhere a password, a token or a device's credential."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import pytest

from osfsync.simulator.access import Grants, Sessions
from osfsync.simulator.faults import Fault
from osfsync.simulator.world import World
from tests.whole.test_whole_kill import write_config

MirrorOf = Callable[..., AbstractAsyncContextManager[Any]]


COMMANDS = (
    ("-vv", "--log-format", "json", "sync"),
    ("-vv", "sync", "--json"),
    ("-vv", "doctor"),
    ("config", "show"),
    ("missing", "--format", "json"),
    ("devices", "--format", "csv"),
)


@pytest.fixture
def given_out(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every session and download token that the simulated platform gives out."""
    tokens: list[str] = []
    open_session, open_grant = Sessions.open, Grants.open

    def session(self: Sessions, username: str, tenant_id: str | None) -> str:
        tokens.append(open_session(self, username, tenant_id))
        return tokens[-1]

    def grant(self: Grants, device_id: str, names: tuple[str, ...]) -> str:
        tokens.append(open_grant(self, device_id, names))
        return tokens[-1]

    monkeypatch.setattr(Sessions, "open", session)
    monkeypatch.setattr(Grants, "open", grant)
    return tokens


async def command(folder: Path, environment: dict[str, str], *arguments: str) -> tuple[bytes, bytes]:
    """Run a command; answers all that it wrote, and its command line as the system shows it."""
    async with await anyio.open_process(
        [sys.executable, "-m", "osfsync", *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        assert process.stdout is not None
        listed = anyio.Path(f"/proc/{process.pid}/cmdline")
        shown = await listed.read_bytes() if await listed.exists() else b""
        said = b"".join([piece async for piece in process.stdout])
        await process.wait()
    return said, shown


def left_behind(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in folder.rglob("*"):
        if path.is_file():
            yield str(path), path.read_bytes()


async def test_nothing_that_a_run_leaves_holds_a_secret(
    tmp_path: Path, mirror_of: MirrorOf, given_out: list[str]
) -> None:
    world = World.generate(seed=3, devices=6, files_per_device=12, now=datetime.now(UTC))
    broken, sound, *_ = (device for device in world.devices(world.main.id) if device.readable)
    async with mirror_of(world) as mirror:
        environment = write_config(tmp_path, mirror)
        environment |= {"OSFSYNC_LIMITS_RETRIES": "1", "OSFSYNC_LIMITS_BATCH": "never"}
        faults = mirror.simulator.faults
        for fault, on in (
            (Fault.reset(), "download"),
            (Fault.html(), "download"),
            (Fault.status(500), "credentials"),
            (Fault.wrong_json(), "communication"),
            (Fault.expire_tokens(), "download-token"),
            (Fault.status(403), "request-list"),
        ):
            faults.add(fault, on=on)
        faults.add(Fault.bad_xml(), on="file-list", device=broken.id, times=None)
        outputs = {
            " ".join(arguments): await command(tmp_path, environment, *arguments) for arguments in COMMANDS
        }
        for number in range(9):
            world.add_file(sound, f"late/{number}.osf")
        environment["OSFSYNC_LIMITS_BATCH"] = "auto"
        outputs["in a batch"] = await command(tmp_path, environment, "-vv", "sync")
        environment["OSFSYNC_PASSWORD"] = "not the password"
        outputs["refused"] = await command(tmp_path, environment, "-vv", "sync")
    secrets = [
        mirror.password,
        "not the password",
        *given_out,
        *(device.access_token for device in world.devices(world.main.id)),
    ]
    assert len(given_out) > 20
    assert all(len(said) > 20 for said, _ in outputs.values())
    traces = [*left_behind(tmp_path), *((name, b"\n".join(told)) for name, told in outputs.items())]
    assert len(traces) > 40
    found = [
        (where, secret)
        for where, content in traces
        for secret in secrets
        if secret.encode() in content or secret.encode("utf-16-le") in content
    ]
    assert found == []


def test_a_secret_that_is_left_would_be_found(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "state.db").write_bytes(b"\0\0password\0")
    assert [content for _, content in left_behind(tmp_path) if b"password" in content]
