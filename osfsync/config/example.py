"""The commented example file, sync.toml.example, which `osfsync init` writes."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

_NAME = "sync.toml.example"


def example_text() -> str:
    """The text of the example.

    A wheel carries it inside the package; a source checkout has it beside the package.
    """
    package = Path(__file__).parents[1]
    inside = package / _NAME
    place = inside if inside.is_file() else package.parent / _NAME
    return place.read_text(encoding="utf-8")


def filled_text(values: Mapping[str, str]) -> str:
    """The example with these settings, texts by their dotted keys, in place of its own."""
    lines, section = [], ""
    left = dict(values)
    for line in example_text().splitlines():
        if header := re.fullmatch(r"\[([a-z.]+)\]", line):
            section = header[1]
        key = re.match(r"#?([a-z_]+) = ", line)
        text = None if key is None else left.pop(f"{section}.{key[1]}", None)
        lines.append(line if key is None or text is None else f"{key[1]} = {_quoted(text)}")
    if left:
        raise KeyError(f"no such keys in the example: {', '.join(left)}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """As TOML writes it: JSON's escapes are among TOML's."""
    return json.dumps(text, ensure_ascii=not text.isprintable())
