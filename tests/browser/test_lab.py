"""JupyterLab in a browser, as `make lab` starts it: what learners see, do, and get wrong."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from support import ROOT

from exercises.stops import ABOVE, STOPPED
from tools import copies

pytestmark = pytest.mark.browser
NOTEBOOKS = ROOT / "notebooks"
NAMES = sorted(
    path.relative_to(NOTEBOOKS).with_suffix("").as_posix()
    for path in NOTEBOOKS.rglob("[!.]*.ipynb")
    if ".ipynb_checkpoints" not in path.parts
)
PATIENCE = 300_000  # milliseconds
# What the console may say. jupytext, which authors have and learners have not, brings an extension
# for a newer JupyterLab, which then says that it cannot be loaded.
ALLOWED = '"shareKey":"@jupyterlab/docregistry"'
NUMBERED = re.compile(r"\[\d+\]")  # the prompt of a cell that has run
CELLS = ".jp-Notebook .jp-Cell"
RAW = re.compile(r":::|```|\*\*|\$|\{(exercise|solution|admonition|figure|math)\}|:(label|class):")
DIRECTIVE = re.compile(r":::\{(\w+)\} ?(.*)")
RENDERED = {
    "admonition": ".myst-admonition",
    "exercise": "aside.myst-exercise",
    "solution": "details.myst-exercise",
    "figure": "figure img",
}


@pytest.fixture(scope="module", autouse=True)
def playwright_waits(chromium):
    from playwright.sync_api import expect

    expect.set_options(timeout=PATIENCE)
    yield
    expect.set_options(timeout=None)


def expect(where):
    """Return Playwright's assertions, which wait until they hold."""
    from playwright.sync_api import expect

    return expect(where)


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@pytest.fixture(scope="session")
def lab():
    """Start JupyterLab as `make lab` does, with settings and a work folder of its own."""
    # A short name, since kernels are reached by files whose path may have 107 letters
    with tempfile.TemporaryDirectory(prefix="lab-") as folder:
        place = Path(folder)
        environment = {
            **{name: value for name, value in os.environ.items() if "JUPYTER" not in name},
            "PYTHONPATH": str(ROOT),
            "CHEST_XRAYS": str(ROOT / "data"),
            "CHEST_XRAYS_WORK": str(place / "work"),
            "IPYTHONDIR": str(place / "ipython"),
            "JUPYTER_CONFIG_DIR": str(place / "config"),
            "JUPYTER_DATA_DIR": str(place / "data"),
            "JUPYTER_RUNTIME_DIR": str(place / "run"),
            "JUPYTERLAB_SETTINGS_DIR": str(place / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(place / "workspaces"),
        }
        environment.pop("PYTHONSTARTUP", None)
        command = [sys.executable, "-m", "jupyter", "lab", "--config=tools/jupyter_lab_config.py"]
        command += ["--no-browser", f"--ServerApp.port={free_port()}"]
        command += ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        log = place / "log"
        with log.open("w") as written:
            server = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=written, stderr=written
            )
        try:
            until = time.monotonic() + PATIENCE / 1000
            while not (found := re.search(r"(http://\S+?)/lab\S*token=(\w+)", log.read_text())):
                assert server.poll() is None and time.monotonic() < until, log.read_text()
                time.sleep(0.1)
            yield SimpleNamespace(url=found[1], token=found[2], work=place / "work")
        finally:
            server.send_signal(signal.SIGTERM)  # which ends its kernels, too
            try:
                server.wait(60)
            finally:
                server.kill()


def ask(lab, path, method="GET"):
    """Ask the server itself."""
    request = urllib.request.Request(
        f"{lab.url}/api/{path}", method=method, headers={"Authorization": f"token {lab.token}"}
    )
    with urllib.request.urlopen(request) as reply:
        return json.loads(reply.read() or "null")


def end_kernels(lab):
    for session in ask(lab, "sessions"):
        ask(lab, f"sessions/{session['id']}", "DELETE")


