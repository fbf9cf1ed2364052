"""Make copies of the notebooks to learn with, and renew them without losing a learner's work.

``python -m tools.copies`` does both, and so does `make lab` before it opens JupyterLab. The copies
lie in ``work/notebooks/``, which git does not see, so that `git pull` never meets a learner's
changes. What was handed out is remembered beside them: where the lesson has a newer notebook, a
copy that nobody has edited is replaced, and an edited one is kept under another name.
"""

import os
import shutil
import sys
from pathlib import Path

import nbformat

from helpers.images import DataError
from helpers.paths import ROOT, work_folder

HANDED_OUT = ".handed-out"  # in the folder of copies: the notebooks as the learner got them
KEPT = "{stem}-yours-{number}.ipynb"


def cells(path: Path) -> list[tuple[str, str]] | None:
    """Return kind and text of each cell, without outputs; None if it cannot be read."""
    try:
        notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
    except Exception:  # whatever a damaged file makes nbformat raise
        return None
    return [(cell.cell_type, cell.source) for cell in notebook.cells]


def copy(source: Path, target: Path) -> None:
    """Copy a file in one step, so that there is never half of it; a notebook without outputs.

    An output that is there already would answer the questions that ask for a prediction.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    if source.suffix == ".ipynb":
        notebook = nbformat.read(source, as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        nbformat.write(notebook, part)
    else:
        shutil.copyfile(source, part)
    os.replace(part, target)


def free_name(path: Path) -> Path:
    """Return a name beside this file that nothing has yet."""
    number = 1
    while (kept := path.with_name(KEPT.format(stem=path.stem, number=number))).exists():
        number += 1
    return kept


def renew(lesson: Path, work: Path) -> list[str]:
    """Bring the copies of all notebooks up to date.

    Parameters
    ----------
    lesson
        The folder with ``notebooks/`` and ``episodes/figures/``.
    work
        The learner's folder, which gets both.

    Returns
    -------
    list of str
        One sentence for each notebook that is new, renewed or kept under another name.
    """
    said = []
    for figure in sorted((lesson / "episodes" / "figures").glob("*.*")):
        copy(figure, work / "episodes" / "figures" / figure.name)
    notebooks = lesson / "notebooks"
    for source in sorted(notebooks.rglob("[!.]*.ipynb")):
        name = source.relative_to(notebooks)
        if name.parent.name.startswith("."):  # checkpoints of JupyterLab
            continue
        mine, given = work / "notebooks" / name, work / "notebooks" / HANDED_OUT / name
        newest = cells(source)
        if mine.exists() and cells(given) == newest:
            continue
        edited = cells(mine) is None or cells(mine) not in (cells(given), newest)
        if mine.exists() and edited:
            kept = free_name(mine)
            os.replace(mine, kept)
            said.append(f"{name.stem} has a new version; yours is kept as {kept.name}.")
        elif mine.exists():
            said.append(f"{name.stem} has a new version.")
        copy(source, mine)  # before the note of it: a kill between the two loses nothing
        copy(source, given)
    return said


def main() -> int:
    """Renew the copies in the work folder; return the exit code."""
    try:
        work = work_folder()
        said = renew(ROOT, work)
    except DataError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(
            f"{error.filename} cannot be written ({error.strerror}): make room there, or set "
            "CHEST_XRAYS_WORK to another folder.",
            file=sys.stderr,
        )
        return 1
    print("\n".join([*said, f"Your notebooks are in {work / 'notebooks'}."]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
