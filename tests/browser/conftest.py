"""What tests in a browser share: Chromium, the pages of the lesson, and axe."""

import json
import os
import shutil

import pytest
from support import ROOT

from tools import pages, playground

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]


@pytest.fixture(scope="session")
def chromium():
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        pytest.fail(
            "Playwright is not installed: run `make test-site` or `make test-lab`.", pytrace=False
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
