"""`verify` and `manifest`: the archive compared with the state, and listed with its hashes."""

import sys
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from osfsync.cli.context import Context, pass_context, run_async
from osfsync.cli.output import complain, complain_of_exit, say
from osfsync.cli.rows import device_option, format_option, output_option, wait_lock_option
from osfsync.cli.types import SHARE

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence
    from typing import Any

    from osfsync.app.verify import Verified, VerifyRequest
    from osfsync.domain.sample import Sample
    from osfsync.pipeline.tally import Tally
    from osfsync.pipeline.verify import Progress
    from osfsync.reports.renderers import Renderer
    from osfsync.reports.verify import VerificationModel, VerifiedModel


@click.command()
@device_option
@click.option(
    "--sample",
    "share",
    type=SHARE,
    help="Read only this share of the files (5%), another one each day; all are read only if it runs daily.",
)
@click.option("--seed", type=int, help="Which sample: one number, one choice of files. Else the day's.")
@click.option("--repair", is_flag=True, help="Move aside what is broken, and fetch it again.")
@wait_lock_option
@format_option
@pass_context
def verify(
    context: Context,
    *,
    devices: tuple[str, ...],
    share: Fraction | None,
    seed: int | None,
    repair: bool,
    wait_lock: timedelta | None,
    format_name: str,
) -> int:
    """Read the held files once more, and compare length, content and SHA-256 with what was fetched.

    Finds what is missing, changed or can't be read, and, where everything is verified, what is extra.
    """
    from osfsync.app import repair as mending
    from osfsync.app import verify as reading

    if seed is not None and share is None:
        raise click.UsageError("--seed chooses a sample, so it goes with --sample.")
    if wait_lock is not None and not repair:
        raise click.UsageError("A verification without --repair needs no lock, so --wait-lock goes with it.")
    context.set_up_logs()
    settings = context.load().settings
    request = reading.VerifyRequest(devices, _sample(share, seed))
    shown = _Shown(format_name)
    mingles = format_name != "table" and sys.stdout.isatty()  # rows come while the live line is drawn
    watch = reading.ignore_progress if mingles else partial(_watch, context)
    if repair:
        work = partial(
            mending.repair,
            settings,
            context.password(settings),
            request,
            shown.tell,
            watch=watch,
            wait_lock=wait_lock or timedelta(0),
        )
    else:
        work = partial(reading.verify, settings, request, shown.tell, watch=watch)
    verified = run_async(work)
    shown.end(verified, request)
    return _told(context, verified)


def _sample(share: Fraction | None, seed: int | None) -> "Sample | None":
    from osfsync.domain.sample import Sample

    if share is None:
        return None
    return Sample(share, datetime.now(UTC).toordinal() if seed is None else seed)


class _Shown:
    """Rows on stdout as they are found; a table shows what is not ok."""

    def __init__(self, format_name: str) -> None:
        from osfsync.reports.renderers import renderer
        from osfsync.reports.verify import VERIFIED

        self._drawing: Renderer = renderer(format_name, VERIFIED)
        self._drops_fine = format_name == "table"
        self._head = self._drawing.begin()
        self._begun = False
        self._wanted = True

    async def tell(self, rows: "Sequence[VerifiedModel]") -> bool:
        """Write some rows; answers whether anybody still reads."""
        from osfsync.domain.verdict import Verdict

        told = [row for row in rows if not self._drops_fine or row.verdict != Verdict.OK]
        self._say(self._drawing.rows(told))
        self._begun = True
        return self._wanted

    def end(self, verified: "Verified", request: "VerifyRequest") -> None:
        """Write the sums. Where it failed before anything was read, stdout stays empty."""
        from osfsync.reports.verify import verification_tail

        if self._begun or not verified.error:
            self._say(self._drawing.end(verification_tail(_model(verified, request))))

    def _say(self, text: str) -> None:
        if self._wanted:
            self._wanted = say(self._head + text)
            self._head = ""


def _model(verified: "Verified", request: "VerifyRequest") -> "VerificationModel":
    from osfsync.reports.verify import VerificationModel

    sample, verdicts = request.sample, verified.progress.verdicts
    return VerificationModel(
        totals={verdict.value: number for verdict, number in verdicts.most_common()},
        sample=None if sample is None else f"{float(sample.share * 100):g}%",
        sample_number=None if sample is None else sample.number,
        extra_looked_for=request.is_whole,
        complete=verified.complete,
        exit_code=int(verified.exit_code),
        error=verified.error or None,
        repair=verified.repair,
    )


def _told(context: Context, verified: "Verified") -> int:
    from osfsync.domain.verdict import Verdict
    from osfsync.reports.text import amount

    extra = verified.progress.verdicts[Verdict.EXTRA]
    if extra and not context.quiet:
        click.echo(
            f"osfsync: warning: {amount(extra, 'extra file')} in the archive, which the state does not hold; "
            "nothing was done about it.",
            err=True,
        )
    if context.quiet and verified.exit_code:
        complain_of_exit("verify", verified.error or _broken(verified), int(verified.exit_code))
    elif verified.error:
        complain(verified.error)
    return int(verified.exit_code)


def _broken(verified: "Verified") -> str:
    """What a verification found and a repair left, on one line."""
    from osfsync.reports.text import amount, count

    found = [
        f"{count(number)} {verdict.value}"
        for verdict, number in verified.progress.verdicts.most_common()
        if verdict.is_broken
    ]
    parts = [f"{amount(verified.progress.broken, 'file')} broken ({', '.join(found)})"]
    if verified.repair is not None:
        parts.append(
            f"{count(verified.repair.left)} not back, {count(verified.repair.stuck)} left as they are"
        )
    return f"partial: {', '.join(parts)}"


def _watch(context: Context, verification: "Progress", run: "Tally | None") -> "Coroutine[Any, Any, None]":
    from osfsync.cli.progress import progress

    return progress(context, sys.stderr, _describe)((verification, run))


def _describe(told: "tuple[Progress, Tally | None]") -> str:
    """How far it has come, on one line: the verification, then what is fetched again."""
    from osfsync.cli.progress import describe
    from osfsync.reports.text import count, size

    verification, run = told
    if run is not None and run.devices_seen:
        return describe(run)
    parts = [
        f"files {count(verification.files)}/{count(verification.of_files)}",
        f"read {size(verification.bytes)} of {size(verification.of_bytes)}",
    ]
    if verification.broken:
        parts.append(f"{count(verification.broken)} broken")
    return " · ".join(parts)


@click.command()
@output_option("FILE")
@pass_context
def manifest(context: Context, *, target: Path) -> None:
    """Write SHA-256 and path of every held file, as the state knows them, for `sha256sum -c`.

    Paths are relative to the archive: check them with `cd mirror && sha256sum -c /path/of/MANIFEST`.
    """
    from osfsync.app import verify as reading
    from osfsync.reports.text import amount

    loaded = context.load()
    files = run_async(partial(reading.manifest, loaded.settings, target, loaded.files))
    click.echo(f"{target} lists {amount(files, 'file')}.")
