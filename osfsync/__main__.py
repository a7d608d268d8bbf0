"""`osfsync` and `python -m osfsync`: runs a command and turns its end into an exit code."""

import os
import sys

import click

from osfsync.cli.main import cli
from osfsync.domain.errors import ExitCode, OsfsyncError, leaves


def main() -> None:
    """Run the command line and exit. An error is one message on stderr, never a traceback."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command; answers its exit code."""
    try:
        result = cli.main(arguments, prog_name="osfsync", standalone_mode=False)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return int(ExitCode.USAGE)
    except (click.Abort, KeyboardInterrupt):
        return int(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has had enough; nothing more may be written, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(ExitCode.UNEXPECTED)
    except Exception as error:  # noqa: BLE001 — the last border: whatever it is, one message and a code
        return _failed(error)
    return result if isinstance(result, int) else int(ExitCode.COMPLETE)


def _failed(error: Exception) -> int:
    single = list(leaves(error))
    known = next((leaf for leaf in single if isinstance(leaf, OsfsyncError)), None)
    if known is not None:
        click.echo(f"osfsync: {known}", err=True)
        return int(known.exit_code)
    if "-vv" in sys.argv:
        raise error
    first = single[0]
    click.echo(
        f"osfsync: an unexpected error, {type(first).__name__}: {first}. This is a defect; please report it. "
        "osfsync -vv shows where it happened.",
        err=True,
    )
    return int(ExitCode.UNEXPECTED)


if __name__ == "__main__":
    main()
