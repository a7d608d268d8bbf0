"""Certificates: whom to trust; and whether a port speaks TLS at all."""

import asyncio
import ssl
from pathlib import Path

from osfsync.domain.errors import ConfigError

_PROBE_SECONDS = 5.0


def trusting(ca_file: Path | None) -> ssl.SSLContext:
    """The system's authorities and those of `ca_file`.

    Python 3.13 checks certificates strictly (RFC 5280), which older private authorities do not pass, for
    want of extensions such as keyUsage. Where the user names an authority, that check is left out.

    Raises:
        ConfigError: the file can't be read.
    """
    context = ssl.create_default_context()
    if ca_file is None:
        return context
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    try:
        context.load_verify_locations(ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"cloud.ca_file {str(ca_file)!r} can't be read as PEM certificates: {error}."
        ) from error
    return context


async def speaks_tls(host: str, port: int) -> bool:
    """Whether a server answers a TLS handshake. Nothing is sent but the handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            _, writer = await asyncio.open_connection(host, port, ssl=context)
    except (OSError, TimeoutError):  # ssl.SSLError is an OSError
        return False
    writer.transport.abort()
    return True
