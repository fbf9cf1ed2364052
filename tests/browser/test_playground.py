"""The playground in a browser, opened from a folder, with every host blocked."""

import re
import shutil

import numpy as np
import pytest
from support import lazily

from helpers import metrics
from helpers.images import resize, standardise
from helpers.paths import PRETRAINED
from simulator import CORNERS, KINDS, shortcut, simulate_one
from tools import playground

pytestmark = pytest.mark.browser
models, explain = lazily("helpers.models"), lazily("helpers.explain")
FILES = {"lesson": PRETRAINED, "shortcut": playground.NETWORK}
SMALL_EFFUSION, NORMAL = 0, 7  # places among the X-rays of the page
COVER = {"left": 10, "top": 30, "width": 17, "height": 9}


@pytest.fixture
def visit(visit_page):
    """Return a function that opens the page and waits until it is ready."""

    def visit(name="playground/index.html", strict=True, **options):
        page = visit_page(name, strict=strict, **options)
        if strict and options.get("java_script_enabled", True):
            page.wait_for_selector("html[data-playground=ready]", timeout=60_000)
        return page

    return visit


@pytest.fixture(scope="module")
def originals():
    """Return the X-rays of the page as Python draws them, uint8 (12, 64, 64)."""
    kinds = tuple(kind for kind in KINDS if kind != "marker")
    made = [simulate_one(0, index, size=256, devices=kinds).image for index in playground.XRAYS]
    return np.stack([resize(image, 64) for image in made])


@pytest.fixture(scope="module")
def composed(originals):
    """Return what networks see, float32 (12, 64, 64, 1), by corner, with and without a cover."""
    plain = np.stack([standardise(each) for each in originals])[..., np.newaxis]
    found = {}
    for corner in (None, *CORNERS):
        opacity = shortcut.draw_markers([corner], 64, playground.MARKER_SEED).repeat(12, axis=0)
        marked = shortcut.paste(plain, opacity) if corner else plain
        covered = marked.copy()
        bottom, right = COVER["top"] + COVER["height"], COVER["left"] + COVER["width"]
        covered[:, COVER["top"] : bottom, COVER["left"] : right] = 0
        found[corner] = {"plain": marked, "covered": covered}
    return found


@pytest.fixture(scope="module")
def networks():
    return {name: models.load(path)[0] for name, path in FILES.items()}


def shown(page, name="lesson"):
    """Return the probability that the page shows."""
    return float(page.locator(f"#pg-{name} .pg-number").inner_text())


def classes(page):
    return {name: page.locator(f"#pg-{name} .pg-class").inner_text() for name in FILES}


def choose(page, place):
    page.check(f"[name=pg-choice][value='{place}']")


def fluid(page):
    """Return the rectangle around the fluid on the right of the patient, in pixels of 64."""
    path = page.evaluate("playground.xrays[playground.bench.xray].mask")
    numbers = np.array(re.findall(r"[\d.]+", path), float).reshape(-1, 2) / 4
    return [*numbers.min(axis=0), *numbers.max(axis=0)]


def tab_to(page, wanted):
    """Press Tab until an element that matches is focused."""
    for _ in range(400):
        page.keyboard.press("Tab")
        if page.evaluate("wanted => document.activeElement.matches(wanted)", wanted):
            return
    pytest.fail(f"the keyboard does not reach {wanted}")


def drag(page, start, end, steps=5):
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=steps)
    page.mouse.up()


def middle(page, selector):
    box = page.locator(selector).bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


