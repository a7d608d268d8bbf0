"""TLS with a certificate that only its maker trusts."""

import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from osfsync.domain.errors import UnreachableError
from tests.cloud.cloud_platform import Platform, running


@pytest.fixture
async def platform(certificate: tuple[Path, Path]) -> AsyncIterator[Platform]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    async with running(context) as platform:
        yield platform


async def test_a_certificate_of_ones_own_authority(
    platform: Platform, certificate: tuple[Path, Path]
) -> None:
    assert platform.url.startswith("https://")
    async with platform.client(ca_file=certificate[0]) as client:
        assert (await client.tenant()).name == "Works"


async def test_a_certificate_that_is_not_trusted_is_not_tried_again(platform: Platform) -> None:
    async with platform.client() as client:
        with pytest.raises(UnreachableError, match="not trusted: self-signed") as caught:
            await client.tenant()
    assert not caught.value.retryable
    assert "cloud.ca_file" in caught.value.hint
    assert not platform.requests


async def test_a_certificate_for_another_host(platform: Platform, certificate: tuple[Path, Path]) -> None:
    url = platform.url.replace("127.0.0.1", "localhost")
    async with platform.client(url=url, ca_file=certificate[0]) as client:
        with pytest.raises(UnreachableError, match="not trusted"):
            await client.tenant()


async def test_http_to_a_port_that_speaks_tls_is_said_at_once(platform: Platform) -> None:
    async with platform.client(url=platform.url.replace("https://", "http://")) as client:
        with pytest.raises(UnreachableError, match=r"speaks TLS.*https://") as caught:
            await client.tenant()
    assert not caught.value.retryable


async def test_https_to_a_port_that_does_not_speak_tls_is_said_at_once() -> None:
    async with running() as plain, plain.client(url=plain.url.replace("http://", "https://")) as client:
        with pytest.raises(UnreachableError, match=r"does not speak TLS.*http://") as caught:
            await client.tenant()
    assert not caught.value.retryable


async def test_an_older_authority_of_ones_own_is_accepted_where_python_is_strict(
    old_certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As since Python 3.13: its default refuses certificates without the extensions of RFC 5280."""
    make = ssl.create_default_context

    def strict() -> ssl.SSLContext:
        context = make()
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    monkeypatch.setattr(ssl, "create_default_context", strict)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(old_certificate / "server.pem", old_certificate / "server.key")
    async with running(server) as old, old.client(ca_file=old_certificate / "ca.pem") as client:
        assert (await client.tenant()).name == "Works"


async def test_the_hint_names_no_setting_that_is_already_there(
    platform: Platform, old_certificate: Path
) -> None:
    async with platform.client(ca_file=old_certificate / "ca.pem") as client:
        with pytest.raises(UnreachableError, match="not trusted") as caught:
            await client.tenant()
    assert "name its authority in cloud.ca_file" not in caught.value.hint


@pytest.fixture(scope="module")
def old_certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority without keyUsage and key identifiers, and a server's certificate by it."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed: no certificate can be made")
    folder = tmp_path_factory.mktemp("old")
    (folder / "ca.cnf").write_text(
        "[req]\ndistinguished_name = dn\nprompt = no\nx509_extensions = v3\n[dn]\nCN = Old authority\n"
        "[v3]\nbasicConstraints = CA:TRUE\n",
        encoding="utf-8",
    )
    (folder / "server.cnf").write_text("subjectAltName = IP:127.0.0.1\n", encoding="utf-8")
    commands = (
        "req -x509 -newkey rsa:2048 -nodes -days 1 -config ca.cnf -keyout ca.key -out ca.pem",
        "req -new -newkey rsa:2048 -nodes -config ca.cnf -keyout server.key -out server.csr",
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -set_serial 7 -extfile server.cnf -out server.pem",
    )
    for command in commands:
        subprocess.run([openssl, *command.split()], check=True, capture_output=True, cwd=folder)
    return folder
