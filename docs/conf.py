"""How the documentation is built: `make docs`. Needs no network."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from generate import generate

from osfsync import __version__

project = "osfsync"
author = "The osfsync maintainers"
copyright = author  # noqa: A001 - Sphinx' name
release = version = __version__

extensions = ["myst_parser"]
exclude_patterns = ["recipes", "schemas", "_build"]
html_theme = "alabaster"
html_theme_options = {
    "description": "Mirrors the OSF files of an optiCLOUD tenant, and says why each missing file is missing",
    "fixed_sidebar": True,
    "page_width": "1100px",
}
html_show_sourcelink = False
myst_heading_anchors = 3
nitpicky = True

today = f"osfsync {version}"
man_pages = [("reference/commands", "osfsync", "mirror the OSF files of an optiCLOUD tenant", [], 1)]

generate(Path(__file__).parent / "reference")