@pytest.mark.parametrize("backend", ["wasm", "cpu"])
def test_predictions_are_those_of_keras(visit, composed, networks, backend):
    page = visit(script="" if backend == "wasm" else "delete window.WebAssembly")
    assert page.evaluate("tf.getBackend()") == backend
    corners = list(composed) if backend == "wasm" else [None, "lower left"]
    found = page.evaluate(
        """([corners, cover]) => corners.map((corner) => [null, cover].map((one) =>
             Object.values(playground.networks).map((network) => playground.xrays.map((xray) =>
               playground.predict(network, playground.compose(xray, corner, one))))))""",
        [corners, COVER],
    )
    most = 0.0
    for corner, by_cover in zip(corners, found, strict=True):
        for kind, by_network in zip(("plain", "covered"), by_cover, strict=True):
            for name, given in zip(FILES, by_network, strict=True):
                expected = models.predict(networks[name], composed[corner][kind])
                most = max(most, np.abs(given - expected).max())
    print(f"largest difference from Keras with {backend}: {most:.1e}")
    assert most < 1e-4


def test_what_the_networks_see_is_what_python_composes(visit, composed):
    page = visit()
    for corner, versions in composed.items():
        for kind, cover in [("plain", None), ("covered", COVER)]:
            given = page.evaluate(
                "([corner, cover]) => playground.xrays.map((xray) => "
                "Array.from(playground.compose(xray, corner, cover)))",
                [corner, cover],
            )
            np.testing.assert_allclose(
                np.reshape(given, (12, 64, 64, 1)), versions[kind], atol=2e-6
            )


def test_a_prediction_takes_less_than_a_tenth_of_a_second(visit):
    page = visit()
    page.click("#pg-toggle-cover")
    times = page.evaluate(
        """() => Array.from({length: 20}, (_, k) => {
             const start = performance.now();
             playground.change({cover: {left: k, top: k, width: 16, height: 16}});
             return performance.now() - start; })"""
    )
    print(f"both predictions and the drawing: {np.median(times):.0f} ms")
    assert np.median(times) < 100


def test_dragging_a_cover_over_the_fluid_lowers_the_probability(visit):
    page = visit()
    before = shown(page)
    assert before > 0.9
    page.click("#pg-toggle-cover")
    left, top, right, bottom = fluid(page)
    page.locator("#pg-stage").scroll_into_view_if_needed()
    stage = page.locator("#pg-stage").bounding_box()
    scale = stage["width"] / 64

    def at(x, y):
        return stage["x"] + scale * x, stage["y"] + scale * y

    x, y = middle(page, "#pg-cover")
    drag(page, (x, y), (x + scale * (left - 24), y + scale * (top - 24)))
    grip = middle(page, "#pg-grip")
    drag(page, grip, at(right - 1, bottom - 1))
    cover = page.evaluate("playground.bench.cover")
    assert abs(cover["left"] - left) < 2 and abs(cover["top"] - top) < 2
    assert abs(cover["left"] + cover["width"] - right) < 3
    assert abs(cover["top"] + cover["height"] - bottom) < 3
    assert shown(page) < before - 0.3
    page.click("#pg-toggle-cover")
    assert shown(page) == before


def test_a_cover_stays_within_the_x_ray_and_keeps_a_size(visit):
    page = visit()
    page.click("#pg-toggle-cover")
    page.locator("#pg-stage").scroll_into_view_if_needed()
    drag(page, middle(page, "#pg-cover"), (2000, 2000))
    cover = page.evaluate("playground.bench.cover")
    assert (cover["left"] + cover["width"], cover["top"] + cover["height"]) == (64, 64)
    page.focus("#pg-cover")
    for _ in range(30):
        page.keyboard.press("Shift+ArrowLeft")
        page.keyboard.press("Shift+ArrowUp")
    cover = page.evaluate("playground.bench.cover")
    assert cover["width"] == cover["height"] == 4


