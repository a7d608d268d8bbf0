"""requirements.lock: what `make demo`, `make test` and CI install, the same on every day and machine."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LINES = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
SYSTEMS = {
    "Linux": {"sys_platform": "linux", "os_name": "posix", "platform_machine": "x86_64"},
    "Linux on ARM": {"sys_platform": "linux", "os_name": "posix", "platform_machine": "aarch64"},
    "macOS": {"sys_platform": "darwin", "os_name": "posix", "platform_machine": "arm64"},
    "macOS on Intel": {"sys_platform": "darwin", "os_name": "posix", "platform_machine": "x86_64"},
    "Windows": {"sys_platform": "win32", "os_name": "nt", "platform_machine": "AMD64"},
}
NAME = r"[a-z0-9]+(-[a-z0-9]+)*"
OWNER = rf"{NAME}( \(pyproject\.toml\))?"
LINE = re.compile(
    rf"{NAME}==[0-9][0-9a-z.]*( ; [\w .<>=!'()*]+)? \\"
    r"|    --hash=sha256:[0-9a-f]{64}( \\)?"
    rf"|#    make lock|#[\w ]+:|    # via( {OWNER})?|    #   {OWNER}"
)


def locked() -> list[Requirement]:
    return [Requirement(line.removesuffix("\\")) for line in LINES if "==" in line and line[0].isalnum()]


def wanted() -> Iterator[Requirement]:
    """What must be installed to build, run and test the project."""
    yield from map(Requirement, PROJECT["build-system"]["requires"])
    yield from map(Requirement, PROJECT["project"]["dependencies"])
    yield from map(Requirement, PROJECT["project"]["optional-dependencies"]["dev"])


def environment(python: str, system: Mapping[str, str]) -> dict[str, str]:
    return {
        **{name: str(value) for name, value in default_environment().items()},
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "python_version": python,
        "python_full_version": f"{python}.0",
        **system,
    }


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_lock_has_pinned_versions_their_hashes_and_nothing_else() -> None:
    """No option, no index, no host and no path: what is installed does not depend on who made the lock."""
    assert [line for line in LINES if not LINE.fullmatch(line)] == []
    pins = [number for number, line in enumerate(LINES) if line.endswith("\\") and "==" in line]
    assert len(pins) == len(locked()) > 100
    assert all(LINES[number + 1].startswith("    --hash=sha256:") for number in pins)


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_has_one_allowed_version_of_each_requirement(python: str, system: str) -> None:
    here = environment(python, SYSTEMS[system])
    versions: dict[str, str] = {}
    for each in locked():
        if each.marker is None or each.marker.evaluate(here):
            assert each.name not in versions, "two versions of one package"
            (pin,) = each.specifier
            versions[each.name] = pin.version
    needed = [each for each in wanted() if each.marker is None or each.marker.evaluate(here)]
    outside = [
        str(each)
        for each in needed
        if not each.specifier.contains(versions.get(normal(each.name), "0"), prereleases=True)
        or normal(each.name) not in versions
    ]
    assert outside == [], "run `make lock`"
    assert ("uvloop" in versions) == (system != "Windows")


def test_each_python_of_the_lock_is_one_that_the_project_names() -> None:
    named = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["project"]["classifiers"]))
    assert tuple(named) == PYTHONS
    assert PROJECT["project"]["requires-python"] == f">={PYTHONS[0]}"


def test_readme_and_make_install_the_lock_and_then_the_project_alone() -> None:
    """Without dependencies and without a separate build environment: only the lock is installed."""
    options = re.compile(r"pip install (.*-r requirements\.lock|.*-e \.)$", re.MULTILINE)
    make = (ROOT / "Makefile").read_text(encoding="utf-8").replace("$(PIP)", "pip").replace("--quiet ", "")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    expected = ["--require-hashes -r requirements.lock", "--no-deps --no-build-isolation -e ."]
    assert options.findall(make.replace("$(LOCK)", "requirements.lock")) == expected
    assert options.findall(readme) == expected * 2
