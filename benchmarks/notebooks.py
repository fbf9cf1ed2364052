"""What learners wait for, and what a class server needs: each notebook's seconds and memory.

``python -m benchmarks.notebooks [--data DIR] [--json FILE] [NAME …]`` runs each episode in a kernel
of its own, with an empty work folder, and prints a table. Seconds are also given as multiples of
TFI: the seconds of ``python -c "import tensorflow"``, the median of imports before and after.

Memory is read ten times a second from Linux's ``/proc`` (nothing is known of it elsewhere). What is
private (RssAnon and RssShmem) is what each kernel needs for itself; the total also counts
the pages of libraries, which kernels share and which the system may drop.

``--limit MB`` starts a JupyterLab server beside each notebook, adds the private memory of the two,
and ends with an error where they need more. It watches and enforces nothing: limits that a process
can set for itself (RLIMIT_AS, RLIMIT_DATA) count addresses that are reserved and never used, of
which TensorFlow has gigabytes. ``--within COMMAND`` enforces: it runs server and notebook through a
command that holds them in a control group, and reports those that are killed there, such as
``systemd-run --user --scope -p MemoryMax=1G -p MemorySwapMax=0``.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import re
import shlex
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from benchmarks.tests import ROOT, import_seconds
from tools.notebooks import CELL_TIMEOUT, notebook_of, sources

LONG = 0.5  # TFI; a cell that takes longer should show that something happens
EVERY = 0.1  # seconds between two looks at the memory
FIELDS = ("RssAnon", "RssShmem", "RssFile")


def memory(pid: int) -> tuple[float, float] | None:
    """Return the private and the total resident memory of a process and its children, in MB.

    None where there is no such process, or no ``/proc`` that tells.
    """
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        lines = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
        anonymous, shared, files = (int(lines[field].split()[0]) / 1024 for field in FIELDS)
    except (OSError, KeyError):  # a process that has ended has no memory
        return None
    private, total = anonymous + shared, anonymous + shared + files
    for child in children:
        more = memory(int(child)) or (0, 0)
        private, total = private + more[0], total + more[1]
    return private, total


class Watch(threading.Thread):
    """Looks at the memory of processes; ``peaks`` are the largest sums since ``peaks`` was emptied.

    Parameters
    ----------
    pids
        The kernel's first; a server's may follow.
    """

    def __init__(self, pids: list[int]) -> None:
        super().__init__(daemon=True)
        self.pids = pids
        self.ended = threading.Event()
        self.peaks: dict[str, float] = {}

    def run(self) -> None:
        """Look until the watch has ended."""
        while not self.ended.wait(EVERY):
            self.look()

    def look(self) -> None:
        """Look once."""
        seen = [memory(pid) for pid in self.pids]
        if seen[0] is None:
            return
        private, total = seen[0]
        together = sum(each[0] for each in seen if each)
        for name, value in (("private", private), ("total", total), ("together", together)):
            self.peaks[name] = max(self.peaks.get(name, 0), value)


class Client(NotebookClient):
    """Runs a notebook, and notes when its cells showed something and what the kernel took."""

    def __init__(self, notebook: nbformat.NotebookNode, path: Path, server: int | None) -> None:
        super().__init__(
            notebook,
            timeout=CELL_TIMEOUT,
            kernel_name="python3",
            resources={"metadata": {"path": str(path.parent)}},
            extra_arguments=["--log-level=ERROR"],
            on_cell_execute=self.begin,
            on_cell_executed=self.end,
            on_cell_error=self.end,
        )
        self.server = [server] if server else []
        self.watch: Watch | None = None
        self.rows: list[dict[str, Any]] = []
        self.start = 0.0
        self.shown: list[float] = []

    def begin(self, cell: Any, cell_index: int) -> None:
        """Begin to measure a cell."""
        if self.watch is None:
            manager: Any = self.km
            self.watch = Watch([manager.provisioner.pid, *self.server])
            self.watch.start()
        self.watch.peaks = {}
        self.shown = []
        self.start = time.perf_counter()

    def end(self, cell: Any, cell_index: int, execute_reply: Any) -> None:
        """Note what a cell took; one that failed ends only once."""
        if self.rows and self.rows[-1]["cell"] == cell_index:
            return
        seconds = time.perf_counter() - self.start
        assert self.watch is not None
        self.watch.look()
        stops = [0, *(shown for shown in self.shown if shown < seconds), seconds]
        lines = [line for line in cell.source.splitlines() if line.strip()]
        self.rows.append({
            "cell": cell_index,
            "line": lines[0] if lines else "",
            "seconds": seconds,
            # An output at the end is the result, and does not say that something happens.
            "progress": any(shown < 0.9 * seconds for shown in self.shown),
            "silence": max(after - before for before, after in itertools.pairwise(stops)),
            **self.watch.peaks,
        })  # fmt: skip

    def process_message(self, msg: dict, cell: Any, cell_index: int) -> Any:
        """Note when a cell shows something."""
        if msg["msg_type"] in ("stream", "display_data", "update_display_data", "execute_result"):
            self.shown.append(time.perf_counter() - self.start)
        return super().process_message(msg, cell, cell_index)


@contextlib.contextmanager
def jupyter_server() -> Iterator[int]:
    """Run a JupyterLab server that nobody uses, as a learner's would; give its process id."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ServerApp.port=0"]
        command += [f"--ServerApp.root_dir={folder}", "--allow-root"]
        environment = os.environ | {"JUPYTER_RUNTIME_DIR": folder}
        server = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            until = time.monotonic() + 120
            while not list(Path(folder).glob("jpserver-*.json")):  # written when it is ready
                if server.poll() is not None or time.monotonic() > until:
                    raise SystemExit("The JupyterLab server did not start.")
                time.sleep(EVERY)
            yield server.pid
        finally:
            server.terminate()
            server.wait()


