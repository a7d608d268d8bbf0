import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osfsync.config import Loaded, load
from osfsync.config.convert import bare
from osfsync.config.load import user_file
from osfsync.config.schema import KEYS, SECTIONS, VARIABLES
from osfsync.domain.errors import ConfigError
from osfsync.domain.model import OrderMode

REQUIRED = '[cloud]\nurl = "https://a.example"\nusername = "u"\n'


class Place:
    """A working folder and a user's configuration folder, both empty at first."""

    def __init__(self, folder: Path) -> None:
        self.cwd = folder / "work"
        self.user = folder / "home" / "sync.toml"
        self.cwd.mkdir()
        self.user.parent.mkdir()

    def write(self, text: str, name: str = "sync.toml") -> Path:
        path = self.cwd / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def load(
        self,
        environ: Mapping[str, str] | None = None,
        flags: Mapping[str, object] | None = None,
        config: Path | None = None,
    ) -> Loaded:
        return load(config=config, environ=environ or {}, flags=flags or {}, cwd=self.cwd, user=self.user)

    def refusal(self, environ: Mapping[str, str] | None = None, config: Path | None = None) -> str:
        with pytest.raises(ConfigError) as caught:
            self.load(environ, config=config)
        return str(caught.value)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_defaults_fill_what_nobody_says(place: Place) -> None:
    place.write(REQUIRED)
    loaded = place.load()
    assert loaded.settings.limits.downloads == 32
    assert loaded.settings.select.lookback == timedelta(days=30)
    assert loaded.settings.orders.mode is OrderMode.AUTO
    assert loaded.settings.archive.path == place.cwd / "mirror"
    assert loaded.settings.state.url == f"sqlite:///{(place.cwd / 'osfsync.db').as_posix()}"
    assert loaded.origins["limits.downloads"] == "default"
    assert loaded.origins["cloud.url"] == str(place.cwd / "sync.toml")
    assert loaded.origins.keys() == KEYS.keys()
    assert loaded.files == (place.cwd / "sync.toml",)
    assert loaded.warnings == ()


def test_flag_over_environment_over_file_over_user_file_over_default(place: Place) -> None:
    place.user.write_text(
        REQUIRED + '[orders]\ntag = "user"\nattempts = 2\n[limits]\nretries = 1\nlistings = 1\n'
    )
    place.write('[orders]\ntag = "file"\nattempts = 3\n[limits]\nlistings = 2\n')
    loaded = place.load({"OSFSYNC_ORDERS_TAG": "env", "OSFSYNC_ORDERS_ATTEMPTS": "4"}, {"orders.tag": "flag"})
    assert loaded.settings.orders.tag == "flag"
    assert loaded.settings.orders.attempts == 4
    assert loaded.settings.limits.listings == 2
    assert loaded.settings.limits.retries == 1
    assert loaded.settings.limits.downloads == 32
    origins = {name.partition(".")[2]: origin for name, origin in loaded.origins.items()}
    assert origins["tag"] == "flag --tag"
    assert origins["attempts"] == "OSFSYNC_ORDERS_ATTEMPTS"
    assert origins["listings"] == str(place.cwd / "sync.toml")
    assert origins["retries"] == str(place.user)
    assert loaded.files == (place.cwd / "sync.toml", place.user)


def test_a_named_file_replaces_the_one_in_the_working_folder(place: Place) -> None:
    place.write(REQUIRED + '[orders]\ntag = "near"\n')
    named = place.write(REQUIRED + '[orders]\ntag = "named"\n', "etc/other.toml")
    assert place.load(config=Path("etc/other.toml")).settings.orders.tag == "named"
    assert place.load({"OSFSYNC_CONFIG": str(named)}).settings.orders.tag == "named"
    assert place.load({"OSFSYNC_CONFIG": "nowhere.toml"}, config=named).settings.orders.tag == "named"


@pytest.mark.parametrize("name", ["missing.toml", "."])
def test_a_named_file_that_is_not_there_is_an_error(place: Place, name: str) -> None:
    place.write(REQUIRED)
    assert name in place.refusal(config=Path(name))
    assert name in place.refusal({"OSFSYNC_CONFIG": name})


