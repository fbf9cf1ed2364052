"""Running the lesson: progress, copies; and a failing cell that says where it failed."""

import os
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools import notebooks


@pytest.fixture
def lesson(tmp_path, monkeypatch):
    """Make a lesson of one small episode; returns a function that sets its cells."""
    for folder in ("episodes", "notebooks"):
        (tmp_path / folder).mkdir()
    monkeypatch.setattr(notebooks, "ROOT", tmp_path)
    monkeypatch.setattr(notebooks, "NOTEBOOKS", tmp_path / "notebooks")
    monkeypatch.setattr(notebooks, "BUILD", tmp_path / "build" / "lesson")
    monkeypatch.setenv("CHEST_XRAYS_WORK", str(tmp_path / "work"))
    monkeypatch.setenv("CHEST_XRAYS", "")

    def write(*code):
        cells = [new_markdown_cell("# 1. Trial"), *map(new_code_cell, code)]
        notebook = new_notebook(cells=cells)
        (tmp_path / "episodes" / "01-trial.md").write_text("")
        nbformat.write(notebook, tmp_path / "notebooks" / "01-trial.ipynb")

    return write


def test_run_leaves_executed_copies_and_says_how_far_it_is(lesson, tmp_path, capfd):
    at_exit = "import atexit, os; atexit.register(os.write, 2, b'non-socket')"
    lesson("print(6 * 7)", "open('proof', 'w').close()", at_exit)
    notebooks.run([])
    printed, warned = capfd.readouterr()
    assert warned == ""  # nothing that a learner could not act on
    assert "01-trial: cell 1 of 4" in printed
    assert "01-trial: 4 cells in" in printed
    assert "make lab" in printed
    copy = nbformat.read(tmp_path / "build" / "lesson" / "01-trial.ipynb", as_version=4)
    assert copy.cells[1].outputs[0].text == "42\n"
    assert (tmp_path / "notebooks" / "proof").exists()  # a notebook runs in its own folder
    original = nbformat.read(tmp_path / "notebooks" / "01-trial.ipynb", as_version=4)
    assert not original.cells[1].outputs


def test_a_failing_cell_stops_with_notebook_cell_and_error(lesson):
    lesson("x = 1", "x / 0", "print('never')")
    with pytest.raises(SystemExit) as stopped:
        notebooks.run([])
    message = str(stopped.value)
    assert "01-trial: cell 3 of 4 failed" in message
    assert "x / 0" in message
    assert "ZeroDivisionError" in message


def test_a_dead_kernel_is_reported_too(lesson):
    lesson("import os, faulthandler", "faulthandler.enable(); os.abort()")
    with pytest.raises(SystemExit, match=r"(?s)cell 3 of 3 failed.*Fatal Python error: Abort"):
        notebooks.run([])


def test_an_unknown_episode_is_refused_and_what_was_built_stays(lesson, tmp_path):
    lesson("1")
    built = tmp_path / "build" / "lesson" / "01-trial.ipynb"
    built.parent.mkdir(parents=True)
    built.write_text("of an earlier run")
    with pytest.raises(SystemExit, match=r"no episode '07'.*01-trial"):
        notebooks.run(["07"])
    assert built.read_text() == "of an earlier run"


def test_an_empty_chest_xrays_means_the_next_in_line(monkeypatch):
    seen = []
    monkeypatch.setattr(notebooks, "run", lambda names: seen.append(os.environ["CHEST_XRAYS"]))
    for value, expected in [("", ""), ("here", os.path.abspath("here"))]:
        monkeypatch.setenv("CHEST_XRAYS", value)
        monkeypatch.setattr(sys, "argv", ["notebooks", "run"])
        notebooks.main()
        assert seen[-1] == expected


def test_tidy_takes_out_what_changes_from_run_to_run():
    widget = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "play"}
    cell = new_code_cell("x", metadata={"execution": {"iopub.status.idle": "12:00"}})
    cell.outputs = [
        new_output("stream", text="\repoch 1 of 2"),
        new_output("stream", text="\repoch 2 of 2\ndone\n"),
        new_output("display_data", data=widget),
    ]
    notebook = new_notebook(
        cells=[cell], metadata={"language_info": {"name": "python"}, "widgets": {}}
    )
    notebooks.tidy(notebook)
    assert cell.outputs[0].text == "epoch 2 of 2\ndone\n"
    assert dict(cell.outputs[1].data) == {"text/plain": "play"}
    assert dict(notebook.metadata) == {} and dict(cell.metadata) == {}
    assert cell.id == "cell-001"
