"""What went wrong on the line: aiohttp's errors → ours, in words that hold no address beyond the host."""

import ssl
from dataclasses import dataclass

import aiohttp

from osfsync.cloud.proxies import SETTING, Proxy
from osfsync.domain.errors import CloudError, InterruptedBodyError, ProtocolError, UnreachableError

LINE_ERRORS = (aiohttp.ClientError, TimeoutError, OSError)
"""What aiohttp raises where a request or an answer fails."""


LARGEST_HEADER = 65_536
"""Bytes of one header line; real gateways send tens of kilobytes."""

_TOO_LONG = "Got more than"  # how aiohttp's message on a header line over its limit begins
_TOO_MANY = "Too many"
_NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"})


@dataclass(frozen=True, slots=True)
class Route:
    """How the platform is reached.

    Attributes:
        origin: its scheme, host and port.
        proxy: on the way; None for none.
        has_ca_file: the user names an authority of their own.
    """

    origin: str
    proxy: Proxy | None = None
    has_ca_file: bool = False


class UntrustedError(UnreachableError):
    """The server's certificate is not trusted. Trying again does not change that."""

    retryable = False


class WrongSchemeError(UnreachableError):
    """The port speaks TLS and the address says http://, or the other way round."""

    retryable = False


class ProxyRefusedError(UnreachableError):
    """A proxy wants another user name and password. Trying again does not change that."""

    retryable = False


def wrong_scheme(origin: str) -> WrongSchemeError:
    """The scheme of cloud.url is the other one."""
    right, wrong = ("https", "http") if origin.startswith("http:") else ("http", "https")
    told = "speaks TLS" if right == "https" else "does not speak TLS"
    return WrongSchemeError(
        f"The port of {origin} {told}.", hint=f"Write {right}:// instead of {wrong}:// in cloud.url."
    )


def fault(error: Exception, what: str, route: Route) -> CloudError:
    """Tell an error of aiohttp as one of ours.

    Args:
        error: one of LINE_ERRORS.
        what: was asked for, in the words of a message.
        route: how the platform is reached.
    """
    return _unreachable(error, route) or _broken(error, what)


def _unreachable(error: Exception, route: Route) -> CloudError | None:
    """The connection never came to be, so that the platform never saw the request."""
    origin = route.origin
    network = "Check cloud.url and the network; see cloud.connect_timeout."
    told: tuple[str, str]
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return _untrusted(error, route)
        case aiohttp.ClientHttpProxyError(status=407):
            return proxy_unauthorized(route)
        case aiohttp.ClientHttpProxyError(status=status):
            told = f"The proxy does not let us through to {origin} ({status}).", check_proxy(route)
        case aiohttp.ClientProxyConnectionError():
            told = f"The proxy before {origin} can't be reached: {_reason(error)}.", check_proxy(route)
        case aiohttp.ClientConnectorDNSError():
            told = f"The name of {origin} can't be found.", network
        case aiohttp.ClientConnectorSSLError() if _is_no_tls(error):
            return wrong_scheme(origin)
        case aiohttp.ClientConnectorSSLError():
            told = f"No secure connection to {origin}: {_reason(error)}.", "Is it http:// in cloud.url?"
        case aiohttp.ClientConnectorError():
            told = f"No connection to {origin}: {_reason(error)}.", network
        case aiohttp.ConnectionTimeoutError():
            through = f" through the proxy of {route.proxy.source}" if route.proxy else ""
            told = f"No connection to {origin}{through} in time.", network
        case _:
            return None
    message, hint = told
    return UnreachableError(message, hint=hint)


def proxy_unauthorized(route: Route) -> ProxyRefusedError:
    """407: the proxy's user name or password is missing or wrong."""
    return ProxyRefusedError(
        f"The proxy before {route.origin} asks for another user name and password (407).",
        hint=f"{check_proxy(route)} Its form is http://user:password@host:port.",  # pragma: allowlist secret
    )


def check_proxy(route: Route) -> str:
    """What to do about the proxy."""
    return f"Check {SETTING if route.proxy is None else route.proxy.source}."


def _is_no_tls(error: aiohttp.ClientConnectorSSLError) -> bool:
    """Whether the other side answered a TLS handshake with something else."""
    reason = getattr(error.os_error, "reason", None) or ""
    return reason in {
        "WRONG_VERSION_NUMBER",
        "HTTP_REQUEST",
        "PACKET_LENGTH_TOO_LONG",
        "RECORD_LAYER_FAILURE",
    }


def _untrusted(error: aiohttp.ClientConnectorCertificateError, route: Route) -> UntrustedError:
    reason = error.certificate_error
    told = reason.verify_message if isinstance(reason, ssl.SSLCertVerificationError) else "not valid"
    return UntrustedError(
        f"The certificate of {route.origin} is not trusted: {told}.",
        hint="Neither the system's authorities nor those of cloud.ca_file signed it for this host."
        if route.has_ca_file
        else "If it is your organisation's own, name its authority in cloud.ca_file.",
    )


def _broken(error: Exception, what: str) -> CloudError:
    match error:
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            return ProtocolError(f"No address can be made for the {what}.", hint="Check cloud.url.")
        case aiohttp.ClientResponseError(message=message) if _TOO_LONG in message or _TOO_MANY in message:
            return ProtocolError(
                f"The answer to the request for the {what} has too large headers: more than "
                f"{LARGEST_HEADER:,} bytes in a line, or too many lines.",
                hint="A proxy or gateway on the way may add them.",
            )
        case aiohttp.ClientResponseError():
            return ProtocolError(f"The answer to the request for the {what} is not valid HTTP.")
        case TimeoutError():
            return InterruptedBodyError(
                f"The platform fell silent during the {what}.", hint="See cloud.idle_timeout."
            )
        case _:
            return InterruptedBodyError(f"The connection broke during the {what}.")


def _reason(error: aiohttp.ClientConnectorError) -> str:
    return error.os_error.strerror or type(error.os_error).__name__
