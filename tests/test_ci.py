""".ci/run: which failures fail the run, and which are only reported. Its programs are stand-ins."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROGRAMS = ("strace", "systemd-analyze", "chromium", "chromedriver", "mosquitto", "nginx")
MAKE = """#!/bin/sh
echo "== make $1"
for failing in $FAILING; do
  if [ "$failing" = "$1" ]; then echo "FAILED tests/test_of_$1.py"; echo "== 1 failed"; exit 2; fi
done
echo "== 1 passed"
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason=".ci/run is for Linux")


def ci(folder: Path, *failing: str) -> tuple[int, list[str]]:
    """The exit code of .ci/run and its lines, where these targets of make fail."""
    (folder / "bin").mkdir()
    (folder / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", folder / ".ci" / "run")
    for name in (*PROGRAMS, "make"):
        program = folder / "bin" / name
        program.write_text(MAKE if name == "make" else "#!/bin/sh\n", encoding="utf-8")
        program.chmod(0o700)
    environ = {
        **os.environ,
        "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "FAILING": " ".join(failing),
    }
    done = subprocess.run(
        ["bash", folder / ".ci" / "run"],  # noqa: S607 - the one that runs it in CI
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout.splitlines()


def test_a_run_tests_the_lock_last_and_reports_the_newest_packages(tmp_path: Path) -> None:
    code, lines = ci(tmp_path)
    assert code == 0
    assert [line for line in lines if line.startswith("== make")] == [
        "== make secrets",
        "== make test-latest",
        "== make test",
    ]
    assert lines[-2:] == ["== 1 passed", "newest packages: all tests passed"]


def test_a_failure_with_the_newest_packages_is_reported_and_fails_no_run(tmp_path: Path) -> None:
    code, lines = ci(tmp_path, "test-latest")
    assert code == 0
    summary = lines.index("== 1 passed", lines.index("== make test"))
    assert lines[summary + 1] == "newest packages: FAILED tests/test_of_test-latest.py"
    assert lines[summary + 2].startswith("newest packages: FAILED, ")


@pytest.mark.parametrize("target", ["secrets", "test"])
def test_a_failure_of_the_lock_or_a_secret_fails_the_run(tmp_path: Path, target: str) -> None:
    code, _ = ci(tmp_path, target)
    assert code == 2
