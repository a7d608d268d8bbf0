"""Safe, stable paths from hostile names. Pure: nothing here looks at a disk.

An ordinary name keeps its spelling. Any other name is cleaned and told apart by a short hash of the whole
original name, put before the suffix: `a?.osfz` becomes `a_~1a2b3c4d5e.osfz`. A name that already looks like
that counts as unsafe, so no name can pose as another's path. So does a folder that looks like a file
(`a.osf/`) and a file that looks like a folder (`a`): one of them would stand in the way of the other. The
rules are fixed ranges of characters and fixed lengths, the same on every system: an archive can be moved.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from string import Formatter

from osfsync.domain.errors import ConfigError
from osfsync.domain.pathkey import path_key

__all__ = [
    "FIELDS",
    "PART_FOLDER",
    "check_layout",
    "device_folder",
    "is_component",
    "names_have_paths_of_their_own",
    "path_key",
    "safe_path",
    "twin_of",
    "twin_paths",
]

PART_FOLDER = ".osfsync-part"  # at the archive's root; no path ever leads into it
FIELDS = ("tenant", "device", "device_id", "path", "name", "date")

_HASH_DIGITS = 10
_TWIN_DIGITS = (10, 20, 40)  # a short hash alone may be met by a name that was made for it
_COMPONENT_BYTES = 240  # file systems take 255; the rest is for one more hash
_FOLDER_BYTES = 100  # tenant, device and device id: the whole path must stay under 1,024 bytes (macOS)
_NAME_BYTES = 400
_LONGEST = 255  # bytes; what file systems take
_LAYOUT_LENGTH = 120

# Control characters, invisible and direction-changing ones, lone surrogates, non-characters, and what
# Windows refuses in names.
_UNSAFE = re.compile(
    '[\x00-\x1f\x7f-\x9f<>:"|?*\\\\/\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f'
    "\ufeff\ufff0-\uffff\ud800-\udfff\U000e0000-\U000e007f]"
)
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|clock\$|(com|lpt)[0-9¹²³]) *(\.|$)", re.IGNORECASE)
_SUFFIX = re.compile(r"(?<=.)\.[0-9A-Za-z]{1,16}\Z", re.DOTALL)
_HASHED = re.compile(rf"~(?:[0-9a-f]{{{_HASH_DIGITS}}}){{1,4}}\Z")


def check_layout(layout: str) -> None:
    """Refuse a layout that would mix files up. Raises ConfigError that says what is allowed."""
    hint = "Known fields: " + " ".join(f"{{{field}}}" for field in FIELDS) + "; such as {device}/{path}."
    try:
        pieces = _pieces(layout)
    except ValueError as error:
        raise ConfigError(f"archive.layout {layout!r} can't be read: {error}.", hint=hint) from error
    if len(layout) > _LAYOUT_LENGTH:
        raise ConfigError(f"archive.layout is longer than {_LAYOUT_LENGTH} characters.", hint=hint)
    if "{{" in layout or "}}" in layout:
        raise ConfigError(f"archive.layout {layout!r} must have braces around fields only.", hint=hint)
    if not layout.endswith(("{path}", "{name}")):
        raise ConfigError(f"archive.layout {layout!r} must end with {{path}} or {{name}}.", hint=hint)
    if "{path}" in layout.removesuffix("{path}") or re.search(r"[^/]\{path\}$", layout):
        raise ConfigError(f"archive.layout {layout!r} must have {{path}} once, as {{path}} alone.", hint=hint)
    folders = layout.rpartition("/")[0]
    if "{device}" not in folders and "{device_id}" not in folders:
        raise ConfigError(
            f"archive.layout {layout!r} must name a folder by {{device}} or {{device_id}}, "
            "so that two devices never share one.",
            hint=hint,
        )
    sample = "".join(literal + ("x" if field else "") for literal, field in pieces)
    for component in sample.split("/"):
        if not _is_ordinary(component) or _looks_hashed(component):
            raise ConfigError(f"archive.layout {layout!r} has an unsafe part {component!r}.", hint=hint)


def safe_path(  # noqa: PLR0913 - one keyword a field of the layout
    layout: str, *, tenant: str, device_folder: str, device_id: str, name: str, start: datetime | None
) -> str:
    """Where a file goes: relative to the archive, `/`-separated, safe on every system.

    Two names of a device get different paths, but for names that differ only as `path_key` ignores
    and, with `{name}`, those that share their last part: `twin_paths` tells these apart.

    Args:
        layout: passed `check_layout`.
        tenant: the tenant's name, as the platform spells it.
        device_folder: made by `device_folder`.
        device_id: as the platform spells it.
        name: the file's name, as the platform spells it.
        start: of the recording, zone-aware.
    """
    parts = name.split("/")
    ordinary = _is_ordinary(parts[-1]) and all(map(_is_ordinary_folder, parts[:-1]))
    ordinary = ordinary and _bytes(name) <= _NAME_BYTES
    if ordinary and names_have_paths_of_their_own(layout):
        ordinary = _has_suffix(parts[-1]) and not any(map(_looks_like_file, parts[:-1]))
    if not ordinary:
        parts = _cleaned_parts(name)
    values = {
        "tenant": _folder(tenant),
        "device": device_folder,
        "device_id": _folder(device_id),
        "path": "/".join(parts),
        "name": parts[-1],
        "date": "undated" if start is None else start.astimezone(UTC).date().isoformat(),
    }
    *folders, last = _render(layout, values).split("/")
    folders = [folder if _is_ordinary_folder(folder) else _hashed(folder, folder) for folder in folders]
    if not ordinary or not _is_ordinary(last) or _looks_hashed(last):
        last = _hashed(last, name)
    return "/".join([*folders, last])


def names_have_paths_of_their_own(layout: str) -> bool:
    """Whether plain paths tell a device's names apart, but for twins; not where only the last part counts."""
    return layout.endswith("{path}")


