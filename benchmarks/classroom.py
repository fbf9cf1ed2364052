"""What a class costs: learners log in, open a notebook and run its cells, all at the same moment.

``python -m benchmarks.classroom --learners N --episode E [--json FILE] [--data DIR]`` starts the
hub of ``deploy/one-server/`` with its proxy on this machine alone, first with one learner and then,
anew, with N. All log in through the web form, open their server and their own copy of the notebook,
run its cells one after the other over the websocket of their kernel, as JupyterLab does, and save
it. Nobody reads, types or talks in between, so a real class asks for less at once.

Every third learner runs the notebook as it is. The next answers each exercise in its own cell, with
the lesson's solution, and has to be told that it is right; the third gives a wrong answer before.

Seconds count from the moment at which all log in. Memory is the proportional set size (PSS), which
shares out what several processes have in common; it is read about once a second, and less often
where reading takes long. Seconds are also given as multiples of TFI, those of
``python -c "import tensorflow"``. It ends with an error where a learner failed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import signal
import statistics
import sys
import threading
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import psutil
from jupyter_client.session import Session
from jupyter_server.services.kernels.connection.base import (
    deserialize_msg_from_ws_v1,
    serialize_msg_to_ws_v1,
)
from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from benchmarks.tests import ROOT, import_seconds
from tools import hub as hubs
from tools.notebooks import notebook_of, sources, write_beside

MOST = 60  # learners
LIMIT = 3600  # seconds for a class, unless --limit says otherwise
LONG = 0.05  # TFI; a cell that takes one learner alone as long has a row in the table
PROTOCOL = "v1.kernel.websocket.jupyter.org"  # what JupyterLab speaks to a kernel
ANSWERS = ("as it is", "right", "wrong, then right")
VERIFY = "from exercises import verify"  # solutions use it, and a check may import it later
OUTPUTS = ("stream", "error", "display_data", "execute_result")


class Failure(Exception):
    """What went wrong for a learner, in a sentence."""


class Kernel:
    """A learner's kernel, at the other end of its websocket.

    Parameters
    ----------
    socket
        From :func:`connect`.
    """

    def __init__(self, socket: WebSocketClientConnection) -> None:
        self.socket = socket
        self.session = Session()

    async def ready(self) -> None:
        """Ask the kernel what it is until it answers; what comes before, a new one may not hear."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(5):
                    async for _ in self.ask("kernel_info_request", {}):
                        pass
                    return

    async def run(self, source: str) -> tuple[list[Any], float | None]:
        """Run a cell.

        Parameters
        ----------
        source
            Its text.

        Returns
        -------
        outputs, figure
            The outputs as a notebook stores them, and the moment of the first figure or None.
        """
        outputs, figure = [], None
        wanted = {"code": source, "silent": False, "store_history": True, "allow_stdin": False}
        async for header, content in self.ask("execute_request", wanted):
            if header["msg_type"] in OUTPUTS:
                answer = nbformat.from_dict({"header": header, "content": content})
                outputs.append(nbformat.v4.output_from_msg(answer))
                if figure is None and "image/png" in str(content.get("data")):  # or in its HTML
                    figure = time.perf_counter()
        return outputs, figure

    async def ask(self, kind: str, content: dict[str, Any]) -> AsyncIterator[tuple[dict, dict]]:
        """Send a message, and give header and content of all that answers it, up to the last.

        Raises
        ------
        Failure
            If the kernel or the connection ends meanwhile.
        """
        asked = self.session.msg(kind, content)
        sent = serialize_msg_to_ws_v1(asked, "shell", pack=self.session.pack)
        await self.socket.write_message(sent, binary=True)
        missing = {"idle", kind.replace("request", "reply")}
        while missing:
            received = await self.socket.read_message()
            if received is None:
                raise Failure("the connection to the kernel ended")
            _, parts = deserialize_msg_from_ws_v1(received)
            header, parent, _, content = map(json.loads, parts[:4])
            state = content.get("execution_state")
            if state in ("restarting", "autorestarting", "dead"):
                raise Failure("the kernel ended")
            if parent.get("msg_id") == asked["header"]["msg_id"]:
                missing -= {header["msg_type"], state}
                yield header, content