@pytest.mark.parametrize("place", [SMALL_EFFUSION, NORMAL])
def test_dragging_the_marker_flips_one_network_and_not_the_other(visit, place):
    page = visit()
    choose(page, place)
    before = classes(page)
    assert before["shortcut"] == "normal"
    page.locator("#pg-stage").scroll_into_view_if_needed()
    stage = page.locator("#pg-stage").bounding_box()
    goal = stage["x"] + 0.1 * stage["width"], stage["y"] + 0.85 * stage["height"]
    drag(page, middle(page, "#pg-marker"), goal)
    assert page.evaluate("playground.bench.corner") == "lower left"
    assert classes(page) == {"lesson": before["lesson"], "shortcut": "effusion"}
    said = page.locator("#pg-meaning").inner_text()
    assert "the marker is the cause" in said
    assert "The network with a shortcut takes it as a sign" in said
    assert "The lesson's network keeps" in said
    assert page.locator("[name=pg-corner]:checked").get_attribute("value") == "lower left"


def test_the_keyboard_covers_and_moves_as_the_mouse_does(visit):
    page = visit()
    before = shown(page)
    tab_to(page, "#pg-marker")
    page.keyboard.press("ArrowLeft")
    assert classes(page) == {"lesson": "effusion", "shortcut": "effusion"}
    page.wait_for_function("document.getElementById('pg-live').textContent.includes('the cause')")
    page.keyboard.press("ArrowRight")
    assert classes(page)["shortcut"] == "normal"
    tab_to(page, "#pg-toggle-cover")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "pg-cover"
    left, top, right, bottom = fluid(page)
    for key, times in [
        ("ArrowLeft", (24 - left) / 2),
        ("ArrowDown", (top - 24) / 2),
        ("Shift+ArrowRight", (right - left - 16) / 2),
        ("Shift+ArrowDown", (bottom - top - 16) / 2),
        ("Shift+ArrowUp", (16 - bottom + top) / 2),
    ]:
        for _ in range(round(max(times, 0))):
            page.keyboard.press(key)
    cover = page.evaluate("playground.bench.cover")
    assert abs(cover["width"] - right + left) < 3 and abs(cover["height"] - bottom + top) < 3
    assert shown(page) < before - 0.3
    said = f"The lesson's network: {shown(page):.2f}"
    page.wait_for_function(
        "said => document.getElementById('pg-live').textContent.includes(said)", arg=said
    )
    tab_to(page, "[data-move='4 0 0 0']")
    place = page.evaluate("playground.bench.cover.left")
    page.keyboard.press("Space")
    assert page.evaluate("playground.bench.cover.left") == place + 4


def test_what_is_said_aloud_waits_until_nothing_changes(visit):
    page = visit()
    page.evaluate(
        """() => { window.said = [];
             new MutationObserver(() => window.said.push(playground.byId("live").textContent))
               .observe(playground.byId("live"), {childList: true}); }"""
    )
    page.click("#pg-toggle-cover")
    for _ in range(10):
        page.keyboard.press("ArrowDown")
    page.wait_for_function("window.said.length > 0")
    page.wait_for_timeout(1000)
    assert len(page.evaluate("window.said")) == 1


@pytest.mark.parametrize("method", ["Grad-CAM", "Occlusion"])
def test_maps_are_those_of_the_lesson(visit, composed, networks, method):
    page = visit()
    page.check("[name=pg-corner][value='lower left']")
    for place in (SMALL_EFFUSION, 1, NORMAL):
        choose(page, place)
        page.check(f"[name=pg-method][value='{method}']")
        page.wait_for_function(
            "() => playground.maps && playground.byId('maps-status').textContent.includes('ready')"
        )
        given = page.evaluate(
            "Object.fromEntries(Object.entries(playground.maps).map("
            "([name, map]) => [name, Array.from(map)]))"
        )
        for name, network in networks.items():
            image = composed["lower left"]["plain"][place : place + 1]
            expected = explain.METHODS[method](network, image)[0]
            size = np.abs(expected).max()
            np.testing.assert_allclose(
                np.reshape(given[name], (64, 64)), expected, atol=1e-3 * max(size, 0.1)
            )
            text = page.locator(f"#pg-map-{name}").get_attribute("aria-label")
            assert f"{expected.max():.2f}" in text
        page.check("[name=pg-method][value='']")


