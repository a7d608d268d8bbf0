"""The account's password, read at the moment of the login.

Imported only where a password is needed: it brings anyio. Register what it gives with `osfsync.logs.hide`.
"""

import importlib
import importlib.util
import os
import stat
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import anyio
import structlog
from anyio import to_thread
from anyio.abc import Process

from osfsync.config.schema import Settings
from osfsync.config.sources import PASSWORD_HINT, PASSWORD_VARIABLE
from osfsync.domain.errors import ConfigError

KEYRING_SERVICE = "osfsync"
_KEY_STORE = "the system's key store"
_PATIENCE = 60.0
_LONGEST = 4_096
_OPEN_TO_OTHERS = stat.S_IRWXG | stat.S_IRWXO

_T = TypeVar("_T")
_log = structlog.get_logger(__name__)


async def read_password(settings: Settings, environ: Mapping[str, str]) -> str:
    """Take the password from the first source that is there.

    OSFSYNC_PASSWORD, then `password_file`, then `password_command`, then the system's key store.
    A source that is named but fails is an error; the next one is not tried. Raises ConfigError.
    """
    cloud = settings.cloud
    if password := from_variable(environ):
        return password
    if cloud.password_file is not None:
        path = cloud.password_file
        what = f"cloud.password_file {path}"
        return await _in_thread(lambda: _from_file(path, what), what)
    if cloud.password_command is not None:
        return await _from_command(cloud.password_command)
    account = f"{cloud.username}@{cloud.url}"
    if stored := await _in_thread(lambda: _from_keyring(account), _KEY_STORE):
        return _first_line(stored.encode(errors="surrogatepass"), _KEY_STORE)
    raise ConfigError(f"No password for {cloud.username}.", hint=f"Do one of these: {PASSWORD_HINT}.")


def from_variable(environ: Mapping[str, str]) -> str:
    """The password in OSFSYNC_PASSWORD, empty where that is not set. Raises ConfigError."""
    written = environ.get(PASSWORD_VARIABLE, "")
    return written and _first_line(written.encode(errors="surrogatepass"), PASSWORD_VARIABLE)


async def read_token(settings: Settings) -> str:
    """The access token of the user's own device. Raises ConfigError."""
    path = settings.mqtt.token_file
    if path is None:
        raise ConfigError(
            "No token for the device of your own.",
            hint="Put its access token into a file that mqtt.token_file names.",
        )
    what = f"mqtt.token_file {path}"
    return (await _in_thread(lambda: _from_file(path, what), what)).strip()


async def _in_thread(work: Callable[[], _T], what: str) -> _T:
    """Do what may block (a pipe in place of a file, a key store that asks) without waiting for ever."""
    try:
        with anyio.fail_after(_PATIENCE):
            return await to_thread.run_sync(work, abandon_on_cancel=True)
    except TimeoutError:
        raise ConfigError(f"{what} gave no password within {_PATIENCE:.0f} seconds.") from None


def _from_file(path: Path, what: str) -> str:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(_LONGEST + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigError(f"{what} can't be read: {reason}.") from error
    # Windows has no such bits: there the folder's access list decides.
    if os.name == "posix" and stat.S_ISREG(mode) and mode & _OPEN_TO_OTHERS:
        _log.warning(
            "a file with a secret is open to other users", path=str(path), advice=f"chmod 600 {path}"
        )
    return _first_line(data, what)


async def _from_command(command: tuple[str, ...]) -> str:
    """Run a program without a shell; its error output goes where ours goes, its output into no message."""
    what = "cloud.password_command"
    try:
        with anyio.fail_after(_PATIENCE):
            async with await anyio.open_process(command, stdin=subprocess.DEVNULL, stderr=None) as process:
                data = await _output(process)
                status = await process.wait()
    except TimeoutError:
        raise ConfigError(f"{what} did not end within {_PATIENCE:.0f} seconds.") from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigError(f"{what} can't be started: {reason}.") from error
    if status != 0 and len(data) <= _LONGEST:
        raise ConfigError(f"{what} failed with exit status {status}.")
    return _first_line(data, what)


async def _output(process: Process) -> bytes:
    """What a program prints, of which no more than a password's length is kept or waited for."""
    data = b""
    if process.stdout is not None:
        async for piece in process.stdout:
            data += piece
            if len(data) > _LONGEST:
                with suppress(ProcessLookupError):  # it may have ended meanwhile
                    process.kill()
                break
    return data[: _LONGEST + 1]


def _from_keyring(account: str) -> str | None:
    """Ask the system's key store, where the extra `keyring` is installed."""
    if importlib.util.find_spec("keyring") is None:
        return None
    keyring = importlib.import_module("keyring")
    errors = importlib.import_module("keyring.errors")
    try:
        password: str | None = keyring.get_password(KEYRING_SERVICE, account)
    except errors.NoKeyringError:
        return None  # a server without a key store, where the extra is merely installed
    except errors.KeyringError as error:
        raise ConfigError(f"The system's key store refused: {type(error).__name__}.") from error
    return password


def _first_line(data: bytes, what: str) -> str:
    """The password as every source gives it: without a mark and a line's end; blanks belong to it."""
    if len(data) > _LONGEST:
        raise ConfigError(f"{what} gives more than {_LONGEST} bytes: that is no password.")
    try:
        line = data.decode("utf-8-sig").partition("\n")[0].rstrip("\r")
    except UnicodeDecodeError:
        raise ConfigError(f"{what} gives no UTF-8 text.") from None
    if not line:
        raise ConfigError(f"{what} gives an empty first line where the password should be.")
    return line