def test_relative_paths_belong_to_the_file_that_names_them(place: Place) -> None:
    text = '[archive]\npath = "./mirror"\n[state]\nurl = "sqlite:///var/s.db"\n'
    place.write(
        REQUIRED.replace("[cloud]", '[cloud]\npassword_file = "pw"\nca_file = "ca.pem"') + text, "etc/s.toml"
    )
    settings = place.load(config=Path("etc/s.toml")).settings
    etc = place.cwd / "etc"
    assert settings.archive.path == etc / "mirror"
    assert settings.cloud.password_file == etc / "pw"
    assert settings.cloud.ca_file == etc / "ca.pem"
    assert settings.state.url == f"sqlite:///{(etc / 'var/s.db').as_posix()}"
    settings = place.load(
        {"OSFSYNC_ARCHIVE_PATH": "m", "OSFSYNC_STATE_URL": "sqlite:///e.db"}, config=Path("etc/s.toml")
    ).settings
    assert settings.archive.path == place.cwd / "m"
    assert settings.state.url == f"sqlite:///{(place.cwd / 'e.db').as_posix()}"
    assert place.load(flags={"archive.path": Path("f")}, config=Path("etc/s.toml")).settings.archive.path == (
        place.cwd / "f"
    )


def test_absolute_paths_and_home_stay(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    home = place.user.parent
    monkeypatch.setenv("USERPROFILE" if os.name == "nt" else "HOME", str(home))
    place.write(
        REQUIRED + f'[archive]\npath = "~/m"\n[state]\nurl = "sqlite:///{(home / "s.db").as_posix()}"\n'
    )
    settings = place.load().settings
    assert settings.archive.path == home / "m"
    assert settings.state.url == f"sqlite:///{(home / 's.db').as_posix()}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[cloud]\nusrname = "x"', "unknown key cloud.usrname in sync.toml; did you mean cloud.username?"),
        (
            "[cloud]\ndownloads = 3",
            "unknown key cloud.downloads in sync.toml; did you mean limits.downloads?",
        ),
        ('url = "x"', "unknown key url in sync.toml; did you mean cloud.url?"),
        ("[could]", "unknown section could in sync.toml; did you mean cloud?"),
        ("[cloud.feilds]", "unknown section cloud.feilds in sync.toml; did you mean cloud.fields?"),
        ("[zzzzzz]\na = 1", "unknown section zzzzzz in sync.toml."),
        ('[cloud]\n"a\\u001b[31m" = 1', "unknown key cloud.'a\\x1b[31m' in sync.toml."),
        ("cloud = 3", "cloud in sync.toml is a section; write [cloud]"),
        (
            "[limits]\ndownloads = 0",
            "limits.downloads in sync.toml is 0; expected a whole number from 1 to 256.",
        ),
        ('[limits]\ndownloads = "many"', "limits.downloads in sync.toml is 'many'; expected a whole number"),
        ("[limits]\ndownloads = true", "limits.downloads in sync.toml is true; expected a whole number"),
        ("[limits]\ndownloads = 1.5", "limits.downloads in sync.toml is 1.5; expected a whole number"),
        (
            "[limits]\nrequests_per_second = nan",
            "limits.requests_per_second in sync.toml is nan; expected a number",
        ),
        ("[limits]\nrequests_per_second = -1", "expected a number of at least 0"),
        ('[limits]\nbandwidth = "20Mbit/s"', "limits.bandwidth in sync.toml is '20Mbit/s'; expected a rate"),
        ("[limits]\nbandwidth = -5", "limits.bandwidth in sync.toml is -5; expected a rate"),
        ("[select]\nlookback = 30", "select.lookback in sync.toml is 30; expected a duration such as"),
        ('[select]\nlookback = "0s"', "select.lookback in sync.toml is zero"),
        ('[select]\ndevices = "*"', "select.devices in sync.toml is '*'; expected a list of texts"),
        ("[select]\ndevices = [1]", "select.devices in sync.toml is a list; expected a list of texts"),
        ("[select]\nlookback = 2025-01-01", "select.lookback in sync.toml is a date or time"),
        (
            '[orders]\nmode = "sometimes"',
            'orders.mode in sync.toml is \'sometimes\'; expected one of "auto", "never"',
        ),
        ('[orders]\ntag = ""', "orders.tag in sync.toml is empty"),
        ('[orders]\ntag = "a\\u0000b"', "orders.tag in sync.toml holds a control character"),
        ("[archive]\npath = 3", "archive.path in sync.toml is 3; expected a path in quotes"),
        ('[archive]\npath = ""', "archive.path in sync.toml is empty"),
        (
            '[state]\nurl = "postgres://x"',
            'state.url in sync.toml is not the address of a file; expected "sqlite:///"',
        ),
        ('[state]\nurl = "sqlite:///:memory:"', "state.url in sync.toml is not the address of a file"),
        ('[state]\nurl = "sqlite:///a?mode=ro"', 'state.url in sync.toml holds a "?"'),
        ('[cloud]\nconnect_timeout = "0s"', "cloud.connect_timeout in sync.toml is zero"),
    ],
)
def test_what_does_not_fit_is_told_with_its_place(place: Place, text: str, message: str) -> None:
    place.user.write_text(REQUIRED)
    place.write(text)
    assert message in place.refusal()


