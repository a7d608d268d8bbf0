"""The platform's origin, and which redirects stay within it."""

from yarl import URL

from osfsync.cloud.calls import Call
from osfsync.domain.errors import ConfigError, ProtocolError

_NO_URL = (ValueError, IndexError)  # where a text is none; the second is a slip of the library


def origin_of(text: str) -> str:
    """Scheme, host and port of the platform. Raises ConfigError."""
    try:
        url = URL(text)
        usable = url.scheme in {"http", "https"} and url.host
        origin = str(url.origin()) if usable else ""
    except _NO_URL:
        origin = ""
    if not origin:
        raise ConfigError("cloud.url is not an address.", hint="It looks like https://example.opticloud.io.")
    return origin


def redirected(call: Call, url: URL, location: str) -> URL:
    """Where a redirect leads, if we may follow it: GET only, and never to another origin."""
    try:
        target = url.join(URL(location))
        elsewhere = target.origin() != url.origin()
        host = str(target.origin())
    except _NO_URL:
        raise ProtocolError(f"The request for the {call.what} is redirected to no valid address.") from None
    if elsewhere:
        raise ProtocolError(
            f"The request for the {call.what} is redirected to {host!r}, not the configured platform.",
            hint="If that is the platform's right address, put it into cloud.url.",
        )
    if call.method != "GET":
        raise ProtocolError(f"The {call.method} of the {call.what} is redirected, which is not followed.")
    return target
