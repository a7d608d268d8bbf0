"""Names become paths: ordinary ones unchanged, hostile ones safe, all of them told apart."""

import unicodedata
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osfsync.archive.paths import (
    PART_FOLDER,
    check_layout,
    device_folder,
    path_key,
    safe_path,
    twin_of,
    twin_paths,
)
from osfsync.archive.settings import ArchiveSettings
from osfsync.domain.errors import ConfigError

START = datetime(2025, 6, 26, 23, 30, tzinfo=timezone(-timedelta(hours=2)))
RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{digit}" for port in ("com", "lpt") for digit in range(10))}


def path_of(name: str, layout: str = "{device}/{path}", start: datetime | None = None) -> str:
    return safe_path(layout, tenant="T", device_folder="Logger", device_id="id-1", name=name, start=start)


def assert_safe(path: str) -> None:
    """Every rule of the systems that an archive may lie on, said anew."""
    assert len(path.encode()) < 900
    assert not path.startswith("/")
    components = path.split("/")
    assert PART_FOLDER not in [unicodedata.normalize("NFKC", part).casefold() for part in components]
    for component in components:
        assert component not in {"", ".", ".."}
        assert len(component.encode()) <= 255  # fails on lone surrogates too
        assert not set(component) & set('<>:"|?*\\\0')
        assert all(unicodedata.category(sign) not in {"Cc", "Cs", "Zl", "Zp"} for sign in component)
        assert all(unicodedata.bidirectional(sign) not in BIDI for sign in component)
        assert component.strip(" ") == component
        assert not component.endswith(".")
        assert component.split(".")[0].rstrip(" ").casefold() not in RESERVED


BIDI = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


@pytest.mark.parametrize(
    "name",
    [
        "20250626/20250626_064143.osfz",
        "a.osf",
        "Messung Süd/Gerät–1 (2).OSF",
        "日本/データ.osfz",
        "console.osf",
        "null/com10.osf",
        ".hidden.osf",
        "~user/-rf.osf",
        "a~b.osf",
        "a~1a2b3c4d5.osf",
        "v1.2/2025.06.26/a.osf",
        "x" * 236 + ".osf",
    ],
)
def test_ordinary_names_are_unchanged(name: str) -> None:
    assert path_of(name) == f"Logger/{name}"


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("", "_~", ""),
        ("/", "_~", ""),
        (".", "_~", ""),
        ("..", "_~", ""),
        ("../../etc/passwd", "_/_/etc/passwd~", ""),
        ("/etc/passwd.osf", "etc/passwd~", ".osf"),
        ("a//b.osf", "a/b~", ".osf"),
        ("a/./b.osf", "a/b~", ".osf"),
        ("C:\\Windows\\a.osf", "C_/Windows/a~", ".osf"),
        ("\\\\server\\share\\a.osf", "server/share/a~", ".osf"),
        ("a\0b.osf", "a_b~", ".osf"),
        ("a\u202efso.osf", "a_fso~", ".osf"),
        ("a\ud800.osf", "a_~", ".osf"),
        ("CON", "_CON~", ""),
        ("nul.osf", "_nul~", ".osf"),
        ("d/COM1 .txt", "d/_COM1 ~", ".txt"),
        ("lpt¹.osf", "_lpt¹~", ".osf"),
        ("a.osf.", "a~", ".osf"),
        ("a.osf ", "a~", ".osf"),
        (" a.osf", "a~", ".osf"),
        ("d /a.osf", "d/a~", ".osf"),
        ("what?.osf", "what_~", ".osf"),
        (PART_FOLDER, f"_{PART_FOLDER}~", ""),
        (PART_FOLDER.upper() + "/a.part", f"_{PART_FOLDER.upper()}/a~", ".part"),
        ("no suffix", "no suffix~", ""),
        ("a.1", "a~", ".1"),
        ("a.osf/b.osf", "a_osf/b~", ".osf"),
        ("a~1a2b3c4d5e/b.osf", "a_1a2b3c4d5e/b~", ".osf"),
        ("a~1a2b3c4d5e.osf/b.osf", "a_1a2b3c4d5e_osf/b~", ".osf"),
        ("a.o\u017ff/b.osf", "a_o\u017ff/b~", ".osf"),
        ("a~1a2b3c4d5e.osfz", "a~1a2b3c4d5e~", ".osfz"),
        ("a~1A2B3C4D5E.osfz", "a~1A2B3C4D5E~", ".osfz"),
        ("x" * 300 + ".osfz", "x" * 200, ".osfz"),
        ("/".join("x" * 30 for _ in range(40)) + "/a.osfz", "a~", ".osfz"),
    ],
)
def test_hostile_names_are_cleaned_and_hashed(name: str, start: str, end: str) -> None:
    path = path_of(name)
    assert_safe(path)
    assert path.startswith("Logger/" + start)
    assert path.endswith(end)
    stem = path.removesuffix(end)
    assert stem[-11] == "~"
    assert set(stem[-10:]) <= set("0123456789abcdef")


