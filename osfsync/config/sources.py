"""Where settings come from: defaults, files, the environment, flags; each gives a layer of raw values."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from osfsync.config.convert import bare, from_text
from osfsync.config.schema import KEYS, SECTIONS, VARIABLES
from osfsync.domain.errors import ConfigError

PASSWORD_VARIABLE = "OSFSYNC_PASSWORD"  # noqa: S105 - a variable's name  # pragma: allowlist secret
CONFIG_VARIABLE = "OSFSYNC_CONFIG"
_PREFIX = "OSFSYNC_"
RENAMED = {
    f"cloud.fields.{meaning}": f"cloud.fields.xml.{meaning}"
    for meaning in ("name", "status", "size", "start", "end", "tag")
}
"""Keys by the name that they had before."""

_RENAMED_VARIABLES = {f"OSFSYNC_{old.replace('.', '_').upper()}": new for old, new in RENAMED.items()}
_NO_SETTINGS = frozenset({PASSWORD_VARIABLE, CONFIG_VARIABLE})
EXIT_CODE_VARIABLE = "OSFSYNC_EXIT_CODE"
"""Set for `notify.command`, which may run osfsync."""
_UNKNOWN_NAMED = 5
_SIMILAR = 0.6
_FLAGS = {"select.devices": "--device", "orders.mode": "--order"}
_LARGEST_FILE = 1_000_000
_SHOWN = 80
_PLACE = re.compile(r"(.*?) ?\(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)

PASSWORD_HINT = (
    f"set {PASSWORD_VARIABLE}, name a file in cloud.password_file or a program in cloud.password_command, "
    "or store it in the system's key store"
)


def without_password(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment for a program that needs no password."""
    return {name: value for name, value in environ.items() if name != PASSWORD_VARIABLE}


@dataclass(frozen=True, slots=True)
class Given:
    """One raw value: what was written, where (`origin`), and how a message names it (`label`)."""

    raw: object
    origin: str
    label: str
    base: Path


@dataclass(frozen=True, slots=True)
class Layer:
    """What one source says, by dotted key, and sentences about errors and warnings."""

    given: dict[str, Given] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def defaults(base: Path) -> Layer:
    """The weakest layer; its relative paths are relative to `base`."""
    given = {
        name: Given(key.default, "default", f"the default of {name}", base)
        for name, key in KEYS.items()
        if not key.required
    }
    return Layer(given)


def from_file(path: Path, shown: str) -> Layer:
    """What a TOML file says. Raises ConfigError where it can't be read at all."""
    layer = Layer()
    for name, raw, problem in _walk(_parse(path, shown), "", shown):
        if problem:
            layer.problems.append(problem)
            continue
        if name in RENAMED:
            layer.warnings.append(f"{name} in {shown} is called {RENAMED[name]} now.")
            layer.given.setdefault(RENAMED[name], Given(raw, str(path), f"{name} in {shown}", path.parent))
        else:
            layer.given[name] = Given(raw, str(path), f"{name} in {shown}", path.parent)
    return layer


def from_environment(environ: Mapping[str, str], cwd: Path) -> Layer:
    """What `OSFSYNC_…` variables say; an empty one counts as not set. Values are never repeated.

    Unknown ones are a warning: Kubernetes sets some, too, where a Service is called osfsync.
    """
    layer = Layer()
    unknown = []
    for variable, written in environ.items():
        text = bare(written)
        if not variable.startswith(_PREFIX) or not text:
            continue
        key = VARIABLES.get(variable)
        if key is None and (renamed := _RENAMED_VARIABLES.get(variable)) is not None:
            key = KEYS[renamed]
            layer.warnings.append(f"{variable} is called {key.variable} now.")
        if key is not None:
            layer.given[key.name] = Given(from_text(key, text), variable, variable, cwd)
        elif variable not in _NO_SETTINGS | {EXIT_CODE_VARIABLE}:
            unknown.append(variable)
    if unknown:
        layer.warnings.append(_unknown_variables(unknown))
    return layer


def from_flags(flags: Mapping[str, object], cwd: Path) -> Layer:
    """What the command line says, by dotted key; None and () mean that a flag was not given."""
    layer = Layer()
    for name, value in flags.items():
        if value is None or value == ():
            continue
        flag = _FLAGS.get(name) or "--" + name.rsplit(".", maxsplit=1)[-1].replace("_", "-")
        raw = from_text(KEYS[name], value) if isinstance(value, str) else value
        layer.given[name] = Given(raw, f"flag {flag}", flag, cwd)
    return layer