async def connect(hub: hubs.Hub, name: str, browser: Any, path: str) -> Kernel:
    """Start a kernel for a notebook, and open its websocket as JupyterLab does.

    Parameters
    ----------
    hub
        A hub that runs.
    name
        The learner's.
    browser
        What ``tools.hub.log_in`` returned; the learner's server has been opened.
    path
        Of the notebook, in the learner's work folder.
    """
    own, headers = f"/user/{name}/", hubs.from_page(browser, f"/user/{name}/")
    wanted = {"path": path, "name": path, "type": "notebook", "kernel": {"name": "python3"}}
    started = await asyncio.to_thread(
        browser.post, f"{hub.address}{own}api/sessions", json=wanted, headers=headers, timeout=LIMIT
    )
    expect(started, "the kernel did not start")
    number = started.json()["kernel"]["id"]
    headers["Cookie"] = "; ".join(
        f"{cookie.name}={cookie.value}" for cookie in browser.cookies if cookie.path in ("/", own)
    )
    headers["Origin"] = hub.address
    address = f"{hub.address.replace('http', 'ws', 1)}{own}api/kernels/{number}/channels"
    socket = await websocket_connect(
        HTTPRequest(f"{address}?session_id={started.json()['id']}", headers=headers),
        subprotocols=[PROTOCOL],
        max_message_size=2**28,
    )
    kernel = Kernel(socket)
    await kernel.ready()
    return kernel


def expect(answer: Any, otherwise: str) -> None:
    """Raise a Failure with this sentence if a request was not answered well."""
    if not answer.ok:
        raise Failure(f"{otherwise}: status {answer.status_code}, {answer.text[:200]}")


def steps(cells: list[Any], answers: str) -> list[tuple[int, str, str]]:
    """Return what a learner runs: number of the cell, text, and how its check must begin.

    Parameters
    ----------
    cells
        Of the notebook, text included.
    answers
        One of ``ANSWERS``.
    """

    def has(cell: Any, tag: str) -> bool:
        return tag in cell.metadata.get("tags", [])

    found, solutions = [], iter([cell.source for cell in cells if has(cell, "solution")])
    at, wrong, right = 0, "", ""
    for number, cell in enumerate(cells):
        if cell.cell_type != "code":
            continue
        if answers == ANSWERS[0] or not (has(cell, "attempt") or has(cell, "check")):
            found.append((number, cell.source, ""))
        elif has(cell, "attempt"):
            at = number
            wrong = re.sub(r"^(\w+) = .*$", r'\1 = "a guess"', cell.source, flags=re.MULTILINE)
            right = f"{VERIFY}\n{next(solutions)}"
        else:
            if answers == ANSWERS[2]:
                found += [(at, wrong, ""), (number, cell.source, "Not yet:")]
            found += [(at, right, ""), (number, cell.source, "Right:")]
    return found


def judge(number: int, cell: Any, outputs: list[Any], begin: str) -> None:
    """Raise a Failure if a cell was stopped by an error, or a check did not say what it should."""
    said = "".join(each["text"] for each in outputs if each["output_type"] == "stream")
    errors = [each for each in outputs if each["output_type"] == "error"]
    if errors and "raises-exception" not in cell.metadata.get("tags", []):
        raise Failure(f"cell {number}: {errors[0]['ename']}: {errors[0]['evalue']}")
    if "data rate exceeded" in said or "message rate exceeded" in said:
        raise Failure(f"cell {number}: the server dropped outputs")
    if begin and not all(line.startswith(begin) for line in said.splitlines() or [""]):
        raise Failure(f"cell {number}: the check did not say {begin!r} but: {said.strip()}")


async def learn(hub: hubs.Hub, row: dict[str, Any], path: str, start: float) -> None:
    """Be one learner, from the log-in to the saved notebook; note in ``row`` what it took.

    Parameters
    ----------
    hub
        A hub that runs.
    row
        With ``name`` and ``answers``; gets ``log_in``, ``ready``, ``figure``, ``end`` (seconds
        since ``start``), ``cells`` (number and seconds of each) and ``error``.
    path
        Of the notebook, in the learner's work folder.
    start
        The moment at which all begin.
    """
    name = row["name"]

    def now() -> float:
        return time.perf_counter() - start

    browser = await asyncio.to_thread(
        hubs.log_in, hub, name, f"password of {name}", hub.pass_phrase, within=LIMIT
    )
    row["log_in"] = now()
    await asyncio.to_thread(hubs.open_server, hub, browser, name, within=LIMIT)
    row["ready"] = now()
    own = (hub, browser, name, path, LIMIT)
    opened = await asyncio.to_thread(hubs.contents, *own)
    expect(opened, "the notebook did not open")
    notebook = nbformat.from_dict(opened.json()["content"])
    kernel = await connect(hub, name, browser, path)
    for number, source, begin in steps(notebook.cells, row["answers"]):
        before = time.perf_counter()
        outputs, figure = await kernel.run(source)
        row["cells"].append({"cell": number, "seconds": time.perf_counter() - before})
        if figure and row["figure"] is None:
            row["figure"] = figure - start
        judge(number, notebook.cells[number], outputs, begin)
        notebook.cells[number].outputs = outputs
    saved = await asyncio.to_thread(hubs.contents, *own, type="notebook", content=notebook)
    expect(saved, "the notebook was not saved")
    kernel.socket.close()
    row["end"] = now()