def test_what_was_promised_stays() -> None:
    """Files in existing archives are found by these."""
    assert path_of("a?.osfz") == "Logger/a_~5bf538e61f.osfz"
    assert next(twin_paths("Logger/A.osfz", "A.osfz")) == "Logger/A~f95981f48b.osfz"


alphabet = st.one_of(
    st.sampled_from([*"aAbBßﬀKkİiéÉÅå/\\.. ~-:?\0\u017f\u202e\u0301\u0345\ud800"]),
    st.characters(),
)
names = st.one_of(
    st.text(alphabet, max_size=12),
    st.lists(
        st.sampled_from(
            ["con", "..", ".", "", PART_FOLDER, "d", "D", "x" * 250, "a~0123456789.osf", "~", "a.osfz"]
        ),
        max_size=4,
    ).map("/".join),
    st.sampled_from(["a.osf", "A.osf", "d/a.osf"]).flatmap(lambda name: st.just(path_of(name)[7:])),
)
layouts = st.sampled_from(
    ["{device}/{path}", "{device_id}/{name}", "{tenant}/{device}/{date}/{date}_{name}", "x{device}/{path}"]
)


@given(names, layouts)
def test_every_path_is_safe_and_stable(name: str, layout: str) -> None:
    path = path_of(name, layout, START)
    assert_safe(path)
    assert path == path_of(name, layout, START)
    assert_safe(next(twin_paths(path, name)))


@given(st.lists(names, max_size=12, unique=True), layouts)
def test_all_names_get_different_paths(many: list[str], layout: str) -> None:
    """As the pipeline does it: where a path is taken on some file system, the twin's is free."""
    # A name that poses as the path which another name gets.
    many += [path_of(name, layout).removeprefix("Logger/") for name in many]
    many += [next(twin_paths(name, name)) for name in many]
    taken: set[str] = set()
    for name in dict.fromkeys(many):
        path = path_of(name, layout)
        if path_key(path) in taken:
            path = next(twin_paths(path, name))
        assert path_key(path) not in taken
        taken.add(path_key(path))


@given(st.lists(names, max_size=8, unique=True))
def test_without_twins_only_what_a_file_system_may_mix_up_is_shared(many: list[str]) -> None:
    for name in many:
        for other in many:
            if name != other and path_of(name) == path_of(other):
                pytest.fail(f"{name!r} and {other!r} share {path_of(name)!r}")


@given(names)
def test_an_unchanged_name_stays_unchanged(name: str) -> None:
    if path_of(name) == f"Logger/{name}":
        assert path_of(path_of(name).removeprefix("Logger/")) == path_of(name)


@given(st.lists(names, max_size=8, unique=True), st.sampled_from(["{device}/{path}", "{device_id}/{name}"]))
def test_no_file_lies_where_another_one_needs_a_folder(many: list[str], layout: str) -> None:
    many += [f"{name}/{other}" for name in many[:3] for other in many[:3]]
    many += [path_of(name, layout).partition("/")[2] + "/a.osf" for name in many]
    keys = {path_key(path_of(name, layout)) for name in many}
    keys |= {path_key(next(twin_paths(path_of(name, layout), name))) for name in many}
    for key in keys:
        above = key
        while above := above.rpartition("/")[0]:
            assert above not in keys


def test_case_and_composition_twins_share_a_key() -> None:
    assert path_key("D/a.OSF") == path_key("d/A.osf")
    assert path_key("Ge\u0301ra\u0308t") == path_key("GÉRÄT")
    assert next(twin_paths("d/a.osf", "d/A.osf")) != next(twin_paths("d/a.osf", "d/a.osf"))


def test_fields_of_the_layout() -> None:
    layout = "{tenant}/{device}-{device_id}/{date}/{name}"
    assert path_of("d/a.osf", layout, START) == "T/Logger-id-1/2025-06-27/a.osf"
    assert path_of("d/a.osf", layout) == "T/Logger-id-1/undated/a.osf"
    assert path_of("a.osf", "x{{".replace("{{", "") + "{device}/{path}") == "xLogger/a.osf"


def test_hostile_tenants_and_ids_stay_one_folder() -> None:
    path = safe_path(
        "{tenant}/{device_id}/{path}",
        tenant="../x",
        device_folder="d",
        device_id="a/b:" + "c" * 300,
        name="a.osf",
        start=None,
    )
    assert_safe(path)
    assert path.count("/") == 2
    assert path.startswith(".._x~")


