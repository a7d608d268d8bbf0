"""What can go wrong on the far side, scripted: which fault, at which endpoint, how often."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from random import Random

from osfsync.simulator.answers import Endpoint


class Framing(Enum):
    """How a body that will be cut announces its length."""

    LENGTH = "content-length"
    CHUNKED = "chunked"  # the last chunk never comes
    CLOSE = "close"  # by the end of the connection alone: nothing shows that it is cut


@dataclass(frozen=True, slots=True)
class Status:
    """An error status instead of the answer. `retry_after` in seconds, or a moment (sent as HTTP date)."""

    code: int
    retry_after: int | datetime | None


@dataclass(frozen=True, slots=True)
class Delay:
    """The answer, some seconds late."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection is reset before a byte of the answer."""


@dataclass(frozen=True, slots=True)
class Tear:
    """The connection is reset after the first bytes of the body, whose length was announced."""

    after: int


@dataclass(frozen=True, slots=True)
class Cut:
    """The connection ends after the first bytes of the body."""

    after: int
    framing: Framing


@dataclass(frozen=True, slots=True)
class Flip:
    """One byte of the body is another; `at` counts from the start, None means the middle.

    `step` is how much farther on the next body is damaged: damage on the way is never twice the same.
    """

    at: int | None
    step: int = 0


@dataclass(frozen=True, slots=True)
class Replace:
    """Status 200 with a body that is not the answer."""

    body: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Doctype:
    """The answer's XML with a document type in front."""


@dataclass(frozen=True, slots=True)
class Drip:
    """The answer, slowly: its body, or every byte from the head on."""

    bytes_per_second: float
    head: bool


@dataclass(frozen=True, slots=True)
class Silence:
    """The request is taken, and nothing ever comes back."""


@dataclass(frozen=True, slots=True)
class Redirect:
    """To another place, with this status."""

    url: str
    code: int


@dataclass(frozen=True, slots=True)
class ExpireTokens:
    """Every session token ends just before the answer."""


@dataclass(frozen=True, slots=True)
class SpendToken:
    """The download token of the request is used up just before the answer."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """Beyond so many requests in so many seconds: 429 with Retry-After, or a bare 503."""

    requests: int
    seconds: float
    bare: bool


@dataclass(frozen=True, slots=True)
class Crowd:
    """A bare 503 for what goes beyond so many requests at once; each of the others takes so many seconds."""

    requests: int
    seconds: float


Kind = (
    Status
    | Delay
    | Reset
    | Tear
    | Cut
    | Flip
    | Replace
    | Doctype
    | Drip
    | Silence
    | Redirect
    | ExpireTokens
    | SpendToken
    | RateLimit
    | Crowd
)
"""The closed set of faults."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong; made by the functions below."""

    kind: Kind

    @classmethod
    def status(cls, code: int, *, retry_after: int | datetime | None = None) -> "Fault":
        """An error status, with a Retry-After in seconds or as a date where wanted."""
        return cls(Status(code, retry_after))

    @classmethod
    def delay(cls, seconds: float) -> "Fault":
        """The right answer, late."""
        return cls(Delay(seconds))

    @classmethod
    def reset(cls) -> "Fault":
        """The connection is reset before the answer; the request has no effect."""
        return cls(Reset())

    @classmethod
    def tear(cls, after: int) -> "Fault":
        """The connection is reset after `after` bytes of the body; a download token is used up."""
        return cls(Tear(after))

    @classmethod
    def cut(cls, after: int, *, framing: Framing = Framing.LENGTH) -> "Fault":
        """The connection ends after `after` bytes of the body; a download token is used up."""
        return cls(Cut(after, framing))

    @classmethod
    def flip(cls, at: int | None = None, *, step: int = 0) -> "Fault":
        """One damaged byte in the body, in the middle where `at` is not given.

        With `step`, each next body is damaged so many bytes after it.
        """
        return cls(Flip(at, step))

    @classmethod
    def html(cls) -> "Fault":
        """An HTML page with status 200, as proxies and maintenance pages give it."""
        page = b"<!DOCTYPE html>\n<html><body><h1>We'll be back soon</h1></body></html>\n"
        return cls(Replace(page, "text/html"))

    @classmethod
    def empty(cls) -> "Fault":
        """Status 200 and no body."""
        return cls(Replace(b"", "application/octet-stream"))

    @classmethod
    def bad_xml(cls) -> "Fault":
        """XML that ends in the middle of an element."""
        return cls(Replace(b"<FileList><GeoLogFile><FileName>2025", "application/xml"))

    @classmethod
    def doctype_xml(cls) -> "Fault":
        """The right XML with a bare DOCTYPE in front."""
        return cls(Doctype())

    @classmethod
    def wrong_json(cls, text: str = '{"unexpected": true}') -> "Fault":
        """JSON that is not what the API page promises, or, with a `text` of your own, no JSON at all."""
        return cls(Replace(text.encode(), "application/json"))

    @classmethod
    def drip(cls, bytes_per_second: float, *, head: bool = False) -> "Fault":
        """The right answer at this rate; with `head`, status line and headers too."""
        return cls(Drip(bytes_per_second, head))

    @classmethod
    def silence(cls) -> "Fault":
        """Nothing comes back until one side goes away."""
        return cls(Silence())

    @classmethod
    def redirect(cls, url: str, *, code: int = 302) -> "Fault":
        """302, or another status, to `url`."""
        return cls(Redirect(url, code))

    @classmethod
    def expire_tokens(cls) -> "Fault":
        """All session tokens end now: this call meets a 401, and so does everybody else's next."""
        return cls(ExpireTokens())

    @classmethod
    def spend_token(cls) -> "Fault":
        """The download token has run out: 404."""
        return cls(SpendToken())

    @classmethod
    def rate_limit(cls, requests: int, *, seconds: float = 1.0, bare: bool = False) -> "Fault":
        """So many requests in so many seconds are answered, the others put off (429).

        `bare`: by a 503 without Retry-After, as some proxies do it.
        """
        return cls(RateLimit(requests, seconds, bare))

    @classmethod
    def crowd(cls, requests: int, *, seconds: float) -> "Fault":
        """So many requests are worked on at once, each for `seconds`; the others are refused (503)."""
        return cls(Crowd(requests, seconds))


