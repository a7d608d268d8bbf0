"""The fuzz campaign finds its tool or says how to get it, and tells what it did."""

import importlib.util
import os
from pathlib import Path

import pytest

from tests.campaign import fuzz


def test_a_missing_tool_is_told_with_the_way_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert fuzz.main([]) == 2
    assert "pip install -e '.[fuzz]'" in capsys.readouterr().err


@pytest.mark.parametrize(("added", "code"), [("", 0), ("    raise ValueError('a \\u202e defect')\n", 1)])
def test_a_target_is_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], added: str, code: int
) -> None:
    pytest.importorskip("atheris")
    # The process under way imports this before all else: a defect that only it has.
    script = "import osfsync.cloud.refusals as r\nbefore = r.retry_after\ndef after(*a):\n"
    (tmp_path / "sitecustomize.py").write_text(
        f"{script}{added}    return before(*a)\nr.retry_after = after\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(Path.cwd())]))
    assert fuzz.main(["--seconds", "1", "--target", "headers", "--corpus", str(tmp_path / "corpus")]) == code
    told = capsys.readouterr().out
    assert "headers" in told
    assert ("ValueError" in told) is bool(added)
    assert list((tmp_path / "corpus" / "headers").glob("seed-*"))


def test_an_unknown_target_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("atheris")
    assert fuzz.main(["--target", "nobody"]) == 2
    assert "file list" in capsys.readouterr().out
