"""The demo, the simulator and the library, as users meet them."""

import json
import os
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest

import osfsync
from osfsync.simulator.server import serve
from osfsync.simulator.world import World


async def run(folder: Path, *arguments: str) -> tuple[int, str, str]:
    done = await anyio.run_process(
        [sys.executable, "-m", "osfsync", *arguments],
        cwd=folder,
        env={**os.environ, "XDG_CONFIG_HOME": str(folder), "APPDATA": str(folder)},
        check=False,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


async def test_the_demo_ends_with_all_that_could_be_had(tmp_path: Path) -> None:
    code, out, _ = await run(tmp_path, "demo", "--devices", "5", "--files", "20", "--keep", "kept")
    assert code == 0
    assert out.count("100 % of what could be had") == 2
    assert "Night 1" in out
    assert "Night 2" in out
    assert "A day passes; devices connect and deliver" in out
    why = out[out.index("Why files are missing") :]
    assert " ordered" in why.splitlines()[1]  # the sums
    assert "- ordered, for example " in why
    assert "The device was asked for it" in " ".join(why.split())
    assert "Asked for again after" in " ".join(why.split())
    assert any((tmp_path / "kept" / "mirror").rglob("*.osfz"))


async def test_simulate_prints_a_ready_sync_toml(tmp_path: Path) -> None:
    process = await anyio.open_process(
        [sys.executable, "-u", "-m", "osfsync", "simulate", "--devices", "3", "--files", "5", "--mqtt"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    text = ""
    with anyio.fail_after(30):
        while "[mqtt]" not in text or not text.endswith('"./mqtt-token"\n\n'):
            text += (await process.stdout.receive()).decode()
    toml = text[text.index("[cloud]") :]
    assert tomllib.loads(toml)["cloud"]["username"] == "user@example.com"
    (tmp_path / "sync.toml").write_text(toml, encoding="utf-8")
    password = text.split("password: ")[1].split()[0]
    (tmp_path / "mqtt-token").write_text(text.split("echo ")[1].split()[0], encoding="utf-8")
    (tmp_path / "mqtt-token").chmod(0o600)
    done = await anyio.run_process(
        [sys.executable, "-m", "osfsync", "sync", "--json"],
        cwd=tmp_path,
        env={**os.environ, "OSFSYNC_PASSWORD": password, "XDG_CONFIG_HOME": str(tmp_path)},
    )
    summary = json.loads(done.stdout)
    assert summary["outcome"] == "complete"
    assert summary["files"]["fetched"] > 0
    assert b"warning" not in done.stderr
    process.terminate()
    with anyio.fail_after(10):
        await process.wait()
    await process.aclose()


async def test_the_library_syncs_and_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World.generate(seed=1, devices=3, files_per_device=5, now=datetime.now(UTC))
    async with serve(world) as simulator:
        (tmp_path / "sync.toml").write_text(
            f'[cloud]\nurl = "{simulator.url}"\nusername = "{world.username}"\n'
            f'tenant = "{world.main.name}"\n[archive]\npath = "mirror"\n',
            encoding="utf-8",
        )
        monkeypatch.setenv("OSFSYNC_PASSWORD", world.password)
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
        settings = osfsync.load_settings(tmp_path / "sync.toml")
        async with osfsync.open_client(settings) as client:
            devices = await client.devices()
        assert {device.id for device in devices} == {device.id for device in world.devices(world.main.id)}
        summary = await osfsync.sync(settings)
        assert summary.exit_code is osfsync.ExitCode.COMPLETE
        assert summary.files.fetched == len(world.available())
        backfilled = await osfsync.backfill(
            settings, osfsync.BackfillRequest(since=datetime(2026, 1, 1, tzinfo=UTC))
        )
        assert backfilled.files.fetched == 0


def test_every_public_name_is_there() -> None:
    for name in osfsync.__all__:
        assert getattr(osfsync, name) is not None
    assert set(osfsync.__all__) <= set(dir(osfsync))
    with pytest.raises(AttributeError, match="frobnicate"):
        _ = osfsync.frobnicate