@pytest.fixture
def visit(chromium, lab):
    """Return a function that opens a notebook; in the end the browser found nothing wrong."""
    contexts, wrong = [], []

    def note(message):
        if message.type == "error" and ALLOWED not in message.text:
            wrong.append(message.text)

    def see(request):
        if not request.url.startswith((lab.url, "data:", "blob:")):
            wrong.append(f"another host was asked: {request.url}")

    def visit(name, fresh=True, width=1366, change=None):
        path = lab.work / "notebooks" / f"{name}.ipynb"
        if fresh:
            copies.copy(NOTEBOOKS / f"{name}.ipynb", path)
        if change:
            text = path.read_text("utf-8")
            assert change[0] in text
            path.write_text(text.replace(*change), "utf-8")
        contexts.append(chromium.new_context(viewport={"width": width, "height": 768}))
        page = contexts[-1].new_page()
        page.set_default_timeout(PATIENCE)
        page.on("console", note)
        page.on("request", see)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(f"{lab.url}/lab/tree/notebooks/{name}.ipynb?token={lab.token}&reset")
        expect(page.locator(CELLS)).to_have_count(len(nbformat.read(path, 4).cells))
        wait_until_idle(page)
        return page

    yield visit
    for context in contexts:
        context.close()
    end_kernels(lab)
    assert not wrong


def wait_until_idle(page):
    expect(page.get_by_title(re.compile("^Change kernel for"))).to_have_text(re.compile("Idle$"))


def cell_with(page, text):
    """Return the first code cell with a text, shown on the screen; the same one after an edit."""
    cells = page.locator(".jp-Notebook .jp-CodeCell")
    cell = cells.nth([text in each for each in cells.all_text_contents()].index(True))
    cell.evaluate("cell => cell.scrollIntoView({block: 'center'})")
    return cell


def prompt_of(cell):
    return cell.locator(".jp-InputArea-prompt")


def output_of(cell):
    return cell.locator(".jp-OutputArea-output")


def run(page, cell):
    """Select a cell and run it; wait until it has."""
    prompt = prompt_of(cell)
    before = prompt.text_content()
    prompt.click()
    page.keyboard.press("Control+Enter")
    expect(prompt).not_to_have_text(before)
    expect(prompt).to_have_text(NUMBERED)
    wait_until_idle(page)


def choose(page, menu, entry):
    page.get_by_role("menuitem", name=menu, exact=True).click()
    page.get_by_role("menuitem", name=re.compile(rf"^{entry}( (Ctrl|0)|$)")).click()


def save(page):
    with page.expect_response(
        lambda reply: reply.request.method == "PUT" and "contents" in reply.url
    ):
        choose(page, "File", "Save Notebook")


def run_above(page, cell):
    """Do what the sentences say: Run > Run All Above Selected Cell; wait until all have."""
    prompt_of(cell).click()
    choose(page, "Run", "Run All Above Selected Cell")
    page.wait_for_function(
        """cell => {
            const prompts = [...document.querySelectorAll('.jp-CodeCell .jp-InputArea-prompt')];
            const above = prompts.filter((each) => each.compareDocumentPosition(cell) & 4);
            return above.every((each) => cell.contains(each) || /\\d/.test(each.textContent));
        }""",
        arg=cell.element_handle(),
    )
    wait_until_idle(page)


def write(page, cell, code):
    """Replace what stands in a cell, with the keyboard."""
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(code)


def sideways(page):
    """Return what is wider than its place, so that one would have to scroll sideways."""
    return page.evaluate(
        """() => [...document.querySelectorAll('.jp-Notebook *')].filter(
            (each) => each.scrollWidth > each.clientWidth + 1 && each.clientWidth > 50
                && getComputedStyle(each).overflowX !== 'visible'
                && !each.closest('.katex-mathml')
        ).map((each) => `${each.className}: ${each.innerText.slice(0, 200)}`)"""
    )


