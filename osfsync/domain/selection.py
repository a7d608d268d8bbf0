"""Which devices and files the user wants: globs, told by name so that a report can say which one."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from fnmatch import translate
from typing import Self

from osfsync.domain.model import Device
from osfsync.domain.planner import Choice


@dataclass(frozen=True, slots=True)
class Globs:
    """Case-insensitive globs: something passes where one of `include` fits it and none of `exclude`.

    A glob also fits the name that is spelled like it: `Crane [4]` fits "Crane 4" and "Crane [4]".
    """

    include: tuple[str, ...]
    exclude: tuple[str, ...]
    _include: re.Pattern[str]
    _exclude: re.Pattern[str]

    @classmethod
    def of(cls, include: Sequence[str], exclude: Sequence[str] = ()) -> Self:
        """Compile once, ask often."""
        return cls(tuple(include), tuple(exclude), _any_of(include), _any_of(exclude))

    def among(self, names: Collection[str]) -> Self:
        """The same where all names are known: a pattern that is exactly one of them fits no other.

        A pattern with an asterisk stays a glob: a device of that name must not hide all others.
        """
        return replace(self, _include=_any_of(self.include, names), _exclude=_any_of(self.exclude, names))

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


def _any_of(globs: Sequence[str], names: Collection[str] = ()) -> re.Pattern[str]:
    return re.compile("|".join(_fitting(glob, names) for glob in globs) or r"(?!)", re.IGNORECASE)


def _fitting(glob: str, names: Collection[str]) -> str:
    """The regular expression of one glob."""
    itself = rf"(?:{re.escape(glob)})\Z"
    if "[" not in glob and "?" not in glob:
        return translate(glob)
    if "*" not in glob and any(re.match(itself, name, re.IGNORECASE) for name in names):
        return itself
    return f"{translate(glob)}|{itself}"


@dataclass(frozen=True, slots=True)
class Selection:
    """The user's choice of devices and files."""

    devices: Globs
    files: Globs

    def device(self, device: Device) -> Choice:
        """A device is chosen by its name or its id."""
        return self.devices.choose(device.name, device.id)

    def among(self, devices: Collection[Device]) -> Self:
        """The same where the devices are known: see `Globs.among`."""
        names = [spelling for device in devices for spelling in (device.name, device.id)]
        return replace(self, devices=self.devices.among(names))

    def file(self, name: str) -> Choice:
        """A file is chosen by its whole name or the part after the last folder."""
        return self.files.choose(name, name.rpartition("/")[2])

    def explain_file(self, name: str) -> str:
        """Which rule keeps a file out."""
        return self.files.explain(name, name.rpartition("/")[2])
