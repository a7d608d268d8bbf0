"""HTML: one page that needs no network, opens from disk, and shows what `PageModel` tells.

Nothing of it is written into the page as text: it travels packed, and the page's script puts it in place as
text, never as markup. The page's policy admits that script and that style alone.
"""

import gzip
import hashlib
from base64 import b64encode
from importlib.resources import files

import msgspec
from jinja2 import Environment, StrictUndefined

from osfsync.reports.page import PageModel

_SCRIPTS = ("words.js", "data.js", "parts.js", "heat.js", "missing.js", "main.js")


def html(page: PageModel) -> bytes:
    """The whole page, UTF-8."""
    script = "\n".join(_text(name) for name in _SCRIPTS)
    style = _text("page.css")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(_text("page.html"))
    told = template.render(
        page=page,
        script=script,
        style=style,
        script_hash=_hash(script),
        style_hash=_hash(style),
        data=b64encode(gzip.compress(msgspec.json.encode(page), 9, mtime=0)).decode(),
    )
    return told.encode()


def _text(name: str) -> str:
    return (files("osfsync.reports.renderers") / "page" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return b64encode(hashlib.sha256(text.encode()).digest()).decode()
