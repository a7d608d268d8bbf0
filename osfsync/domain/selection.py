"""Which devices and files the user wants: globs, told by name so that a report can say which one."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import translate
from typing import Self

from osfsync.domain.model import Device
from osfsync.domain.planner import Choice


@dataclass(frozen=True, slots=True)
class Globs:
    """Case-insensitive globs: something passes where one of `include` fits it and none of `exclude`."""

    include: tuple[str, ...]
    exclude: tuple[str, ...]
    _include: re.Pattern[str]
    _exclude: re.Pattern[str]

    @classmethod
    def of(cls, include: Sequence[str], exclude: Sequence[str] = ()) -> Self:
        """Compile once, ask often."""
        return cls(tuple(include), tuple(exclude), _any_of(include), _any_of(exclude))

    def choose(self, *spellings: str) -> Choice:
        """Judge something that goes by several spellings (a name and an id, a path and its last part)."""
        if self.exclude and self.excludes(*spellings):
            return Choice.EXCLUDED
        include = self._include.match
        for spelling in spellings:  # asked a million times a night: no generators
            if include(spelling) is not None:
                return Choice.SELECTED
        return Choice.EXCLUDED

    def excludes(self, *spellings: str) -> bool:
        """Whether a pattern that excludes fits any of the spellings, whatever else fits."""
        return any(self._exclude.match(spelling) is not None for spelling in spellings)

    def explain(self, *spellings: str) -> str:
        """Which rule keeps it out. Empty for what is selected."""
        for glob in self.exclude:
            if any(_any_of([glob]).match(spelling) for spelling in spellings):
                return f"excluded by the pattern {glob!r}"
        if not any(self._include.match(spelling) for spelling in spellings):
            return "fits none of the patterns " + ", ".join(repr(glob) for glob in self.include)
        return ""


def _any_of(globs: Sequence[str]) -> re.Pattern[str]:
    return re.compile("|".join(translate(glob) for glob in globs) or r"(?!)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Selection:
    """The user's choice of devices and files."""

    devices: Globs
    files: Globs

    def device(self, device: Device) -> Choice:
        """A device is chosen by its name or its id."""
        return self.devices.choose(device.name, device.id)

    def file(self, name: str) -> Choice:
        """A file is chosen by its whole name or the part after the last folder."""
        return self.files.choose(name, name.rpartition("/")[2])

    def explain_file(self, name: str) -> str:
        """Which rule keeps a file out."""
        return self.files.explain(name, name.rpartition("/")[2])