async def learn_all(hub: hubs.Hub, rows: list[dict[str, Any]], path: str, limit: float) -> None:
    """Be all learners at once, and note in each row what stopped it, if anything did."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(len(rows)))
    start = time.perf_counter()

    async def one(row: dict[str, Any]) -> None:
        try:
            async with asyncio.timeout(limit):
                await learn(hub, row, path, start)
        except TimeoutError:
            row["error"] = f"was not ready within {limit:.0f} s, after {len(row['cells'])} cells"
        except Exception as stopped:  # whatever happens to one, the others go on
            row["error"] = f"{type(stopped).__name__}: {stopped}"
        said = row["error"] or f"{row['end']:.0f} s"
        print(f"{row['name']} ({row['answers']}): {said}", file=sys.stderr, flush=True)

    try:
        await asyncio.gather(*map(one, rows))
    finally:
        hubs.end(hub.state)  # with it, requests end that are still on their way


def memory(hub: hubs.Hub) -> dict[str, float]:
    """Return the PSS in MB of everybody: each learner (server and kernels), hub, proxy, services.

    A service, such as ``idle-culler``, has the name that the hub's configuration gives it.
    """
    homes = hub.state.resolve() / "homes"
    found: dict[str, float] = defaultdict(float)
    for process in hubs.processes(hub.state):
        with contextlib.suppress(psutil.Error, IndexError):  # one that has just ended
            folder, own = Path(process.cwd()), process.environ()
            if folder.is_relative_to(homes):
                name = folder.relative_to(homes).parts[0]
            else:
                kind = "proxy" if "CONFIGPROXY_AUTH_TOKEN" in own else "hub"
                name = own.get("JUPYTERHUB_SERVICE_NAME") or kind
            found[name] += process.memory_full_info().pss / 2**20
    return dict(found)


class Watch(threading.Thread):
    """Looks at the memory of a hub; ``peaks`` are the largest values, ``all`` that of the sum."""

    def __init__(self, hub: hubs.Hub) -> None:
        super().__init__(daemon=True)
        self.hub = hub
        self.ended = threading.Event()
        self.peaks: dict[str, float] = {}

    def run(self) -> None:
        """Look until the watch has ended; at most a twentieth of the time."""
        pause = 1.0
        while not self.ended.wait(pause):
            start = time.perf_counter()
            seen = memory(self.hub)
            for name, value in {**seen, "all": sum(seen.values())}.items():
                self.peaks[name] = max(self.peaks.get(name, 0), value)
            pause = max(1.0, 20 * (time.perf_counter() - start))


def run_class(learners: int, path: str, data: Path, limit: float) -> dict[str, Any]:
    """Start a hub, let so many learners work through a notebook, and end it.

    Parameters
    ----------
    learners
        How many.
    path
        Of the notebook, in a learner's work folder.
    data
        The folder of X-rays.
    limit
        Seconds for all.

    Returns
    -------
    dict
        ``learners``, a list with what each took (see :func:`learn`), and ``memory``, the peak of
        each learner, of hub, proxy and services, and of ``all`` together, in MB.
    """
    empty = {"log_in": None, "ready": None, "figure": None, "end": None, "error": None}
    rows: list[dict[str, Any]] = [
        {"name": f"learner-{number + 1}", "answers": ANSWERS[number % 3], **empty, "cells": []}
        for number in range(learners)
    ]
    with hubs.running(CLASS_XRAYS=str(data)) as hub:
        watch = Watch(hub)
        watch.start()
        try:
            asyncio.run(learn_all(hub, rows, path, limit))
        finally:
            watch.ended.set()
            watch.join()
    return {"learners": rows, "memory": watch.peaks}


def cell_seconds(run: dict[str, Any]) -> dict[int, float]:
    """Return the median of the learners' seconds for each cell that is run once by all of them."""
    times: dict[int, list[float]] = defaultdict(list)
    for row in run["learners"]:
        for cell in row["cells"]:
            times[cell["cell"]].append(cell["seconds"])
    most = len(run["learners"])
    return {cell: statistics.median(taken) for cell, taken in times.items() if len(taken) <= most}


