"""The extras: what they do with other data sets, and what they claim."""

import subprocess
import sys

import jupytext
import nbformat
import numpy as np
from cells import code_cells, inline
from support import ROOT

from helpers import data
from helpers.paths import BUNDLED_DATA

EXTRAS = ROOT / "notebooks" / "extras"


def run_until(notebook, name):
    """Run a notebook's cells until a variable of this name exists; return all variables."""
    space = {"__name__": "notebook"}
    for source in code_cells(notebook):
        exec(compile(source, notebook, "exec"), space)
        if name in space:
            return space
    raise AssertionError(f"{notebook} never defines {name}")


def test_an_edit_on_either_side_reaches_the_other(tmp_path):
    source = tmp_path / "episodes" / "extras" / "perturbing.md"
    notebook = tmp_path / "notebooks" / "extras" / "perturbing.ipynb"
    for copy, folder in [(source, "episodes"), (notebook, "notebooks")]:
        copy.parent.mkdir(parents=True)
        copy.write_bytes((ROOT / folder / "extras" / copy.name).read_bytes())
    for changed, old, new in [(source, "Questions", "Enquiries"), (notebook, "Enquiries", "Asked")]:
        text = changed.read_text("utf-8").replace(f"**{old}**", f"**{new}**")
        changed.write_text(text, "utf-8")
        command = [sys.executable, "-m", "jupytext", "--quiet", "--sync", str(changed)]
        subprocess.run(command, check=True, cwd=tmp_path)
        for copy in (source, notebook):
            cells = jupytext.read(copy).cells
            assert any(f"**{new}**" in cell.source for cell in cells), copy.name


def test_perturbing_says_so_where_there_are_no_masks(make_data, monkeypatch, capsys):
    folder = make_data(images=30, masks=False, manifest=False)
    monkeypatch.setenv("CHEST_XRAYS", str(folder))
    space = run_until("extras/perturbing", "masks")
    printed = capsys.readouterr().out
    assert printed.count("This data set has no outlines") == 1
    assert 0 < len(space["images"]) <= 12
    assert not space["masks"].any()


def test_more_classes_uses_simulated_xrays_where_sides_are_unknown(make_data, monkeypatch, capsys):
    monkeypatch.setenv("CHEST_XRAYS", str(make_data(manifest=False)))
    space = run_until("extras/more-classes", "exam_sides")
    printed = capsys.readouterr().out
    assert printed.count("we use simulated X-rays") == 1
    assert "Data: simulated chest X-rays (bundled)" in printed
    assert np.bincount(space["exam_sides"]).min() > 10


def test_sides_are_those_of_the_manifest():
    names = ["normal", "right", "left", "both"]
    rows_of, sides_of = inline("extras/more-classes", "manifest_rows", "sides_of", NAMES=names)
    bundled = data.find_dataset(BUNDLED_DATA)
    sides = sides_of(rows_of(bundled))
    np.testing.assert_array_equal(sides > 0, bundled.labels)
    masks = data.load_masks(bundled, 64)
    for side, half in [(1, np.s_[:, :, 32:]), (2, np.s_[:, :, :32])]:  # the other half is dry
        wet = masks[sides == side]
        assert wet[half].sum() < 0.1 * wet.sum()


def printed_lines(name, *words):
    """Return the printed lines of a notebook in which one of the words stands."""
    cells = nbformat.read(EXTRAS / f"{name}.ipynb", as_version=4).cells
    texts = [output.get("text", "") for cell in cells for output in cell.get("outputs", [])]
    lines = "".join(texts).splitlines()
    return [line for line in lines if any(word in line for word in words)]


def test_both_notebooks_of_the_photograph_print_the_same_predictions():
    words = ("Picture:", "parameters:", "class ", "brightest", "ImageNet")
    lines = printed_lines("photograph", *words)
    assert len(lines) == 9  # one each, and five classes
    assert lines == printed_lines("photograph-pytorch", *words)


def test_notebooks_never_download_by_themselves():
    for name in ("photograph", "photograph-pytorch"):
        source = "\n".join(c.source for c in nbformat.read(EXTRAS / f"{name}.ipynb", 4).cells)
        assert "\ndownload = False\n" in source
        assert printed_lines(name, "No ImageNet weights here")