def nearest(word: str, words: Mapping[str, Any] | frozenset[str]) -> str:
    """The known word that is most like another, or an empty text."""
    last = word.rsplit(".", maxsplit=1)[-1]
    same = [known for known in words if known.rsplit(".", maxsplit=1)[-1] == last]
    return next(iter([*same, *get_close_matches(word, words, n=1, cutoff=_SIMILAR)]), "")


def _guess(known: str) -> str:
    return f"; did you mean {known}?" if known else "."


def _printable(name: str) -> str:
    return (name if name.isprintable() else ascii(name))[:_SHOWN]


def _unknown_variables(variables: Sequence[str]) -> str:
    """One sentence about all of them, misspelt settings first."""
    told = sorted(map(_unknown_variable, variables), key=lambda text: "(" not in text)
    more = f" and {len(told) - _UNKNOWN_NAMED} more" if len(told) > _UNKNOWN_NAMED else ""
    return f"Unknown environment variables are ignored: {', '.join(told[:_UNKNOWN_NAMED])}{more}."


def _unknown_variable(variable: str) -> str:
    shown = _printable(variable)
    if variable.endswith("_PASSWORD"):
        return f"{shown} (for the password, {PASSWORD_HINT})"
    known = get_close_matches(
        variable.removeprefix(_PREFIX),
        [name.removeprefix(_PREFIX) for name in (*VARIABLES, *_NO_SETTINGS)],
        n=1,
        cutoff=_SIMILAR,
    )
    return f"{shown} (did you mean {_PREFIX}{known[0]}?)" if known else shown


def _walk(table: Mapping[str, Any], prefix: str, shown: str) -> Iterator[tuple[str, object, str]]:
    """Give (dotted name, raw value, problem) for every entry of a table and of the sections within."""
    for entry, raw in table.items():
        name = prefix + _printable(entry)
        if entry.lower() in {"password", "passwd"}:
            yield (
                name,
                None,
                f"{name} in {shown}: a password does not belong into this file; {PASSWORD_HINT}.",
            )
        elif name in SECTIONS and isinstance(raw, dict):
            yield from _walk(raw, f"{name}.", shown)
        elif name in SECTIONS:
            yield name, None, f"{name} in {shown} is a section; write [{name}] and its keys below."
        elif name in KEYS or name in RENAMED:
            yield name, raw, ""
        elif isinstance(raw, dict):
            yield name, None, f"unknown section {name} in {shown}" + _guess(nearest(name, SECTIONS))
        else:
            yield name, None, f"unknown key {name} in {shown}" + _guess(nearest(name, KEYS))


def _parse(path: Path, shown: str) -> dict[str, Any]:
    text = _read(path, shown)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(_place(str(error), text, shown)) from None
    except (RecursionError, ValueError) as error:  # lists in lists by the thousand, numbers of as many digits
        raise ConfigError(f"{shown}: {error}.") from None


def _read(path: Path, shown: str) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise ConfigError(f"{shown} can't be read: {error.strerror or type(error).__name__}.") from error
    if len(data) > _LARGEST_FILE:
        raise ConfigError(f"{shown} is larger than {_LARGEST_FILE} bytes: this is no configuration.")
    try:
        # Windows editors like to write a byte order mark, which TOML does not know.
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{shown}, line {line}: not UTF-8 text.") from None


def _place(message: str, text: str, shown: str) -> str:
    match = _PLACE.fullmatch(message)
    if not match:
        return f"{shown}: {message}"
    what, line, column = match.groups()
    if not line:
        line, column = text.count("\n") + 1, len(text) - text.rfind("\n")
    written = text.split("\n")[int(line) - 1]
    return f"{shown}, line {line}, column {column}: {what}.{_quoting(written)}"


def _quoting(line: str) -> str:
    """What is most often wrong: a path of Windows, or a text without quotes."""
    value = line.partition("=")[2].strip()
    if "\\" in value and '"' in value:
        return (
            " Between double quotes a backslash is written twice; single quotes take it as it is: 'C:\\data'."
        )
    if re.match(r"[\w./~\\]", value) and not re.match(r"\d|true|false", value, re.IGNORECASE):
        return " A text stands in quotes."
    return ""