def twin_paths(path: str, name: str) -> Iterator[str]:
    """`path` told apart by a hash of the full original name: a short one first, then longer ones."""
    folders, slash, last = path.rpartition("/")
    for digits in _TWIN_DIGITS:
        yield folders + slash + _with_hash(last, name, digits)


def twin_of(component: str) -> str | None:
    """The last part of the path from which `twin_paths` made this one; None where it made none."""
    stem, suffix = _split(component)
    found = _HASHED.search(stem)
    return None if found is None else stem[: found.start()] + suffix


def is_component(text: str) -> bool:
    """Whether it may be a file's or folder's name as it is, on every system."""
    return _is_ordinary(text)


def device_folder(name: str, device_id: str, taken: Collection[str]) -> str:
    """One safe folder name for a device: its name, with a short hash of its id where that isn't enough.

    `taken` holds the folders of all other devices.
    """
    keys = {path_key(folder) for folder in taken}
    if _is_folder(name) and path_key(name) not in keys:
        return name
    cleaned = _clean(name, _FOLDER_BYTES - _HASH_DIGITS - 1)
    folders = [_with_hash(cleaned, device_id, digits) for digits in _TWIN_DIGITS]
    return next((folder for folder in folders if path_key(folder) not in keys), folders[-1])


@lru_cache(maxsize=16)
def _pieces(layout: str) -> tuple[tuple[str, str], ...]:
    """(literal text, field) pairs; field is empty after the last text."""
    pieces = []
    for literal, field, spec, conversion in Formatter().parse(layout):
        if field is not None and (field not in FIELDS or spec or conversion):
            raise ValueError(f"{{{field}}} is no known field")
        pieces.append((literal, field or ""))
    return tuple(pieces)


def _render(layout: str, values: Mapping[str, str]) -> str:
    return "".join(literal + values.get(field, "") for literal, field in _pieces(layout))


def _is_ordinary(component: str) -> bool:
    """Whether every system takes this as one file or folder name, and shows it as it is."""
    return (
        component not in {"", ".", ".."}
        and not component.startswith(" ")
        and not component.endswith((" ", "."))
        and _UNSAFE.search(component) is None
        and _RESERVED.match(component) is None
        and path_key(component) != PART_FOLDER
        and _bytes(component) <= _COMPONENT_BYTES
    )


@lru_cache(maxsize=1024)
def _is_ordinary_folder(component: str) -> bool:
    """The same: thousands of files share a folder."""
    return _is_ordinary(component)


def _is_folder(component: str) -> bool:
    return _is_ordinary(component) and not _looks_hashed(component) and _bytes(component) <= _FOLDER_BYTES


@lru_cache(maxsize=256)
def _folder(text: str) -> str:
    return text if _is_folder(text) else _hashed(text, text, _FOLDER_BYTES)


def _cleaned_parts(name: str) -> list[str]:
    parts = [_clean(part) for part in re.split(r"[/\\]", name) if part not in {"", "."}] or ["_"]
    if _bytes("/".join(parts)) > _NAME_BYTES - _HASH_DIGITS - 1:
        return parts[-1:]
    return [*map(_as_folder, parts[:-1]), parts[-1]]


def _as_folder(component: str) -> str:
    """A cleaned folder that can't be taken for a file."""
    for mark in "~.":
        if mark in component and _looks_like_file(component):
            stem, _, rest = component.rpartition(mark)
            component = f"{stem}_{rest}"
    return component


def _hashed(component: str, text: str, limit: int = _COMPONENT_BYTES) -> str:
    return _with_hash(_clean(component, limit - _HASH_DIGITS - 1), text)


def _clean(component: str, limit: int = _COMPONENT_BYTES) -> str:
    cleaned = _UNSAFE.sub("_", component).strip(" ").rstrip(" .")
    if _RESERVED.match(cleaned) or path_key(cleaned) == PART_FOLDER:
        cleaned = "_" + cleaned
    return _shortened(cleaned, limit) or "_"


def _shortened(component: str, limit: int) -> str:
    """Cut to `limit` bytes of UTF-8, the suffix kept."""
    if _bytes(component) <= limit:
        return component
    stem, suffix = _split(component)
    room = limit - len(suffix)
    return stem.encode()[:room].decode(errors="ignore").rstrip(" .") + suffix


def _with_hash(component: str, text: str, digits: int = _HASH_DIGITS) -> str:
    stem, suffix = _split(component)
    room = _LONGEST - digits - 1 - len(suffix)
    if _bytes(stem) > room:
        stem = _shortened(stem, room)
    return f"{stem}~{_hash(text)[:digits]}{suffix}"


@lru_cache(maxsize=1024)
def _looks_like_file(component: str) -> bool:
    """Whether some file system may take a folder for what a file is called here."""
    return _has_suffix(component) or _looks_hashed(component)


def _has_suffix(component: str) -> bool:
    """Whether it ends as a file does, such as `.osf`; a number is no such end: `v1.2`, `2025.06.26`."""
    return bool(_split(path_key(component))[1].strip(".0123456789"))


def _looks_hashed(component: str) -> bool:
    return _HASHED.search(_split(path_key(component))[0]) is not None


def _split(component: str) -> tuple[str, str]:
    """Stem and suffix; the suffix is short and ASCII, or empty."""
    found = _SUFFIX.search(component)
    return (component[: found.start()], found.group()) if found else (component, "")


def _hash(text: str) -> str:
    return sha256(text.encode(errors="surrogatepass")).hexdigest()


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))
