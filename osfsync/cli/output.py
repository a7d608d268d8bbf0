"""Writing to stdout, which may be a pipe whose reader has had enough."""

import errno
import os
import sys

import click


def say(text: str) -> bool:
    """Write text to stdout as it is; answers whether anybody still reads.

    A reader that went away (`osfsync files --format csv | head`) is no error: what is written from then
    on goes nowhere, also what the interpreter flushes at its end.
    """
    try:
        click.echo(text, nl=False)
    except OSError as error:
        if not _reader_left(error):
            raise
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        return False
    return True


def _reader_left(error: OSError) -> bool:
    # Windows tells a pipe without a reader as an invalid argument.
    return isinstance(error, BrokenPipeError) or (sys.platform == "win32" and error.errno == errno.EINVAL)
