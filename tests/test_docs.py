"""The documentation builds without a warning and without a network, and is of this very program."""

import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest

from osfsync.cli.main import _COMMANDS
from osfsync.config.schema import KEYS
from osfsync.domain.errors import ExitCode
from osfsync.domain.planner import TABLE, Reason

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html", DOCS, out],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return out


def text_of(page: Path) -> str:
    return unescape(page.read_text(encoding="utf-8"))


def test_the_reference_has_every_command_setting_reason_and_exit_code(site: Path) -> None:
    commands = text_of(site / "reference" / "commands.html")
    assert [name for name in _COMMANDS if f">osfsync {name}<" not in commands] == []
    configuration = text_of(site / "reference" / "configuration.html")
    assert [name for name in KEYS if name.rpartition(".")[2] not in configuration] == []
    reasons = text_of(site / "reasons.html")
    assert [reason for reason in Reason if reason.value not in reasons] == []
    codes = text_of(site / "reference" / "exit-codes.html")
    assert [code for code in ExitCode if f"<p>{int(code)}</p>" not in codes] == []


def test_the_planner_s_table_is_drawn_line_by_line(site: Path) -> None:
    page = text_of(site / "reference" / "planner.html")
    assert page.count("<tr") == len(TABLE) + 1


def test_no_page_asks_another_host_for_anything(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = text_of(page)
        assert 'src="http' not in text, page
        assert 'rel="stylesheet" type="text/css" href="http' not in text, page