def pop_ups(page):
    return page.locator(".jp-Dialog, .Toastify__toast").all_inner_texts()


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_opens_ready_to_read(name, visit):
    page = visit(name, width=1024)
    source = nbformat.read(NOTEBOOKS / f"{name}.ipynb", 4).cells
    for place, cell in zip(page.locator(CELLS).all(), source, strict=True):
        if cell.cell_type == "markdown":
            expect(place.locator(".myst")).to_have_text(re.compile(r"\w"))
            for kind, title in DIRECTIVE.findall(cell.source):
                box = place.locator(RENDERED[kind])
                if kind == "figure":
                    page.wait_for_function("image => image.naturalWidth", arg=box.element_handle())
                elif kind == "solution":
                    assert box.get_attribute("open") is None, f"{title} is open"
                else:
                    expect(box).to_contain_text(re.compile(re.sub(r"\W+", r"\\W+", title)))
        elif "hide-cell" in cell.metadata.get("tags", []):
            expect(place.locator(".jp-InputPlaceholder")).to_have_text("# Solution")
            expect(place.locator(".cm-content")).to_be_hidden()
    prose = page.locator(".myst").evaluate_all(
        """cells => cells.map((cell) => {
            const copy = cell.cloneNode(true);
            copy.querySelectorAll('code, pre, .katex').forEach((each) => each.remove());
            return copy.textContent;
        })"""
    )
    assert not [text for text in prose if RAW.search(text)]
    assert not sideways(page)
    assert not pop_ups(page)
    expect(page.locator(".jp-Notification-Status")).to_have_text("0")


def test_episode_2_runs_cell_by_cell(visit):
    page = visit("02-visualisation")
    page.locator(CELLS).first.click()
    for cell in page.locator(CELLS).all():
        page.keyboard.press("Shift+Enter")
        if "jp-CodeCell" in cell.get_attribute("class") and prompt_of(cell).count():  # not hidden
            expect(prompt_of(cell)).to_have_text(NUMBERED)
    wait_until_idle(page)
    kinds = {each.get_attribute("data-mime-type") for each in output_of(page).all()}
    assert kinds == {None, "application/vnd.jupyter.stdout", "text/html"}  # no error, no warning
    assert not sideways(page)
    assert not pop_ups(page)


@pytest.fixture
def game(visit):
    """Return the page and the cell of the guessing game, begun; its buttons; what it says."""
    page = visit("02-visualisation")
    run(page, cell_with(page, "xrays = data.find_dataset()"))
    cell = cell_with(page, "game.play()")
    run(page, cell)
    names = ("Effusion", "No effusion", "Next X-ray")
    buttons = [cell.get_by_role("button", name=name, exact=True) for name in names]
    expect(buttons[0]).to_be_enabled()
    return SimpleNamespace(page=page, cell=cell, buttons=buttons, status=cell.get_by_role("status"))


def see_question(game, number):
    alt = f"Chest X-ray {number} of 10: effusion or no effusion?"
    expect(game.cell.get_by_role("img", name=alt)).to_be_visible()
    expect(game.buttons[2]).to_be_disabled()


def see_answer(game, number):
    """The X-ray that was judged is still there, with its class, and no other can be judged yet."""
    expect(game.status).to_have_text(re.compile(rf"it was .* right of {number}\b"))
    told = re.search("it was (an|no) effusion", game.status.inner_text())[0]
    alt = f"Chest X-ray {number} of 10: {told}."
    expect(game.cell.get_by_role("img", name=alt)).to_be_visible()
    for button in game.buttons[:2]:
        expect(button).to_be_disabled()


def test_the_game_shows_each_mistake_until_the_next_xray_is_asked_for(game):
    _, normal, following = game.buttons
    for number in range(1, 11):
        see_question(game, number)
        normal.click()
        see_answer(game, number)
        if number < 10:
            following.click()
    expect(game.status).to_contain_text("95 % interval")
    expect(following).to_be_disabled()
    result = cell_with(game.page, "result = last_result(xrays)")
    run(game.page, result)
    expect(output_of(result)).to_contain_text("sensitivity 0 of")


