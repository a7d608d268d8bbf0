"""What a user installs: one wheel with everything in it, built from the source distribution."""

import configparser
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
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
"""What the wheel is built from."""

OTHERS = [
    ".ci",
    ".editorconfig",
    ".gitattributes",
    ".gitignore",
    ".pre-commit-config.yaml",
    "CHANGELOG.md",
    "Makefile",
    "SECURITY.md",
    "benchmarks",
    "requirements.lock",
    "tests",
]
"""What else a checkout has: the tests, and what they read."""

BUILT = ("docs/_build", "docs/reference")
NAME = "osfsync-{}.dist-info/{}"


def run(*command: str, cwd: Path, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        command, cwd=cwd, env=env, capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def copy_sources(folder: Path) -> None:
    """What a checkout holds, without what lies about in a working folder."""
    built = {(ROOT / name).resolve() for name in BUILT}

    def unwanted(inside: str, names: list[str]) -> list[str]:
        return [name for name in names if name == "__pycache__" or (Path(inside) / name).resolve() in built]

    for name in (*SOURCES, *OTHERS):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=unwanted)
        else:
            shutil.copy(source, folder / name)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder `dist` of `python -m build`, which builds the wheel from the source distribution.

    The build backend is that of the lock, so that no network is needed.
    """
    folder = tmp_path_factory.mktemp("checkout")
    copy_sources(folder)
    run(sys.executable, "-m", "build", "--no-isolation", cwd=folder)
    return folder / "dist"


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (wheel,) = built.glob("*.whl")
    return wheel


def test_the_source_distribution_holds_the_whole_checkout(built: Path) -> None:
    (packed,) = built.glob("*.tar.gz")
    with tarfile.open(packed) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    checkout = built.parent
    files = {path.relative_to(checkout) for path in checkout.rglob("*") if path.is_file()}
    expected = {path.as_posix() for path in files if path.parts[0] != "dist"}
    assert names == expected | {"PKG-INFO"}


@pytest.mark.skipif(not (ROOT / ".git").exists() or shutil.which("git") is None, reason="not a git checkout")
def test_no_file_of_the_repository_is_left_out(built: Path) -> None:
    tracked = run("git", "ls-files", "-z", cwd=ROOT).split("\0")
    missing = {
        name for name in tracked if name and (ROOT / name).exists() and not (built.parent / name).exists()
    }
    assert missing == set(), "add it to OTHERS and to the source distribution"


def test_the_image_is_built_from_the_same_sources() -> None:
    recipe = (ROOT / "docs" / "recipes" / "Dockerfile").read_text(encoding="utf-8")
    copied = [line.split()[1:-1] for line in recipe.splitlines() if re.match(r"COPY (?!--from)", line)]
    assert sorted(name for names in copied for name in names) == sorted(SOURCES)


@pytest.fixture(scope="module")
def version() -> str:
    return run(sys.executable, "-c", "import osfsync; print(osfsync.__version__)", cwd=ROOT).strip()


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scripts' folder of an empty environment in which pip has installed the wheel.

    A path file adds the dependencies, those of the running environment. The path files there are not read, so
    that the checkout, which is installed in place, cannot be imported by mistake.
    """
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    paths = {"base": str(folder), "platbase": str(folder)}
    scripts, site = (Path(sysconfig.get_path(kind, "venv", paths)) for kind in ("scripts", "purelib"))
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(folder),
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
    ]
    run(*pip, "--disable-pip-version-check", str(wheel), cwd=folder)
    (site / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n", encoding="utf-8")
    return scripts


def run_installed(installed: Path, code: str) -> str:
    """Run Python of the environment, from elsewhere."""
    check = (
        f"import osfsync; assert osfsync.__file__.startswith({str(installed.parent)!r}), osfsync.__file__; "
    )
    return run(str(installed / "python"), "-c", check + code, cwd=installed.parent, env=environment())


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "OSFSYNC_"))}


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


def test_the_installed_command_runs_in_an_unrelated_folder(installed: Path, tmp_path: Path) -> None:
    command = str(installed / "osfsync")
    assert "Usage: osfsync" in run(command, "--help", cwd=tmp_path, env=environment())
    shown = run(command, "demo", cwd=tmp_path, env=environment())
    assert "missing" in shown
    assert list(tmp_path.iterdir()) == []


def test_the_installed_command_upgrades_a_state_with_its_own_migrations(
    installed: Path, tmp_path: Path
) -> None:
    config = '[cloud]\nurl = "http://127.0.0.1:9"\nusername = "user"\n[archive]\npath = "mirror"\n'
    (tmp_path / "sync.toml").write_text(config, encoding="utf-8")
    shown = run(str(installed / "osfsync"), "db", "upgrade", cwd=tmp_path, env=environment())
    newest = max(path.name[:4] for path in (ROOT / "migrations" / "versions").glob("[0-9]*.py"))
    assert newest in shown
    assert (tmp_path / "osfsync.db").is_file()
