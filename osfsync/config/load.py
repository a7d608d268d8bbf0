"""All sources, the stronger over the weaker, into one `Settings`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from platformdirs import user_config_path

from osfsync.config.addresses import in_the_clear
from osfsync.config.convert import UnfitError, bare, convert
from osfsync.config.schema import KEYS, Settings
from osfsync.config.sources import (
    CONFIG_VARIABLE,
    PASSWORD_VARIABLE,
    Given,
    Layer,
    defaults,
    from_environment,
    from_file,
    from_flags,
)
from osfsync.domain.errors import ConfigError

FILE_NAME = "sync.toml"
_PASSWORD_SOURCES = ("cloud.password_file", "cloud.password_command")


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings and where each came from.

    Attributes:
        settings: what is in force.
        origins: dotted key → "default", the variable's name, the file's path, or "flag --name".
            `cloud.password` is among them where OSFSYNC_PASSWORD is set.
        warnings: sentences for the user.
        files: the files that were read, the stronger first.
    """

    settings: Settings
    origins: dict[str, str]
    warnings: tuple[str, ...]
    files: tuple[Path, ...]


def user_file() -> Path | None:
    """The file in the user's configuration folder, which need not exist; None where there is no home."""
    try:
        return user_config_path("osfsync", appauthor=False) / FILE_NAME
    except RuntimeError:  # neither HOME nor an entry in the list of users
        return None


def load(
    *,
    config: Path | None,
    environ: Mapping[str, str],
    flags: Mapping[str, object],
    cwd: Path,
    user: Path | None = None,
) -> Loaded:
    """Layer flags over the environment over `config` (or ./sync.toml) over the user's own file, key by key.

    `flags` maps dotted keys to values; `user` replaces the place of the user's own file.
    Raises ConfigError with every problem that was found.
    """
    cwd = cwd.absolute()
    user = user or user_file()
    files = _files(config, environ, cwd, user)
    layers = [from_flags(flags, cwd), from_environment(environ, cwd)]
    layers += [from_file(path, _shown(path, cwd)) for path in files]
    # A mirror must not start anew because the command was called from another folder.
    own = files and files[0] != user
    layers += [defaults(files[0].parent if own else cwd)]
    merged = _merge(layers)
    problems = [problem for layer in layers for problem in layer.problems]
    warnings = [warning for layer in layers for warning in layer.warnings]
    values: dict[str, object] = {}
    for name in (name for name in KEYS if name in merged):
        given = merged[name]
        try:
            values[name] = convert(KEYS[name], given.raw, given.base)
        except UnfitError as error:
            problems.append(f"{given.label} {error}.")
    if problems:
        raise _refusal([*problems, *warnings])
    _refuse_missing(values, [_shown(path, cwd) for path in files], warnings)
    settings = msgspec.convert(_nest(values), Settings)
    origins = {name: merged[name].origin for name in KEYS}
    if environ.get(PASSWORD_VARIABLE):
        origins["cloud.password"] = PASSWORD_VARIABLE
    return Loaded(settings, origins, (*warnings, *_warnings(settings)), tuple(files))


def _files(config: Path | None, environ: Mapping[str, str], cwd: Path, user: Path | None) -> list[Path]:
    """The files to read, the stronger first."""
    variable = bare(environ.get(CONFIG_VARIABLE, ""))
    named = config or (Path(variable) if variable else None)
    if named is not None:
        main = cwd / _expanded(named)
        if not _is_file(main):
            if main.is_dir():
                raise ConfigError(f"{named} is a folder.", hint=f"Name the file in it, such as {FILE_NAME}.")
            raise ConfigError(f"There is no configuration file {named}.", hint="`osfsync init` writes one.")
        return list(dict.fromkeys([main, *_existing(user)]))
    return list(dict.fromkeys([*_existing(cwd / FILE_NAME), *_existing(user)]))


def _existing(path: Path | None) -> list[Path]:
    return [path] if path is not None and _is_file(path) else []


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:
        raise ConfigError(f"There is no home folder for {path}.") from None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError as error:
        raise ConfigError(
            f"Whether there is a configuration file {path} can't be seen: {error.strerror}.",
            hint="See the rights of the folders above it, and whether HOME is that of another user.",
        ) from None


def _merge(layers: list[Layer]) -> dict[str, Given]:
    """Let the stronger layer win, key by key; the stronger come first.

    The two sources of a password are one choice: a layer that names one silences weaker layers on both.
    """
    weakest = layers[-1].given
    merged: dict[str, Given] = {}
    for layer in reversed(layers):
        if any(name in layer.given for name in _PASSWORD_SOURCES):
            merged |= {name: weakest[name] for name in _PASSWORD_SOURCES}
        merged |= layer.given
    return merged


def _shown(path: Path, cwd: Path) -> str:
    return str(path.relative_to(cwd)) if path.is_relative_to(cwd) else str(path)


def _refusal(problems: list[str]) -> ConfigError:
    if len(problems) == 1:
        return ConfigError(problems[0])
    lines = "".join(f"\n  - {problem}" for problem in problems)
    return ConfigError(f"{len(problems)} problems in the configuration:{lines}")


def _refuse_missing(values: Mapping[str, object], files: list[str], warnings: list[str]) -> None:
    missing = [key for key in KEYS.values() if key.required and key.name not in values]
    if missing:
        names = " and ".join(key.name for key in missing)
        variables = " and ".join(key.variable for key in missing)
        place = (
            f"not set in {' or '.join(files)}" if files else "not set, and no configuration file was found"
        )
        raise ConfigError(
            " ".join([f"{names}: {place}.", *warnings]),
            hint=f"Run `osfsync init` to write a {FILE_NAME} and fill it in, or set {variables}.",
        )


def _nest(values: Mapping[str, object]) -> dict[str, Any]:
    """`{"cloud.url": …}` → `{"cloud": {"url": …}}`."""
    nested: dict[str, Any] = {}
    for name, value in values.items():
        *sections, last = name.split(".")
        table = nested
        for section in sections:
            table = table.setdefault(section, {})
        table[last] = value
    return nested


def _warnings(settings: Settings) -> list[str]:
    warnings = []
    if in_the_clear(settings.cloud.url):
        warnings.append(
            "cloud.url is plain http: the password would cross the network unencrypted; use https."
        )
    if settings.mqtt.url is not None and in_the_clear(settings.mqtt.url):
        warnings.append("mqtt.url is plain mqtt: the token would cross the network unencrypted; use mqtts.")
    return warnings
