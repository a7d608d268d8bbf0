"""The kill campaign: a mirror whose runs are killed at random, again and again, until it is complete.

    python -m tests.campaign.kills [--seed N] [--kills K] [--files F]

After each kill nothing may be held that is not in place, nor damaged anywhere; after the last one a clean run
must leave the archive equal to the server, and nothing that was in place may have been downloaded again.
Where strace is installed, the order of system calls is checked as well: what a power cut could leave behind.
Prints a table, and exits with 1 when a line of it is red.
"""

import argparse
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import anyio

from osfsync.domain.model import StorageStatus
from osfsync.simulator.server import Simulator, serve
from osfsync.simulator.world import World
from tests.campaign.power import cut_order
from tests.campaign.table import Line, show
from tests.campaign.written import Written, written

DEVICES = 25
LONGEST_LIFE = 2.5
"""Seconds after which a run is killed at the latest, where it is killed by time."""


@dataclass
class Campaign:
    """One mirror and what its kills left.

    Attributes:
        portion: files that a run downloads at most before it is killed, about: a quick machine would mirror
            all of them in one run, and be killed while there is nothing to do.
        in_place: how often a file had been downloaded when it was first seen in place after a kill.
        amid: kills while files were missing.
    """

    simulator: Simulator
    folder: Path
    rng: Random
    portion: int
    in_place: dict[tuple[str, str], int] = field(default_factory=dict)
    kills: int = 0
    amid: int = 0
    complaints: list[str] = field(default_factory=list)

    @property
    def world(self) -> World:
        return self.simulator.world

    async def kill_one(self) -> None:
        """Start a run and kill it: once it has downloaded so much, or lived so long."""
        process = await anyio.open_process(
            [sys.executable, "-m", "osfsync", "-q", "sync"],
            cwd=self.folder,
            env=environment(self.folder, self.world.password),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        began = time.monotonic()
        if self.rng.random() < 0.5:
            most, life = self.downloaded() + self.rng.randint(1, self.portion), 60.0
        else:
            most, life = self.downloaded() + self.portion, self.rng.uniform(0.2, LONGEST_LIFE)
        while (  # noqa: ASYNC110 - the simulator counts, it does not notify
            process.returncode is None and self.downloaded() < most and time.monotonic() - began < life
        ):
            await anyio.sleep(0.001)
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
            self.kills += 1
            self.amid += len(self.in_place) < len(self.world.available())
        await process.aclose()

    def downloaded(self) -> int:
        return self.simulator.downloads.total()

    def judge(self) -> None:
        """What must be true whenever a run was killed."""
        state = written(self.folder)
        for row in state.held.values():
            path = self.folder / "mirror" / row.path
            if not path.is_file() or path.stat().st_size != row.size:
                self.complaints.append(f"{row.path} is held by the state and not in place")
        for key, told in state.paths.items():
            place = self.folder / "mirror" / told
            if key not in self.in_place and place.is_file():
                self.in_place[key] = self.simulator.downloads[key]
                if place.read_bytes() != self.world.content(*key):
                    self.complaints.append(f"{told} has its final name and is damaged")


def environment(folder: Path, password: str) -> Mapping[str, str]:
    """For a run in `folder`, whatever configuration the machine has."""
    return {
        **os.environ,
        "OSFSYNC_PASSWORD": password,
        "XDG_CONFIG_HOME": str(folder),
        "APPDATA": str(folder),
    }


def write_config(folder: Path, simulator_url: str, world: World) -> None:
    """A configuration for the command. Files come singly: in batches, 5,000 of them take few kills."""
    (folder / "sync.toml").write_text(
        f'[cloud]\nurl = "{simulator_url}"\nusername = "{world.username}"\ntenant = "{world.main.name}"\n'
        '[limits]\nbatch = "never"\n',
        encoding="utf-8",
    )


async def conduct(seed: int, kills: int, files: int) -> list[Line]:
    """Kill until there were `kills`; then let one run end, and compare."""
    world = World.generate(
        seed=seed,
        devices=DEVICES,
        files_per_device=files // DEVICES,
        now=datetime.now(UTC),
        mix={StorageStatus.BOTH: 1},
    )
    with TemporaryDirectory(prefix="osfsync-kills-") as name:
        folder = Path(name)
        async with serve(world) as simulator:
            write_config(folder, simulator.url, world)
            campaign = Campaign(simulator, folder, Random(seed), max(1, files // kills))
            while campaign.kills < kills:
                await campaign.kill_one()
                campaign.judge()
            clean = await anyio.run_process(
                [sys.executable, "-m", "osfsync", "-q", "sync"],
                cwd=folder,
                env=environment(folder, world.password),
                check=False,
            )
            lines = verdict(campaign, written(folder), clean.returncode)
            lines += await cut_order(simulator, seed)
    return lines


def verdict(campaign: Campaign, state: Written, code: int) -> list[Line]:
    """The table's lines on what is here after a clean run."""
    world = campaign.world
    mirror = campaign.folder / "mirror"
    expected = {key: hashlib.sha256(world.content(*key)).hexdigest() for key in world.available()}
    disk = {
        path.relative_to(mirror).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in mirror.rglob("*")
        if path.is_file() and ".osfsync-part" not in path.parts
    }
    here = {key: disk.get(row.path) for key, row in state.held.items()}
    again = [key for key, count in campaign.in_place.items() if campaign.simulator.downloads[key] != count]
    parts = [path.name for path in (mirror / ".osfsync-part").rglob("*") if path.suffix in {".part", ".note"}]
    return [
        Line("runs killed", f"{campaign.kills}", f"{campaign.kills}", campaign.kills > 0),
        Line(
            "of them, while files were missing",
            f">= {campaign.kills // 2}",
            f"{campaign.amid}",
            campaign.amid >= campaign.kills // 2,
        ),
        Line("broken promises after a kill", "0", *counted(campaign.complaints)),
        Line("a clean run's exit code", "0", str(code), code == 0),
        Line(
            "files here, byte for byte",
            str(len(expected)),
            str(sum(here.get(k) == v for k, v in expected.items())),
            here == expected,
        ),
        Line("files on disk that the state does not know", "0", *counted(disk.keys() - state.by_path())),
        Line(
            "hashes in the state",
            str(len(expected)),
            str(len(state.held)),
            {key: row.sha256 for key, row in state.held.items()} == expected,
        ),
        Line("files in place that were downloaded again", "0", *counted(again)),
        Line("part files left", "0", *counted(parts)),
    ]


def counted(found: "Sequence[object] | set[str]") -> tuple[str, bool]:
    """How a list that should be empty is told."""
    some = ", ".join(str(thing) for thing in list(found)[:3])
    return (f"{len(found)} ({some})" if found else "0"), not found


def main(arguments: Sequence[str] | None = None) -> int:
    """Conduct the campaign; 0 where all is green."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaign.kills", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--files", type=int, default=5_000)
    given = parser.parse_args(arguments)
    return show(anyio.run(conduct, given.seed, given.kills, given.files))


if __name__ == "__main__":
    sys.exit(main())
