"""Run the episodes, or bring their notebooks up to date.

``python -m tools.notebooks run``            executes copies of all notebooks into build/lesson/
``python -m tools.notebooks update [NAME …]``  syncs each notebook with its MyST source and
                                             executes it in place, on the bundled X-rays;
                                             without names, extras and bundled network too
"""

import argparse
import ast
import contextlib
import copy
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbconvert import HTMLExporter
from nbconvert.filters import markdown2html

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "notebooks"
BUILD = ROOT / "build" / "lesson"
RECIPE = Path("data/models/recipe.txt")
CELL_TIMEOUT = 1800  # seconds; 700 real X-rays on a slow laptop take a while


def sources(names: list[str] | None = None, extras: bool = False) -> list[Path]:
    """Return the MyST sources of the episodes, in order; only those whose name starts so.

    Parameters
    ----------
    names
        Such as "03" or "extras/pytorch".
    extras
        Whether the optional notebooks count too.

    Raises
    ------
    SystemExit
        If a name fits no episode.
    """
    found = sorted((ROOT / "episodes").glob("[0-9]*.md"))
    if extras:
        found += sorted((ROOT / "episodes" / "extras").glob("*.md"))
    called = {path: path.relative_to(ROOT / "episodes").as_posix() for path in found}
    for name in names or []:
        if not any(other.startswith(name) for other in called.values()):
            have = ", ".join(other.removesuffix(".md") for other in called.values())
            raise SystemExit(f"There is no episode {name!r}: choose from {have}.")
    return [path for path in found if not names or called[path].startswith(tuple(names))]


def notebook_of(source: Path) -> Path:
    """Return the notebook that belongs to a MyST source."""
    return NOTEBOOKS / source.relative_to(ROOT / "episodes").with_suffix(".ipynb")


def write_beside(path: Path, text: str) -> None:
    """Write a text file in one step: a reader sees the old one or the new one, whole."""
    beside = path.with_name(path.name + ".part")
    beside.write_text(text, encoding="utf-8")
    os.replace(beside, path)


