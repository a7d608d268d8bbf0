"""`osfsync` and `python -m osfsync`: runs a command and turns its end into an exit code."""

import io
import locale
import os
import re
import sys
import traceback
from typing import TYPE_CHECKING

from osfsync.domain.errors import ExitCode, OsfsyncError, leaves

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


def main() -> None:
    """Run the command line and exit. An error is one message on stderr, never a traceback."""
    _open_closed_streams()
    _start_again_in_utf8()
    _steady_stderr()
    _steady_stdout()
    sys.exit(run(sys.argv[1:]))


def _open_closed_streams() -> None:
    """Let no other file become stdin, stdout or stderr where whoever started us has closed them."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number


def _start_again_in_utf8() -> None:
    """Names of files are UTF-8 whatever the locale: another run may have another one (cron, a service, ssh).

    Only Python's start decides on that. Arguments and settings keep their text, the terminal its encoding.
    """
    if sys.getfilesystemencoding() == "utf-8" or sys.flags.utf8_mode or not sys.executable:
        return
    environment = {os.fsencode(name): os.fsencode(value) for name, value in os.environ.items()}
    for name, value in os.environ.items():
        if name.startswith("OSFSYNC_"):
            environment[os.fsencode(name)] = value.encode(errors="surrogateescape")
    environment.setdefault(b"PYTHONIOENCODING", locale.getencoding().encode())
    own = len(sys.orig_argv) - len(sys.argv) + 1
    command = [os.fsencode(sys.executable), b"-X", b"utf8", *map(os.fsencode, sys.orig_argv[1:own])]
    given = [argument.encode(errors="surrogateescape") for argument in sys.orig_argv[own:]]
    os.execve(command[0], [*command, *given], environment)  # noqa: S606 - ourselves


def run(arguments: list[str]) -> int:
    """Run one command; answers its exit code."""
    try:
        code = _run(arguments)
    except KeyboardInterrupt:
        code = int(ExitCode.INTERRUPTED)
    if code and _is_quiet(arguments) and _said_nothing():
        _tell(f"osfsync: {ExitCode(code).name.lower().replace('_', ' ')}; exit {code}")
    return code


def _run(arguments: list[str]) -> int:
    # Imported here, so that Ctrl-C while they load is met by `run`.
    import click  # noqa: PLC0415

    from osfsync.cli.main import cli  # noqa: PLC0415

    try:
        result = cli.main(arguments, prog_name="osfsync", standalone_mode=False)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        if _is_quiet(arguments):
            _tell(f"osfsync: {_one_line(error.format_message())}; exit {ExitCode.USAGE}")
        else:
            error.show()
        return int(ExitCode.USAGE)
    except click.Abort:
        return int(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has had enough; nothing more may be written, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(ExitCode.UNEXPECTED)
    except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 — the last border: one message and a code
        return _failed(error, quiet=_is_quiet(arguments))
    return result if isinstance(result, int) else int(ExitCode.COMPLETE)


def _is_quiet(arguments: list[str]) -> bool:
    return "--quiet" in arguments or any(re.fullmatch(r"-v*q[qv]*", argument) for argument in arguments)


def _said_nothing() -> bool:
    """Whether stderr is known to be untouched; with -q an exit code that is not 0 is never without a word."""
    sys.stderr.flush()
    raw = getattr(getattr(sys.stderr, "buffer", None), "raw", None)
    return isinstance(raw, _Steady) and raw.written == 0


def _one_line(text: str) -> str:
    return " ".join(text.split()).rstrip(".")


def _failed(error: BaseException, *, quiet: bool) -> int:
    single = list(leaves(error))
    if any(isinstance(leaf, KeyboardInterrupt) for leaf in single):
        return int(ExitCode.INTERRUPTED)
    known = next((leaf for leaf in single if isinstance(leaf, OsfsyncError)), None)
    if known is not None:
        _tell(f"osfsync: {_one_line(str(known))}; exit {known.exit_code}" if quiet else f"osfsync: {known}")
        return int(known.exit_code)
    from osfsync.domain.machine import machine_limit  # noqa: PLC0415 - see `_run`

    limit = machine_limit(error)
    if limit is not None and "-vv" not in sys.argv:
        _tell(f"osfsync: {limit}")
        return int(limit.exit_code)
    if "-vv" in sys.argv:
        _tell("".join(traceback.format_exception(error)))
        return int(ExitCode.UNEXPECTED)
    first = single[0]
    _tell(
        f"osfsync: an unexpected error, {type(first).__name__}: {first}. This is a defect; please report it. "
        "osfsync -vv shows where it happened."
    )
    return int(ExitCode.UNEXPECTED)


def _tell(text: str) -> None:
    from osfsync.reports.text import for_terminal  # noqa: PLC0415 - see `_run`

    sys.stderr.write(for_terminal(text) + "\n")


class _Steady(io.FileIO):
    """Counts what can't be written as written.

    A full disk, a closed pipe or a lost terminal behind stderr must neither end a run nor hide its exit code:
    the files and the summary matter more than the words about them, and nobody is left to be told.
    """

    written = 0

    def write(self, data: "ReadableBuffer", /) -> int:
        size = memoryview(data).nbytes
        self.written += size
        try:
            return super().write(data) or size
        except OSError:
            return size


def _steady_stderr() -> None:
    """Give the whole process, libraries and exit included, a stderr that never fails."""
    stderr = sys.stderr
    if stderr is None:  # closed by whoever started us
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 — open until the end
        return
    binary = getattr(stderr, "buffer", None)
    # Anything else is a console of Windows, which takes text in its own way.
    if isinstance(getattr(binary, "raw", binary), io.FileIO):
        steady = io.BufferedWriter(_Steady(stderr.fileno(), "wb", closefd=False))
        sys.stderr = io.TextIOWrapper(
            steady, encoding=stderr.encoding, errors=stderr.errors, line_buffering=True
        )


def _steady_stdout() -> None:
    """Give the process a stdout that loses nothing, and takes every character.

    Unbuffered (PYTHONUNBUFFERED, as in many containers), Python drops what a full pipe did not take at once.
    """
    stdout = sys.stdout
    if stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 — open until the end
    if not isinstance(stdout, io.TextIOWrapper):
        return
    stdout.reconfigure(errors="backslashreplace")
    if isinstance(stdout.buffer, io.RawIOBase):
        buffered = io.BufferedWriter(io.FileIO(stdout.fileno(), "wb", closefd=False))
        sys.stdout = io.TextIOWrapper(buffered, encoding=stdout.encoding, errors=stdout.errors)


if __name__ == "__main__":
    main()
