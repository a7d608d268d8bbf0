"""What is said in English is said in German, too, with the same values."""

import ast
from pathlib import Path
from string import Formatter

import pytest

from osfsync.reports import asking, build, evidence, ordering, tongue, words
from osfsync.reports.german import NOUNS, SENTENCES
from osfsync.reports.tongue import amount, in_german, moment, say


def said() -> set[str]:
    """All sentences and nouns in the modules' calls."""
    sentences = set()
    for module in (asking, build, evidence, ordering, words, tongue):
        for node in ast.walk(ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "say":
                (first, *_) = node.args
                assert isinstance(first, ast.Constant), ast.unparse(node)
                sentences.add(str(first.value))
    return sentences


def test_every_sentence_has_a_translation_and_none_is_left_over() -> None:
    assert said() == set(SENTENCES)
    assert len(SENTENCES) > 50


@pytest.mark.parametrize("sentence", SENTENCES)
def test_a_translation_has_the_same_values(sentence: str) -> None:
    german = SENTENCES[sentence]
    assert german != sentence

    def fields(text: str) -> set[str | None]:
        return {field for _, field, _, _ in Formatter().parse(text) if field is not None}

    assert fields(german) == fields(sentence)


def test_a_language_holds_where_it_was_asked_for() -> None:
    with in_german():
        assert say("None.") == "Nichts."
        assert [amount(number, "file") for number in (1, 2)] == ["1 Datei", "2 Dateien"]
        assert moment(None) == "nie"
    assert say("None.") == "None."
    assert amount(2, "file") == "2 files"
    assert set(NOUNS) == {"file", "awaited file", "other command", "command", "time"}
