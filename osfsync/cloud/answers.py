"""Small answers of undocumented shape: text decoding, and one value chosen by its field's name. Sans-IO."""

import json
from collections.abc import Callable, Iterator

from osfsync.cloud.layout import spelling

_DEEPEST = 6
_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))

Rank = Callable[[tuple[str, ...], str], int]
"""How well a value fits, by the spelled names of the fields around it; 0 means not at all."""


class AmbiguousError(ValueError):
    """Two values of an answer fit equally well."""


def decoded(body: bytes) -> str:
    """Text of an answer: UTF-8, UTF-16 with a byte order mark, otherwise Windows-1252.

    Raises:
        UnicodeDecodeError: the bytes are none of these.
    """
    for mark, encoding in _BOMS:
        if body.startswith(mark):
            return body[len(mark) :].decode(encoding)
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body.decode("cp1252")


def read_json(body: bytes) -> object:
    """A small JSON answer; NaN and Infinity are read as null.

    Raises:
        ValueError: it is no JSON, or an object has one key with two values.
        RecursionError: it is nested too deeply.
    """
    return json.loads(decoded(body), object_pairs_hook=_unique, parse_constant=lambda _: None)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields: dict[str, object] = {}
    for key, value in pairs:
        if key in fields and fields[key] != value:
            raise AmbiguousError("One key has two values.")
        fields[key] = value
    return fields


def best(answer: object, rank: Rank) -> str | None:
    """The text that fits best; None if none fits. Raises AmbiguousError."""
    top, found = 0, set[str]()
    for path, text in _texts(answer, ()):
        fit = rank(path, text)
        if fit > top:
            top, found = fit, {text}
        elif fit == top and fit:
            found.add(text)
    if len(found) > 1:
        raise AmbiguousError("Two values fit equally well.")
    return next(iter(found), None)


def _texts(value: object, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, str):
        yield path, value.strip()
    elif len(path) < _DEEPEST and isinstance(value, dict):
        for field, inner in value.items():
            yield from _texts(inner, (*path, spelling(field)))
    elif len(path) < _DEEPEST and isinstance(value, list):
        for inner in value:
            yield from _texts(inner, (*path, ""))


def login_rank(path: tuple[str, ...], _: str) -> int:
    """Rank of a login token: the API page's own field first, refresh tokens not at all."""
    name = path[-1] if path else ""
    if path in {(), ("token",)}:
        return 3
    if name in {"token", "accesstoken", "jwt", "jwttoken", "idtoken", "authtoken"}:
        return 2 if name != "idtoken" else 1
    return 0


def credentials_rank(path: tuple[str, ...], _: str) -> int:
    """Rank of a device's access token: the API page's own field first."""
    name = path[-1] if path else ""
    if not path or path == ("credentialsid",):
        return 4
    return {"credentialsid": 3, "accesstoken": 2, "devicetoken": 2, "token": 1}.get(name, 0)