def table(measured: dict[str, Any]) -> str:
    """Write the result as Markdown.

    Parameters
    ----------
    measured
        ``tfi`` and ``machine``, and ``alone`` and ``class`` from :func:`run_class`.
    """
    tfi, alone, together = measured["tfi"], measured["alone"], measured["class"]
    lines = ["| | one learner alone | median | 95th percentile | largest |", "|---" * 5 + "|"]
    titles = {"log_in": "logged in, s", "ready": "server ready, s", "figure": "first figure, s",
              "end": "notebook done and saved, s"}  # fmt: skip

    def line(title: str, one: list[float], many: list[float]) -> str:
        if not (one and many):
            return f"| {title} | – | – | – | – |"
        numbers = [one[0], np.median(many), np.percentile(many, 95), max(many)]
        return f"| {title} | " + " | ".join(f"{number:.0f}" for number in numbers) + " |"

    for field, title in titles.items():
        both = [[r[field] for r in run["learners"] if r[field]] for run in (alone, together)]
        lines.append(line(title, *both))
    peaks = [{**run["memory"]} for run in (alone, together)]
    names = {row["name"] for row in together["learners"]}
    each = [[peak.pop(name) for name in names & {*peak}] for peak in peaks]
    lines.append(line("memory of a learner, MB", *each))
    for name in sorted(peaks[1], key=lambda name: (name == "all", name)):
        one, many = peaks[0].get(name, 0), peaks[1][name]
        lines.append(f"| memory of {name}, MB | {one:.0f} | | | {many:.0f} |")
    one, many = cell_seconds(alone), cell_seconds(together)
    lines += ["", "| cell | alone, s | median of the class, s | times as long |", "|---" * 4 + "|"]
    for cell in sorted(one.keys() & many.keys()):
        if one[cell] > LONG * tfi:
            lines.append(
                f"| {cell} | {one[cell]:.1f} | {many[cell]:.1f} | {many[cell] / one[cell]:.1f} |"
            )
    failed = [row for run in (alone, together) for row in run["learners"] if row["error"]]
    count, machine = len(together["learners"]), measured["machine"]
    lines += ["", f"{count} learners, {measured['episode']}, {machine['cores']} cores, "
              f"{machine['memory']:.0f} GB, TFI {tfi:.1f} s: {len(failed)} failed."]  # fmt: skip
    lines += [f"{row['name']} ({row['answers']}): {row['error']}" for row in failed]
    return "\n".join(lines)


def number_of_learners(text: str) -> int:
    """Read --learners."""
    if not (text.isdecimal() and 1 <= int(text) <= MOST):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {MOST}")
    return int(text)


def main(arguments: list[str] | None = None) -> int:
    """Run what the command line asks for; 1 where a learner failed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.classroom",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--learners", type=number_of_learners, default=20, help=f"up to {MOST}")
    parser.add_argument("--episode", default="02", help="such as 02 or extras/perturbing")
    parser.add_argument("--data", type=Path, default=ROOT / "data", help="else the bundled X-rays")
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds for each of the two")
    parser.add_argument("--json", type=Path, help="file for all that was measured, cell by cell")
    parser.add_argument("--tfi", type=float, help="seconds, where they are known")
    given = parser.parse_args(arguments)
    source, *more = sources([given.episode], extras=True)
    if more:
        parser.error(f"more than one episode begins with {given.episode!r}")
    path = notebook_of(source).relative_to(ROOT).as_posix()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started is ended, too
    tfi = [given.tfi] if given.tfi else import_seconds(2)
    alone = run_class(1, path, given.data.resolve(), given.limit)
    together = run_class(given.learners, path, given.data.resolve(), given.limit)
    tfi += [] if given.tfi else import_seconds(2)
    machine = {"cores": os.cpu_count(), "memory": psutil.virtual_memory().total / 2**30}
    measured = {"tfi": statistics.median(tfi), "machine": machine, "episode": source.stem,
                "data": given.data.resolve().name, "alone": alone, "class": together}  # fmt: skip
    if given.json:
        write_beside(given.json, json.dumps(measured, indent=1) + "\n")
    print(table(measured))
    return int(any(row["error"] for run in (alone, together) for row in run["learners"]))


if __name__ == "__main__":
    sys.exit(main())
