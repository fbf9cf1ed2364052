"""Start the hub of ``deploy/one-server/`` on this machine alone, and log in as a learner does.

``make hub`` runs it with three learners, to try it; tests and benchmarks use its functions. All
that it writes lies in one folder, and every process that it starts works in that folder, so that
both can be removed completely.
"""

import contextlib
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import requests

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / "deploy" / "one-server" / "jupyterhub_config.py"
BOARD = ROOT / "deploy" / "one-server" / "board" / "service.py"
LEARNERS = ("ana", "ben", "chi")
READY = 120  # seconds until a hub or a server must answer


@dataclass(frozen=True)
class Hub:
    """A hub on this machine: where it answers, where it keeps things, and what opens it."""

    address: str
    state: Path
    pass_phrase: str
    instructor_pass_phrase: str
    inner_port: int = 0
    board_token: str = ""

    @property
    def log(self) -> Path:
        """The file with all that the hub and its servers print."""
        return self.state / "hub.log"


class NotLoggedIn(Exception):
    """The hub refused a log-in, with the sentence that its form shows."""


def free_ports() -> tuple[int, int]:
    """Return the port for browsers and the first of the three inner ones, which nothing uses."""
    while True:
        with contextlib.ExitStack() as opened:
            browsers, *inner = (opened.enter_context(socket.socket()) for _ in range(4))
            with contextlib.suppress(OSError, OverflowError):
                browsers.bind(("127.0.0.1", 0))
                inner[0].bind(("127.0.0.1", 0))
                first = inner[0].getsockname()[1]
                for number in (1, 2):
                    inner[number].bind(("127.0.0.1", first + number))
                return browsers.getsockname()[1], first


def describe(state: Path, port: int = 0) -> Hub:
    """Return a hub that is still to be started, with new pass phrases.

    Parameters
    ----------
    state
        An empty folder. Its path is short, since kernels have sockets in it.
    port
        For browsers; 0 for one that is free.
    """
    free, inner = free_ports()
    return Hub(
        f"http://127.0.0.1:{port or free}",
        state.resolve(),
        secrets.token_hex(8),
        secrets.token_hex(8),
        inner,
        secrets.token_hex(32),
    )


def launch(hub: Hub, command: list[str], settings: dict[str, str]) -> subprocess.Popen:
    """Start a Python program in a hub's folder, with the hub's log."""
    ours = {name: text for name, text in os.environ.items() if "CHEST_XRAYS" not in name}
    with hub.log.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, *command],
            cwd=hub.state,
            env=ours | settings,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that Ctrl+C reaches who started it, and that one ends it
        )


def start_board(hub: Hub) -> None:
    """Start the class's board, which on a real server systemd does."""
    folder = hub.state / "board"
    folder.mkdir(exist_ok=True)
    given = {
        "CLASS_BOARD_STATE": str(folder),
        "CLASS_BOARD_TOKEN": hub.board_token,
        "CLASS_INNER_PORT": str(hub.inner_port),
        "JUPYTERHUB_SERVICE_NAME": "board",  # by which benchmarks.classroom knows it
        "PYTHONPATH": str(ROOT),
    }
    launch(hub, [str(BOARD)], given)


def board_of(hub: Hub) -> psutil.Process | None:
    """Return the process of the board, if it runs."""
    for process in processes(hub.state):
        with contextlib.suppress(psutil.Error):
            if str(BOARD) in process.cmdline():
                return process
    return None


def start(hub: Hub, **settings: str) -> subprocess.Popen:
    """Start a hub, again if it has run before, and wait until it answers.

    Parameters
    ----------
    hub
        What ``describe`` returned.
    settings
        Further ones of ``class.env``, such as ``CLASS_CPUS="1"``.

    Returns
    -------
    subprocess.Popen
        The process of the hub alone.

    Raises
    ------
    RuntimeError
        If it ends or does not answer; with the last lines of its log.
    """
    given = {
        "CLASS_SPAWNER": "simple",
        "CLASS_STATE": str(hub.state),
        "CLASS_PORT": hub.address.rpartition(":")[2],
        "CLASS_INNER_PORT": str(hub.inner_port),  # which servers that run already know
        "CLASS_PASS_PHRASE": hub.pass_phrase,
        "CLASS_INSTRUCTOR_PASS_PHRASE": hub.instructor_pass_phrase,
        "CLASS_BOARD_TOKEN": hub.board_token,
        **settings,
    }
    process = launch(hub, ["-m", "jupyterhub", f"--config={CONFIG}"], given)
    if board_of(hub) is None:
        start_board(hub)
    until = time.monotonic() + READY
    while process.poll() is None and time.monotonic() < until:
        with contextlib.suppress(requests.ConnectionError):
            if requests.get(f"{hub.address}/hub/health", timeout=10).ok:
                return process
        time.sleep(0.2)
    last = "\n".join(hub.log.read_text("utf-8", "replace").splitlines()[-20:])
    end(hub.state)
    raise RuntimeError(f"The hub does not start:\n{last}")


