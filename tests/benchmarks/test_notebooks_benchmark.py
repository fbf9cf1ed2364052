"""The measurement of what a notebook takes."""

import sys
from types import SimpleNamespace

import nbformat
import pytest
from support import ROOT

from benchmarks import notebooks
from benchmarks.notebooks import measure, memory, table

LINUX = sys.platform == "linux"
CELLS = [
    "import os, time\nassert not os.listdir(os.environ['CHEST_XRAYS_WORK'])",
    "print('begun', flush=True)\ntime.sleep(0.5)",
    "\ntime.sleep(0.5)\nprint('the result alone')",
    "ones = b'1' * 200_000_000",
    "1 / 0",
    "print('never run')",
]


@pytest.fixture
def notebook(tmp_path):
    cells = [nbformat.v4.new_markdown_cell("Text"), *map(nbformat.v4.new_code_cell, CELLS)]
    path = tmp_path / "tiny.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def test_cells_that_are_slow_silent_large_or_wrong_are_named(notebook):
    before = notebook.read_bytes()
    row = measure(notebook, ROOT / "data")
    assert notebook.read_bytes() == before
    first, loud, silent, large, _ = row["cells"]
    assert [cell["cell"] for cell in row["cells"]] == [1, 2, 3, 4, 5]
    assert silent["line"] == "time.sleep(0.5)"
    assert loud["progress"] and not silent["progress"]
    assert 0.5 <= silent["silence"] <= silent["seconds"]
    assert row["seconds"] == pytest.approx(sum(cell["seconds"] for cell in row["cells"]))
    assert row["error"] == "ZeroDivisionError: division by zero"
    if LINUX:
        assert large["private"] - first["private"] > 150
        assert row["private"] < row["total"]
        assert row["private"] >= large["private"]
    text = table([row], tfi=0.8, limit=1024)
    assert "| tiny | 5 |" in text
    assert "tiny, cell 3: " in text and "without progress: time.sleep(0.5)" in text
    assert "tiny, cell 2: " not in text
    assert "tiny failed: ZeroDivisionError" in text


@pytest.mark.skipif(not LINUX, reason="there is no /proc")
def test_the_memory_of_children_counts_and_of_nobody_is_unknown():
    import os
    import subprocess

    before = memory(os.getpid())[0]
    code = "x = b'1' * 100_000_000; print(flush=True); input()"
    command = [sys.executable, "-c", code]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as child:
        child.stdout.readline()
        assert memory(os.getpid())[0] - before > 90
        child.communicate("\n")
    assert memory(2**22 + 1) is None


def test_what_was_not_measured_is_a_dash():
    row = {"name": "01-one", "seconds": 0, "error": None, "cells": []}
    row |= {"private": None, "total": None, "together": None}
    assert "| 01-one | 0 | 0 | 0.0 | – | – | 0.00 | – | – |" in table([row], tfi=10)


@pytest.mark.parametrize(("together", "error", "status"), [
    (1000, None, 0), (1100, None, 1), (1000, "NameError", 1), (None, None, 0),
])  # fmt: skip
def test_the_command_ends_with_an_error_where_a_notebook_fails_or_is_too_large(
    together, error, status, monkeypatch, tmp_path
):
    row = {"name": "01", "seconds": 1, "error": error, "cells": []}
    row |= {"private": together, "total": together, "together": together}
    monkeypatch.setattr(notebooks, "jupyter_server", notebooks.contextlib.nullcontext)
    monkeypatch.setattr(notebooks, "measure", lambda *_: row)
    command = ["--tfi", "10", "--limit", "1024", "--json", str(tmp_path / "one.json"), "01"]
    assert notebooks.main(command) == status
    assert '"tfi": 10' in (tmp_path / "one.json").read_text()


def test_a_notebook_that_is_killed_within_its_limit_is_reported(monkeypatch, capsys):
    killed = SimpleNamespace(returncode=-9)
    monkeypatch.setattr(notebooks.subprocess, "run", lambda *_, **__: killed)
    assert notebooks.main(["--tfi", "10", "--within", "limit 1G", "01"]) == 1
    assert "failed: was stopped within the limit (status -9)" in capsys.readouterr().out
