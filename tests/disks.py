"""Small real file systems, and a user who may only read; tests are skipped where they are not allowed."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

NOBODY = 54321
"""An id that no entry in the list of users has."""

BLOCK = 1024


@contextmanager
def small_ext4(folder: Path, megabytes: int = 8) -> Iterator[Path]:
    """A file system of its own in a file, with blocks of 1 kB, as small ones have."""
    image, place = folder / "image", folder / "disk"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(megabytes * 1_000_000)
    make = ["mkfs.ext4", "-q", "-b", str(BLOCK), "-m", "0", str(image)]
    with _mounted(make, ["mount", "-o", "loop", str(image), str(place)], place):
        yield place


@contextmanager
def small_tmpfs(folder: Path, bytes_: int) -> Iterator[Path]:
    """A file system in memory."""
    place = folder / "disk"
    place.mkdir()
    with _mounted(["true"], ["mount", "-t", "tmpfs", "-o", f"size={bytes_}", "tmpfs", str(place)], place):
        yield place


@contextmanager
def vfat_through_fuse(folder: Path) -> Iterator[Path]:
    """A file system of a program, which knows neither links nor shared memory."""
    image, place = folder / "image", folder / "disk"
    place.mkdir()
    image.write_bytes(bytes(16_000_000))
    with _mounted(["mkfs.vfat", str(image)], ["fusefat", "-o", "rw+", str(image), str(place)], place):
        yield place


@contextmanager
def _mounted(make: Sequence[str], mount: Sequence[str], place: Path) -> Iterator[None]:
    for command in (make, mount):
        if shutil.which(command[0]) is None or subprocess.run(command, check=False).returncode:
            pytest.skip(f"needs {command[0]} and the right to use it")
    try:
        yield
    finally:
        unmount = ["umount", "-l", str(place)]
        subprocess.run(unmount, check=True)


def fill(disk: Path, left: int) -> None:
    """Use up all space but about `left` bytes."""
    filler = disk / "filler"
    with filler.open("ab", buffering=0) as file:
        for size in (64 * BLOCK, BLOCK):
            with suppress(OSError):
                while True:
                    file.write(bytes(size))
                    os.fsync(file.fileno())
    os.truncate(filler, max(0, filler.stat().st_size - left))
    os.sync()


def as_nobody(command: Sequence[str]) -> list[str]:
    """The command for a user who may read everything and write nothing, and is in no list of users."""
    prefix = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    prefix += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    if shutil.which("setpriv") is None or subprocess.run([*prefix, "true"], check=False).returncode:
        pytest.skip("needs setpriv and the right to become another user")
    return [*prefix, *command]
