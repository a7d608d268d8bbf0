"""Every mistake gives one clear message and the contract's exit code, never a traceback."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest

from osfsync.simulator.faults import Fault
from osfsync.simulator.server import Simulator, serve
from osfsync.simulator.world import World
from tests import forks


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    def assert_one_message(self, *words: str) -> None:
        """The error is told in one place, in words, without a traceback."""
        assert "Traceback" not in self.err
        told = [line for line in self.err.splitlines() if line.startswith("osfsync: ")]
        assert len([line for line in told if "warning" not in line]) == 1, self.err
        for word in words:
            assert word in self.err


def clean_environment(extra: Mapping[str, str], home: Path) -> dict[str, str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OSFSYNC_")}
    return {**environment, "HOME": str(home), "XDG_CONFIG_HOME": str(home), "APPDATA": str(home), **extra}


async def osfsync(
    folder: Path, *arguments: str, password: str | None = None, prefix: Sequence[str] = ()
) -> Ended:
    """Run the command as a user does, in `folder`."""
    extra = {} if password is None else {"OSFSYNC_PASSWORD": password}
    environment = clean_environment(extra, folder / "no-home")
    if not prefix:
        ended = await forks.run("osfsync", arguments, folder, environment)
        return Ended(ended.code, ended.out.decode(), ended.err.decode())
    done = await anyio.run_process(
        [*prefix, sys.executable, "-m", "osfsync", *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    world = World.generate(seed=1, devices=3, files_per_device=4, now=datetime.now(UTC))
    async with serve(world) as running:
        yield running


def write_config(folder: Path, url: str, more: str = "", tenant: str = 'tenant = "Demo Fleet"') -> None:
    (folder / "sync.toml").write_text(
        f'[cloud]\nurl = "{url}"\nusername = "user@example.com"\n{tenant}\n'
        f'[archive]\npath = "mirror"\n[limits]\nretries = 0\n{more}\n',
        encoding="utf-8",
    )


async def test_a_wrong_password(tmp_path: Path, simulator: Simulator) -> None:
    write_config(tmp_path, simulator.url)
    ended = await osfsync(tmp_path, "sync", password="wrong-password")
    assert ended.code == 12
    ended.assert_one_message("password", "user@example.com")
    assert "wrong-password" not in ended.out + ended.err


async def test_a_lock_is_waited_for_where_one_is_taken(tmp_path: Path) -> None:
    write_config(tmp_path, "http://127.0.0.1:1")
    ended = await osfsync(tmp_path, "verify", "--wait-lock", "1h")
    assert ended.code == 2
    assert "--repair" in ended.err


async def test_an_unknown_tenant(tmp_path: Path, simulator: Simulator) -> None:
    write_config(tmp_path, simulator.url, tenant='tenant = "Nobody"')
    ended = await osfsync(tmp_path, "sync", password=simulator.world.password)
    assert ended.code == 2
    ended.assert_one_message("Nobody", "Demo Fleet", "Other Works")


async def test_an_ambiguous_tenant(tmp_path: Path, simulator: Simulator) -> None:
    write_config(tmp_path, simulator.url, tenant="")
    ended = await osfsync(tmp_path, "sync", password=simulator.world.password)
    assert ended.code == 2
    ended.assert_one_message("Demo Fleet", "Other Works", "tenant")


async def test_no_permission_for_the_device_list(tmp_path: Path, simulator: Simulator) -> None:
    write_config(tmp_path, simulator.url)
    simulator.faults.add(Fault.status(403), on="devices", times=None)
    ended = await osfsync(tmp_path, "sync", password=simulator.world.password)
    assert ended.code == 13
    ended.assert_one_message("permission")


async def test_an_unreachable_host(tmp_path: Path) -> None:
    with socket.socket() as nobody:  # bound and not listening: a connection is refused
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        write_config(tmp_path, url, tenant='outage_patience = "0s"')
        ended = await osfsync(tmp_path, "sync", password="x")
    assert ended.code == 13
    ended.assert_one_message("127.0.0.1")


async def test_an_address_that_is_not_encrypted(tmp_path: Path, simulator: Simulator) -> None:
    write_config(tmp_path, simulator.url.replace("http://", "https://"))
    ended = await osfsync(tmp_path, "sync", password="x")
    assert ended.code == 13
    ended.assert_one_message(
        "The port of https://127.0.0.1", "does not speak TLS. Write http:// instead of https://"
    )


async def test_a_folder_in_place_of_a_configuration(tmp_path: Path) -> None:
    ended = await osfsync(tmp_path, "--config", str(tmp_path), "sync")
    assert ended.code == 2
    ended.assert_one_message("is a folder. Name the file in it")


async def test_an_unwritable_folder(tmp_path: Path, simulator: Simulator) -> None:
    write_config(tmp_path, simulator.url)
    (tmp_path / "mirror").write_text("a file where the folder should be")
    ended = await osfsync(tmp_path, "sync", password=simulator.world.password)
    assert ended.code == 2
    ended.assert_one_message("mirror")


async def test_a_full_disk(tmp_path: Path, simulator: Simulator) -> None:
    """The mirror lies on a file system of 2 MB, in a mount namespace of the command's own."""
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    mount = ["unshare", "-rm", "sh", "-c", f'mount -t tmpfs -o size=2m tmpfs "{mirror}" && exec "$@"', "sh"]
    if shutil.which("unshare") is None or (await anyio.run_process([*mount, "true"], check=False)).returncode:
        pytest.skip("needs unshare and the right to mount a small file system")
    world = simulator.world
    (device, *_) = world.devices(world.main.id)
    world.add_file(device, "large.osf", size=9_000_000)
    write_config(tmp_path, simulator.url)
    ended = await osfsync(tmp_path, "sync", password=world.password, prefix=mount)
    assert ended.code == 9
    ended.assert_one_message("disk is full")