def measure(path: Path, data: Path, server: int | None = None) -> dict[str, Any]:
    """Run one notebook, and return what it took.

    Parameters
    ----------
    path
        The notebook; its file is not changed.
    data
        The folder of X-rays.
    server
        The process id of a server whose memory is added.

    Returns
    -------
    dict
        ``name``, ``seconds`` of all cells, ``error`` or None, the peaks ``private``, ``total`` and
        ``together`` (with the server) in MB or None, and one entry a code cell in ``cells``.
    """
    client = Client(nbformat.read(path, as_version=4), path, server)
    error = None
    with tempfile.TemporaryDirectory() as work:
        environment = os.environ | {
            "CHEST_XRAYS": str(data),
            "CHEST_XRAYS_WORK": work,
            "KERAS_HOME": str(Path(work) / "keras"),  # weights in a cache do not count
        }
        try:
            with tempfile.TemporaryFile() as said:
                client.execute(env=environment, stderr=said)
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as stopped:
            said_last = (str(stopped).strip().splitlines() or [type(stopped).__name__])[-1]
            error = re.sub(r"\x1b\[[\d;]*m", "", said_last)  # without colours
        finally:
            if client.watch:
                client.watch.ended.set()
                client.watch.join()
    peaks = {
        name: max((row[name] for row in client.rows if name in row), default=None)
        for name in ("private", "total", "together")
    }
    seconds = sum(row["seconds"] for row in client.rows)
    return {"name": path.stem, "seconds": seconds, "error": error, **peaks, "cells": client.rows}


