"""What a user installs: one wheel with everything in it."""

import configparser
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from email.parser import BytesParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = [
    "osfsync",
    "migrations",
    "docs",
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "sync.toml.example",
]
NAME = "osfsync-{}.dist-info/{}"


def run(*command: str, cwd: Path, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        command, cwd=cwd, env=env, capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def copy_sources(folder: Path) -> None:
    """What a checkout holds, without what lies about in a working folder."""
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkout")
    copy_sources(folder)
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", "dist", cwd=folder)
    (built,) = (folder / "dist").glob("*.whl")
    return built


def test_the_image_is_built_from_the_same_sources() -> None:
    recipe = (ROOT / "docs" / "recipes" / "Dockerfile").read_text(encoding="utf-8")
    copied = [line.split()[1:-1] for line in recipe.splitlines() if re.match(r"COPY (?!--from)", line)]
    assert sorted(name for names in copied for name in names) == sorted(SOURCES)


@pytest.fixture(scope="module")
def version() -> str:
    return run(sys.executable, "-c", "import osfsync; print(osfsync.__version__)", cwd=ROOT).strip()


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-compile"]
    run(*pip, "--disable-pip-version-check", "--target", str(folder), str(wheel), cwd=folder)
    return folder


def run_installed(installed: Path, code: str) -> str:
    """Run Python with the installed copy before the checkout, from elsewhere."""
    environ = {**os.environ, "PYTHONPATH": str(installed)}
    check = f"import osfsync; assert osfsync.__file__.startswith({str(installed)!r}), osfsync.__file__; "
    return run(sys.executable, "-c", check + code, cwd=installed.parent, env=environ)


def test_the_wheel_holds_all_modules_migrations_and_the_example(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    sources = {path.relative_to(ROOT).as_posix() for path in (ROOT / "osfsync").rglob("*.py")}
    migrations = {
        f"osfsync/{path.relative_to(ROOT).as_posix()}"
        for path in (ROOT / "migrations").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert any("/versions/" in name for name in migrations)
    page = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "osfsync" / "reports" / "renderers" / "page").iterdir()
    }
    assert len(page) > 5
    assert sources | migrations | page | {"osfsync/py.typed", "osfsync/sync.toml.example"} <= names


def test_the_wheel_brings_the_man_page_and_the_shells_completions(wheel: Path) -> None:
    names = {name.partition(".data/data/")[2] for name in zipfile.ZipFile(wheel).namelist()}
    assert {
        "share/man/man1/osfsync.1",
        "share/bash-completion/completions/osfsync",
        "share/zsh/site-functions/_osfsync",
        "share/fish/vendor_completions.d/osfsync.fish",
    } <= names


def test_the_wheel_holds_nothing_else(wheel: Path) -> None:
    for name in zipfile.ZipFile(wheel).namelist():
        assert name.startswith(("osfsync/", "osfsync-"))
        assert not name.endswith((".pyc", ".db", ".osf", ".osfz"))
    assert wheel.stat().st_size < 1_000_000


def test_the_metadata_name_version_licence_and_extras(wheel: Path, version: str) -> None:
    with zipfile.ZipFile(wheel) as archive:
        metadata = BytesParser().parsebytes(archive.read(NAME.format(version, "METADATA")))
        assert NAME.format(version, "licenses/LICENSE") in archive.namelist()
    assert metadata["Name"] == "osfsync"
    assert metadata["Version"] == version
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(metadata.get_all("Provides-Extra", [])) == set(project["optional-dependencies"])


def test_the_console_script_is_declared(wheel: Path, version: str) -> None:
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read(NAME.format(version, "entry_points.txt")).decode()
    entries = configparser.ConfigParser()
    entries.read_string(text)
    assert dict(entries["console_scripts"]) == {"osfsync": "osfsync.__main__:main"}


def test_the_installed_package_imports_and_knows_its_version(installed: Path, version: str) -> None:
    assert run_installed(installed, "print(osfsync.__version__)").strip() == version


def test_the_installed_package_finds_its_example(installed: Path) -> None:
    code = "from osfsync.config import example_text; print(ascii(example_text()))"
    text = (ROOT / "sync.toml.example").read_text(encoding="utf-8")
    assert run_installed(installed, code).strip() == ascii(text)


def test_all_that_is_imported_is_declared(installed: Path) -> None:
    """Nothing of the development environment is needed: its modules are hidden here."""
    hidden = ["pytest", "hypothesis", "requests", "osf", "numpy", "keyring", "hatchling"]
    code = (
        f"import sys; sys.modules |= dict.fromkeys({hidden!r}); import importlib, pkgutil; "
        "names = [m.name for m in pkgutil.walk_packages(osfsync.__path__, 'osfsync.')]; "
        "[importlib.import_module(n) for n in names if not n.startswith('osfsync.migrations') "
        "and not n.endswith('__main__')]; print(len(names))"
    )
    assert int(run_installed(installed, code)) > 20
