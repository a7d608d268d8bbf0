"""Values on the command line as people write them: moments, durations, sizes."""

from collections.abc import Callable
from typing import Any

import click

from osfsync.config import parse_duration, parse_end, parse_moment, parse_share, parse_size
from osfsync.domain.errors import ConfigError
from osfsync.domain.model import utc_now


class _Parsed(click.ParamType[Any]):
    """A value that a parser of the configuration reads."""

    def __init__(self, name: str, parse: Callable[[str], Any]) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return self._parse(value)
        except ConfigError as error:
            self.fail(str(error), param, ctx)


DURATION = _Parsed("duration", parse_duration)
SIZE = _Parsed("size", parse_size)
SHARE = _Parsed("share", parse_share)
MOMENT = _Parsed("moment", lambda text: parse_moment(text, utc_now()))
END = _Parsed("moment", lambda text: parse_end(text, utc_now()))
