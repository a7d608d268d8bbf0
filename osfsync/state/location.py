"""Where the state database lies."""

from pathlib import Path

from osfsync.domain.errors import ConfigError, StateError
from osfsync.state.settings import StateSettings

_PREFIX = "sqlite:///"


def database_path(settings: StateSettings) -> Path:
    """The file behind the URL: `sqlite:///` and a path, so an absolute POSIX path makes four slashes.

    Raises:
        ConfigError: another kind of database, one in memory, or options behind a `?`.
    """
    url = settings.url
    path = url.removeprefix(_PREFIX)
    if path == url or not path.strip() or path.startswith((":memory:", "file:")) or "?" in path:
        raise ConfigError(
            f"state.url {url!r} does not name a SQLite file.",
            hint="Write `sqlite:///` and a path: `sqlite:///osfsync.db`, or `sqlite:////var/lib/osfsync/osfsync.db`.",
        )
    return Path(path)


def is_own_file(place: Path, database: Path) -> bool:
    """Whether a path is one of the state's own: the database, SQLite's files beside it, the lock's."""
    ends = ("", "-wal", "-shm", "-journal", ".lock", ".holder")
    return place.resolve() in {beside(database, end) for end in ends}


def beside(database: Path, end: str) -> Path:
    """A file of the state's beside its database, also where a symbolic link leads to that."""
    own = database.resolve()
    return own.with_name(own.name + end)


def require_folder(path: Path) -> None:
    """Raises StateError where the folder of the database at `path` does not exist."""
    folder = path.absolute().parent
    if not folder.is_dir():
        raise StateError(
            f"The state database can't lie at {path}: there is no folder {folder}.",
            hint="Create the folder, or set state.url to another place.",
        )


def require_database(path: Path) -> None:
    """Raises StateError where there is no file at `path`."""
    if not path.exists():
        raise StateError(
            f"There is no state database at {path}.",
            hint="Run `osfsync sync` first, or set state.url to where the state lies.",
        )