def test_scales_of_maps_suit_the_x_rays_of_the_page(visit, composed, networks):
    """No map is all dark, and few are cut off; both maps are drawn on the scale that is stated."""
    page = visit()
    scales = page.evaluate("playground.SCALES")
    for method, top in scales.items():
        largest = []
        for corner in ("lower left", "lower right"):
            for network in networks.values():
                maps = explain.METHODS[method](network, composed[corner]["plain"])
                largest += maps.max(axis=(1, 2)).tolist()
        print(method, np.round(np.quantile(largest, [0, 0.25, 0.5, 0.75, 0.9, 1]), 3))
        assert 0.5 * top < np.quantile(largest, 0.9) <= top
        page.check(f"[name=pg-method][value='{method}']")
        said = page.locator("#pg-scale-text").inner_text()
        assert f"from 0 to {top}" in said and "one scale" in said
        assert page.locator("#pg-top").inner_text() == f"{top} or more"


def test_a_map_is_computed_anew_when_the_x_ray_changes(visit):
    page = visit()
    ready = "() => playground.maps && Array.from(playground.maps.lesson).join()"
    for method in ("Grad-CAM", "Occlusion"):
        page.check(f"[name=pg-method][value='{method}']")
        first = page.wait_for_function(ready).json_value()
        choose(page, 1)
        second = page.wait_for_function(ready).json_value()
        assert first != second
        choose(page, 0)
        assert page.wait_for_function(ready).json_value() == first


def test_opacity_and_mask_change_the_drawing(visit):
    page = visit()
    pixels = "(name) => playground.byId(name).toDataURL()"
    page.check("[name=pg-method][value='Grad-CAM']")
    page.wait_for_function("() => playground.maps")
    drawings = [page.evaluate(pixels, "map-lesson")]
    page.fill("#pg-opacity", "0")
    drawings.append(page.evaluate(pixels, "map-lesson"))
    assert page.locator("#pg-opacity-value").inner_text() == "0 %"
    page.check("#pg-mask-again")
    assert page.is_checked("#pg-mask")
    drawings.append(page.evaluate(pixels, "map-lesson"))
    assert len({*drawings}) == 3
    plain = page.evaluate(pixels, "xray")
    page.uncheck("#pg-mask")
    assert page.evaluate(pixels, "xray") != plain
    assert page.evaluate(pixels, "map-lesson") == drawings[1]
    page.check("#pg-pixels")
    assert page.evaluate(pixels, "xray") != plain


def play(page, answers):
    """Play the game by keyboard alone."""
    tab_to(page, "#pg-start")
    page.keyboard.press("Enter")
    for place, answer in enumerate(answers):
        assert f"X-ray {place + 1} of 10" in page.locator("#pg-turn").inner_text()
        focused = "document.activeElement.dataset.answer"
        while page.evaluate(focused) != str(answer):
            page.keyboard.press(
                "Shift+Tab" if page.evaluate(focused) == "1" and answer == 0 else "Tab"
            )
        page.keyboard.press("Enter")


def test_ten_rounds_of_the_game_by_keyboard_alone(visit, networks):
    page = visit()
    answers = [0, 1, 1, 0, 1, 0, 1, 1, 0, 1]
    play(page, answers)
    assert page.evaluate("document.activeElement.id") == "pg-result-heading"
    xrays = playground.game_xrays()
    labels = np.array([xray["label"] for xray in xrays])
    pixels = [page.evaluate(f"Array.from(playground.game[{k}].bytes)") for k in range(10)]
    images = np.stack([standardise(np.reshape(each, (64, 64))) for each in pixels])
    probability = models.predict(networks["lesson"], images[..., np.newaxis].astype(np.float32))
    rows = page.locator("#pg-rates tr").all_inner_texts()
    for row, predicted in zip(rows, [np.array(answers), probability >= 0.5], strict=True):
        for label, text in zip((1, 0), row.split("\t")[1:], strict=True):
            right = int((predicted == label)[labels == label].sum())
            low, high = metrics.wilson_interval(right, 5)
            assert text == f"{right / 5:.2f} ({low:.2f} to {high:.2f})"
            assert text in page.locator("#pg-roc svg").get_attribute("aria-label")
    assert page.locator("#pg-each tr").count() == 10
    correct = int((np.array(answers) == labels).sum())
    assert f"about {correct} of 10" in page.locator("#pg-verdict").inner_text()
    tab_to(page, "#pg-result summary")
    page.keyboard.press("Enter")
    assert page.locator("#pg-each").is_visible()
    play_again = page.locator("#pg-start")
    play_again.press("Enter")
    assert page.locator("#pg-result").is_hidden()


