"""Running the lesson: progress, copies, HTML; and a failing cell that says where it failed."""

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


def test_run_leaves_executed_copies_and_html_and_says_how_far_it_is(lesson, tmp_path, capsys):
    lesson("print(6 * 7)", "open('proof', 'w').close()")
    notebooks.run([])
    printed = capsys.readouterr().out
    assert "01-trial: cell 1 of 3" in printed
    assert "01-trial: 3 cells in" in printed
    assert "make lab" in printed
    copy = nbformat.read(tmp_path / "build" / "lesson" / "01-trial.ipynb", as_version=4)
    assert copy.cells[1].outputs[0].text == "42\n"
    assert "42" in (tmp_path / "build" / "lesson" / "01-trial.html").read_text("utf-8")
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
    lesson("import os", "os._exit(1)")
    with pytest.raises(SystemExit, match="cell 3 of 3 failed"):
        notebooks.run([])


def test_an_unknown_episode_is_refused(lesson):
    lesson("1")
    with pytest.raises(SystemExit, match=r"no episode '07'.*01-trial"):
        notebooks.run(["07"])


def test_the_page_has_boxes_closed_solutions_and_pictures(tmp_path, monkeypatch):
    monkeypatch.setattr(notebooks, "NOTEBOOKS", tmp_path)
    (tmp_path / "dot.png").write_bytes(b"\x89PNG")
    text = (
        ":::{exercise} Predict: what now? (2 min)\n:label: ex-1-1\n\nThink *hard*.\n:::\n\n"
        ":::{solution} ex-1-1\n:class: dropdown\n\nSo **that**.\n:::\n\n![A dot.](dot.png)"
    )
    page = notebooks.page_of(new_notebook(cells=[new_markdown_cell(text)]), "01-trial")
    assert ":::" not in page
    assert "Exercise – Predict: what now? (2 min)" in page
    assert "Think <em>hard</em>" in page
    closed = page.split("<details>")[1].split("</details>")[0]
    assert "<strong>that</strong>" in closed
    assert "data:image/png" in page
    assert "<title>01-trial</title>" in page


def test_the_network_is_made_again_only_when_its_code_changes(tmp_path, monkeypatch):
    for folder in ("data/simulator", "data/models", "helpers"):
        (tmp_path / folder).mkdir(parents=True)
    code = tmp_path / "helpers" / "models.py"
    code.write_text("def build():\n    return 1\n")
    calls = []
    monkeypatch.setattr(notebooks.subprocess, "run", lambda command, **_: calls.append(command))
    assert notebooks.remake_network(tmp_path)
    assert calls[0][1:] == ["-m", "helpers.models"]
    code.write_text("def build():  # the same\n\n    return 1\n")
    assert not notebooks.remake_network(tmp_path)
    code.write_text("def build():\n    return 2\n")
    assert notebooks.remake_network(tmp_path)
    assert len(calls) == 2


def test_tidy_takes_out_what_changes_from_run_to_run():
    widget = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "play"}
    cell = new_code_cell("x")
    cell.outputs = [
        new_output("stream", text="\repoch 1 of 2\repoch 2 of 2\ndone\n"),
        new_output("display_data", data=widget),
    ]
    notebook = new_notebook(
        cells=[cell], metadata={"language_info": {"name": "python"}, "widgets": {}}
    )
    notebooks.tidy(notebook)
    assert cell.outputs[0].text == "epoch 2 of 2\ndone\n"
    assert dict(cell.outputs[1].data) == {"text/plain": "play"}
    assert dict(notebook.metadata) == {}
    assert cell.id == "cell-001"
