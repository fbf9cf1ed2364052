"""What tests in a browser share: Chromium, the pages of the lesson, and axe."""

import json
import os
import shutil

import pytest
from support import ROOT

from tools import pages, playground

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
SIZES = {"laptop": (1366, 768, "light"), "phone": (390, 844, "dark")}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]

# Notes what Tab reaches, and whether one sees where it is; of some radio buttons, one is a stop.
WATCH = """() => {
  const seen = new Map();
  const marked = (each) => {
    const style = getComputedStyle(each);
    return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1;
  };
  document.addEventListener("focusin", ({target}) => {
    const where = [target, ...(target.labels ?? [])];
    const shown = where.some((each) => {
      const {left, right, width} = each.getBoundingClientRect();
      return marked(each) && width > 0 && right > 0 && left < innerWidth;
    });
    seen.set(target, shown);
  });
  const name = (each) => `${each.tagName} ${each.className} ${each.textContent.slice(0, 40)}`;
  window.stops = () => seen.size;
  window.unseen = () => Array.from(seen.keys()).filter((each) => !seen.get(each)).map(name);
  window.missed = () => {
    const all = document.querySelectorAll("a[href], button, input, select, textarea, summary");
    return Array.from(all).filter((each) => {
      const usable = !each.disabled && each.checkVisibility({visibilityProperty: true}) &&
        !each.matches(".back-to-top"); // there while one scrolls up; the key Home does the same
      const group = each.type === "radio" ? document.getElementsByName(each.name) : [each];
      return usable && each.tabIndex >= 0 && !Array.from(group).some((one) => seen.has(one));
    }).map(name);
  };
}"""


@pytest.fixture(scope="session")
def chromium():
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        pytest.fail(
            "Playwright is not installed: run `make test-site`, `test-lab` or `test-hub`.",
            pytrace=False,
        )
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        pytest.fail(
            "Chromium is not installed: install it, as by `apt-get install chromium`.",
            pytrace=False,
        )
    root = hasattr(os, "geteuid") and os.geteuid() == 0  # who may not have a sandbox
    with sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=path, args=["--no-sandbox"] if root else []
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """Return the folder of all pages, built once for all tests."""
    if not (playground.has_libraries() and AXE.is_file()):
        pytest.fail("TensorFlow.js is not installed: run `npm ci --ignore-scripts`.", pytrace=False)
    folder = tmp_path_factory.mktemp("site") / "pages"
    assert pages.build(folder) == 0
    return folder


@pytest.fixture
def visit_page(chromium, site):
    """Return a function that opens a page; in the end nothing was asked or went wrong."""
    opened, asked, wrong = [], [], []

    def block(route):
        if route.request.url.startswith(("file:", "data:")):
            route.continue_()
        else:
            asked.append(route.request.url)
            route.abort()

    def said(page, message):
        if message.type in ("error", "warning"):
            wrong.append(f"{page.url}: {message.text}")

    def visit_page(name, folder=None, script="", strict=True, **options):
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 900}} | options)
        opened.append(context)
        context.route("**/*", block)
        if script:
            context.add_init_script(script)
        page = context.new_page()
        if strict:
            page.on("console", lambda message: said(page, message))
            page.on("pageerror", lambda error: wrong.append(f"{page.url}: {error}"))
            page.on("requestfailed", lambda request: wrong.append(f"not found: {request.url}"))
        page.goto(((folder or site) / name).as_uri())
        return page

    yield visit_page
    for context in opened:
        context.close()
    assert not asked
    assert not wrong


@pytest.fixture(scope="session")
def too_wide():
    """Return a function that gives by how many pixels a page would have to scroll sideways."""
    # The theme puts the text into a box that could scroll by itself.
    wide = """Math.max(...Array.from(document.querySelectorAll("html, .content"), (each) =>
      each.scrollWidth - each.clientWidth))"""
    return lambda page: page.evaluate(wide)


@pytest.fixture(scope="session")
def violations():
    """Return a function that gives what axe finds on a page, by rule: A and AA of WCAG 2.1."""
    # Without "preload" axe does not ask for the style sheets once more, which the pages refuse.
    run = "rules => axe.run(document, {preload: false, runOnly: {type: 'tag', values: rules}})"

    def violations(page):
        if not page.evaluate("() => 'axe' in window"):
            page.evaluate(AXE.read_text("utf-8"))
        found = page.evaluate(run, RULES)
        assert len(found["passes"]) > 10
        where = {
            each["id"]: [node["target"] for node in each["nodes"]] for each in found["violations"]
        }
        return json.dumps(where, indent=1) if where else ""

    return violations


@pytest.fixture(params=SIZES)
def screen(request):
    """Return what a page is opened with: as on a laptop, and as on a phone."""
    width, height, scheme = SIZES[request.param]
    return {"viewport": {"width": width, "height": height}, "color_scheme": scheme}


@pytest.fixture(scope="session")
def tab_through():
    """Return a function that gives what Tab does not reach, and where one does not see it."""

    def tab_through(page):
        page.evaluate(WATCH)
        before = -1
        while before < (before := page.evaluate("stops()")):
            for _ in range(40):
                page.keyboard.press("Tab")
        return page.evaluate("missed()"), page.evaluate("unseen()")

    return tab_through
