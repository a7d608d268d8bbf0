"""The commented example file, sync.toml.example, which `osfsync init` writes."""

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
