"""The page of all error sentences: as the code says them, each a sentence that helps."""

import re

import pytest

from helpers.data import DataError, find_dataset
from tools import messages


def test_the_page_lists_what_the_code_says():
    assert messages.PAGE.read_text("utf-8") == messages.page(), "run python -m tools.messages"


def test_a_sentence_that_occurs_is_on_the_page(tmp_path):
    (tmp_path / "normal").mkdir()
    with pytest.raises(DataError) as caught:
        find_dataset(tmp_path)
    listed = re.findall(r"^- `` (.+) ``$", messages.page(), re.MULTILINE)
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