def processes(state: Path) -> list[psutil.Process]:
    """Return all processes that work in a hub's folder: hub, board, proxy, servers and kernels."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if Path(process.cwd()).is_relative_to(state.resolve()):
                found.append(process)
    return found


def end(state: Path) -> None:
    """End a hub and all that it started; what does not end when asked is killed."""
    for ask in (psutil.Process.terminate, psutil.Process.kill):
        left = processes(state)
        for process in left:
            with contextlib.suppress(psutil.Error):
                ask(process)
        psutil.wait_procs(left, timeout=15)


@contextlib.contextmanager
def running(**settings: str) -> Iterator[Hub]:
    """Run a hub in a folder of its own, which is removed in the end."""
    with tempfile.TemporaryDirectory(prefix="hub-") as folder:
        hub = describe(Path(folder))
        try:
            start(hub, **settings)
            yield hub
        finally:
            end(hub.state)


def from_page(session: requests.Session, path: str) -> dict[str, str]:
    """Return the header that tells a request of one of our pages from that of another site.

    Parameters
    ----------
    session
        Of somebody who has opened a page below ``path``.
    path
        ``/hub/`` or ``/user/NAME/``.
    """
    tokens = {cookie.path: cookie.value for cookie in session.cookies if cookie.name == "_xsrf"}
    return {"X-XSRFToken": tokens.get(path) or ""}


def log_in(
    hub: Hub,
    name: str,
    password: str,
    pass_phrase: str = "",
    sender: str = "127.0.0.1",
    within: float = 60,
) -> requests.Session:
    """Log in through the web form, as a browser does.

    Parameters
    ----------
    hub
        A hub that runs.
    name, password, pass_phrase
        What is typed; the last one only the first time.
    sender
        The address of who asks, as a web server in front of the hub would tell it.
    within
        Seconds until each page must answer.

    Returns
    -------
    requests.Session
        It keeps the cookies.

    Raises
    ------
    NotLoggedIn
        With the sentence that the form shows.
    """
    session = requests.Session()
    session.trust_env = False  # no proxy stands between this machine and itself
    session.headers["X-Forwarded-For"] = sender
    page = session.get(f"{hub.address}/hub/login", timeout=within)
    (token,) = re.findall(r'name="_xsrf" value="([^"]*)"', page.text)
    typed = {"username": name, "password": password, "pass_phrase": pass_phrase, "_xsrf": token}
    # What comes after it is another page: it would start the server
    answer = session.post(page.url, data=typed, timeout=within, allow_redirects=False)
    if answer.status_code != 302:
        said = re.search(r'class="login_error">(.*?)</p>', answer.text, re.DOTALL)
        raise NotLoggedIn(said[1].strip() if said else f"status {answer.status_code}")
    return session


def open_server(hub: Hub, session: requests.Session, name: str, within: float = READY) -> str:
    """Open a learner's server as a browser does; return the address at which it ends up.

    Raises
    ------
    RuntimeError
        If it does not answer within so many seconds.
    """
    own = f"{hub.address}/user/{name}/"
    until = time.monotonic() + within
    while time.monotonic() < until:
        # It leads to a server that runs, and starts one that does not, or no longer
        answer = session.get(f"{hub.address}/hub/spawn", timeout=within)
        if answer.ok and answer.url.startswith(own):
            return answer.url
        time.sleep(0.5)
    raise RuntimeError(f"The server of {name} does not answer: see {hub.log}")


def contents(
    hub: Hub, session: requests.Session, name: str, path: str, within: float = 60, **changes: Any
) -> requests.Response:
    """Ask a learner's server for a file; with changes, such as ``content``, save it.

    Parameters
    ----------
    hub, session, name
        As for ``open_server``, which has opened the server.
    path
        In the learner's work folder.
    within
        Seconds until the server must answer.
    changes
        What Jupyter's contents API takes.
    """
    address = f"{hub.address}/user/{name}/api/contents/{path}"
    if not changes:
        return session.get(address, timeout=within)
    headers = from_page(session, f"/user/{name}/")
    return session.put(address, json=changes, headers=headers, timeout=within)


def ask_token(hub: Hub, session: requests.Session, name: str, **wanted: Any) -> requests.Response:
    """Ask the hub for a token of this person, who has logged in; ``scopes`` make it narrow."""
    address = f"{hub.address}/hub/api/users/{name}/tokens"
    return session.post(address, json=wanted, headers=from_page(session, "/hub/"), timeout=60)


def main() -> None:
    """Run a hub with three learners until Ctrl+C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="hub-") as folder, contextlib.ExitStack() as at_the_end:
        hub = describe(Path(folder), int(os.environ.get("CLASS_PORT") or 8000))
        at_the_end.callback(end, hub.state)
        print("Starting a hub on this machine alone ...")
        start(hub)
        print(f"\n{hub.address}\n\n{'name':12}password")
        for name in LEARNERS:
            password = secrets.token_hex(4)
            log_in(hub, name, password, hub.pass_phrase)
            print(f"{name:12}{password}")
        print(f"\nA new name needs the class's pass phrase: {hub.pass_phrase}")
        print(f"The name instructor needs its own the first time: {hub.instructor_pass_phrase}")
        print("All servers run under your account and without limits: for trying only.")
        print("Ctrl+C ends the hub and removes all that was written.")
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()


if __name__ == "__main__":
    main()
