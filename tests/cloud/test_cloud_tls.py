"""TLS with a certificate that only its maker trusts."""

import ssl
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