def test_points_lie_where_the_numbers_say(visit):
    page = visit()
    found = page.evaluate(
        """() => { const drawn = playground.drawRoc(
              {sensitivity: [0.6, 0.2, 0.9], specificity: [0.8, 0.4, 1]},
              {sensitivity: [1, 0.6, 1], specificity: [0.4, 0.1, 0.8]});
            const all = (name) => Array.from(drawn.querySelectorAll(name)).map((each) =>
              Object.fromEntries(Array.from(each.attributes, (one) => [one.name, one.value])));
            return {yours: all("rect.pg-yours")[0], its: all("circle.pg-its")[0],
                    lines: all("line.pg-yours"), curve: all("polyline")[0].points}; }"""
    )
    x, y = (lambda value: 56 + 300 * value), (lambda value: 16 + 300 * (1 - value))
    assert float(found["yours"]["x"]) + 5 == pytest.approx(x(0.2))
    assert float(found["yours"]["y"]) + 5 == pytest.approx(y(0.6))
    assert (float(found["its"]["cx"]), float(found["its"]["cy"])) == pytest.approx((x(0.6), y(1)))
    up, across = ({k: float(v) for k, v in line.items() if k != "class"} for line in found["lines"])
    assert (up["y1"], up["y2"]) == pytest.approx((y(0.2), y(0.9)))
    assert {round(across["x1"]), round(across["x2"])} == {round(x(0.6)), round(x(0))}
    assert found["curve"].split()[0] == f"{x(0):g},{y(0):g}"


