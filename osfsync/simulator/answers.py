"""What an endpoint takes and gives, before any wire is involved."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Endpoint(StrEnum):
    """Every endpoint of the API page, by a short label."""

    AUTHORIZATION = "authorization"
    LOGIN = "login"
    DEVICES = "devices"
    SERVER_LIST = "server-list"
    CREDENTIALS = "credentials"
    FILE_LIST = "file-list"
    REQUEST_LIST = "request-list"
    COMMUNICATION = "communication"
    TELEMETRY = "telemetry"
    DOWNLOAD_TOKEN = "download-token"  # noqa: S105 - a label
    DOWNLOAD = "download"


@dataclass(frozen=True, slots=True)
class Call:
    """One request. Its path, headers and body may hold secrets."""

    path: Mapping[str, str] = field(repr=False)
    query: Mapping[str, str]
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back.

    Attributes:
        body: bytes go out with a Content-Length, pieces without one (chunked).
        carries: the files in the body as (device id, name); counted once the body is out.
    """

    status: int = 200
    body: bytes | Iterator[bytes] = field(default=b"", repr=False)
    content_type: str = "application/octet-stream"
    headers: Mapping[str, str] = field(default_factory=dict)
    carries: tuple[tuple[str, str], ...] = ()

    def joined(self) -> bytes:
        """The whole body; uses up a body in pieces."""
        return self.body if isinstance(self.body, bytes) else b"".join(self.body)


class Refusal(Exception):  # noqa: N818 - an answer, not an error of ours
    """The endpoint answers with an error status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message

    def answer(self) -> Answer:
        """The error as JSON, in the shape that ThingsBoard gives it."""
        return as_json({"status": self.status, "message": self.message}, status=self.status)


def as_json(value: object, *, status: int = 200) -> Answer:
    """A JSON answer."""
    return Answer(status, json.dumps(value, ensure_ascii=False).encode(), "application/json")
