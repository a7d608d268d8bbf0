import re
import tomllib
from collections.abc import Iterator
from functools import reduce
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from osfsync.config import effective, example_text, load
from osfsync.config.schema import KEYS

TEXT = example_text()
WHOLE = re.sub(r"^#(?=[a-z_]+ = )", "", TEXT, flags=re.MULTILINE)
"""The example with the keys in force that it shows as comments."""


def keys(table: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from keys(value, f"{prefix}{name}.")
        else:
            yield prefix + name


def load_text(folder: Path, text: str) -> Any:
    file = folder / "sync.toml"
    file.write_text(text, encoding="utf-8")
    return load(config=None, environ={}, flags={}, cwd=folder, user=folder / "none.toml")


def test_the_example_is_the_file_in_the_repository() -> None:
    assert (Path(__file__).parents[2] / "sync.toml.example").read_text(encoding="utf-8") == TEXT


def test_the_example_has_every_key_and_no_other() -> None:
    assert sorted(keys(tomllib.loads(WHOLE))) == sorted(KEYS)


def test_only_what_has_no_default_is_a_comment() -> None:
    commented = KEYS.keys() - set(keys(tomllib.loads(TEXT)))
    assert commented == {name for name, key in KEYS.items() if key.default is None}


def test_the_example_loads_and_says_the_defaults(tmp_path: Path) -> None:
    settings = load_text(tmp_path, TEXT).settings
    assert settings.cloud.url == "https://example.opticloud.io"
    assert settings.cloud.username == "user@example.com"
    bare = '[cloud]\nurl = "https://example.opticloud.io"\nusername = "user@example.com"\n'
    assert settings == load_text(tmp_path, bare).settings
    for name, key in KEYS.items():
        value = reduce(getattr, name.split("."), settings)
        if key.required or name in {"archive.path", "state.url"}:  # made absolute
            continue
        assert value == key.default, name


def test_the_example_loads_with_everything_in_force(tmp_path: Path) -> None:
    cloud = load_text(tmp_path, WHOLE).settings.cloud
    assert cloud.tenant == "MyTenant"
    assert cloud.password_command == ("pass", "show", "opticloud")
    assert cloud.fields.xml.end == "EndTime"


def test_every_key_is_explained() -> None:
    lines = [line for line in WHOLE.splitlines() if line]
    bare = {
        line.split(" = ")[0]
        for before, line in pairwise(lines)
        if re.match(r"[a-z_]+ = ", line) and not before.startswith("#")
    }
    # These stand right below their opposite, or below the one comment on all field names.
    assert bare <= {"exclude_devices", "exclude_files", "status", "size", "start", "end", "tag"}


def test_effective_settings_show_value_and_origin_and_no_secret(tmp_path: Path) -> None:
    file = tmp_path / "sync.toml"
    file.write_text(WHOLE.replace('"http://proxy', '"http://me:s3cr3t@proxy'), encoding="utf-8")
    environ = {"OSFSYNC_PASSWORD": "s3cr3t", "OSFSYNC_LIMITS_BANDWIDTH": "1.5MB/s"}
    flags = {"orders.mode": "only"}
    loaded = load(config=file, environ=environ, flags=flags, cwd=tmp_path, user=tmp_path / "none.toml")
    rows = {key: (text, origin) for key, text, origin in effective(loaded)}
    assert rows.keys() == KEYS.keys() | {"cloud.password"}
    assert rows["cloud.url"] == ('"https://example.opticloud.io"', str(file))
    assert rows["cloud.proxy"] == ('"http://***@proxy.example:3128"', str(file))
    assert rows["cloud.password_file"] == rows["cloud.password_command"] == ("(set)", str(file))
    assert rows["cloud.password"] == ("(set)", "OSFSYNC_PASSWORD")
    assert rows["limits.bandwidth"] == ('"1500kB/s"', "OSFSYNC_LIMITS_BANDWIDTH")
    assert rows["orders.mode"] == ('"only"', "flag --order")
    assert rows["select.files"] == ('["*.osf", "*.osfz"]', str(file))
    assert "s3cr3t" not in str(rows)


def test_no_limit_is_shown_as_the_example_writes_it(tmp_path: Path) -> None:
    rows = {key: value for key, value, _ in effective(load_text(tmp_path, TEXT))}
    assert rows["limits.bandwidth"] == '""'
    assert 'bandwidth = ""' in TEXT


@pytest.mark.parametrize("text", [TEXT, WHOLE])
def test_effective_settings_read_back_as_a_file(tmp_path: Path, text: str) -> None:
    hidden = {"(not set)", "(set)"}
    rows = [(key, value) for key, value, _ in effective(load_text(tmp_path, text)) if value not in hidden]
    again = effective(load_text(tmp_path, "".join(f"{key} = {value}\n" for key, value in rows)))
    assert [(key, value) for key, value, _ in again if value not in hidden] == rows