def test_all_problems_are_told_at_once_in_a_steady_order(place: Place) -> None:
    place.write("[limits]\ndownloads = 0\nretries = 1000\n[cloud]\nusrname = 1\n")
    lines = place.refusal({"OSFSYNC_LIMITS_LISTINGS": "x"}).splitlines()
    assert lines[0] == "4 problems in the configuration:"
    assert [line.split()[1] for line in lines[1:]] == [
        "unknown",
        "limits.downloads",
        "OSFSYNC_LIMITS_LISTINGS",
        "limits.retries",
    ]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"[cloud]\nurl = \n", "sync.toml, line 2, column 7: Invalid value."),
        (b"[cloud]\nurl = ", "sync.toml, line 2, column 7: Invalid value."),
        (
            b'[archive]\npath = "C:\\Users\\data"\n',
            "line 2, column 13: Invalid hex value. Between double quotes a backslash is written twice;",
        ),
        (b"[archive]\npath = ./mirror\n", "line 2, column 8: Invalid value. A text stands in quotes."),
        (
            b"[limits]\ndownloads = 1x\n",
            "line 2, column 14: Expected newline or end of document after a statement.",
        ),
        (b"a = " + 3_000 * b"[", "sync.toml: maximum recursion depth exceeded"),
        (b"a = " + 5_000 * b"1", "sync.toml: Exceeds the limit"),
        (b"[cloud]\n[cloud]\n", "sync.toml, line 2, column 7: Cannot declare ('cloud',) twice."),
        (b"[cloud]\nurl = 'a\xff'\n", "sync.toml, line 2: not UTF-8 text."),
        (b"#" * 1_000_001, "sync.toml is larger than 1000000 bytes"),
    ],
)
def test_broken_files_are_told_with_line_and_column(place: Place, data: bytes, message: str) -> None:
    (place.cwd / "sync.toml").write_bytes(data)
    assert message in place.refusal()


def test_a_byte_order_mark_is_no_error(place: Place) -> None:
    (place.cwd / "sync.toml").write_bytes(b"\xef\xbb\xbf" + REQUIRED.encode())
    assert place.load().settings.cloud.username == "u"


@pytest.mark.skipif(
    os.name == "nt" or getattr(os, "geteuid", int)() == 0, reason="permissions do not bind here"
)
def test_a_file_that_may_not_be_read_is_told(place: Place) -> None:
    place.write(REQUIRED).chmod(0)
    assert "sync.toml can't be read: Permission denied." in place.refusal()


@pytest.mark.skipif(
    os.name == "nt" or getattr(os, "geteuid", int)() == 0, reason="permissions do not bind here"
)
def test_a_home_of_another_user_is_told(place: Place) -> None:
    place.write(REQUIRED)
    closed = place.user.parent
    closed.mkdir(parents=True, exist_ok=True)
    closed.chmod(0)
    try:
        assert "Permission denied" in place.refusal()
        assert "whether HOME is that of another user" in place.refusal()
    finally:
        closed.chmod(0o700)


