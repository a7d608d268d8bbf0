import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from structlog.testing import capture_logs

from osfsync.cloud.settings import CloudSettings, MqttSettings
from osfsync.config import Settings
from osfsync.config import password as passwords
from osfsync.config.password import read_password, read_token
from osfsync.domain.errors import ConfigError

URL = "https://a.example"
PASSWORD = "s3cr3t pässword "
KEYRING = {
    "__init__.py": "def get_password(service, user):\n    return f'{service}:{user}'\n",
    "errors.py": "class KeyringError(Exception): ...\nclass NoKeyringError(KeyringError): ...\n",
}


def cloud(**given: Path | tuple[str, ...]) -> Settings:
    return Settings(cloud=CloudSettings(url=URL, username="u", **given))  # type: ignore[arg-type]


def printing(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", "import sys, time; out = sys.stdout.buffer; " + code)


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text(f"{PASSWORD}\r\nsecond line\n", encoding="utf-8", newline="")
    path.chmod(0o600)
    return path


@pytest.fixture
def keyring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package `keyring`, as the extra would bring it."""
    package = tmp_path / "site" / "keyring"
    package.mkdir(parents=True)
    for name, text in KEYRING.items():
        (package / name).write_text(text)
    monkeypatch.syspath_prepend(str(package.parent))
    with monkeypatch.context() as modules:
        for name in ("keyring", "keyring.errors"):
            modules.delitem(sys.modules, name, raising=False)
        yield package
        for name in ("keyring", "keyring.errors"):
            sys.modules.pop(name, None)


async def refusal(settings: Settings) -> str:
    with pytest.raises(ConfigError) as caught:
        await read_password(settings, {})
    return str(caught.value)


async def test_the_variable_comes_first(secret_file: Path) -> None:
    settings = cloud(password_file=secret_file, password_command=printing("out.write(b'cmd')"))
    assert await read_password(settings, {"OSFSYNC_PASSWORD": " from env "}) == " from env "


async def test_the_file_comes_second_and_gives_its_first_line(secret_file: Path) -> None:
    settings = cloud(password_file=secret_file, password_command=printing("out.write(b'cmd')"))
    with capture_logs() as logs:
        assert await read_password(settings, {"OSFSYNC_PASSWORD": ""}) == PASSWORD
    assert logs == []


@pytest.mark.skipif(os.name != "posix", reason="access lists, not bits, decide here")
@pytest.mark.parametrize("mode", [0o640, 0o604])
async def test_a_file_open_to_others_is_warned_of(secret_file: Path, mode: int) -> None:
    await anyio.Path(secret_file).chmod(mode)
    with capture_logs() as logs:
        assert await read_password(cloud(password_file=secret_file), {}) == PASSWORD
    assert [log["log_level"] for log in logs] == ["warning"]
    assert "chmod 600" in logs[0]["advice"]
    assert PASSWORD not in str(logs)


@pytest.mark.usefixtures("keyring")
async def test_the_command_comes_third_and_runs_without_a_shell() -> None:
    settings = cloud(password_command=(*printing("out.write(sys.argv[1].encode())"), "$HOME; rm *\n2nd"))
    assert await read_password(settings, {}) == "$HOME; rm *"


@pytest.mark.usefixtures("keyring")
async def test_the_key_store_comes_last() -> None:
    assert await read_password(cloud(), {}) == f"osfsync:u@{URL}"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return None", "No password for u."),
        ("from keyring.errors import NoKeyringError; raise NoKeyringError('s3cr3t')", "No password for u."),
        ("from keyring.errors import KeyringError; raise KeyringError('s3cr3t')", "refused: KeyringError."),
    ],
)
async def test_a_key_store_without_an_answer_is_told(keyring: Path, body: str, message: str) -> None:
    (keyring / "__init__.py").write_text(f"def get_password(service, user):\n    {body}\n")
    text = await refusal(cloud())
    assert message in text
    assert "s3cr3t" not in text


async def test_without_any_source_the_error_lists_all_four(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)  # as if the extra were not installed
    text = await refusal(cloud())
    for way in ("OSFSYNC_PASSWORD", "cloud.password_file", "cloud.password_command", "key store"):
        assert way in text


@pytest.mark.parametrize(
    "written",
    ["{}", "{}\n", "{}\r\n", "{}\r\r\n", "{}\r", "\ufeff{}\r\n", "{}\nsecond line\n"],
)
async def test_all_sources_give_the_same_password(tmp_path: Path, keyring: Path, written: str) -> None:
    """A line's end and a byte order mark go; blanks and quotes may be part of it."""
    secret = " 'pass  wörd' \t"
    text = written.format(secret)
    path = tmp_path / "password"
    path.write_bytes(text.encode())
    path.chmod(0o600)
    (keyring / "__init__.py").write_text(f"def get_password(service, user):\n    return {text!r}\n")
    sources: list[tuple[Settings, dict[str, str]]] = [
        (cloud(), {"OSFSYNC_PASSWORD": text}),
        (cloud(password_file=path), {}),
        (cloud(password_command=printing(f"out.write({text.encode()!r})")), {}),
        (cloud(), {}),
    ]
    assert [await read_password(settings, environ) for settings, environ in sources] == [secret] * 4


@pytest.mark.parametrize("written", ["\n", "\r\n", "\ufeff", "\nsecond", "s3cr3t\udcff"])
async def test_what_is_no_password_in_the_variable_is_refused(written: str) -> None:
    with pytest.raises(ConfigError) as caught:
        await read_password(cloud(), {"OSFSYNC_PASSWORD": written})
    assert str(caught.value).startswith("OSFSYNC_PASSWORD gives ")
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize("written", ["token", " token \r\n", "\ufefftoken\n"])
async def test_blanks_around_a_device_s_token_do_not_count(tmp_path: Path, written: str) -> None:
    path = tmp_path / "token"
    path.write_bytes(written.encode())
    path.chmod(0o600)
    settings = Settings(cloud=CloudSettings(url=URL, username="u"), mqtt=MqttSettings(token_file=path))
    assert await read_token(settings) == "token"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "gives an empty first line"),
        (b"\nsecond", "gives an empty first line"),
        (b"s3cr3t\xff", "gives no UTF-8 text"),
        (b"s3cr3t" * 1000, "gives more than 4096 bytes"),
    ],
)
async def test_what_is_no_password_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "password"
    path.write_bytes(data)
    path.chmod(0o600)
    for settings in (cloud(password_file=path), cloud(password_command=printing(f"out.write({data!r})"))):
        text = await refusal(settings)
        assert message in text
        assert "s3cr3t" not in text


