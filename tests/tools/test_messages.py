"""The page that explains all error sentences: as the code says them, each a sentence that helps."""

import re

import pytest

from helpers.data import DataError, find_dataset
from tools import messages


def test_the_page_explains_what_the_code_says_and_nothing_else():
    assert messages.explained(messages.PAGE.read_text("utf-8")) == messages.said(), (
        "python -m tools.messages says what differs"
    )


def test_a_difference_is_printed(monkeypatch, tmp_path, capsys):
    page = messages.PAGE.read_text("utf-8")
    other = page.replace("is constant (all pixels are equal)", "is grey")
    monkeypatch.setattr(messages, "PAGE", tmp_path / "page.md")
    messages.PAGE.write_text(other, encoding="utf-8")
    assert messages.main() == 1
    said = capsys.readouterr().out
    assert "helpers/data.py: not explained: {short_name(path)} is constant" in said
    assert "helpers/data.py: never said: {short_name(path)} is grey" in said
    messages.PAGE.write_text(page, encoding="utf-8")
    assert messages.main() == 0


def test_a_sentence_that_occurs_is_on_the_page(tmp_path):
    (tmp_path / "normal").mkdir()
    with pytest.raises(DataError) as caught:
        find_dataset(tmp_path)
    page = messages.explained(messages.PAGE.read_text("utf-8"))
    listed = [text for sentences in page.values() for text in sentences]
    patterns = [re.sub(r"\\\{.*?\\\}", ".+", re.escape(text)) for text in listed]
    assert sum(re.fullmatch(pattern, str(caught.value)) is not None for pattern in patterns) == 1


def test_each_error_is_one_sentence_that_says_what_to_do():
    for room in ("helpers", "simulator"):
        for path in (messages.ROOT / room).glob("*.py"):
            for text in messages.messages(path.read_text("utf-8")):
                assert text.endswith(".") and ". " not in text, text


def test_sentences_are_found_wherever_they_are_made():
    code = """
def read(path):
    problem = f"{path.name} is empty: fill it."
    if path:
        problem = "Nothing is there: look."
    late = DataError("Too " f"late: {1 + 1} days.")
    raise DataError(problem)
raise SystemExit(2)
print("no error.")
"""
    assert messages.messages(code) == [
        "{path.name} is empty: fill it.",
        "Nothing is there: look.",
        "Too late: {1 + 1} days.",
    ]
