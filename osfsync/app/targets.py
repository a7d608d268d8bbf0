"""Where what a command writes for its user may not go."""

from collections.abc import Iterable
from pathlib import Path

from osfsync.config import Settings
from osfsync.domain.errors import ConfigError
from osfsync.state.location import database_path, is_own_file


def refuse_as_target(target: Path, settings: Settings, configuration: Iterable[Path] = ()) -> None:
    """Raises ConfigError for a place inside the archive, a file of the state, or one of the configuration."""
    place = target.resolve()
    if place.is_relative_to(settings.archive.path.resolve()):
        raise ConfigError(
            f"{target} lies in the archive, where nothing but files of devices may be written.",
            hint="Name a place beside it.",
        )
    if is_own_file(place, database_path(settings.state)):
        raise ConfigError(f"{target} is a file of the state.", hint="Give it another name.")
    if any(place == file.resolve() for file in configuration):
        raise ConfigError(f"{target} is the configuration.", hint="Give it another name.")
