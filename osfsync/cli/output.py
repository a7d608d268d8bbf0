"""Writing to stdout, which may be a pipe whose reader has had enough, and to stderr."""

import errno
import os
import stat
import sys

import click

from osfsync.domain.errors import OsfsyncError
from osfsync.reports.text import for_terminal


def say(text: str) -> bool:
    """Write text to stdout; answers whether anybody still reads.

    It is written as it is, but to a terminal: there no hostile name must steer anything, not even in CSV.

    A reader that went away (`osfsync files --format csv | head`) is no error: what is written from then
    on goes nowhere, also what the interpreter flushes at its end.
    """
    try:
        sys.stdout.write(for_terminal(text) if sys.stdout.isatty() else text)
        sys.stdout.flush()
    except OSError as error:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        if not _reader_left(error):
            raise OsfsyncError(f"The output can't be written: {error.strerror}.") from error
        return False
    return True


def complain(text: str) -> None:
    """Tell on stderr what is wrong."""
    click.echo(for_terminal(f"osfsync: {text}"), err=True)


def complain_of_exit(command: str, why: str, code: int) -> None:
    """The line of `-q` for an exit code that is not 0: cron mails what is printed, and sees no exit codes."""
    complain(f"{command}: {' '.join(why.split()).rstrip('.')}; exit {code}")


def _reader_left(error: OSError) -> bool:
    if error.errno == errno.EIO and stat.S_ISCHR(os.fstat(sys.stdout.fileno()).st_mode):
        return True  # the terminal was closed
    # Windows tells a pipe without a reader as an invalid argument.
    return isinstance(error, BrokenPipeError) or (sys.platform == "win32" and error.errno == errno.EINVAL)
