"""Read and run what notebooks write in their cells, for the tests that hold it to the helpers."""

import ast
from pathlib import Path

import nbformat
import numpy as np

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"


def code_cells(name):
    """Return the sources of a notebook's code cells, without the learner's empty attempts.

    A name is how the file's begins, such as "05" or "extras/perturbing".
    """
    (path,) = NOTEBOOKS.glob(f"{name}*.ipynb")
    return [
        cell.source
        for cell in nbformat.read(path, as_version=4).cells
        if cell.cell_type == "code" and not {"attempt", "check"} & {*cell.metadata.get("tags", [])}
    ]


def inline(notebook, *names, **given):
    """Run the functions, classes and variables of these names as a notebook's cells write them.

    The last definition counts, as it does for a learner who runs all cells. `given` holds what
    they need: imports, and values from cells that are not run.
    """
    found = {}
    for node in (node for source in code_cells(notebook) for node in ast.parse(source).body):
        targets = getattr(node, "targets", [])
        defined = {getattr(node, "name", None), *(getattr(t, "id", None) for t in targets)}
        for name in defined.intersection(names):
            found[name] = node
    assert set(found) == set(names), f"{notebook} no longer defines {set(names) - set(found)}"
    space = {"np": np, **given}
    for name in names:
        exec(compile(ast.Module([found[name]], []), notebook, "exec"), space)
    return [space[name] for name in names]


def cell_with(notebook, part):
    """Return the source of the one code cell in which this text stands."""
    (source,) = (source for source in code_cells(notebook) if part in source)
    return source
