"""Every page of the site in a browser, as files, with every host blocked."""

import re

import pytest

pytestmark = pytest.mark.browser
BROKEN = "Array.from(document.images).filter((each) => !each.naturalWidth).map((each) => each.src)"


@pytest.fixture(scope="module")
def names(site):
    found = [path for path in site.rglob("*.html") if "_static" not in path.parts]
    return sorted(path.relative_to(site).as_posix() for path in found)


@pytest.fixture
def open_each(visit_page, names, screen):
    """Return a function that gives one page after the other, on a laptop or on a phone."""

    def open_each():
        for name in names:
            page = visit_page(name, **screen)
            if name.startswith("playground/"):
                page.wait_for_selector("html[data-playground=ready]", timeout=60_000)
            yield name, page
            page.context.close()

    return open_each


def test_every_page_fits_and_axe_finds_nothing(open_each, too_wide, violations):
    wrong = {}
    for name, page in open_each():
        found = [f"{too_wide(page)} px too wide"] if too_wide(page) > 0 else []
        found += [f"broken: {each}" for each in page.evaluate(BROKEN)]
        found += [each for each in [violations(page)] if each]
        if found:
            wrong[name] = "\n".join(found)
    assert not wrong, "\n".join(f"{name}: {found}" for name, found in wrong.items())


def test_the_keyboard_reaches_everything_and_one_sees_where_it_is(open_each, tab_through):
    wrong = {}
    for name, page in open_each():
        missed, unseen = tab_through(page)
        if missed or unseen:
            wrong[name] = {"not reached": missed[:5], "focus not seen": unseen[:5]}
    assert not wrong, wrong


def test_the_keyboard_opens_the_menus_of_a_phone(visit_page):
    page = visit_page("guide/setup.html", viewport={"width": 390, "height": 844})
    for drawer, text in [(".sidebar-drawer", "Schedules"), (".toc-drawer", "With conda")]:
        link = page.locator(drawer).get_by_text(text, exact=True)
        assert link.is_hidden()
        page.keyboard.press("Tab")
        page.keyboard.press("Space")
        link.wait_for(state="visible")
        page.keyboard.press("Space")
        link.wait_for(state="hidden")


@pytest.mark.parametrize("how", ["mouse", "keyboard"])
def test_solutions_and_hidden_code_open_and_close(visit_page, how):
    page = visit_page("notebooks/06-explainability.html")
    for kind in ("details.solution", "div.cell details.hide"):
        closed = page.locator(kind).first
        summary, inside = closed.locator("> summary"), closed.locator("> :not(summary)").first
        for shown in (True, False):
            assert inside.is_visible() is not shown
            if how == "mouse":
                summary.click()
            else:
                summary.press("Enter")
            assert inside.is_visible() is shown


def test_search_finds_an_episode(visit_page):
    page = visit_page("index.html")
    page.fill(".sidebar-search", "occlusion")
    page.press(".sidebar-search", "Enter")
    page.locator("#search-results a >> text=8. Testing explanations").first.wait_for()


def test_the_theme_can_be_switched(visit_page):
    page = visit_page("guide/glossary.html", color_scheme="light")
    background = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(background)
    page.locator(".theme-toggle:visible").first.press("Enter")
    changed = {page.evaluate(background)}
    page.locator(".theme-toggle:visible").first.press("Enter")
    changed.add(page.evaluate(background))
    assert changed - {before}


def test_what_is_printed_has_no_menus_and_keeps_to_its_pages(visit_page):
    page = visit_page("guide/reference-sheet.html")
    page.emulate_media(media="print")
    for each in (".sidebar-drawer", ".toc-drawer", ".related-pages", ".theme-toggle"):
        assert page.locator(each).first.is_hidden()
    sheets = re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4"))
    assert len(sheets) <= 2  # one sheet of paper, both sides
