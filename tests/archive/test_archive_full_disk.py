"""Real small, read-only and foreign file systems, mounted in a namespace of a child process."""

import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

if sys.platform != "linux":
    pytest.skip("mounts file systems as Linux does", allow_module_level=True)

HERE = Path(__file__).parent

PROLOGUE = """
import sys
from pathlib import Path
import anyio
from tests.archive.archive_bytes import body, files_below, is_whole, osf, parts_below
from osfsync.archive.base import Placed
from osfsync.archive.local import LocalArchive
from osfsync.content import check_for
from osfsync.domain.errors import ArchiveError, DiskFullError

root = Path(sys.argv[1])
archive = LocalArchive(root)
big = bytes(60_000)

def raises(kind, *words):
    class Expect:
        def __enter__(self): pass
        def __exit__(self, _type, error, _trace):
            assert type(error) is kind, repr(error)
            assert all(word in str(error) for word in words), str(error)
            return True
    return Expect()

async def main():
"""


def run_mounted(tmp_path: Path, mount: str, script: str) -> None:
    """Run `script` as the body of an async function, with `mount` done; {} in it is the archive's root."""
    root = tmp_path / "mirror"
    root.mkdir()
    program = tmp_path / "program.py"
    body = "\n".join("    " + line for line in dedent(script).splitlines())
    program.write_text(PROLOGUE + body + "\nanyio.run(main)\nprint('reached the end')\n")
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("there is no unshare")
    namespace = [unshare, "--user", "--map-root-user", "--mount", "sh", "-c"]
    if subprocess.run([*namespace, mount.format(root)], check=False, capture_output=True).returncode:
        pytest.skip("this user may not mount file systems in a namespace")
    done = subprocess.run(
        [*namespace, mount.format(root) + ' && exec "$0" "$@"', sys.executable, str(program), str(root)],
        check=False,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": f"{HERE}:{HERE.parents[1]}"},
    )
    assert done.stdout == "reached the end\n", done.stderr


SMALL = "mount -t tmpfs -o size=256k,nr_inodes=102 none {}"


def test_a_full_disk_stops_a_group_and_what_was_written_is_kept(tmp_path: Path) -> None:
    script = """
        await archive.prepare("state", known=False)
        results = await archive.place([body(f"d/{n}.bin", big) for n in range(9)])
        assert all(isinstance(result, Placed) for result in results[:4])
        for result in results[4:]:
            with raises(DiskFullError, "disk is full", "writing d/4.bin", str(root), "bytes are free"):
                raise result.failure
        assert parts_below(root) == []
        assert files_below(root) == {f"d/{n}.bin": big for n in range(4)}
        assert await archive.free_space() < len(big)
        (result,) = await archive.place([body("d/small.osf")])
        assert is_whole(result, osf())
    """
    run_mounted(tmp_path, SMALL, script)


def test_a_full_disk_stops_a_large_file_and_leaves_nothing_of_it(tmp_path: Path) -> None:
    script = """
        await archive.prepare("state", known=False)
        with raises(DiskFullError, "disk is full", "writing d/a.bin"):
            async with archive.receive("d/a.bin", None, check_for("a.bin")) as receiver:
                for _ in range(9):
                    await receiver.write([big])
        assert files_below(root) == {}
        assert await archive.free_space() > 200_000
    """
    run_mounted(tmp_path, SMALL, script)


def test_no_room_for_another_folder_is_a_full_disk(tmp_path: Path) -> None:
    script = """
        await archive.prepare("state", known=False)
        with raises(DiskFullError, "in place"):
            for n in range(100):
                await archive.place([body(f"d{n}/a.txt", b"")])
        assert parts_below(root) == []
    """
    run_mounted(tmp_path, SMALL, script)


def test_a_read_only_disk_is_told(tmp_path: Path) -> None:
    script = """
        with raises(ArchiveError, "mount it writable"):
            await archive.prepare("state", known=False)
    """
    run_mounted(tmp_path, "mount -t tmpfs -o ro none {}", script)


def test_a_folder_on_another_file_system_gets_copies(tmp_path: Path) -> None:
    """No part can be renamed across, nor what it replaces be linked."""
    script = """
        await archive.prepare("state", known=False)
        first, second = await archive.place([body("d/a.bin", b"old"), body("e/a.osf")])
        assert isinstance(first, Placed) and is_whole(second, osf()), first
        (again,) = await archive.place([body("d/a.bin", big)])
        assert isinstance(again, Placed) and Path(again.kept).read_bytes() == b"old", again
        aside = Path(await archive.set_aside("d/a.bin"))
        assert aside.read_bytes() == big
        assert [path.name for path in (root / "d").iterdir()] == []
        assert parts_below(root) == []
    """
    run_mounted(tmp_path, "mkdir -p {0}/d && mount -t tmpfs none {0}/d", script)


def test_a_file_beyond_what_the_system_allows_is_told(tmp_path: Path) -> None:
    script = """
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        await archive.prepare("state", known=False)
        with raises(ArchiveError, "can't hold a file of this size"):
            async with archive.receive("d/a.bin", None, check_for("a.bin")) as receiver:
                await receiver.write([big, big])
        assert files_below(root) == {}
    """
    run_mounted(tmp_path, "true", script)
