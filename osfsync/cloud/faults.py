"""What went wrong on the line: aiohttp's errors → ours, in words that hold no address beyond the host."""

import ssl

import aiohttp

from osfsync.domain.errors import CloudError, InterruptedBodyError, ProtocolError, UnreachableError

LINE_ERRORS = (aiohttp.ClientError, TimeoutError, OSError)
"""What aiohttp raises where a request or an answer fails."""


class UntrustedError(UnreachableError):
    """The server's certificate is not trusted. Trying again does not change that."""

    retryable = False


def fault(error: Exception, what: str, origin: str) -> CloudError:
    """Tell an error of aiohttp as one of ours.

    Args:
        error: one of LINE_ERRORS.
        what: was asked for, in the words of a message.
        origin: scheme, host and port of the platform.
    """
    return _unreachable(error, origin) or _broken(error, what)


def _unreachable(error: Exception, origin: str) -> CloudError | None:
    """The connection never came to be, so that the platform never saw the request."""
    proxy = "Check cloud.proxy."
    network = "Check cloud.url and the network; see cloud.connect_timeout."
    told: tuple[str, str]
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return _untrusted(error, origin)
        case aiohttp.ClientHttpProxyError(status=status):
            told = f"The proxy does not let us through to {origin} ({status}).", proxy
        case aiohttp.ClientProxyConnectionError():
            told = f"The proxy before {origin} can't be reached: {_reason(error)}.", proxy
        case aiohttp.ClientConnectorDNSError():
            told = f"The name of {origin} can't be found.", network
        case aiohttp.ClientConnectorSSLError():
            told = f"No secure connection to {origin}: {_reason(error)}.", "Is it http:// in cloud.url?"
        case aiohttp.ClientConnectorError():
            told = f"No connection to {origin}: {_reason(error)}.", network
        case aiohttp.ConnectionTimeoutError():
            told = f"No connection to {origin} in time.", network
        case _:
            return None
    message, hint = told
    return UnreachableError(message, hint=hint)


def _untrusted(error: aiohttp.ClientConnectorCertificateError, origin: str) -> UntrustedError:
    reason = error.certificate_error
    told = reason.verify_message if isinstance(reason, ssl.SSLCertVerificationError) else "not valid"
    return UntrustedError(
        f"The certificate of {origin} is not trusted: {told}.",
        hint="If it is your organisation's own, name its authority in cloud.ca_file.",
    )


def _broken(error: Exception, what: str) -> CloudError:
    match error:
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            return ProtocolError(f"No address can be made for the {what}.", hint="Check cloud.url.")
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
