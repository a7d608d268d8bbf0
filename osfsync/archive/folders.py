"""Which device has which folder, remembered in the archive as well: a state that is lost takes it along."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from osfsync.archive.durable import read_small, write_durably
from osfsync.archive.paths import PART_FOLDER, is_component, path_key

FOLDERS = "folders"
_LARGEST = 100_000_000  # bytes


def read_folders(root: Path) -> dict[str, str]:
    """The folder of each device, by its id; none where what is noted is damaged. Raises OSError.

    Of two devices that one folder is noted for, the first has it.
    """
    file = root / PART_FOLDER / FOLDERS
    try:
        noted = msgspec.json.decode(read_small(file, _LARGEST) or b"", type=dict[str, str])
    except (FileNotFoundError, ValueError):  # msgspec's errors are ValueErrors
        return {}
    taken: set[str] = set()
    folders = {}
    for device_id, folder in noted.items():
        key = path_key(folder)
        if is_component(folder) and key not in taken:
            taken.add(key)
            folders[device_id] = folder
    return folders


def note_folders(root: Path, folders: Mapping[str, str]) -> None:
    """Remember the folders, durably, in place of those that were noted. Raises OSError."""
    write_durably(root / PART_FOLDER / FOLDERS, msgspec.json.encode(dict(folders)))