def execute(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Execute a notebook top to bottom, in its own folder, and say how far it is.

    Raises
    ------
    SystemExit
        At the first cell that fails, with the notebook, the cell and the error.
    """
    name = path.stem
    start = time.perf_counter()
    total = len(notebook.cells)
    at = {"cell": 0}

    def progress(cell, cell_index):
        at["cell"] = cell_index + 1
        seconds = time.perf_counter() - start
        line = f"{name}: cell {cell_index + 1} of {total}, {seconds:.0f} s"
        if sys.stdout.isatty():
            print(f"\r{line}", end="", flush=True)
        elif cell_index + 1 in (1, total // 2):
            print(line, flush=True)

    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        record_timing=False,
        coalesce_streams=True,
        on_cell_start=progress,
    )
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        source = notebook.cells[at["cell"] - 1].source
        raise SystemExit(
            f"\n{name}: cell {at['cell']} of {total} failed.\n\n{source}\n\n{error}"
        ) from None
    print(f"\r{name}: {total} cells in {time.perf_counter() - start:.0f} s" + " " * 20, flush=True)


def tidy(notebook: nbformat.NotebookNode) -> None:
    """Take out what changes from run to run or from machine to machine."""
    notebook.metadata.pop("language_info", None)
    notebook.metadata.pop("widgets", None)
    for number, cell in enumerate(notebook.cells, 1):
        cell.id = f"cell-{number:03d}"
        for output in cell.get("outputs", []):
            # A widget is only alive while its kernel is: the stored page keeps its plain text.
            output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)
            if output.output_type == "stream":  # keep the last state of a progress line
                lines = [line.split("\r")[-1] for line in output.text.split("\n")]
                output.text = "\n".join(lines)


# A block of MyST such as ":::{exercise} Title", its options, its text and the closing ":::"
BLOCK = re.compile(
    r"^:::\{(\w+)\} ?([^\n]*)\n((?::\w+:[^\n]*\n)*)(.*?)^:::$", re.MULTILINE | re.DOTALL
)


def boxed(match: re.Match) -> str:
    """Turn a block of MyST into HTML that any browser shows: a box, or closed until opened."""
    kind, title, _, text = match.groups()
    text = re.sub(r"\n\s*\n", "\n", markdown2html(text).strip())  # a blank line would end the box
    if kind == "solution":
        return f"<details><summary>Solution</summary>{text}</details>\n"
    title = markdown2html(f"Exercise – {title}" if kind == "exercise" else title).strip()
    style = "border-left: 4px solid #1a6fb5; background: #f2f7fb; padding: 0.5em 1em"
    return f'<div style="{style}"><strong>{title}</strong>{text}</div>\n'


def page_of(notebook: nbformat.NotebookNode, name: str) -> str:
    """Export a notebook as one HTML page, pictures included."""
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = BLOCK.sub(boxed, cell.source)
    where = {"metadata": {"name": name, "path": str(NOTEBOOKS)}}
    page, _ = HTMLExporter(embed_images=True).from_notebook_node(notebook, resources=where)
    return page


def run(names: list[str]) -> None:
    """Execute copies of the notebooks into build/lesson/, as notebooks and as HTML."""
    if BUILD.exists():
        shutil.rmtree(BUILD)
    BUILD.mkdir(parents=True)
    work = Path(os.environ.setdefault("CHEST_XRAYS_WORK", str(BUILD / "work")))
    work.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    for source in sources(names):
        path = notebook_of(source)
        notebook = nbformat.read(path, as_version=4)
        execute(notebook, path)
        nbformat.write(notebook, BUILD / path.name)
        write_beside(BUILD / f"{source.stem}.html", page_of(notebook, source.stem))
    seconds = time.perf_counter() - start
    print(
        f"\nThe lesson ran in {seconds:.0f} s. Executed copies and HTML pages are in build/lesson/."
        "\nTo work through it in JupyterLab: make lab"
        "\n(without make: see 'Without make' in README.md)"
    )


def remake_network(root: Path = ROOT) -> bool:
    """Train the bundled network again if the code that makes it has changed; tell whether it was.

    Comments and layout do not count: what is compared is the parsed code of the simulator and of
    helpers/models.py, whose check sum lies beside the network.
    """
    code = [*sorted((root / "data" / "simulator").glob("*.py")), root / "helpers" / "models.py"]
    parsed = "".join(ast.dump(ast.parse(path.read_text("utf-8"))) for path in code)
    recipe, made_by = hashlib.sha256(parsed.encode()).hexdigest(), root / RECIPE
    if made_by.exists() and made_by.read_text("utf-8").strip() == recipe:
        return False
    print("The code behind the bundled network has changed: training it again (minutes) ...")
    subprocess.run([sys.executable, "-m", "helpers.models"], check=True, cwd=root)
    write_beside(made_by, recipe + "\n")
    return True


def update(names: list[str]) -> None:
    """Sync notebooks with their MyST sources, execute them and store their outputs."""
    if not names:
        remake_network()
    os.environ["CHEST_XRAYS"] = str(ROOT / "data")
    for source in sources(names, extras=True):
        path = notebook_of(source)
        jupytext = [sys.executable, "-m", "jupytext", "--quiet"]
        if path.exists():
            subprocess.run([*jupytext, "--sync", str(source)], check=True)
        else:
            subprocess.run([*jupytext, "--to", "ipynb", "-o", str(path), str(source)], check=True)
        notebook = nbformat.read(path, as_version=4)
        with tempfile.TemporaryDirectory() as work:  # nothing of the author's own work gets in
            os.environ["CHEST_XRAYS_WORK"] = work
            execute(notebook, path)
        tidy(notebook)
        write_beside(path, nbformat.writes(notebook) + "\n")
        subprocess.run([*jupytext, "--sync", str(path)], check=True)  # the source, in its layout


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.notebooks", description=__doc__)
    parser.add_argument("command", choices=["run", "update"])
    parser.add_argument("episodes", nargs="*", help="such as 03 (all if none is given)")
    arguments = parser.parse_args()
    if "CHEST_XRAYS" in os.environ:  # notebooks run in their own folder
        os.environ["CHEST_XRAYS"] = os.path.abspath(os.environ["CHEST_XRAYS"])
    with contextlib.suppress(KeyboardInterrupt):
        {"run": run, "update": update}[arguments.command](arguments.episodes)
        return
    raise SystemExit("\nStopped.")


if __name__ == "__main__":
    main()