@dataclass(slots=True)
class _Rule:
    fault: Fault
    on: Endpoint | None
    left: int | None
    probability: float
    device: str | None
    file: str | None

    def concerns(self, endpoint: Endpoint, device_id: str | None, names: tuple[str, ...]) -> bool:
        return (
            self.on in {None, endpoint}
            and (self.device is None or self.device == device_id)
            and (self.file is None or self.file in names)
        )


class Faults:
    """The script. Rules are tried in the order in which they were added; the first that fits acts.

    Attributes:
        acted: how often a fault acted, by endpoint label.
    """

    def __init__(self, *, seed: int = 0) -> None:
        self.acted: Counter[str] = Counter()
        self._rng = Random(seed)
        self._rules: list[_Rule] = []

    def add(  # noqa: PLR0913 - one keyword for each thing that narrows a rule down
        self,
        fault: Fault,
        *,
        on: str | None = None,
        times: int | None = 1,
        probability: float = 1.0,
        device: str | None = None,
        file: str | None = None,
    ) -> None:
        """Add a rule.

        Args:
            fault: what goes wrong.
            on: the label of an endpoint (see `Endpoint`; others raise ValueError), None for all.
            times: how often at most, None for always.
            probability: how often a request that fits is hit, 0 to 1, drawn from the seed.
            device: only requests about the device of this id.
            file: only requests for this file name (download-token and download).
        """
        endpoint = None if on is None else Endpoint(on)
        self._rules.append(_Rule(fault, endpoint, times, probability, device, file))

    def clear(self) -> None:
        """Forget all rules."""
        self._rules.clear()

    def watches(self, endpoint: Endpoint) -> bool:
        """Whether any rule could act at this endpoint."""
        return any(rule.on in {None, endpoint} for rule in self._rules)

    def take(self, endpoint: Endpoint, device_id: str | None, names: tuple[str, ...]) -> Fault | None:
        """The fault that acts on this request, if any."""
        for rule in self._rules:
            if not rule.concerns(endpoint, device_id, names):
                continue
            if rule.probability < 1.0 and self._rng.random() >= rule.probability:
                continue
            if rule.left is not None:
                rule.left -= 1
                if rule.left <= 0:
                    self._rules.remove(rule)
            self.acted[endpoint.value] += 1
            fault = rule.fault
            if isinstance(fault.kind, Flip) and fault.kind.at is not None:
                rule.fault = Fault.flip(fault.kind.at + fault.kind.step, step=fault.kind.step)
            return fault
        return None
