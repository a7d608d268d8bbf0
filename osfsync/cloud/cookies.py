"""Cookies of the platform: kept in memory, returned to its exact origin, bounded."""

from http.cookies import BaseCookie, Morsel

import aiohttp
from aiohttp.typedefs import LooseCookies
from yarl import URL

MOST_COOKIES = 50
LARGEST_COOKIE = 4_096
"""Bytes of name and value, as browsers bound them (RFC 6265, 6.1)."""


class OriginCookies(aiohttp.CookieJar):
    """A load balancer recognizes by its cookie to which node a session and a download token belong.

    Cookies are taken from and given to one origin only, whatever their Domain says.
    """

    def __init__(self, origin: URL) -> None:
        super().__init__(unsafe=True)  # an origin may be an IP address
        self._only = origin

    def update_cookies(self, cookies: LooseCookies, response_url: URL = URL()) -> None:  # noqa: B008 - frozen
        """Take cookies of an answer, where it is the origin's and there is room."""
        if not _is_of(response_url, self._only):
            return
        items = cookies.items() if hasattr(cookies, "items") else cookies
        small = [(name, value) for name, value in items if _size(name, value) <= LARGEST_COOKIE]
        if len(self) + len(small) > MOST_COOKIES:
            self.clear()
        super().update_cookies(small[:MOST_COOKIES], response_url)

    def filter_cookies(self, request_url: URL = URL()) -> "BaseCookie[str]":  # noqa: B008 - frozen
        """The cookies for a request."""
        if not _is_of(request_url, self._only):
            return super().filter_cookies(URL("http://invalid."))
        return super().filter_cookies(request_url)


def _is_of(url: URL, origin: URL) -> bool:
    return bool(url.is_absolute() and url.host) and url.origin() == origin


def _size(name: str, value: "str | BaseCookie[str] | Morsel[str]") -> int:
    return len(name) + len(value.value if isinstance(value, Morsel) else str(value))
