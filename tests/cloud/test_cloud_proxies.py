"""Which proxy is used, by the rules of curl; and what is refused before anything is sent."""

import pytest
from yarl import URL

from osfsync.cloud.proxies import Proxy, checked_proxy, is_excepted, proxy_for
from osfsync.domain.errors import ConfigError, UnreachableError
from tests.cloud.cloud_platform import Platform

HTTPS, HTTP = URL("https://a.example.com"), URL("http://a.example.com")
P = "http://p:3128"


@pytest.mark.parametrize(
    ("url", "environ", "expected"),
    [
        (HTTPS, {"https_proxy": "p:3128"}, (P, "https_proxy")),
        (HTTPS, {"HTTPS_PROXY": P}, (P, "HTTPS_PROXY")),
        (HTTPS, {"https_proxy": P, "HTTPS_PROXY": "http://q:1"}, (P, "https_proxy")),
        (HTTPS, {"ALL_PROXY": "p:3128"}, (P, "ALL_PROXY")),
        (HTTPS, {"all_proxy": P, "https_proxy": ""}, (P, "all_proxy")),
        (HTTPS, {"http_proxy": P}, None),
        (HTTP, {"http_proxy": "p:3128"}, (P, "http_proxy")),
        (HTTP, {"HTTP_PROXY": P}, None),
        (HTTP, {"https_proxy": P}, None),
        (HTTPS, {"https_proxy": "me:s%40cret@p:3128"}, ("http://me:s%40cret@p:3128", "https_proxy")),
        (HTTPS, {"https_proxy": "https://p:443"}, ("https://p:443", "https_proxy")),
        (HTTPS, {"https_proxy": P, "no_proxy": "example.com"}, None),
        (HTTPS, {"https_proxy": P, "NO_PROXY": "*"}, None),
        (HTTPS, {}, None),
    ],
)
def test_variables_are_read_as_curl_reads_them(
    url: URL, environ: dict[str, str], expected: tuple[str, str] | None
) -> None:
    found = proxy_for(url, None, environ)
    assert found == (None if expected is None else Proxy(expected[0], f"the variable {expected[1]}"))


def test_the_setting_goes_before_the_variables_and_their_exceptions() -> None:
    found = proxy_for(HTTPS, "p:3128", {"https_proxy": "q:1", "no_proxy": "*"})
    assert found == Proxy(P, "cloud.proxy")


@pytest.mark.parametrize(
    ("url", "exceptions", "excepted"),
    [
        ("https://a.example.com", "example.com", True),
        ("https://a.example.com", ".example.com", True),
        ("https://a.example.com", "*.example.com", True),
        ("https://example.com", ".example.com", True),
        ("https://badexample.com", "example.com", False),
        ("https://a.example.com", "x.org, A.Example.COM", True),
        ("https://a.example.com", "x.org a.example.com", True),
        ("https://a.example.com", "a.example.com:443", True),
        ("https://a.example.com", "a.example.com:8443", False),
        ("https://a.example.com:8443", "a.example.com:8443", True),
        ("https://10.1.2.3", "10.0.0.0/8", True),
        ("https://11.1.2.3", "10.0.0.0/8", False),
        ("https://10.1.2.3", "10.1.2.3", True),
        ("https://10.1.2.3:81", "10.1.2.3:81", True),
        ("https://[fd00::1]", "fd00::/8", True),
        ("https://[fd00::1]", "[fd00::1]", True),
        ("https://[fd00::1]:81", "[fd00::1]:82", False),
        ("https://a.example.com", "", False),
        ("https://a.example.com", "10.0.0.0/99,[", False),
    ],
)
def test_exceptions(url: str, exceptions: str, excepted: bool) -> None:
    assert is_excepted(URL(url), exceptions) is excepted


@pytest.mark.parametrize("scheme", ["socks4", "socks4a", "socks5", "socks5h", "SOCKS5"])
@pytest.mark.parametrize("name", ["https_proxy", "all_proxy", "ALL_PROXY"])
def test_socks_is_refused_by_the_name_of_the_variable(scheme: str, name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} names a SOCKS proxy") as caught:
        proxy_for(HTTPS, None, {name: f"{scheme}://me:SECRET@p:1080"})
    assert "SECRET" not in str(caught.value)
    assert "cloud.url" not in str(caught.value)


@pytest.mark.parametrize(
    "value", ["ftp://SECRET@p:1", "http://", "http://[", "p:SECRET", "p :1", "http://p:0"]
)
def test_what_is_no_address_is_refused_without_repeating_it(value: str) -> None:
    with pytest.raises(ConfigError, match="The variable https_proxy is not the address") as caught:
        proxy_for(HTTPS, None, {"https_proxy": value})
    assert "SECRET" not in str(caught.value)
    with pytest.raises(ConfigError):
        checked_proxy(value)


def test_a_proxy_is_shown_without_its_password() -> None:
    proxy = Proxy("http://me:SECRET@p:3128", "cloud.proxy")
    assert proxy.shown == "http://p:3128"
    assert "SECRET" not in repr(proxy)


async def test_an_unreachable_proxy_of_a_variable_is_blamed_by_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("http_proxy", "me:SECRET@127.0.0.1:1")
    async with Platform().client(url="http://platform.invalid") as client:
        with pytest.raises(UnreachableError, match="variable http_proxy") as caught:
            await client.tenant()
    assert "cloud.url" not in str(caught.value)
    assert "SECRET" not in str(caught.value)
