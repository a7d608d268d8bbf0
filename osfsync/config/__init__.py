"""What can be set: flags, OSFSYNC_ variables, sync.toml and the user's own file, gathered into `Settings`.

Knows: the rooms' settings structs, files, the environment, units people write. Never knows: what the
rooms do with a setting. Importing it is light: no network, database or task library comes along;
`osfsync.config.password` is imported only where a password is read.
"""

from osfsync.config.example import example_text, filled_text
from osfsync.config.load import Loaded, load, user_file
from osfsync.config.schema import Settings
from osfsync.config.show import effective
from osfsync.config.units import parse_duration, parse_end, parse_moment, parse_rate, parse_share, parse_size

__all__ = [
    "Loaded",
    "Settings",
    "effective",
    "example_text",
    "filled_text",
    "load",
    "parse_duration",
    "parse_end",
    "parse_moment",
    "parse_rate",
    "parse_share",
    "parse_size",
    "user_file",
]