async def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    text = await refusal(cloud(password_file=tmp_path / "nowhere"))
    assert f"cloud.password_file {tmp_path / 'nowhere'} can't be read: No such file" in text


async def test_a_failing_command_tells_its_status_and_nothing_it_prints() -> None:
    text = await refusal(cloud(password_command=printing("out.write(b's3cr3t'); sys.exit(3)")))
    assert text == "cloud.password_command failed with exit status 3."


async def test_a_command_that_is_not_there_is_told() -> None:
    text = await refusal(cloud(password_command=("osfsync-no-such-program",)))
    assert text.startswith("cloud.password_command can't be started: ")


async def test_a_command_that_prints_for_ever_is_stopped() -> None:
    text = await refusal(
        cloud(password_command=printing("[out.write(b's3cr3t' * 999) for _ in iter(int, 1)]"))
    )
    assert "gives more than 4096 bytes" in text


async def test_a_command_that_hangs_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_PATIENCE", 0.2)
    text = await refusal(cloud(password_command=printing("time.sleep(600)")))
    assert "cloud.password_command did not end within" in text


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
async def test_a_pipe_that_nobody_writes_to_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "_PATIENCE", 0.2)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    try:
        assert "gave no password within" in await refusal(cloud(password_file=pipe))
    finally:
        pipe.open("wb").close()  # lets the waiting thread go


def test_only_this_module_brings_the_task_library() -> None:
    code = "import sys, osfsync.config{}; print('anyio' in sys.modules)"
    for module, brings in (("", "False"), (".password", "True")):
        command = [sys.executable, "-c", code.format(module)]
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == brings
