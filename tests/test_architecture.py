"""The walls of the house: who may import whom, and how big a module may grow."""

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "osfsync"
ROOMS = {
    "app",
    "archive",
    "cli",
    "cloud",
    "config",
    "content",
    "domain",
    "pipeline",
    "reports",
    "simulator",
    "state",
}
TOP_MODULES = {"__init__.py", "__main__.py", "app.py", "logs.py"}
LONGEST_MODULE = 400
LONGER_FOR_A_REASON: dict[str, str] = {}
"""Path within the package → why splitting it would make it harder to read."""


def modules() -> Iterator[Path]:
    return (path for path in PACKAGE.rglob("*.py") if "__pycache__" not in path.parts)


def check_contracts(folder: Path) -> subprocess.CompletedProcess[str]:
    arguments = "no_logo=True, no_cache=True"
    code = f"import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports({arguments}))"
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, encoding="utf-8", check=False)


def test_the_contracts_are_kept() -> None:
    run = check_contracts(ROOT)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("domain/model.py", "import msgspec", "The domain is the standard library only"),
        (
            "domain/model.py",
            "from osfsync.cloud import settings",
            "The rooms stand on each other in one order",
        ),
        (
            "archive/settings.py",
            "from osfsync.state import settings",
            "The rooms stand on each other in one order",
        ),
        ("pipeline/settings.py", "from osfsync import config", "Rooms never import the configuration"),
        (
            "pipeline/fetch.py",
            "from osfsync.pipeline import record",
            "Stages of the pipeline never import each other",
        ),
        ("reports/__init__.py", "import sqlalchemy", "Pure rooms do no I/O"),
        ("cloud/calls.py", "import asyncio", "Pure rooms do no I/O"),
        (
            "simulator/world.py",
            "import osfsync.cloud.parsing",
            "The simulator never shares the client's reading",
        ),
        ("newroom.py", "", "The rooms stand on each other in one order"),
    ],
)
def test_a_broken_wall_is_noticed(tmp_path: Path, module: str, line: str, contract: str) -> None:
    shutil.copytree(PACKAGE, tmp_path / "osfsync", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / "osfsync" / module).open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")
    run = check_contracts(tmp_path)
    assert run.returncode == 1
    broken = [told for told in run.stdout.splitlines() if told.rstrip().endswith("BROKEN")]
    assert any(told.startswith(contract) for told in broken), run.stdout


def test_only_known_rooms_stand_in_the_house() -> None:
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    files = {path.name for path in PACKAGE.iterdir() if path.suffix == ".py"}
    assert folders <= ROOMS
    assert files <= TOP_MODULES


def test_every_room_says_what_it_is() -> None:
    for path in PACKAGE.rglob("__init__.py"):
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path


def test_rooms_never_import_the_package_itself() -> None:
    """`osfsync/__init__` gathers the public API from the rooms; they would import it in a circle."""
    top = ROOMS | {"logs", "app"}
    for path in modules():
        if path.parent == PACKAGE:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.ImportFrom)
                and node.module == "osfsync"
                and not path.is_relative_to(PACKAGE / "cli")
            ):
                assert {alias.name for alias in node.names} <= top, path
            if isinstance(node, ast.Import):
                assert "osfsync" not in {alias.name for alias in node.names}, path


def test_modules_stay_small() -> None:
    long = {}
    for path in modules():
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > LONGEST_MODULE:
            long[path.relative_to(PACKAGE).as_posix()] = lines
    assert long.keys() == LONGER_FOR_A_REASON.keys(), long


def test_no_test_module_shares_its_name_with_another() -> None:
    """Tests are folders, not packages: pytest could not tell two modules of one name apart."""
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(set(names)) == sorted(names)
