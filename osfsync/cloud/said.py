"""The platform's own words in a refusal, made fit for a message. Sans-IO."""

from collections.abc import Iterable
from urllib.parse import unquote

from osfsync.cloud.answers import read_json
from osfsync.cloud.calls import Call
from osfsync.cloud.layout import spelling

_FIELDS = ("message", "errormessage", "detail", "description", "error")
_PUBLIC = frozenset(
    [
        "",
        "api",
        "API",
        "device",
        "devices",
        "request-list",
        "data-files",
        "original",
        "filelist",
        "list",
        "deviceid",
        "StartTime",
        "communication",
        "data",
        "download",
        "CLIENT_SCOPE",
        "token",
        "credentials",
    ]
)
"""Parts of the paths of the API page."""

_LONGEST = 200
_LONGEST_WORD = 24
"""Characters; a longer word may be a token."""


def said(call: Call, body: bytes, bearer: str) -> str:
    """What a JSON refusal says, in one printable line; empty where it says nothing.

    Whatever may be a token, an id or an address is left out.
    """
    try:
        answer = read_json(body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(answer, dict):
        return ""
    fields = {spelling(field): value for field, value in answer.items()}
    text = next(
        (value for name in _FIELDS if isinstance(value := fields.get(name), str) and value.strip()), ""
    )
    segments = {part for segment in call.path.split("/") for part in (segment, unquote(segment)) if part}
    words = " ".join(_shown(word, {*segments, bearer} - {""}) for word in text.split())
    shown = words if len(words) <= _LONGEST else words[:_LONGEST] + "…"
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in shown)


def _shown(word: str, secrets: Iterable[str]) -> str:
    is_secret = len(word) > _LONGEST_WORD or "/" in word or any(secret in word for secret in secrets)
    return "…" if is_secret else word
