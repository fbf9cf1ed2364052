"""Learners work on copies: renewing the lesson loses nothing of what they wrote."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from support import ROOT

from tools import copies


@pytest.fixture
def lesson(tmp_path):
    """Make a lesson of one notebook; returns a function that writes its cell."""
    (tmp_path / "lesson" / "episodes" / "figures").mkdir(parents=True)
    (tmp_path / "lesson" / "episodes" / "figures" / "a.svg").write_text("<svg/>")
    (tmp_path / "lesson" / "notebooks" / "extras").mkdir(parents=True)

    def write(text, name="01-trial", outputs=(), folder="lesson"):
        path = tmp_path / folder / "notebooks" / f"{name}.ipynb"
        notebook = new_notebook(cells=[new_code_cell(text, id="a", outputs=list(outputs))])
        nbformat.write(notebook, path)
        return path

    write("first")
    return write


@pytest.fixture
def renew(tmp_path):
    return lambda: copies.renew(tmp_path / "lesson", tmp_path / "work")


def text_of(path):
    return nbformat.read(path, as_version=4).cells[0].source


def test_copies_are_made_once_with_their_figures(lesson, renew, tmp_path):
    lesson("more", "extras/02-more", outputs=[new_output("stream", text="42")])
    assert renew() == []
    assert text_of(tmp_path / "work" / "notebooks" / "01-trial.ipynb") == "first"
    assert text_of(tmp_path / "work" / "notebooks" / "extras" / "02-more.ipynb") == "more"
    assert (tmp_path / "work" / "episodes" / "figures" / "a.svg").exists()
    for path in (tmp_path / "work").rglob("*.ipynb"):  # nothing answers a question in advance
        assert nbformat.read(path, as_version=4).cells[0].outputs == []
    assert renew() == []


def test_what_a_learner_wrote_stays_where_it_is_without_a_new_version(lesson, renew, tmp_path):
    renew()
    mine = lesson("my answer", folder="work")
    before = mine.read_bytes()
    assert renew() == []
    assert mine.read_bytes() == before
    assert [path.name for path in mine.parent.glob("*.ipynb")] == [mine.name]


def test_a_copy_that_was_only_run_is_replaced(lesson, renew, tmp_path):
    renew()
    mine = lesson("first", outputs=[new_output("stream", text="42")], folder="work")
    lesson("second")
    assert renew() == ["01-trial has a new version."]
    assert text_of(mine) == "second"
    assert [path.name for path in mine.parent.glob("*.ipynb")] == [mine.name]


@pytest.mark.parametrize("damaged", [False, True])
def test_a_new_version_keeps_what_a_learner_wrote(damaged, lesson, renew, tmp_path):
    renew()
    folder = tmp_path / "work" / "notebooks"
    for number, version in enumerate(["second", "third"], 1):
        mine = lesson(f"my answer {number}", folder="work")
        if damaged:
            mine.write_text(f"half a file {number}")
        before = mine.read_bytes()
        lesson(version)
        kept = f"01-trial-yours-{number}.ipynb"
        assert renew() == [f"01-trial has a new version; yours is kept as {kept}."]
        assert (folder / kept).read_bytes() == before
        assert text_of(mine) == version


def test_a_renamed_copy_stays_and_the_notebook_comes_back(lesson, renew, tmp_path):
    renew()
    mine = lesson("my answer", folder="work").rename(tmp_path / "work" / "notebooks" / "my.ipynb")
    before = mine.read_bytes()
    for version in ("first", "second"):
        lesson(version)
        assert renew() == ([] if version == "first" else ["01-trial has a new version."])
        assert text_of(mine.with_name("01-trial.ipynb")) == version
        assert mine.read_bytes() == before


def test_a_copy_with_the_name_of_a_new_notebook_is_kept(lesson, renew, tmp_path):
    renew()
    mine = lesson("my answer", "02-new", folder="work")
    lesson("new", "02-new")
    assert renew() == ["02-new has a new version; yours is kept as 02-new-yours-1.ipynb."]
    assert text_of(mine) == "new"
    assert text_of(mine.with_name("02-new-yours-1.ipynb")) == "my answer"


def test_a_copy_from_before_the_note_was_written_is_kept(lesson, renew, tmp_path):
    renew()
    (tmp_path / "work" / "notebooks" / copies.HANDED_OUT / "01-trial.ipynb").unlink()
    mine = lesson("my answer", folder="work")
    assert renew() == ["01-trial has a new version; yours is kept as 01-trial-yours-1.ipynb."]
    assert text_of(mine) == "first"


def test_a_folder_that_cannot_be_written_is_one_sentence(monkeypatch, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CHEST_XRAYS_WORK", str(tmp_path / "work"))
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "notebooks").write_text("a file where a folder should be")
    assert copies.main() == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "notebooks" in said and "CHEST_XRAYS_WORK" in said


def test_all_notebooks_and_figures_of_the_lesson_are_copied(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("CHEST_XRAYS_WORK", str(tmp_path))
    assert copies.main() == 0
    assert capsys.readouterr().out == f"Your notebooks are in {tmp_path / 'notebooks'}.\n"
    for folder, pattern in (("notebooks", "*.ipynb"), ("episodes/figures", "*.*")):
        given = {path.relative_to(ROOT) for path in (ROOT / folder).rglob(pattern)}
        given = {path for path in given if ".ipynb_checkpoints" not in path.parts}
        assert given and all((tmp_path / path).exists() for path in given)