def test_intervals_are_those_of_the_lesson(visit):
    page = visit()
    for total in (0, 1, 5, 10, 600):
        for right in {0, total // 3, total}:
            given = page.evaluate(f"playground.wilsonInterval({right}, {total})")
            assert given == pytest.approx(metrics.wilson_interval(right, total), abs=1e-12)


def open_everything(page):
    page.click("#pg-toggle-cover")
    page.check("#pg-mask")
    page.check("[name=pg-method][value='Grad-CAM']")
    page.wait_for_function("() => playground.maps")
    page.click("#pg-start")
    for _ in range(10):
        page.click("[data-answer='1']")
    page.click("#pg-result summary")


def test_a_phone_shows_it_without_scrolling_sideways(visit, too_wide):
    page = visit(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    assert too_wide(page) <= 0
    page.click("#pg-start")
    assert too_wide(page) <= 0
    open_everything(page)
    assert too_wide(page) <= 0
    small = page.evaluate(
        """() => Array.from(document.querySelectorAll(".pg button, .pg-marker, .pg-thumbs label"))
             .filter((each) => each.offsetParent)
             .map((each) => [each.textContent, each.getBoundingClientRect()])
             .filter(([, box]) => box.width < 43 || box.height < 43).map(([text]) => text)"""
    )
    assert not small


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing(visit, violations, scheme, width):
    page = visit(viewport={"width": width, "height": 844}, color_scheme=scheme)
    for prepare in (lambda page: None, lambda page: page.click("#pg-start"), open_everything):
        prepare(page)
        page.wait_for_timeout(300)  # for what fades
        assert not violations(page)


def test_the_switch_of_the_theme_counts_more_than_the_system(visit):
    page = visit(color_scheme="light")
    colour = "() => getComputedStyle(document.querySelector('.pg-number')).color"
    page.evaluate("document.body.dataset.theme = 'auto'")
    colours = [page.evaluate(colour)]
    for theme in ("dark", "light"):
        page.evaluate("theme => { document.body.dataset.theme = theme; }", theme)
        colours.append(page.evaluate(colour))
    assert colours[0] == colours[2] != colours[1]
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(colour) == colours[0]
    page.evaluate("document.body.dataset.theme = 'auto'")
    assert page.evaluate(colour) == colours[1]


def test_focus_is_seen_and_motion_may_be_off(visit):
    page = visit(reduced_motion="reduce")
    style = "(what) => getComputedStyle(document.activeElement)[what]"
    for wanted in ("#pg-marker", "[name=pg-corner]", "#pg-toggle-cover", "#pg-opacity"):
        tab_to(page, wanted)
        assert page.evaluate(style, "outlineStyle") == "solid"
        assert float(page.evaluate(style, "outlineWidth")[:-2]) >= 2
    bar = "getComputedStyle(document.querySelector('.pg-bar span')).transitionDuration"
    assert page.evaluate(bar) == "0s"


def scripts():
    text = (playground.SOURCES / "index.md").read_text("utf-8")
    return re.findall(r'<script src="([\w.]+)"', text)


@pytest.mark.parametrize("name", scripts())
def test_a_missing_script_is_named_in_one_sentence(visit, site, tmp_path, name):
    shutil.copytree(site / "playground", tmp_path / "playground")
    (tmp_path / "playground" / name).unlink()
    page = visit(folder=tmp_path, strict=False)
    page.wait_for_selector("#pg-problem:visible")
    said = page.locator("#pg-problem").inner_text()
    assert f"file {name} is missing" in said and said.endswith(".") and ". " not in said
    assert page.locator(".pg:visible").count() == 0


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (
            "window.tf = {}; Object.defineProperty(window.tf, 'setBackend',"
            " {get: () => () => Promise.resolve(false), set() {}})",
            "does not start in this browser",
        ),
        ("Object.defineProperty(window, 'tf', {get() {}, set() {}})", "without TensorFlow.js"),
        (
            "Object.defineProperty(window, 'atob', {value() { throw new Error('odd'); }})",
            "Something went wrong",
        ),
    ],
    ids=["no backend", "no TensorFlow.js", "another error"],
)
def test_what_goes_wrong_is_said_in_one_sentence(visit, script, said):
    page = visit(script=script, strict=False)
    page.wait_for_selector("#pg-problem:visible", timeout=30_000)
    text = page.locator("#pg-problem").inner_text()
    assert said in text and text.endswith(".") and ". " not in text.replace(".js", "")
    assert page.locator("#pg-waiting").count() == 0


def test_without_javascript_the_page_says_so(visit):
    page = visit(java_script_enabled=False)
    assert "needs JavaScript" in page.locator("noscript").inner_text()
    assert page.locator(".pg:visible").count() == 0


def test_the_first_page_leads_here(visit):
    page = visit(name="index.html", strict=False)
    page.click("article a[href='playground/index.html'] >> nth=0")
    page.wait_for_selector("html[data-playground=ready]")
    assert page.locator(".sidebar-tree a[href='#']").inner_text().startswith("Playground")


def test_without_libraries_the_whole_page_says_so(visit, site, tmp_path):
    shutil.copytree(site / "playground", tmp_path / "playground")
    for name, text in {"tensorflow.js": "// not there", "wasm.js": 'playground.wasm = "";'}.items():
        (tmp_path / "playground" / name).write_text(text, "utf-8")
    page = visit(folder=tmp_path, strict=False)
    page.wait_for_selector("#pg-problem:visible")
    assert "npm ci" in page.locator("#pg-problem").inner_text()
