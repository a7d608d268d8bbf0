"""Names that hold a wildcard character: an exact name fits before globs."""

import pytest

from osfsync.domain.model import Device
from osfsync.domain.planner import Choice
from osfsync.domain.selection import Globs, Selection

EVERY_FILE = Globs.of(["*"])


def chosen(names: list[str], include: list[str], exclude: tuple[str, ...] = ()) -> list[str]:
    """Names of the selected devices; their ids are 0, 1, …"""
    devices = [Device(str(number), name) for number, name in enumerate(names)]
    selection = Selection(Globs.of(include, exclude), EVERY_FILE).among(devices)
    return [device.name for device in devices if selection.device(device) is Choice.SELECTED]


@pytest.mark.parametrize(
    "name", ["Crane [4]", "[!x]", "[a-c]", "Crane [4", "Crane ?", "[[]4]", "Crane (4)+.$"]
)
def test_a_pattern_that_is_exactly_a_device_s_name_selects_it(name: str) -> None:
    assert chosen([name, "Truck 1"], [name]) == [name]
    assert chosen([name, "Truck 1"], [name.upper()]) == [name]
    assert chosen([name, "Truck 1"], ["*"], (name,)) == ["Truck 1"]


def test_the_exact_name_of_one_device_selects_no_other() -> None:
    assert chosen(["Crane [4]", "Crane 4"], ["Crane [4]"]) == ["Crane [4]"]
    assert chosen(["Crane ?", "Crane 4"], ["Crane ?"]) == ["Crane ?"]
    assert chosen(["Crane [4]", "Crane 4"], ["*"], ("crane [4]",)) == ["Crane 4"]


def test_a_pattern_that_is_no_device_s_name_stays_a_glob() -> None:
    assert chosen(["Crane 4", "Crane 5", "Crane [4]x"], ["Crane [4]"]) == ["Crane 4"]
    assert chosen(["Crane 4", "Crane 55"], ["Crane ?"]) == ["Crane 4"]
    assert chosen(["Crane [4]", "Crane 4", "Truck"], ["Crane [[]4]"]) == ["Crane [4]"]


def test_a_device_whose_name_has_an_asterisk_hides_no_other() -> None:
    assert chosen(["*", "Truck 1"], ["*"]) == ["*", "Truck 1"]
    assert chosen(["Truck [*]", "Truck 1"], ["Truck [*]"]) == ["Truck [*]"]
    assert chosen(["Truck *", "Truck 1"], ["Truck *"]) == ["Truck *", "Truck 1"]


def test_an_id_with_a_wildcard_is_exact_as_well() -> None:
    devices = [Device("a[1]", "x"), Device("a1", "y")]
    selection = Selection(Globs.of(["a[1]"]), EVERY_FILE).among(devices)
    assert [selection.device(device) for device in devices] == [Choice.SELECTED, Choice.EXCLUDED]


@pytest.mark.parametrize("name", ["run[1].osf", "d/run[1].osf", "d/[x]/run.osf", "what?.osf"])
def test_a_pattern_that_is_exactly_a_file_s_name_fits_it(name: str) -> None:
    whole = Selection(EVERY_FILE, Globs.of([name]))
    assert whole.file(name) is Choice.SELECTED
    assert not whole.explain_file(name)
    kept_out = Selection(EVERY_FILE, Globs.of(["*"], [name]))
    assert kept_out.file(name) is Choice.EXCLUDED
    assert kept_out.explain_file(name) == f"excluded by the pattern {name!r}"
    assert whole.file("other.osf") is Choice.EXCLUDED