def test_longest_of_everything_fits() -> None:
    path = safe_path(
        "{tenant}/{device}/{device_id}/{path}",
        tenant="é" * 500,
        device_folder=device_folder("ü" * 500, "id", []),
        device_id="ö" * 500,
        name="/".join(["ä" * 90] * 2) + "/" + "n" * 30,
        start=None,
    )
    for longest in (path, *twin_paths(path, "n")):
        assert_safe(longest)


def test_a_hash_that_another_has_already_is_made_longer() -> None:
    first, second, third = twin_paths("d/a.osf", "A.osf")
    assert len(first) < len(second) < len(third)
    assert [twin_of(path.rpartition("/")[2]) for path in (first, second, third)] == ["a.osf"] * 3
    short = device_folder("a/b", "id", [])
    assert device_folder("a/b", "id", [short.upper()]).startswith(short)


@pytest.mark.parametrize(
    ("layout", "said"),
    [
        ("", "must end with"),
        ("{device}", "must end with"),
        ("{device}/{nmae}", "{nmae} is no known field"),
        ("{device}/{path!r}", "no known field"),
        ("{device}/{name:>10}", "no known field"),
        ("{device.__class__}/{name}", "no known field"),
        ("{}/{name}", "no known field"),
        ("{device}/{name", "can't be read"),
        ("{device}/}{name}", "can't be read"),
        ("{path}", "must name a folder"),
        ("{tenant}/{name}", "must name a folder"),
        ("{device}_{name}", "must name a folder"),
        ("{device}/x{path}", "{path} alone"),
        ("{path}/{device}/{path}", "{path} once"),
        ("{{device}}/{device}/{name}", "braces"),
        ("a{{/{device}/{name}", "braces"),
        ("a}}/{device}/{name}", "braces"),
        ("/{device}/{path}", "unsafe part ''"),
        ("{device}//{path}", "unsafe part ''"),
        ("../{device}/{path}", "unsafe part '..'"),
        ("C:/{device}/{path}", "unsafe part 'C:'"),
        ("con/{device}/{path}", "unsafe part 'con'"),
        (PART_FOLDER + "/{device}/{path}", "unsafe part"),
        ("{device}\\{name}", "must name a folder"),
        ("x" * 200 + "/{device}/{path}", "longer than"),
    ],
)
def test_bad_layouts_are_refused_with_the_known_fields(layout: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_layout(layout)
    assert said in caught.value.message
    assert "{tenant} {device} {device_id} {path} {name} {date}" in caught.value.hint


@pytest.mark.parametrize(
    "layout",
    [
        ArchiveSettings().layout,
        "{tenant}/{device}/{path}",
        "{device_id}/{date}_{name}",
        "osf/{date}/{device}/{name}",
    ],
)
def test_good_layouts_pass(layout: str) -> None:
    check_layout(layout)
    assert_safe(path_of("a.osf", layout))


def test_device_folders() -> None:
    assert device_folder("Hall 3 Logger", "id-1", []) == "Hall 3 Logger"
    taken = ["hall 3 logger"]
    assert device_folder("Hall 3 Logger", "id-1", taken) == "Hall 3 Logger~eb66c62357"
    assert device_folder("Hall 3 Logger", "id-2", taken) != device_folder("Hall 3 Logger", "id-1", taken)
    assert device_folder("Hall 3/Logger", "id-1", []) == "Hall 3_Logger~eb66c62357"
    assert device_folder("Logger~eb66c62357", "id-2", []).startswith("Logger~eb66c62357~")


@given(st.lists(st.tuples(names, st.uuids().map(str)), max_size=8, unique_by=lambda pair: pair[1]))
def test_every_device_gets_its_own_safe_folder(devices: list[tuple[str, str]]) -> None:
    folders: list[str] = []
    for name, identity in devices:
        folder = device_folder(name, identity, folders)
        assert_safe(folder)
        assert "/" not in folder
        assert path_key(folder) not in {path_key(other) for other in folders}
        folders.append(folder)
        path = safe_path(
            "{device}/{path}", tenant="t", device_folder=folder, device_id=identity, name="a.osf", start=None
        )
        assert path == f"{folder}/a.osf"


def test_a_device_s_folder_has_at_most_a_hundred_bytes() -> None:
    assert device_folder("a" * 100, "id", []) == "a" * 100
    folders = {device_folder("a" * 101, "id", []), device_folder("a" * 100, "id", ["A" * 100])}
    assert {len(folder.encode()) for folder in folders} == {100}
    assert "a" * 100 not in folders
