"""Device-only files → few commands. Pure."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from osfsync.domain.model import TimeWindow
from osfsync.pipeline.messages import Wanted


@dataclass(frozen=True, slots=True)
class MergeTerms:
    """How files are put together.

    Attributes:
        tag: of files whose own is not known.
        gap: recordings no further apart than this go into one command.
        longest: the longest window, but for a single recording that is longer.
    """

    tag: str
    gap: timedelta
    longest: timedelta


@dataclass(frozen=True, slots=True)
class Command:
    """One request-list: deliver the files of `window`; `names` are those it is meant for."""

    window: TimeWindow
    tag: str
    names: tuple[str, ...]
    urgent: bool


def commands_for(
    wanted: Sequence[Wanted], waiting: Mapping[str | None, Sequence[float]], terms: MergeTerms
) -> list[Command]:
    """The fewest commands that cover all files: urgent ones first, then the oldest.

    A command carries the tag of its files where the list tells it. No window reaches over a recording of its
    tag that is ordered already (`waiting`, see OrderJob): the device would be asked for it twice.
    """
    by_tag: dict[str, list[Wanted]] = {}
    for file in wanted:
        by_tag.setdefault(file.tag or terms.tag, []).append(file)
    commands = [
        command
        for tag, files in by_tag.items()
        for command in _of_one_tag(
            tag, sorted(files, key=lambda file: file.span), _waiting_of(tag, waiting, terms), terms
        )
    ]
    return sorted(commands, key=lambda command: (not command.urgent, command.window, command.tag))


def _waiting_of(
    tag: str, waiting: Mapping[str | None, Sequence[float]], terms: MergeTerms
) -> Sequence[float]:
    own = waiting.get(tag, ())
    return sorted((*own, *waiting.get(None, ()))) if tag == terms.tag else own


def _of_one_tag(
    tag: str, files: Sequence[Wanted], waiting: Sequence[float], terms: MergeTerms
) -> Iterator[Command]:
    group: list[Wanted] = []
    window: TimeWindow | None = None
    for file in files:
        if window is not None and _belongs(file, group[-1], window, waiting, terms):
            window = TimeWindow(window.start, max(window.end, file.span.end))
            group.append(file)
            continue
        if window is not None:
            yield _command(tag, window, group)
        window, group = file.span, [file]
    if window is not None:
        yield _command(tag, window, group)


def _belongs(
    file: Wanted, last: Wanted, window: TimeWindow, waiting: Sequence[float], terms: MergeTerms
) -> bool:
    if file.span.start - window.end > terms.gap or file.urgent is not last.urgent:
        return False
    if max(window.end, file.span.end) - window.start > terms.longest and file.span != last.span:
        return False
    between = bisect_right(waiting, window.end.timestamp())
    return between == len(waiting) or waiting[between] >= file.span.start.timestamp()


def _command(tag: str, window: TimeWindow, group: Sequence[Wanted]) -> Command:
    """The window takes in the whole of its last second: the platform's lists know seconds only.

    It does not touch the next second, in which another recording may begin.
    """
    last = max(window.end, window.end.replace(microsecond=999_000))
    whole = TimeWindow(window.start.replace(microsecond=0), last)
    return Command(whole, tag, tuple(file.name for file in group), group[0].urgent)