@pytest.mark.parametrize("name", ["n" * 300, "~nobody-of-this-name/sync.toml"])
def test_a_name_that_no_file_can_have_is_told(place: Place, name: str) -> None:
    assert name in place.refusal(config=Path(name))


def test_missing_required_settings_say_how_to_set_them(place: Place) -> None:
    nothing = place.refusal()
    assert "cloud.url and cloud.username: not set, and no configuration file was found." in nothing
    assert "osfsync init" in nothing
    assert "OSFSYNC_CLOUD_URL and OSFSYNC_CLOUD_USERNAME" in nothing
    place.write('[cloud]\nurl = "https://a.example"\n')
    assert place.refusal().startswith("cloud.username: not set in sync.toml.")


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://example.opticloud.io/", "https://example.opticloud.io"),
        ("https://example.opticloud.io:8443//", "https://example.opticloud.io:8443"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost", "http://localhost"),
        ("http://[::1]:80", "http://[::1]:80"),
    ],
)
def test_server_addresses_are_trimmed(place: Place, url: str, kept: str) -> None:
    loaded = place.load({"OSFSYNC_CLOUD_URL": url, "OSFSYNC_CLOUD_USERNAME": "u"})
    assert loaded.settings.cloud.url == kept
    assert loaded.warnings == ()


def test_plain_http_to_another_machine_is_warned_of(place: Place) -> None:
    loaded = place.load({"OSFSYNC_CLOUD_URL": "http://example.opticloud.io", "OSFSYNC_CLOUD_USERNAME": "u"})
    assert len(loaded.warnings) == 1
    assert "use https" in loaded.warnings[0]


@pytest.mark.parametrize(
    "url",
    [
        "mine.s3cr3tpw.io",
        "ftp://s3cr3tpw.io",
        "https://?s3cr3tpw",
        "https:///s3cr3tpw",
        "https://example.io/s3cr3tpw?x=1",
        "https://example.io/#s3cr3tpw",
        "https://s3cr3tpw example.io",
        "https://s3cr3tpw.io:99999",
        "https://[::1/s3cr3tpw",
        "https://user:s3cr3tpw@example.io",
        "https://s3cr3tpw@example.io",
    ],
)
def test_what_is_no_server_address_is_refused_and_never_repeated(place: Place, url: str) -> None:
    text = place.refusal({"OSFSYNC_CLOUD_URL": url, "OSFSYNC_CLOUD_USERNAME": "u"})
    assert text.startswith("OSFSYNC_CLOUD_URL ")
    assert "s3cr3tpw" not in text


@pytest.mark.parametrize("entry", ['password = "s3cr3tpw"', 'Password = "s3cr3tpw"', 'passwd = "s3cr3tpw"'])
@pytest.mark.parametrize("section", ["", "[cloud]\n", "[limits]\n", "[cloud.fields]\n"])
def test_a_password_in_a_file_is_answered_with_the_right_ways(place: Place, section: str, entry: str) -> None:
    place.user.write_text(REQUIRED)
    place.write(section + entry)
    text = place.refusal()
    assert "s3cr3tpw" not in text
    for way in ("OSFSYNC_PASSWORD", "password_file", "password_command", "key store"):
        assert way in text


def test_values_of_secret_settings_are_never_repeated(place: Place) -> None:
    place.write('[cloud]\npassword_command = "s3cr3tpw"\nproxy = "ftp://s3cr3tpw"\nurl = "s3cr3tpw"\n')
    text = place.refusal({"OSFSYNC_CLOUD_PASSWORD": "s3cr3tpw", "OSFSYNC_S3CR": "s3cr3tpw"})
    assert "s3cr3tpw" not in text
    assert text.startswith("4 problems")
    assert "cloud.password_command in sync.toml is text; expected a list" in text


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        ("OSFSYNC_CLOUD_USRNAME", "did you mean OSFSYNC_CLOUD_USERNAME?"),
        ("OSFSYNC_PASWORD", "did you mean OSFSYNC_PASSWORD?"),
        ("OSFSYNC_CONFG", "did you mean OSFSYNC_CONFIG?"),
        ("OSFSYNC_ARCHIV_PATH", "did you mean OSFSYNC_ARCHIVE_PATH?"),
        ("OSFSYNC_", "are ignored: OSFSYNC_."),
        ("OSFSYNC_PORT", "are ignored: OSFSYNC_PORT."),
        ("OSFSYNC_CLOUD_PASSWORD", "OSFSYNC_CLOUD_PASSWORD (for the password, set OSFSYNC_PASSWORD,"),
    ],
)
def test_unknown_variables_are_warned_of(place: Place, variable: str, message: str) -> None:
    place.write(REQUIRED)
    (warning,) = place.load({variable: "s3cr3tpw"}).warnings
    assert message in warning
    assert "s3cr3tpw" not in warning


