"""Posts to services that are not the platform: checks and webhooks of the user's own.

Their addresses are secrets: no error holds one.
"""

import os
from datetime import timedelta

import aiohttp
from yarl import URL

from osfsync.cloud.faults import LINE_ERRORS
from osfsync.cloud.proxies import proxy_for
from osfsync.domain.errors import ConfigError, OsfsyncError

PATIENCE = timedelta(seconds=10)
_REFUSED = range(300, 600)


class NotTakenError(OsfsyncError):
    """A service did not take what was posted. The message is the end of a sentence that names the service."""


async def post(address: str, data: bytes, content_type: str, user_agent: str, *below: str) -> None:
    """One post, without another try; redirects are not followed. `below` is appended to the address's path.

    Raises NotTakenError, whose message tells neither the address nor what was sent.
    """
    try:
        url = URL(address)
        url = url.joinpath(*below).with_query(url.query) if below else url
        found = proxy_for(url, None, os.environ)
        proxy = None if found is None else found.url
        timeout = aiohttp.ClientTimeout(total=PATIENCE.total_seconds())
        headers = {"Content-Type": content_type, "User-Agent": user_agent}
        async with (
            aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as http,
            http.post(
                url,
                data=data,
                headers=headers,
                proxy=proxy,
                allow_redirects=False,
            ) as answer,
        ):
            status = answer.status
    except ConfigError as error:
        raise NotTakenError(str(error)) from None
    except (*LINE_ERRORS, ValueError) as error:
        raise NotTakenError(f"it can't be reached ({type(error).__name__})") from None
    if status in _REFUSED:
        raise NotTakenError(f"it answered with {status}")
