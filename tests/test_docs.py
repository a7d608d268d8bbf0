"""The documentation builds without a warning and without a network, and is of this very program."""

import re
import shutil
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest

from osfsync.cli.main import _COMMANDS
from osfsync.config.schema import KEYS
from osfsync.domain.errors import ExitCode
from osfsync.domain.planner import TABLE, Reason
from tests.cli.test_cli_errors import clean_environment

DOCS = Path(__file__).parents[1] / "docs"
COMMAND = Path(sys.executable).with_name("osfsync")


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


def test_the_man_page_is_of_this_program(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "man", DOCS, tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    shipped, built = DOCS / "man" / "osfsync.1", tmp_path / "osfsync.1"
    assert words_of_man_page(shipped) == words_of_man_page(built), "run `make schemas`"


def words_of_man_page(page: Path) -> list[str]:
    """What a reader sees: the markup depends on the version of docutils."""
    lines = page.read_text(encoding="utf-8").partition("\n.TH ")[2].splitlines()
    text = "\n".join(line for line in lines if not line.startswith((".", "'")) or line.startswith(".SH "))
    return re.findall(r"\w+", re.sub(r"\\(\(..|f.|.)", " ", text))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completions_are_those_of_the_program(tmp_path: Path, shell: str) -> None:
    environment = clean_environment({"_OSFSYNC_COMPLETE": f"{shell}_source"}, tmp_path)
    made = subprocess.run([COMMAND], env=environment, capture_output=True, text=True, check=True).stdout
    assert (DOCS / "completions" / f"osfsync.{shell}").read_text(encoding="utf-8") == made


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    ("words", "completed"), [("osfsync mis", "missing"), ("osfsync missing --rea", "--reason")]
)
def test_bash_completes(tmp_path: Path, words: str, completed: str) -> None:
    script = (
        f"source {DOCS / 'completions' / 'osfsync.bash'}; COMP_WORDS=({words}); "
        f'COMP_CWORD={words.count(" ")}; _osfsync_completion {COMMAND}; echo "${{COMPREPLY[@]}}"'
    )
    done = subprocess.run(
        ["bash", "-c", script],  # noqa: S607 - the system's
        env=clean_environment({}, tmp_path),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [completed]


def test_no_page_asks_another_host_for_anything(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = text_of(page)
        assert 'src="http' not in text, page
        assert 'rel="stylesheet" type="text/css" href="http' not in text, page
