"""Who may ask: session tokens (JWT) and download tokens. Both expire, and both are bounded in number."""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from osfsync.simulator.answers import Refusal

Clock = Callable[[], float]
"""Unix time in seconds."""

_MOST_SESSIONS = 10_000
_MOST_GRANTS = 100_000


@dataclass(frozen=True, slots=True)
class _Session:
    tenant_id: str | None
    expires: float


class Sessions:
    """Session tokens that were given out. A token without a tenant reaches no device."""

    def __init__(self, lifetime: timedelta, clock: Clock) -> None:
        self._lifetime = lifetime.total_seconds()
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._open: dict[str, _Session] = {}

    def open(self, username: str, tenant_id: str | None) -> str:
        """A new token: header, payload with `iat` and `exp` (s), signature."""
        now = self._clock()
        expires = now + self._lifetime
        payload = {
            "sub": username,
            "jti": secrets.token_hex(8),
            "iat": int(now),
            "exp": int(expires),
            "tenantId": tenant_id,
        }
        signed = f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part(payload)}"
        signature = hmac.new(self._key, signed.encode(), hashlib.sha256).digest()
        token = f"{signed}.{_base64(signature)}"
        _make_way(self._open, _MOST_SESSIONS)
        self._open[token] = _Session(tenant_id, expires)
        return token

    def check(self, header: str) -> str | None:
        """The tenant of `Bearer <token>`. Refuses with 401 what is missing, unknown or expired."""
        scheme, _, token = header.partition(" ")
        session = self._open.get(token)
        if scheme != "Bearer" or session is None:
            raise Refusal(401, "Authentication failed")
        if session.expires <= self._clock():
            del self._open[token]
            raise Refusal(401, "Token has expired")
        return session.tenant_id

    def expire_all(self) -> None:
        """Forget every token: the next call of everybody meets a 401."""
        self._open.clear()


@dataclass(frozen=True, slots=True)
class _Grant:
    device_id: str
    names: tuple[str, ...]
    expires: float


@dataclass(slots=True)
class Grants:
    """Download tokens: each works once, for one device, and not for long."""

    lifetime: timedelta
    clock: Clock
    _open: dict[str, _Grant] = field(default_factory=dict, repr=False)

    def open(self, device_id: str, names: tuple[str, ...]) -> str:
        """A token for these files."""
        _make_way(self._open, _MOST_GRANTS)
        token = secrets.token_urlsafe(24)
        self._open[token] = _Grant(device_id, names, self.clock() + self.lifetime.total_seconds())
        return token

    def peek(self, token: str) -> tuple[str, ...]:
        """The files of a token, none where it is unknown; the token is not used up."""
        grant = self._open.get(token)
        return () if grant is None else grant.names

    def redeem(self, token: str, device_id: str) -> tuple[str, ...]:
        """The files of a token, which is used up. Refuses with 404."""
        grant = self._open.get(token)
        if grant is None or grant.device_id != device_id:
            raise Refusal(404, "Unknown download token")
        del self._open[token]
        if grant.expires <= self.clock():
            raise Refusal(404, "Download token has expired")
        return grant.names


def _make_way(tokens: dict[str, _Session] | dict[str, _Grant], most: int) -> None:
    if len(tokens) >= most:
        tokens.pop(next(iter(tokens)))  # the oldest: a dictionary keeps the order of its keys


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _part(value: object) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())