def tab_to(page, wanted):
    """Press Tab until an element has the keyboard; learners do not look for it for long."""
    for _ in range(5):
        page.keyboard.press("Tab")
        if wanted.evaluate("wanted => document.activeElement === wanted"):
            return
    pytest.fail("Tab does not reach it")


def test_the_game_is_played_with_the_keyboard_alone(game):
    effusion, normal, following = game.buttons
    prompt_of(game.cell).click()
    tab_to(game.page, effusion)
    for number in range(1, 11):
        see_question(game, number)
        if number % 2:
            tab_to(game.page, normal)
        game.page.keyboard.press("Space")
        see_answer(game, number)
        if number < 10:
            expect(following).to_be_focused()
            game.page.keyboard.press("Enter")
            expect(effusion).to_be_focused()
    expect(game.status).to_contain_text("95 % interval")


def test_a_cell_out_of_order_says_what_to_run_and_an_answer_is_judged(visit):
    page = visit("02-visualisation")
    check = cell_with(page, 'check("mb_512"')
    run(page, check)
    expect(output_of(check)).to_contain_text("NameError: check is not defined.")
    expect(output_of(check)).to_contain_text(ABOVE)
    run_above(page, check)
    run(page, check)
    expect(output_of(check)).to_contain_text("No answer yet: give mb_512 a value")

    attempt = cell_with(page, "mb_512 = None")
    for bits, verdict in ((64, "Not yet: "), (8, "Right: mb_512 is what the exercise asks for.")):
        write(page, attempt, f"mb_512 = len(xrays) * 512 * 512 * {bits} / 1_000_000\nmb_256 = None")
        run(page, attempt)
        run(page, check)
        expect(output_of(check)).to_contain_text(verdict)


def see_lost(cell):
    expect(cell.locator(".widget-lost")).to_be_visible()
    expect(cell.locator(".widget-lost")).to_contain_text("Run All Above Selected Cell")


def test_a_restarted_kernel_says_what_to_run_and_the_game_goes_on(game):
    page, cell = game.page, game.cell
    expect(cell.locator(".widget-lost")).to_be_hidden()
    choose(page, "Kernel", "Restart Kernel…")
    page.get_by_role("button", name="Confirm Kernel Restart").click()
    see_lost(cell)
    wait_until_idle(page)
    run(page, cell)
    expect(output_of(cell)).to_contain_text("NameError: xrays is not defined.")
    expect(output_of(cell)).to_contain_text(ABOVE)
    run_above(page, cell)
    run(page, cell)
    see_question(game, 1)
    expect(cell.locator(".widget-lost")).to_be_hidden()
    game.buttons[0].click()
    see_answer(game, 1)


def test_a_renamed_notebook_works_and_stays_when_the_lesson_is_renewed(visit, lab):
    page = visit("02-visualisation")
    choose(page, "File", "Rename Notebook…")
    page.locator(".jp-Dialog input").fill("my notes.ipynb")
    page.get_by_role("button", name="Rename").click()
    expect(page.locator(".jp-Dialog")).to_have_count(0)
    attempt = cell_with(page, "mb_512 = None")
    write(page, attempt, "mb_512 = 'mine'\nmb_256 = None")
    check = cell_with(page, 'check("mb_512"')
    run_above(page, check)
    run(page, check)
    expect(output_of(check)).to_contain_text("Not yet: ")
    save(page)
    assert ask(lab, "sessions")[0]["path"] == "notebooks/my notes.ipynb"

    mine = lab.work / "notebooks" / "my notes.ipynb"
    before = mine.read_bytes()
    assert b"'mine'" in before
    assert copies.renew(ROOT, lab.work) == []
    assert mine.read_bytes() == before
    mine.unlink()
    assert (lab.work / "notebooks" / "02-visualisation.ipynb").exists()


def move(page, cell):
    """Move a slider with the keyboard; wait for the other picture, and return what it shows."""
    handle = cell.get_by_role("slider")
    picture = cell.locator(".widget-html img")
    expect(picture).to_be_visible()
    before, place = picture.get_attribute("alt"), float(handle.get_attribute("aria-valuenow"))
    prompt_of(cell).click()
    tab_to(page, handle)
    page.keyboard.press("ArrowRight")
    expect(handle).to_have_attribute("aria-valuetext", f"{place + 1:.0f}")
    expect(picture).not_to_have_attribute("alt", before)
    return picture.get_attribute("alt")


