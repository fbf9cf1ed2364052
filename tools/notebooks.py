"""Run the episodes, or bring their notebooks up to date.

``python -m tools.notebooks run [NAME …]``     executes copies of the episodes into build/lesson/
``python -m tools.notebooks update [NAME …]``  syncs each notebook with its MyST source and
                                             executes it in place, on the bundled X-rays;
                                             without names, extras and pre-trained network too
"""

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "notebooks"
BUILD = ROOT / "build" / "lesson"
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
        extra_arguments=["--log-level=ERROR"],  # no warnings that a learner cannot act on
        on_cell_start=progress,
    )
    # What a kernel says beside its notebook, as when it is shut down, counts only if it dies.
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
        try:
            client.execute(stderr=said)
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            source, beside = notebook.cells[at["cell"] - 1].source, ""
            if isinstance(error, DeadKernelError):
                said.seek(0)
                beside = said.read(2000)
            raise SystemExit(
                f"\n{name}: cell {at['cell']} of {total} failed.\n\n{source}\n\n{error}\n{beside}"
            ) from None
    print(f"\r{name}: {total} cells in {time.perf_counter() - start:.0f} s" + " " * 20, flush=True)


def tidy(notebook: nbformat.NotebookNode) -> None:
    """Take out what changes from run to run or from machine to machine."""
    from nbconvert.preprocessors import CoalesceStreamsPreprocessor

    # What a cell prints becomes one text, with the last state of a progress line.
    CoalesceStreamsPreprocessor().preprocess(notebook, {})
    notebook.metadata.pop("language_info", None)
    notebook.metadata.pop("widgets", None)
    for number, cell in enumerate(notebook.cells, 1):
        cell.id = f"cell-{number:03d}"
        cell.metadata.pop("execution", None)  # the times of its start and end
        for output in cell.get("outputs", []):
            # A widget is only alive while its kernel is: the stored page keeps its plain text.
            output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)


def run(names: list[str]) -> None:
    """Execute copies of the notebooks, and put them into build/lesson/."""
    chosen = sources(names)  # a wrong name is refused before anything is taken away
    shutil.rmtree(BUILD, ignore_errors=True)
    BUILD.mkdir(parents=True)
    work = Path(os.environ.setdefault("CHEST_XRAYS_WORK", str(BUILD / "work")))
    work.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    for source in chosen:
        path = notebook_of(source)
        notebook = nbformat.read(path, as_version=4)
        execute(notebook, path)
        write_beside(BUILD / path.name, nbformat.writes(notebook) + "\n")
    seconds = time.perf_counter() - start
    print(
        f"\nThe lesson ran in {seconds:.0f} s. Executed notebooks are in build/lesson/."
        "\nTo work through it in JupyterLab: make lab"
        "\n(without make: see 'Without make' in README.md)"
    )


def update(names: list[str]) -> None:
    """Sync notebooks with their MyST sources, execute them and store their outputs."""
    if not names:
        from tools import pretrain  # TensorFlow, and the simulator

        pretrain.main()
    os.environ["CHEST_XRAYS"] = str(ROOT / "data")
    for source in sources(names, extras=True):
        path = notebook_of(source)
        with tempfile.TemporaryDirectory() as work:  # nothing of the author's own work gets in
            os.environ["CHEST_XRAYS_WORK"] = work
            jupytext = [sys.executable, "-m", "jupytext", "--quiet", "--sync", "--execute"]
            command = [*jupytext, "--run-path", str(path.parent), str(source)]
            if subprocess.run(command, check=False).returncode:
                raise SystemExit(f"{source.stem} failed, see above: its notebook is not changed.")
        notebook = nbformat.read(path, as_version=4)
        tidy(notebook)
        write_beside(path, nbformat.writes(notebook) + "\n")
        print(f"{source.stem}: up to date", flush=True)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.notebooks", description=__doc__)
    parser.add_argument("command", choices=["run", "update"])
    parser.add_argument("episodes", nargs="*", help="such as 03 (all if none is given)")
    arguments = parser.parse_args()
    if os.environ.get("CHEST_XRAYS"):  # notebooks run in their own folder
        os.environ["CHEST_XRAYS"] = os.path.abspath(os.environ["CHEST_XRAYS"])
    with contextlib.suppress(KeyboardInterrupt):
        {"run": run, "update": update}[arguments.command](arguments.episodes)
        return
    raise SystemExit("\nStopped.")


if __name__ == "__main__":
    main()
