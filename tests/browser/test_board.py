"""A class on one server in a browser: its log-in, the board for both sides, and a learner's notice.

`make test-hub` runs it: it needs the hub, and a browser.
"""

import pytest
import requests

from benchmarks.board import join, report
from exercises.board import NOTICE, OFF
from tools import hub as hubs

pytestmark = pytest.mark.hub
PATIENCE = 120_000  # milliseconds
CELL = """from exercises import board, check
board._known.wait()  # before it has answered, no learner is asked
check("darker", "sixty", [])"""
BOARD = "/services/board/"
KINDS_OF = {
    "ana": ["right"], "ben": ["value", "right"], "chi": ["unit"] * 4, "dora": ["shape", "value"],
}  # fmt: skip


@pytest.fixture(scope="module")
def hub():
    with hubs.running() as started:
        yield started


@pytest.fixture
def open_log_in(chromium, hub):
    """Return a function that opens the log-in page in a browser that nobody has logged in with."""
    opened, wrong = [], []

    def open_log_in(to=BOARD, **options):
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 900}} | options)
        opened.append(context)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(f"{page.url}: {error}"))
        page.goto(f"{hub.address}/hub/login?next={to}")
        page.locator("#username_input:focus").wait_for()  # nothing has to be clicked
        return page

    yield open_log_in
    for context in opened:
        context.close()
    assert not wrong


@pytest.fixture
def visit(open_log_in):
    """Return a function that logs somebody in by the form, and gives the page that follows."""

    def visit(name, phrase="", to=BOARD, **options):
        page = open_log_in(to, **options)
        page.keyboard.type(name)
        for text in (f"password of {name}", phrase):
            page.keyboard.press("Tab")
            page.keyboard.type(text)
        page.keyboard.press("Enter")
        return page

    return visit


@pytest.fixture
def board(visit, hub):
    """Return the instructor's page."""
    page = visit("instructor", hub.instructor_pass_phrase)
    page.get_by_role("heading", name="Board of the class").wait_for()
    return page


def test_a_learner_is_told_and_one_click_takes_the_line_off_the_board(visit, hub, board):
    lab = visit("zoe", hub.pass_phrase, to="")
    lab.locator(".jp-Notebook .jp-Cell").first.click()
    lab.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
    lab.keyboard.press("Escape")
    lab.keyboard.press("b")
    lab.keyboard.press("Enter")
    lab.keyboard.insert_text(CELL)
    lab.keyboard.press("Shift+Enter")
    lab.get_by_role("button", name="Do not share").wait_for()
    assert lab.get_by_text(NOTICE).is_visible()
    # The instructor's page shows it by itself
    board.get_by_role("rowheader", name="zoe").wait_for()
    row = board.get_by_role("row").filter(has_text="darker").last
    assert "0 of 1" in row.inner_text() and "sixty" not in board.content()
    lab.get_by_role("button", name="Do not share").click()
    lab.get_by_text(OFF).wait_for()
    board.get_by_role("rowheader", name="zoe").wait_for(state="detached")
    board.get_by_text("1 switched it off").wait_for()
    lab.get_by_role("button", name="Share again").wait_for()


@pytest.fixture(scope="module")
def reported(hub):
    """Let some learners report, as their kernels do."""
    for name, kinds in KINDS_OF.items():
        kernel = requests.Session()
        kernel.headers["Authorization"] = f"token {join(hub, name)[1]}"
        reports = [("reports", report("megabytes", kind)) for kind in kinds]
        for path, sent in [("me", {"told": True}), *reports]:
            kernel.post(hub.address + BOARD + path, json=sent, timeout=60).raise_for_status()


def test_the_log_in_fits_and_works_by_keyboard(screen, open_log_in, too_wide, tab_through):
    page = open_log_in(**screen)
    assert too_wide(page) <= 0
    missed, _ = tab_through(page)  # the rest of the page's look is JupyterHub's own
    assert not missed


@pytest.mark.parametrize("name", ["instructor", "ana"])
def test_each_page_fits_reads_and_works_by_keyboard(
    name, screen, hub, reported, visit, too_wide, violations, tab_through
):
    page = visit(name, hub.instructor_pass_phrase if name == "instructor" else "", **screen)
    page.get_by_role("rowheader", name="megabytes").wait_for()
    for path in (BOARD, "/hub/home"):
        page.goto(hub.address + path)
        assert too_wide(page) <= 0, path
        missed, unseen = tab_through(page)
        assert not missed, path
        if path == BOARD:  # the other one is JupyterHub's own
            assert not unseen
            assert not violations(page)


def test_names_are_hidden_and_stay_hidden(board, reported):
    board.get_by_role("rowheader", name="chi").wait_for()
    board.get_by_role("link", name="Hide names").click()
    board.get_by_role("link", name="Show names").wait_for()
    with board.expect_response(lambda answer: answer.url.endswith("tables?names=hidden")):
        pass  # the page brings itself up to date
    words = board.locator("main").inner_text()
    assert "4 hints in a row" in words and not [name for name in KINDS_OF if name in words.split()]


def test_a_board_that_is_down_is_said_and_goes_on_by_itself(hub, board, reported):
    stale = board.get_by_text("The board does not answer: these figures are old.")
    process = hubs.board_of(hub)
    process.kill()
    process.wait(60)
    stale.wait_for()
    assert board.get_by_role("rowheader", name="chi").is_visible()
    hubs.start_board(hub)
    stale.wait_for(state="detached")
    board.get_by_role("rowheader", name="chi").wait_for()
