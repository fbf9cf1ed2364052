"""Tells the class's board which exercise was tried, on a hub that has one; elsewhere nothing.

What is sent: the name of the exercise, and "right" or the kind of the hint (a key of
:data:`exercises.hints.KINDS`). The answer is never sent. Nothing is sent before the learner was
told, nor after "Do not share" was pressed. All of it happens beside the notebook: a board that is
slow or down makes no cell slower.

The hub sets two variables: ``CHEST_XRAYS_BOARD`` is the board's address, and
``JUPYTERHUB_API_TOKEN`` says to it who asks.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import threading
import time
import urllib.error
import urllib.request
import uuid
from typing import Any

from exercises.hints import Hint

NOTICE = (
    "Your instructor has a board that shows who has tried and solved which exercise, and which "
    "kind of hint was given. Your answers are never sent."
)
OFF = "Switched off. Nothing more is sent, and what was there is removed."
PAGE = (
    '<a href="/services/board/" target="_blank" style="text-decoration: underline">'
    "What the board shows of you</a>"
)
TIMEOUT = 5  # seconds that one request may take
PAUSE = 5  # seconds until the next try
_waiting: queue.Queue[tuple[str, dict[str, Any]]] = queue.Queue(maxsize=100)
_told = threading.Event()  # the learner knows: what waits may be sent
_known = threading.Event()  # the board has answered
_sharing = threading.Event()
_lock = threading.Lock()
_address = ""
_sender: threading.Thread | None = None


def start() -> bool:
    """Begin to listen to the board, where there is one; return whether there is."""
    global _address, _sender
    with _lock:
        _address = _address or os.environ.get("CHEST_XRAYS_BOARD", "")
        if not _address:
            return False
        if _sender is None or not _sender.is_alive():
            _sender = threading.Thread(target=_send_all, name="board", daemon=True)
            _sender.start()
    return True


def report(exercise: str, hint: Hint | None) -> None:
    """Report that an exercise was tried, and how it went.

    Parameters
    ----------
    exercise
        A key of :data:`exercises.CHECKS`.
    hint
        What its check returned: None for a right answer.
    """
    kind = "right" if hint is None else hint.kind
    if kind not in ("empty", "unknown") and start():
        _tell()
        _put("reports", {"id": uuid.uuid4().hex, "exercise": exercise, "kind": kind})


def report_game(counts: tuple[int, int, int, int]) -> None:
    """Report how the guessing game went, as :func:`exercises.game.last_result` returns it."""
    if start():
        _put("games", {"counts": counts})


def class_results() -> list[tuple[int, int, int, int]]:
    """Return how the guessing game went for each learner of the class, without names.

    Returns
    -------
    list of (right_effusions, effusions, right_normals, normals)
        Each as :func:`exercises.game.last_result` returns it; empty where there is no board, or
        where it does not answer.
    """
    if not start():
        return []
    try:
        return [(a, b, c, d) for a, b, c, d in _ask("games")["games"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def share(wanted: bool) -> None:
    """Switch the learner's own line on the board on or off."""
    (_sharing.set if wanted else _sharing.clear)()
    if not wanted:
        while not _waiting.empty():
            _waiting.get()
    _put("me", {"sharing": wanted})


def _put(path: str, sent: dict[str, Any]) -> None:
    """Let the sender take it; too many that wait are dropped."""
    if path == "me" or _sharing.is_set() or not _known.is_set():
        with contextlib.suppress(queue.Full):
            _waiting.put_nowait((path, sent))


def _tell() -> None:
    """Once for each learner: say what is sent, with a button that switches it off."""
    if _told.is_set() or not _known.is_set():
        return
    import ipywidgets

    from exercises.widgets import show_widgets

    words = ipywidgets.HTML()
    button = ipywidgets.Button(layout=ipywidgets.Layout(width="180px", height="44px"))

    def draw() -> None:
        said = NOTICE if _sharing.is_set() else OFF
        words.value = f'<p role="status">{said} {PAGE}</p>'
        button.description = "Do not share" if _sharing.is_set() else "Share again"

    def press(_: object) -> None:
        share(not _sharing.is_set())
        draw()

    button.on_click(press)
    draw()
    show_widgets(words, button)
    _told.set()


def _ask(path: str, sent: dict[str, Any] | None = None) -> Any:
    """Return what the board answers; with something to send, send it."""
    request = urllib.request.Request(
        _address + path,
        None if sent is None else json.dumps(sent).encode(),
        {
            "Authorization": f"token {os.environ.get('JUPYTERHUB_API_TOKEN', '')}",
            "Content-Type": "application/json",
        },
    )
    no_proxy = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with no_proxy.open(request, timeout=TIMEOUT) as answer:
        return json.load(answer)


def _patiently(path: str, sent: dict[str, Any] | None = None) -> dict[str, Any]:
    """Ask until the board answers; a refusal is an answer, too."""
    while True:
        try:
            return _ask(path, sent)
        except urllib.error.HTTPError as error:
            if error.code < 500:
                return {}
        except (OSError, ValueError):
            pass
        time.sleep(PAUSE)


def _send_all() -> None:
    """Send what waits, one after the other, as long as the kernel lives."""
    state = _patiently("me")
    if not state:
        return  # it does not want to hear from this kernel
    if state["told"]:
        _told.set()
    if state["sharing"]:
        _sharing.set()
    _known.set()
    _told.wait()
    if not state["told"]:
        _patiently("me", {"told": True})
    while True:
        path, sent = _waiting.get()
        if path == "me":
            _patiently(path, sent)
        elif _sharing.is_set() and not _patiently(path, sent).get("sharing", True):
            _sharing.clear()  # switched off on the board's page
