"""Addresses among the settings: the server's, a proxy's, the database's. Pure, except that `~` is looked up.

Messages are ends of sentences that begin with the setting's name. They never repeat an address,
for it may carry a password.
"""

from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from osfsync.cloud.proxies import checked_proxy
from osfsync.domain.errors import ConfigError

_EXAMPLE = "https://example.opticloud.io"
_DATABASE = "sqlite:///"


def check_server(url: str) -> str:
    """Give the server's address without trailing slashes: scheme, host, maybe a port, nothing else."""
    parts = _split(url.strip(), _EXAMPLE)
    if "@" in parts.netloc:
        raise ConfigError(
            "carries a user name or password; put the name into cloud.username, "
            "the password into OSFSYNC_PASSWORD or a file named by cloud.password_file"
        )
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ConfigError(f"has something behind the host; expected no more than {_EXAMPLE!r}")
    return f"{parts.scheme}://{parts.netloc}"


def check_proxy(url: str) -> str:
    """Give a proxy's address with its scheme; it may carry a user name and password."""
    return checked_proxy(url)


def check_address(url: str) -> str:
    """Give the address of a service of the user's own; whatever stands behind the host belongs to it."""
    _split(url.strip(), "https://hc-ping.com/…")
    return url.strip()


def check_mqtt(url: str) -> str:
    """Give the address of the platform's MQTT side: scheme, host, maybe a port, nothing else."""
    parts = _split(url.strip(), "mqtts://example.opticloud.io", ("mqtt", "mqtts"))
    if "@" in parts.netloc:
        raise ConfigError(
            "carries a user name or password; put the device's token into a file that mqtt.token_file names"
        )
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ConfigError(
            "has something behind the host; expected no more than 'mqtts://example.opticloud.io'"
        )
    return f"{parts.scheme}://{parts.netloc}"


def place_database(url: str, base: Path) -> str:
    """Make the path within a `sqlite:///` address absolute, `base` being the folder it is relative to."""
    path = url.removeprefix(_DATABASE)
    if path == url or not path or path == ":memory:":
        raise ConfigError('is not the address of a file; expected "sqlite:///" and a path')
    try:
        placed = base / Path(path).expanduser()
    except RuntimeError:
        raise ConfigError("starts with ~, but no home folder is known; write the whole path") from None
    if "?" in str(placed):
        raise ConfigError('holds a "?", which starts options in such an address; choose another path')
    return _DATABASE + placed.as_posix()


def in_the_clear(url: str) -> bool:
    """Whether secrets would cross a network unencrypted: plain http or mqtt to another machine."""
    parts = urlsplit(url)
    return parts.scheme in {"http", "mqtt"} and not _is_loopback(parts.hostname or "")


def mask_password(url: str) -> str:
    """Replace user name and password in an address."""
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url
    return parts._replace(netloc="***@" + parts.netloc.rpartition("@")[2]).geturl()


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _split(url: str, example: str, schemes: Sequence[str] = ("http", "https")) -> SplitResult:
    try:
        # Spaces and the like are dropped or kept by urlsplit depending on where they stand.
        parts = urlsplit(url)
        valid = parts.scheme in schemes and parts.hostname and parts.port != 0 and url.isprintable()
    except ValueError:
        parts, valid = SplitResult("", "", "", "", ""), False
    if not valid or " " in url:
        expected = " or ".join(f"{scheme}://" for scheme in schemes)
        raise ConfigError(f"is not an address; expected {expected} and a host, such as {example!r}")
    return parts