async def test_what_was_placed_before_the_disk_was_full_is_known(
    tmp_path: Path, simulator: Simulator
) -> None:
    """Small files go in groups: of the one in which the disk fills up, some have their place."""
    mirror, found = tmp_path / "mirror", tmp_path / "found"
    mirror.mkdir()
    look = f'"$@"; code=$?; find "{mirror}" -type f -name "*.osf*" >"{found}"; exit $code'
    mount = ["unshare", "-rm", "sh", "-c", f'mount -t tmpfs -o size=2m tmpfs "{mirror}" && {look}', "sh"]
    if shutil.which("unshare") is None or (await anyio.run_process([*mount, "true"], check=False)).returncode:
        pytest.skip("needs unshare and the right to mount a small file system")
    world = simulator.world
    (device, *_) = world.devices(world.main.id)
    for number in range(200):
        world.add_file(device, f"{number}.osf", size=30_000)
    write_config(tmp_path, simulator.url)
    ended = await osfsync(tmp_path, "sync", password=world.password, prefix=mount)
    assert ended.code == 9, ended.err
    told = json.loads((await osfsync(tmp_path, "files", "--format", "json")).out)["files"]
    held = {str(mirror / file["path"]) for file in told if file["state"] == "held"}
    assert len(held) > 20
    assert held == set(found.read_text(encoding="utf-8").splitlines())


async def test_broken_toml(tmp_path: Path) -> None:
    (tmp_path / "sync.toml").write_text('[cloud]\nurl = "https://example.opticloud.io\n')
    ended = await osfsync(tmp_path, "sync")
    assert ended.code == 2
    ended.assert_one_message("sync.toml", "line 2")


async def test_an_unknown_key(tmp_path: Path) -> None:
    (tmp_path / "sync.toml").write_text('[cloud]\nurl = "https://x.example"\nusrname = "u"\nusername = "u"\n')
    ended = await osfsync(tmp_path, "sync")
    assert ended.code == 2
    ended.assert_one_message("cloud.usrname", "cloud.username")


async def test_no_configuration(tmp_path: Path) -> None:
    ended = await osfsync(tmp_path, "sync")
    assert ended.code == 2
    ended.assert_one_message("osfsync init")


async def test_no_password(tmp_path: Path, simulator: Simulator) -> None:
    write_config(tmp_path, simulator.url)
    ended = await osfsync(tmp_path, "sync")
    assert ended.code == 2
    ended.assert_one_message("OSFSYNC_PASSWORD", "password_file")


async def test_two_runs_exclude_each_other(tmp_path: Path, simulator: Simulator) -> None:
    write_config(tmp_path, simulator.url)
    simulator.faults.add(Fault.silence(), on="devices", times=None)
    ended = []
    async with anyio.create_task_group() as group:
        first = await anyio.open_process(
            [sys.executable, "-m", "osfsync", "sync"],
            cwd=tmp_path,
            env=clean_environment({"OSFSYNC_PASSWORD": simulator.world.password}, tmp_path / "no-home"),
        )
        with anyio.fail_after(30):
            while simulator.requests["devices"] == 0:  # noqa: ASYNC110 — the simulator counts, it does not notify
                await anyio.sleep(0.02)
        ended.append(await osfsync(tmp_path, "sync", password=simulator.world.password))
        first.kill()
        await first.wait()
        await first.aclose()
        group.cancel_scope.cancel()
    assert ended[0].code == 11
    ended[0].assert_one_message("Another run")
    simulator.faults.clear()
    after = await osfsync(tmp_path, "sync", password=simulator.world.password)  # no stale lock
    assert after.code == 0


async def test_a_state_of_a_newer_version(tmp_path: Path, simulator: Simulator) -> None:
    write_config(tmp_path, simulator.url)
    assert (await osfsync(tmp_path, "db", "upgrade")).code == 0
    await anyio.run_process(
        [
            sys.executable,
            "-c",
            (
                "import sqlite3; db = sqlite3.connect('osfsync.db');"
                "db.execute(\"UPDATE alembic_version SET version_num = '9999'\"); db.commit()"
            ),
        ],
        cwd=tmp_path,
    )
    ended = await osfsync(tmp_path, "sync", password=simulator.world.password)
    assert ended.code == 2
    ended.assert_one_message("9999")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("sync", "--frobnicate"), "--frobnicate"),
        (("frobnicate",), "frobnicate"),
        (("sync", "--max-transfer", "lots"), "lots"),
        (("sync", "--since", "yesterday-ish"), "yesterday-ish"),
        (("backfill",), "--since"),
    ],
)
async def test_wrong_usage(tmp_path: Path, arguments: tuple[str, ...], word: str) -> None:
    ended = await osfsync(tmp_path, *arguments)
    assert ended.code == 2
    assert word in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.skipif(sys.platform == "win32", reason="a working folder can't be removed")
async def test_a_working_folder_that_is_gone(tmp_path: Path) -> None:
    script = 'mkdir gone && cd gone && rmdir ../gone && exec "$0" -m osfsync status'
    done = await anyio.run_process(
        ["/bin/sh", "-c", script, sys.executable],
        cwd=tmp_path,
        env=clean_environment({}, tmp_path / "no-home"),
        check=False,
    )
    assert done.returncode == 2
    Ended(2, "", done.stderr.decode()).assert_one_message("working folder is not there any more")
