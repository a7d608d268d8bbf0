from pathlib import Path

import pytest

from osfsync.domain.errors import ConfigError
from osfsync.state.location import database_path
from osfsync.state.settings import StateSettings


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///osfsync.db", "osfsync.db"),
        ("sqlite:////var/lib/osfsync.db", "/var/lib/osfsync.db"),
        ("sqlite:///C:/data/osfsync.db", "C:/data/osfsync.db"),
        ("sqlite:///with space/100%.db", "with space/100%.db"),
    ],
)
def test_the_path_is_what_follows_three_slashes(url: str, path: str) -> None:
    assert database_path(StateSettings(url=url)) == Path(path)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://host/db",
        "sqlite+aiosqlite:///osfsync.db",
        "osfsync.db",
        "sqlite://",
        "sqlite:///",
        "sqlite:///  ",
        "sqlite:///:memory:",
        "sqlite:///file:osfsync.db",
        "sqlite:///osfsync.db?mode=ro",
    ],
)
def test_anything_but_a_sqlite_file_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="does not name a SQLite file"):
        database_path(StateSettings(url=url))