def test_a_service_of_kubernetes_gives_one_warning_in_which_misspelt_settings_come_first(
    place: Place,
) -> None:
    place.write(REQUIRED)
    service = {
        "OSFSYNC_SERVICE_HOST": "10.0.0.1",
        "OSFSYNC_SERVICE_PORT": "8080",
        "OSFSYNC_SERVICE_PORT_HTTP": "8080",
        "OSFSYNC_PORT": "tcp://10.0.0.1:8080",
        "OSFSYNC_PORT_8080_TCP": "tcp://10.0.0.1:8080",
        "OSFSYNC_PORT_8080_TCP_PROTO": "tcp",
        "OSFSYNC_PORT_8080_TCP_PORT": "8080",
        "OSFSYNC_PORT_8080_TCP_ADDR": "10.0.0.1",
        "OSFSYNC_LIMITS_DOWNLAODS": "4",
    }
    (warning,) = place.load(service).warnings
    first = "OSFSYNC_LIMITS_DOWNLAODS (did you mean OSFSYNC_LIMITS_DOWNLOADS?), OSFSYNC_SERVICE_HOST,"
    assert f"are ignored: {first}" in warning
    assert warning.count("did you mean") == 1
    assert warning.endswith(" and 4 more.")


def test_what_osfsync_itself_exports_to_notify_command_is_known(place: Place) -> None:
    place.write(REQUIRED)
    assert place.load({"OSFSYNC_EXIT_CODE": "3", "OSFSYNC_PASSWORD": "x", "OSFSYNC_PORT": ""}).warnings == ()


def test_a_misspelt_variable_is_named_where_the_setting_is_missing(place: Place) -> None:
    text = place.refusal({"OSFSYNC_CLOUD_URI": "https://a.example", "OSFSYNC_CLOUD_USERNAME": "u"})
    assert "OSFSYNC_CLOUD_URI (did you mean OSFSYNC_CLOUD_URL?)" in text


DIRT = ["{}", " {}\t", "{}\r\n", "{}\n", "\ufeff{}", "\ufeff {} ", "'{}'", '"{}"', '" {} "\r\n']
"""What is around a value that comes from a shell, a file of Windows, or docker's --env-file."""


@pytest.mark.parametrize("dirt", DIRT)
def test_what_surrounds_the_value_of_a_variable_does_not_count(place: Place, dirt: str) -> None:
    place.write(REQUIRED)
    told = {
        "OSFSYNC_CLOUD_URL": "https://b.example",
        "OSFSYNC_CLOUD_USERNAME": "me@example.com",
        "OSFSYNC_CLOUD_TENANT": "My Tenant",
        "OSFSYNC_LIMITS_DOWNLOADS": "7",
        "OSFSYNC_LIMITS_BANDWIDTH": "20MB/s",
        "OSFSYNC_SELECT_LOOKBACK": "1w",
        "OSFSYNC_ORDERS_MODE": "never",
        "OSFSYNC_ARCHIVE_PATH": "./my mirror",
        "OSFSYNC_STATE_URL": "sqlite:///my state.db",
        "OSFSYNC_SELECT_DEVICES": "Truck 1",
    }
    assert not [key for key in told if key not in VARIABLES]
    expected = place.load(told).settings
    loaded = place.load({name: dirt.format(value) for name, value in told.items()})
    assert loaded.settings == expected
    assert loaded.settings.cloud.tenant == "My Tenant"
    assert loaded.settings.archive.path == place.cwd / "my mirror"


