"""What all tests share."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

LONGEST = (
    "test_whole_month",
    "test_whole_fleet",
    "test_whole_kill",
    "test_campaign_kills",
    "test_whole_machine",
)
"""Begun first, so that no core is idle while another is still busy with one of them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.stem not in LONGEST)


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: many tests wait for a platform that is slow on purpose."""
    return (os.cpu_count() or 1) + 1


def skip_unless_all_is_required(reason: str) -> None:
    """Skip what needs a program that is missing here; with TESTS_REQUIRE_ALL that is a failure."""
    if os.environ.get("TESTS_REQUIRE_ALL"):
        pytest.fail(f"must not be skipped here: {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """The loop that the command line uses."""
    return "asyncio", {"use_uvloop": sys.platform != "win32"}


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A fresh certificate for loopback and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed: no certificate can be made")
    folder = tmp_path_factory.mktemp("tls")
    made, key = folder / "cert.pem", folder / "key.pem"
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=test"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(made)]
    subprocess.run(command, check=True, capture_output=True)
    return made, key


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests speak to loopback only; a proxy or a netrc of the machine must not get in between."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "NETRC"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
