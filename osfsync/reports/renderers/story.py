"""A file's whole story, for people."""

from collections.abc import Iterator

from osfsync.reports.models import StoriesModel, StoryModel
from osfsync.reports.renderers.table import wrap
from osfsync.reports.text import amount, moment, printable, size

_INDENT = "    "


def text(stories: StoriesModel) -> str:
    """One story after the other, and how many are not told."""
    told = ["\n".join(_story(story)) for story in stories.files]
    if stories.more:
        more = amount(stories.more, "more file")
        told.append(wrap(f"At least {more} go by this name; give the whole name, or --device."))
    return "\n\n".join(told) + "\n"


def _story(story: StoryModel) -> Iterator[str]:
    yield wrap(printable(f"{story.name} of {story.device}{_described(story)}"))
    for event in story.events:
        yield wrap(printable(f"  {moment(event.at)}  {event.what}"), indent=_INDENT)
    now = story.explanation if story.reason is None else f"{story.reason}. {story.explanation}"
    yield wrap(printable(f"Now: {now[:1].lower()}{now[1:]}"))
    if story.next_action is not None:
        yield wrap(printable(f"Next: {story.next_action}"))


def _described(story: StoryModel) -> str:
    parts = []
    if story.recorded_from is not None:
        parts.append(f"recorded from {moment(story.recorded_from)}")
    if story.recorded_to is not None:
        parts.append(f"{'to' if parts else 'recorded until'} {moment(story.recorded_to)}")
    told = [" ".join(parts)] if parts else []
    if story.size is not None:
        told.append(size(story.size))
    return f" ({', '.join(told)})" if told else ""
