"""Times the class's board while all learners report at the same moment.

``python -m benchmarks.board [--learners 40] [--reports 25] [--json FILE]`` starts the hub of
``deploy/one-server/`` on this machine alone, logs the learners in through its form, and lets each
of them send reports as a kernel does: one after the other, all learners at once.
"""

import argparse
import asyncio
import json
import sqlite3
import time
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import requests
from tornado.httpclient import AsyncHTTPClient

from exercises import CHECKS
from tools import hub as hubs
from tools.notebooks import write_beside

MOST = 60  # learners


def join(hub: hubs.Hub, name: str) -> tuple[requests.Session, str]:
    """Log a learner in; return the session, and a token with which the learner's kernels report."""
    session = hubs.log_in(hub, name, f"password of {name}", hub.pass_phrase)
    session.get(f"{hub.address}/hub/home", timeout=60)
    answer = hubs.ask_token(hub, session, name, scopes=["access:services!service=board"])
    return session, answer.json()["token"]


def report(exercise: str, kind: str) -> dict[str, str]:
    """Return a report as a kernel sends it (see ``exercises/board.py``)."""
    return {"id": uuid.uuid4().hex, "exercise": exercise, "kind": kind}


async def send(address: str, token: str, path: str, body: dict[str, Any]) -> float:
    """Send one report, and return the seconds until it was answered."""
    start = time.perf_counter()
    await AsyncHTTPClient().fetch(
        address + path,
        method="POST",
        headers={"Authorization": f"token {token}"},
        body=json.dumps(body),
        request_timeout=60,
    )
    return time.perf_counter() - start


async def send_all(address: str, tokens: list[str], reports: int) -> list[float]:
    """Let all learners be told, as a kernel does when it starts, and then report at once."""
    AsyncHTTPClient.configure(None, max_clients=MOST)
    for token in tokens:
        await send(address, token, "me", {"told": True})
    names = [*CHECKS]

    async def learner(token: str) -> list[float]:
        seconds = []
        for number in range(reports):
            body = report(names[number % len(names)], "value")
            seconds.append(await send(address, token, "reports", body))
        return seconds

    every = await asyncio.gather(*(learner(token) for token in tokens))
    return [seconds for its in every for seconds in its]


def measure(learners: int, reports: int) -> dict[str, Any]:
    """Return the milliseconds of an answer, how many reports were lost, and the board's memory."""
    with hubs.running() as hub:
        tokens = [join(hub, f"learner-{number}")[1] for number in range(learners)]
        address = f"http://127.0.0.1:{hub.inner_port + 2}/services/board/"
        seconds = asyncio.run(send_all(address, tokens, reports))
        board = hubs.board_of(hub)
        assert board is not None
        kept = sqlite3.connect(hub.state / "board" / "board.sqlite")
        (number,) = kept.execute("SELECT COUNT(*) FROM reports").fetchone()
        kept.close()
        median, high = np.percentile(seconds, [50, 95]) * 1000
        return {
            "learners": learners,
            "reports": len(seconds),
            "lost": len(seconds) - number,
            "median_ms": round(float(median), 1),
            "95th_percentile_ms": round(float(high), 1),
            "longest_ms": round(max(seconds) * 1000, 1),
            "pss_mb": round(board.memory_full_info().pss / 1e6),
        }


def main() -> None:
    """Measure, print, and write the file if one is asked for."""
    parser = argparse.ArgumentParser(description="Times the class's board")
    parser.add_argument("--learners", type=int, default=40, choices=range(1, MOST + 1), metavar="N")
    parser.add_argument("--reports", type=int, default=25, choices=range(1, 201), metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    measured = measure(given.learners, given.reports)
    for name, value in measured.items():
        print(f"{name.replace('_', ' '):20} {value}")
    if given.json:
        write_beside(given.json, json.dumps(measured, indent=1) + "\n")


if __name__ == "__main__":
    main()