@pytest.mark.parametrize(
    "text", ["a, b", " a ,b ", "a,,b,", ",a, ,b", '"a, b"', '"a","b"', "'a', 'b'", "a,b\r\n", '"a", b']
)
def test_lists_in_variables(place: Place, text: str) -> None:
    place.write(REQUIRED)
    assert place.load({"OSFSYNC_SELECT_DEVICES": text}).settings.select.devices == ("a", "b")


def test_a_file_is_cleaned_as_a_variable_is(place: Place) -> None:
    place.write(
        '[cloud]\nurl = " https://a.example "\nusername = " u\\n"\ntenant = "My Tenant "\n'
        'password_command = ["pass", " x ", ""]\n'
        '[archive]\npath = " ./mirror "\n[orders]\nmode = "never "\n[select]\ndevices = [" Truck 1 ", ""]\n'
    )
    settings = place.load().settings
    assert (settings.cloud.url, settings.cloud.username) == ("https://a.example", "u")
    assert (settings.cloud.tenant, settings.select.devices) == ("My Tenant", ("Truck 1",))
    assert settings.archive.path == place.cwd / "mirror"
    assert settings.orders.mode is OrderMode.NEVER
    assert settings.cloud.password_command == ("pass", " x ", "")  # arguments are exact


@pytest.mark.parametrize("dirt", DIRT)
def test_the_file_that_a_variable_names(place: Place, dirt: str) -> None:
    place.write(REQUIRED, "other name.toml")
    assert place.load({"OSFSYNC_CONFIG": dirt.format("other name.toml")}).settings.cloud.username == "u"


@pytest.mark.parametrize("empty", ["", " ", '""', "\r\n"])
def test_an_empty_variable_counts_as_not_set(place: Place, empty: str) -> None:
    place.write(REQUIRED)
    loaded = place.load(dict.fromkeys((*VARIABLES, "OSFSYNC_CONFIG"), empty))
    assert loaded == place.load()


def test_a_file_of_windows_is_read(place: Place) -> None:
    text = "\ufeff" + REQUIRED + '[archive]\npath = "./mirror"\n'
    (place.cwd / "sync.toml").write_bytes(text.replace("\n", "\r\n").encode())
    assert place.load().settings.archive.path == place.cwd / "mirror"


def test_other_variables_are_nobodys_business(place: Place) -> None:
    place.write(REQUIRED)
    loaded = place.load({"PATH": "x", "OSFSYNC_PASSWORD": "s3cr3tpw", "_OSFSYNC_COMPLETE": "bash_source"})
    assert loaded.origins["cloud.password"] == "OSFSYNC_PASSWORD"


def test_variables_are_read_by_the_kind_of_their_setting(place: Place) -> None:
    place.write(REQUIRED)
    settings = place.load(
        {
            "OSFSYNC_SELECT_DEVICES": "cart-*, boat 7 ,",
            "OSFSYNC_LIMITS_DOWNLOADS": "4",
            "OSFSYNC_LIMITS_REQUESTS_PER_SECOND": "0.5",
            "OSFSYNC_LIMITS_BANDWIDTH": "20MB/s",
            "OSFSYNC_SELECT_LOOKBACK": "1w",
            "OSFSYNC_ORDERS_MODE": "never",
            "OSFSYNC_CLOUD_FIELDS_XML_NAME": "Fn",
            "OSFSYNC_CLOUD_PASSWORD_COMMAND": "pass,show,x",
            "OSFSYNC_CLOUD_TENANT": "",
        }
    ).settings
    assert settings.select.devices == ("cart-*", "boat 7")
    assert settings.limits.downloads == 4
    assert settings.limits.requests_per_second == 0.5
    assert settings.limits.bandwidth == 20_000_000
    assert settings.select.lookback == timedelta(weeks=1)
    assert settings.orders.mode is OrderMode.NEVER
    assert settings.cloud.fields.xml.name == "Fn"
    assert settings.cloud.password_command == ("pass", "show", "x")
    assert settings.cloud.tenant is None


