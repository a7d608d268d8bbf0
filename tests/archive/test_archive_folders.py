"""Which device has which folder, as the archive remembers it."""

from pathlib import Path

import pytest

from osfsync.archive.folders import FOLDERS, note_folders, read_folders
from osfsync.archive.local import LocalArchive
from osfsync.archive.paths import PART_FOLDER


async def test_folders_are_remembered(tmp_path: Path) -> None:
    archive = LocalArchive(tmp_path)
    await archive.prepare("one", known=False)
    assert await archive.folders() == {}
    await archive.note_folders({"d-1": "Truck 1", "d-2": "Fähre"})
    assert await LocalArchive(tmp_path).folders() == {"d-1": "Truck 1", "d-2": "Fähre"}


@pytest.mark.parametrize("damaged", [b"", b"{", b"[]", b'{"d-1": 1}', b"\xff\xfe", b'{"d-1": "a'])
def test_what_is_damaged_is_as_if_nothing_was_remembered(tmp_path: Path, damaged: bytes) -> None:
    (tmp_path / PART_FOLDER).mkdir()
    (tmp_path / PART_FOLDER / FOLDERS).write_bytes(damaged)
    assert read_folders(tmp_path) == {}


def test_a_folder_has_one_device_and_stays_in_the_archive(tmp_path: Path) -> None:
    (tmp_path / PART_FOLDER).mkdir()
    note_folders(tmp_path, {"1": "Truck", "2": "truck", "3": "..", "4": "a/b", "5": PART_FOLDER, "6": ""})
    assert read_folders(tmp_path) == {"1": "Truck"}
