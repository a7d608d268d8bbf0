"""What every command needs: settings from all sources, logs, and a loop to run in."""

import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import click

from osfsync.cli.output import complain
from osfsync.config import Loaded, Settings, load
from osfsync.domain.errors import ConfigError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Context:
    """The options before the command. `verbosity` is -1 for quiet, else the number of -v."""

    config: Path | None
    verbosity: int
    log_format: Literal["console", "json"]

    @property
    def quiet(self) -> bool:
        """Whether nothing but errors is printed on stderr."""
        return self.verbosity < 0

    def set_up_logs(self) -> None:
        """Logs go to stderr; stdout belongs to the answer."""
        from osfsync import logs

        logs.setup(verbosity=self.verbosity, log_format=self.log_format, stream=sys.stderr)

    def load(self, flags: Mapping[str, object] | None = None) -> Loaded:
        """Settings from flags, environment and files; warnings are said on stderr."""
        loaded = load(config=self.config, environ=os.environ, flags=flags or {}, cwd=_working_folder())
        if not self.quiet:
            for warning in loaded.warnings:
                complain(f"warning: {warning}")
        self._hide(loaded.settings)
        return loaded

    def _hide(self, settings: Settings) -> None:
        """Whoever knows these addresses may post there."""
        addresses = [text for text in (settings.notify.ping_url, settings.notify.webhook_url) if text]
        if addresses:
            from osfsync import logs

            for address in addresses:
                logs.hide(address)

    def password(self, settings: Settings) -> Callable[[], Awaitable[str]]:
        """A way to the password, which is hidden from the logs as soon as it is known."""
        from osfsync import logs
        from osfsync.config.password import read_password

        async def ask() -> str:
            secret = await read_password(settings, os.environ)
            logs.hide(secret)
            return secret

        return ask


def _working_folder() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise ConfigError(
            "The working folder is not there any more.", hint="Change to another one."
        ) from None


def run_async(function: Callable[[], Awaitable[T]]) -> T:
    """Run a coroutine function in the fastest loop that the system has."""
    import gc

    import anyio

    from osfsync.app.capacity import make_room

    make_room()
    gc.freeze()  # modules stay: looking for garbage among them costs a twentieth of a run (measured)
    return anyio.run(function, backend_options={"use_uvloop": sys.platform != "win32"})


pass_context = click.make_pass_decorator(Context)
