"""Which HTTP proxy a request goes through: `cloud.proxy`, or the variables that curl takes.

The rules are those of curl: lower-case variables before upper-case ones, HTTP_PROXY in upper case ignored
(under CGI, a request's header sets it), `no_proxy` for exceptions. Messages never repeat an address: it may
carry a password.
"""

import sys
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from yarl import URL

from osfsync.domain.errors import ConfigError

_VARIABLES = {
    "http": ("http_proxy", "all_proxy", "ALL_PROXY"),
    "https": ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"),
}
_EXCEPTIONS = ("no_proxy", "NO_PROXY")
_PORTS = {"http": 80, "https": 443}
_EXAMPLE = "http://proxy.example:3128"

SETTING = "cloud.proxy"


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy and where it is configured.

    Attributes:
        url: with its user name and password.
        source: the setting or the variable, in the words of a message.
    """

    url: str = field(repr=False)
    source: str

    @property
    def shown(self) -> str:
        """The address without user name and password."""
        url = URL(self.url)
        return str(url.with_user(None)).rstrip("/")


def checked_proxy(text: str) -> str:
    """A proxy's address with its scheme: `host:port` means `http://host:port`, as curl reads it.

    Raises:
        ConfigError: it is no address of an HTTP proxy. The message is the end of a sentence that begins with
            the name of the setting or the variable.
    """
    text = text.strip()
    whole = text if "://" in text else f"http://{text}"
    scheme = whole.partition("://")[0].lower()
    if scheme.startswith("socks"):
        raise ConfigError("names a SOCKS proxy, which osfsync does not support; name an HTTP proxy")
    try:
        parts = urlsplit(whole)
        valid = scheme in _PORTS and parts.hostname and parts.port != 0 and whole.isprintable()
        valid = valid and " " not in whole and bool(URL(whole).host)
    except (ValueError, IndexError):
        valid = False
    if not valid:
        raise ConfigError(f"is not the address of an HTTP proxy, such as {_EXAMPLE!r}")
    return whole


def proxy_for(url: URL, setting: str | None, environ: Mapping[str, str]) -> Proxy | None:
    """The proxy for requests to an address; None where they go directly.

    Raises:
        ConfigError: the setting or the variable holds no address of an HTTP proxy.
    """
    if setting:
        return _named(setting, SETTING)
    for name in _VARIABLES.get(url.scheme, ()):
        if value := environ.get(name, "").strip():
            if is_excepted(url, _first(environ, _EXCEPTIONS)):
                return None
            return _named(value, f"the variable {name}")
    return _system_proxy(url, environ)


def _named(value: str, source: str) -> Proxy:
    try:
        return Proxy(checked_proxy(value), source)
    except ConfigError as error:
        subject = source[0].upper() + source[1:] if source != SETTING else source
        raise ConfigError(f"{subject} {error.message}.", hint=f"Correct or unset {source}.") from None


def _first(environ: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((value for name in names if (value := environ.get(name, "").strip())), "")


def _system_proxy(url: URL, environ: Mapping[str, str]) -> Proxy | None:
    """The proxy of the system's settings, which Windows and macOS have; variables take precedence."""
    system_has_settings = sys.platform.startswith(("win", "darwin"))  # else `getproxies` reads variables only
    if not system_has_settings or any(name.lower().endswith("_proxy") for name in environ):
        return None
    host = url.host or ""
    found = None if urllib.request.proxy_bypass(host) else urllib.request.getproxies().get(url.scheme)
    return _named(found, "the system's proxy settings") if found else None


def is_excepted(url: URL, exceptions: str) -> bool:
    """Whether a list like that of `no_proxy` names the host of an address.

    Entries are separated by commas or spaces: `*`, a domain (its subdomains too, a leading dot or `*.` is
    ignored), an IP address, a network such as `10.0.0.0/8`; each may end with a port.
    """
    host = (url.host or "").lower().rstrip(".")
    entries = exceptions.lower().replace(",", " ").split()
    return any(_names(entry, host, url.port) for entry in entries)


def _names(entry: str, host: str, port: int | None) -> bool:
    if entry == "*":
        return True
    if "/" in entry:
        return _in_network(entry, host)
    name, wanted = _host_and_port(entry)
    if wanted and wanted != str(port):
        return False
    try:
        return ip_address(name) == ip_address(host)
    except ValueError:
        name = name.removeprefix("*").strip(".")
        return bool(name) and (host == name or host.endswith(f".{name}"))


def _host_and_port(entry: str) -> tuple[str, str]:
    if entry.startswith("["):
        name, _, rest = entry[1:].partition("]")
        return name, rest.removeprefix(":")
    if entry.count(":") == 1:
        name, _, port = entry.partition(":")
        return name, port
    return entry, ""


def _in_network(entry: str, host: str) -> bool:
    try:
        return ip_address(host) in ip_network(entry.replace("[", "").replace("]", ""), strict=False)
    except ValueError:
        return False
