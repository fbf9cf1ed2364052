"""What a kernel tells the class's board, and that it never stands in the way of a learner."""

import importlib.util
import json
import queue
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from support import ROOT

import exercises
from exercises import check
from exercises.hints import KINDS, number

LONG = 30  # seconds until a test gives up waiting


class Board(ThreadingHTTPServer):
    """A board for one learner, which can be told to fail or to hang."""

    daemon_threads = True

    def __init__(self):
        self.told, self.sharing, self.fails = False, True, 0
        self.asked, self.tokens, self.changed = [], set(), threading.Condition()
        self.open = threading.Event()  # answers are given
        self.open.set()
        self.games = []
        super().__init__(("127.0.0.1", 0), Answer)

    def wait_for(self, path, number=1):
        """Return the first things that were sent to a path."""
        with self.changed:
            enough = self.changed.wait_for(lambda: len(self.sent(path)) >= number, LONG)
        assert enough, self.asked
        return self.sent(path)

    def sent(self, path):
        return [sent for its, sent in self.asked if its == path and sent is not None]


class Answer(BaseHTTPRequestHandler):
    """What the board's service answers, see deploy/one-server/board/service.py."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.answer(None)

    def do_POST(self):
        self.answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def answer(self, sent):
        board = self.server
        board.open.wait(LONG)
        path = self.path.rpartition("/")[2]
        with board.changed:
            if board.fails:
                board.fails -= 1
                self.send_response(503)
                self.end_headers()
                return
            board.tokens.add(self.headers["Authorization"])
            board.asked.append((path, sent))
            if path == "me" and sent:
                board.told = board.told or "told" in sent
                board.sharing = sent.get("sharing", board.sharing)
            board.changed.notify_all()
        state = {"told": board.told, "sharing": board.sharing, "games": board.games}
        body = json.dumps(state).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def board():
    with Board() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.open.set()
        server.shutdown()


@pytest.fixture
def kernel(board, monkeypatch):
    """Return the module as a new kernel of a learner has it; it knows of no board yet."""
    path = ROOT / "exercises" / "board.py"
    spec = importlib.util.spec_from_file_location("exercises_board_of_a_kernel", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.PAUSE = 0.01
    module.shown = []
    monkeypatch.setattr("exercises.widgets.show_widgets", lambda *those: module.shown.append(those))
    monkeypatch.setattr(exercises, "board", module)
    monkeypatch.setitem(exercises.CHECKS, "megabytes", lambda answer: number(answer, 3.0))
    monkeypatch.setenv("CHEST_XRAYS_BOARD", f"http://127.0.0.1:{board.server_port}/board/")
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "of-ana")
    return module


@pytest.fixture
def known(kernel, board):
    """The same, after the board has answered for the first time."""
    kernel.start()
    assert kernel._known.wait(LONG)
    return kernel


def test_without_a_board_nothing_starts(kernel, monkeypatch, capsys):
    monkeypatch.delenv("CHEST_XRAYS_BOARD")
    check("megabytes", 1.0)
    kernel.report_game((1, 2, 3, 4))
    assert kernel.class_results() == []
    assert kernel._sender is None and not kernel.shown
    assert capsys.readouterr().out.startswith("Not yet:")


def test_exercise_and_kind_are_reported_and_never_the_answer(known, board):
    check("megabytes", "my secret answer 4711")
    check("megabytes", 47.11)
    check("megabytes", None)  # nothing was tried
    check("no such exercise", 4711)
    check("megabytes", [4711])
    sent = board.wait_for("reports", 3)
    assert [report["kind"] for report in sent][0::2] == ["text", "list"]
    assert all(report.keys() == {"id", "exercise", "kind"} for report in sent)
    assert {report["exercise"] for report in sent} == {"megabytes"}
    assert all(report["kind"] in KINDS for report in sent)
    assert len({report["id"] for report in sent}) == 3
    assert "4711" not in json.dumps([it["kind"] for it in sent]) and len(board.sent("reports")) == 3
    assert board.tokens == {"token of-ana"}


def test_a_right_answer_is_reported_as_right(known, board):
    check("megabytes", 3)
    assert board.wait_for("reports")[0]["kind"] == "right"


def test_nothing_is_sent_before_the_learner_was_told(kernel, board):
    board.open.clear()  # the board does not answer yet, so nobody knows whether it is wanted
    check("megabytes", "text")
    assert not kernel.shown
    board.open.set()
    assert kernel._known.wait(LONG)
    with board.changed:
        assert not board.changed.wait_for(lambda: board.sent("reports") or board.sent("me"), 1)
    check("megabytes", [1])
    ((words, button),) = kernel.shown
    assert "Your answers are never sent" in words.value and button.description == "Do not share"
    assert len(board.wait_for("reports", 2)) == 2
    first = [path for path, sent in board.asked if sent is not None]
    assert first == ["me", "reports", "reports"] and board.sent("me") == [{"told": True}]
    check("megabytes", [1])
    assert len(kernel.shown) == 1


def test_who_was_told_in_another_notebook_is_not_told_again(kernel, board):
    board.told = True
    kernel.start()
    assert kernel._known.wait(LONG)
    check("megabytes", "text")
    assert board.wait_for("reports") and not kernel.shown


def test_one_click_switches_it_off_and_on(known, board):
    check("megabytes", "text")
    board.wait_for("reports")
    ((words, button),) = known.shown
    button.click()
    assert "Switched off" in words.value and button.description == "Share again"
    assert board.wait_for("me", 2)[-1] == {"sharing": False}
    check("megabytes", "text")
    known.report_game((1, 2, 3, 4))
    button.click()
    assert board.wait_for("me", 3)[-1] == {"sharing": True}
    check("megabytes", [1])
    assert [it["kind"] for it in board.wait_for("reports", 2)] == ["text", "list"]
    assert not board.sent("games") and len(known.shown) == 1


def test_a_switch_on_the_boards_page_is_followed(known, board):
    check("megabytes", "text")
    board.wait_for("reports")
    board.sharing = False
    check("megabytes", "text")
    board.wait_for("reports", 2)  # the answer to it says so
    until = time.monotonic() + LONG
    while known._sharing.is_set() and time.monotonic() < until:
        time.sleep(0.01)
    check("megabytes", [1])
    assert known._waiting.empty() and len(board.sent("reports")) == 2


class Impatient(queue.Queue):
    """A queue whose visitors never wait for a place."""

    def put(self, item, block=True, timeout=None):
        assert not block
        super().put(item, block)


def test_a_check_does_not_wait_for_a_board_that_hangs(known, board, capsys):
    board.open.clear()
    known._waiting = Impatient(known._waiting.maxsize)
    for _ in range(150):  # more than are kept
        check("megabytes", "text")
    assert not board.open.is_set() and not board.sent("reports")
    assert capsys.readouterr().out.count("Not yet:") == 150


def test_a_report_is_sent_again_until_the_board_takes_it(known, board):
    board.fails = 3
    check("megabytes", "text")
    check("megabytes", [1])
    assert [it["kind"] for it in board.wait_for("reports", 2)] == ["text", "list"]


def test_a_board_that_refuses_a_kernel_is_left_alone(kernel, board, monkeypatch, capsys):
    monkeypatch.setattr(Answer, "answer", lambda self, _: self.send_error(403))
    kernel.start()
    kernel._sender.join(LONG)
    assert not kernel._sender.is_alive()
    check("megabytes", "text")
    kernel._sender.join(LONG)
    assert not kernel.shown and "Not yet:" in capsys.readouterr().out


def test_the_game_of_the_class_is_read_without_names(known, board):
    board.games = [[4, 5, 3, 5], [1, 2, 8, 8]]
    assert known.class_results() == [(4, 5, 3, 5), (1, 2, 8, 8)]
    board.games = "nonsense"
    assert known.class_results() == []