def test_flags_may_be_texts_or_values_and_absent_ones_do_not_count(place: Place) -> None:
    place.write(REQUIRED + "[limits]\ndownloads = 7\n")
    loaded = place.load(
        flags={
            "select.devices": ("a", "b"),
            "orders.mode": OrderMode.ONLY,
            "select.lookback": timedelta(days=1),
            "limits.downloads": None,
            "select.files": (),
            "limits.bandwidth": "1MB/s",
        }
    )
    assert loaded.settings.select.devices == ("a", "b")
    assert loaded.settings.orders.mode is OrderMode.ONLY
    assert loaded.settings.select.lookback == timedelta(days=1)
    assert loaded.settings.limits.downloads == 7
    assert loaded.settings.select.files == ("*.osf", "*.osfz")
    assert loaded.settings.limits.bandwidth == 1_000_000
    assert loaded.origins["select.devices"] == "flag --device"
    assert loaded.origins["orders.mode"] == "flag --order"
    assert loaded.origins["select.files"] == "default"


def test_an_empty_text_unsets_what_is_optional(place: Place) -> None:
    place.user.write_text(REQUIRED + 'tenant = "t"\nproxy = "http://p:1"\npassword_command = ["a"]\n')
    place.write('[cloud]\ntenant = ""\nproxy = ""\npassword_command = []\n')
    cloud = place.load().settings.cloud
    assert (cloud.tenant, cloud.proxy, cloud.password_command) == (None, None, None)


def test_a_stronger_source_of_the_password_silences_weaker_ones(place: Place) -> None:
    place.user.write_text(REQUIRED + 'password_file = "pw"\n')
    place.write('[cloud]\npassword_command = ["pass"]\n')
    loaded = place.load()
    assert loaded.settings.cloud.password_file is None
    assert loaded.settings.cloud.password_command == ("pass",)
    assert loaded.origins["cloud.password_file"] == "default"


def test_field_names_without_a_list_are_those_of_the_xml_list_and_their_new_keys_are_shown(
    place: Place,
) -> None:
    place.write(
        REQUIRED + '[cloud.fields]\nname = "Old"\nsize = "Octets"\n[cloud.fields.xml]\nsize = "Bytes"\n'
    )
    loaded = place.load({"OSFSYNC_CLOUD_FIELDS_TAG": "Line"})
    fields = loaded.settings.cloud.fields
    assert (fields.xml.name, fields.xml.size, fields.xml.tag) == ("Old", "Bytes", "Line")
    assert fields.json.name is None
    assert [warning for warning in loaded.warnings if "cloud.fields.xml.name" in warning]
    assert [warning for warning in loaded.warnings if "OSFSYNC_CLOUD_FIELDS_XML_TAG" in warning]


def test_every_key_has_a_variable_of_its_own() -> None:
    assert len(VARIABLES) == len(KEYS)
    rooms = {
        "cloud",
        "cloud.fields",
        "cloud.fields.xml",
        "cloud.fields.json",
        "archive",
        "state",
        "select",
        "orders",
        "limits",
        "metrics",
        "notify",
        "mqtt",
    }
    assert rooms == SECTIONS


def test_the_users_file_lies_in_the_users_configuration_folder() -> None:
    found = user_file()
    assert found is not None
    assert found.parts[-2:] == ("osfsync", "sync.toml")


@given(st.dictionaries(st.sampled_from([key.variable for key in KEYS.values()]), st.text(max_size=20)))
def test_any_environment_loads_or_is_refused_with_a_config_error(environ: dict[str, str]) -> None:
    base = {"OSFSYNC_CLOUD_URL": "https://a.example", "OSFSYNC_CLOUD_USERNAME": "u"}
    nowhere = Path.cwd() / "no-such-folder"
    try:
        loaded = load(config=None, environ=base | environ, flags={}, cwd=nowhere, user=nowhere / "sync.toml")
    except ConfigError as error:
        refusal = str(error)
        assert "OSFSYNC_" in refusal
    else:
        assert loaded.settings.cloud.username == (bare(environ.get("OSFSYNC_CLOUD_USERNAME", "")) or "u")


def test_importing_the_configuration_is_light() -> None:
    code = "import osfsync.config, sys; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"aiohttp", "sqlalchemy", "alembic", "anyio", "asyncio", "structlog", "rich", "click"}
    assert not heavy & set(run.stdout.split())