@pytest.mark.parametrize(
    ("name", "code", "shown"),
    [
        ("04-neural-networks", "go_downhill(loss_of", "With the learning rate 10,"),
        ("04-neural-networks", "slide_kernel(patch", "Position 7: "),
        ("06-explainability", "fade(pictures[", "60 percent opaque"),
        ("07-evaluation", "threshold_on_roc(labels", "At a threshold of 0.51: "),
    ],
)
def test_a_slider_is_moved_with_the_keyboard_alone(name, code, shown, visit):
    page = visit(name)
    cell = cell_with(page, code)
    run_above(page, cell)
    run(page, cell)
    assert shown in move(page, cell)


def test_a_slider_is_still_there_when_the_notebook_is_opened_again(visit, lab):
    name, code = "04-neural-networks", "go_downhill(loss_of"
    page = visit(name)
    cell = cell_with(page, code)
    run_above(page, cell)
    run(page, cell)
    moved = move(page, cell)
    save(page)
    page.close()

    page = visit(name, fresh=False)  # the kernel is still there
    cell = cell_with(page, code)
    expect(cell.locator(".widget-lost")).to_be_hidden()
    expect(cell.locator(".widget-html img")).to_have_attribute("alt", moved)
    assert move(page, cell) != moved
    save(page)
    page.close()

    end_kernels(lab)
    page = visit(name, fresh=False)
    cell = cell_with(page, code)
    see_lost(cell)
    expect(cell.locator(".widget-html img")).to_be_visible()
    run_above(page, cell)
    run(page, cell)
    expect(cell.locator(".widget-lost")).to_be_hidden()
    move(page, cell)


def test_pressing_solution_to_exercise_opens_it_and_leads_nowhere_else(visit):
    page = visit("02-visualisation")
    solution = page.locator("details.myst-exercise").nth(2)
    solution.evaluate("solution => solution.scrollIntoView({block: 'center'})")
    top = solution.bounding_box()["y"]
    words = solution.locator("summary").get_by_text("Exercise 3").bounding_box()
    page.mouse.click(words["x"] + words["width"] / 2, words["y"] + words["height"] / 2)
    expect(solution.get_by_text("Images × rows × columns")).to_be_visible()
    assert "#" not in page.url
    assert abs(solution.bounding_box()["y"] - top) < 5


def test_training_is_stopped_and_the_next_cells_run(visit):
    page = visit("05-training", change=("epochs=6", "epochs=600"))
    stop = page.get_by_role("button", name=re.compile("Interrupt the kernel"))
    training = cell_with(page, "reference.fit(images[train]")
    run_above(page, training)
    prompt_of(training).click()
    page.keyboard.press("Control+Enter")
    expect(output_of(training)).to_contain_text("Epoch 2/600")
    stop.click()
    expect(prompt_of(training)).to_have_text(NUMBERED)
    expect(output_of(training).last).to_have_text(STOPPED)
    following = cell_with(page, "predicted = models.predict(reference")
    run(page, following)
    expect(output_of(following)).to_contain_text("every probability lies between")

    for name in ("show_two", "restart", "say", "fit", "judge"):
        run(page, cell_with(page, f"def {name}("))
    experiment = cell_with(page, "fit(reference, rate=0.01)")
    prompt_of(experiment).click()
    page.keyboard.press("Control+Enter")
    expect(output_of(experiment)).to_contain_text(re.compile(r"epoch \d+: validation"))
    stop.click()
    expect(prompt_of(experiment)).to_have_text(NUMBERED)
    expect(output_of(experiment)).to_have_text("stopped")
    following = cell_with(page, "show_two(reference)")
    run(page, following)
    expect(output_of(following).get_by_role("img")).to_be_visible()
