"""The process that reads what is in files: regular files only, and no longer than the one that asks."""

import os
import subprocess
import sys
from pathlib import Path

import anyio
import msgspec
import pytest

from osfsync.app.reading import NotReadError, content_reader
from osfsync.domain.errors import ConfigError
from tests.content.content_bytes import osf

SLEEPER = "import time\n\nclass OsfError(Exception): ...\n\ndef load(path):\n    time.sleep(600)\n"


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pipes in folders")
@pytest.mark.parametrize("kind", ["a pipe", "a link to a device", "a folder", "a link to nothing"])
async def test_what_is_no_regular_file_is_not_waited_for(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.osf"
    match kind:
        case "a pipe":
            os.mkfifo(path)
        case "a folder":
            os.mkdir(path)  # noqa: PTH102 - pathlib is refused in coroutines
        case _:
            os.symlink("/dev/zero" if "device" in kind else "nowhere", path)  # noqa: PTH211 - likewise
    async with content_reader() as asked:
        with anyio.fail_after(20), pytest.raises(NotReadError, match="can't be read"):
            await asked.read(path)


def test_the_process_ends_with_the_one_that_asks_while_it_reads(tmp_path: Path) -> None:
    (tmp_path / "osf.py").write_text(SLEEPER, encoding="utf-8")
    file = tmp_path / "a.osf"
    file.write_bytes(osf())
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "osfsync.content.reader"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert process.stdin is not None
    process.stdin.write(msgspec.json.encode(os.fsencode(file)) + b"\n")
    process.stdin.close()
    try:
        process.wait(30)
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


async def test_a_process_that_can_not_start_is_told_and_blames_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "osf.py").write_text("import os\nos._exit(3)\n", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    file = tmp_path / "a.osf"
    await anyio.Path(file).write_bytes(osf())
    async with content_reader() as asked:
        with pytest.raises(ConfigError, match="does not start"):
            await asked.read(file)