def measure_within(within: str, source: Path, data: Path, limit: int | None) -> dict[str, Any]:
    """Run one notebook as :func:`measure` does, through a command that limits its memory."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "measured.json"
        name = source.relative_to(ROOT / "episodes").with_suffix("").as_posix()
        command = [*shlex.split(within), sys.executable, "-m", "benchmarks.notebooks", name]
        command += ["--data", str(data), "--json", str(file), "--tfi", "1"]
        command += ["--limit", str(limit)] if limit else []
        made = subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL)
        if file.exists():
            return json.loads(file.read_text("utf-8"))["notebooks"][0]
    error = f"was stopped within the limit (status {made.returncode})"
    empty: dict[str, Any] = {"private": None, "total": None, "together": None, "cells": []}
    return {"name": source.stem, "seconds": 0.0, "error": error, **empty}


def table(rows: list[dict[str, Any]], tfi: float, limit: int | None = None) -> str:
    """Write the result as Markdown.

    Parameters
    ----------
    rows
        From :func:`measure`.
    tfi
        Seconds.
    limit
        MB for notebook and server together.
    """

    def megabytes(value: float | None) -> str:
        return "–" if value is None else f"{value:.0f}"

    lines = [
        "| notebook | code cells | seconds | TFI | slowest cell, TFI | cells over "
        f"{LONG} TFI without progress | longest silence, TFI | private MB | total MB |"
        + (f" with server, of {limit} MB |" if limit else ""),
        "|---" * (10 if limit else 9) + "|",
    ]
    for row in rows:
        cells = row["cells"]
        slowest = max(cells, key=lambda cell: cell["seconds"], default=None)
        slow = f"{slowest['cell']}: {slowest['seconds'] / tfi:.2f}" if slowest else "–"
        silent = [str(cell["cell"]) for cell in cells if is_silent(cell, tfi)]
        silence = max((cell["silence"] for cell in cells), default=0)
        lines.append(
            f"| {row['name']} | {len(cells)} | {row['seconds']:.0f} | {row['seconds'] / tfi:.1f} | "
            f"{slow} | {', '.join(silent) or '–'} | {silence / tfi:.2f} | "
            f"{megabytes(row['private'])} | {megabytes(row['total'])} |"
            + (f" {megabytes(row['together'])} |" if limit else "")
        )
    lines += ["", f"TFI: {tfi:.1f} s. Cells are counted from 0, text included."]
    for row in rows:
        if row["error"]:
            lines.append(f"{row['name']} failed: {row['error']}")
        for cell in row["cells"]:
            if cell["seconds"] > tfi or is_silent(cell, tfi):
                said = "" if cell["progress"] else ", without progress"
                lines.append(
                    f"{row['name']}, cell {cell['cell']}: {cell['seconds'] / tfi:.2f} TFI{said}: "
                    f"{cell['line']}"
                )
    return "\n".join(lines)


def is_silent(cell: dict[str, Any], tfi: float) -> bool:
    """Tell whether a cell takes long and says nothing before its end."""
    return cell["seconds"] > LONG * tfi and not cell["progress"]


def main(arguments: list[str] | None = None) -> int:
    """Run what the command line asks for; 1 where a notebook fails or needs too much memory."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.notebooks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="such as 05 or extras/perturbing")
    parser.add_argument("--data", type=Path, default=ROOT / "data", help="else the bundled X-rays")
    parser.add_argument("--json", type=Path, help="file for all that was measured, cell by cell")
    parser.add_argument("--limit", type=int, help="MB for notebook and server together")
    parser.add_argument("--within", default="", help="command that limits what it runs")
    parser.add_argument("--tfi", type=float, help="seconds, where they are known")
    given = parser.parse_args(arguments)
    folder = given.data.resolve()
    rows, tfi = [], [given.tfi] if given.tfi else import_seconds(2)
    for source in sources(given.names, extras=bool(given.names)):
        print(f"{source.stem} ...", file=sys.stderr, flush=True)
        if given.within:
            rows.append(measure_within(given.within, source, folder, given.limit))
            continue
        with jupyter_server() if given.limit else contextlib.nullcontext() as server:
            rows.append(measure(notebook_of(source), folder, server))
    tfi += [] if given.tfi else import_seconds(2)
    median = statistics.median(tfi)
    if given.json:
        measured = {"tfi": median, "data": folder.name, "limit": given.limit, "notebooks": rows}
        given.json.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    print(table(rows, median, given.limit))
    over = [row for row in rows if given.limit and (row["together"] or 0) > given.limit]
    return int(any(row["error"] for row in rows) or bool(over))


if __name__ == "__main__":
    sys.exit(main())
