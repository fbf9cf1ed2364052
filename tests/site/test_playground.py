"""The playground without a browser: what its scripts hold is what the lesson's code computes."""

import base64
import json
import re

import cv2
import numpy as np
import pytest
from bs4 import BeautifulSoup
from lesson.test_language import slips
from support import ROOT, is_one_sentence, lazily

from helpers import data, metrics
from helpers.images import resize, standardise
from helpers.paths import PRETRAINED
from simulator import CORNERS, shortcut, simulate_one
from tools import pages, playground

models = lazily("helpers.models")
SOURCES = sorted(playground.SOURCES.glob("*.*"))
NETWORKS = {"lesson": PRETRAINED, "shortcut": playground.NETWORK}


def to_array(text, kind, *shape):
    return np.frombuffer(base64.b64decode(text), kind).reshape(shape)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return the folder of the page as it is without TensorFlow.js."""
    made = tmp_path_factory.mktemp("playground")
    kept, playground.LIBRARIES = playground.LIBRARIES, made / "not installed"
    playground.write(made)
    playground.LIBRARIES = kept
    return made


@pytest.fixture(scope="module")
def stored(folder):
    """Return what the scripts hand to the page, by name."""
    text = "".join((folder / name).read_text("utf-8") for name in ("weights.js", "xrays.js"))
    return {
        name: json.loads(value)
        for name, value in re.findall(r"^playground\.(\w+) = (.*);$", text, re.M)
    }


@pytest.fixture(scope="module")
def page():
    """Return the source of the page, and its HTML without what Markdown says."""
    source = (playground.SOURCES / "index.md").read_text("utf-8")
    parts = re.findall(r"^```\{raw\} html\n(.*?)^```", source, re.MULTILINE | re.DOTALL)
    return source, BeautifulSoup("".join(parts), "html.parser")


def test_weights_are_those_of_the_files(stored):
    for name, path in NETWORKS.items():
        expected = models.load(path)[0].get_weights()
        given = [to_array(each["values"], "<f4", *each["shape"]) for each in stored["stored"][name]]
        assert len(given) == len(expected) == 22
        for ours, theirs in zip(given, expected, strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_another_kind_of_network_is_refused_in_one_sentence(tmp_path):
    path = tmp_path / "other.keras"
    models.save(models.build_lesson_model(normalise=False), path)
    with pytest.raises(SystemExit, match="another kind of network") as error:
        playground.read_weights(path)
    assert is_one_sentence(error)


def test_its_predictions_are_those_of_keras():
    _, batch, _ = data.load_second_batch()
    images = batch.images[::20]
    for path in NETWORKS.values():
        given = 1 / (1 + np.exp(-playground.logits(playground.read_weights(path), images)))
        np.testing.assert_allclose(given, models.predict(models.load(path)[0], images), atol=1e-5)


def test_the_roc_curve_is_that_of_the_test_set(stored):
    _, batch, _ = data.load_second_batch()
    probability = models.predict(models.load(PRETRAINED)[0], batch.images)
    points = np.array(stored["roc"]["points"])
    assert stored["roc"]["count"] == len(batch.labels)
    assert points[0].tolist() == [0, 0] and points[-1].tolist() == [1, 1]
    area = np.trapezoid(points[:, 1], points[:, 0])
    assert area == pytest.approx(metrics.auc_interval(batch.labels, probability)[0], abs=1e-3)


def test_x_rays_are_what_the_simulator_draws(stored):
    assert [xray["title"] for xray in stored["xrays"]] == list(playground.XRAYS.values())
    assert len(stored["xrays"]) == 12 and {xray["label"] for xray in stored["xrays"]} == {0, 1}
    for index, xray in zip(list(playground.XRAYS)[:2], stored["xrays"], strict=False):
        kinds = ("stamp", "electrode", "line", "tube", "pacemaker", "clip", "port")
        made = simulate_one(0, index, size=256, devices=kinds)
        pixels = to_array(xray["pixels"], np.uint8, 64, 64)
        np.testing.assert_array_equal(pixels, resize(made.image, 64))
        shown = cv2.imdecode(to_array(xray["picture"], np.uint8, -1), cv2.IMREAD_UNCHANGED)
        assert shown.shape == (256, 256)
        assert np.abs(shown.astype(int) - made.image).mean() < 3


def test_titles_say_what_the_labels_say(stored):
    for xray in stored["xrays"]:
        assert xray["title"].lower().count("effusion") == xray["label"], xray["title"]
        assert xray["title"].startswith("Normal") != xray["label"]
        assert bool(xray["mask"]) == xray["label"]


def test_masks_are_drawn_where_the_fluid_is(stored):
    places = dict(zip(playground.XRAYS, stored["xrays"], strict=True))
    for index in (195, 39):
        drawn = np.zeros((256, 256), np.uint8)
        for part in places[index]["mask"].strip("MZ").split("ZM"):
            line = np.array([point.split() for point in part.split("L")], float)
            cv2.fillPoly(drawn, [np.floor(line).astype(int)], 1)
        fluid = simulate_one(0, index, size=256).fluid
        assert metrics.iou(drawn[np.newaxis] > 0, fluid[np.newaxis])[0] > 0.97


def test_markers_are_those_of_the_simulator(stored):
    for corner in CORNERS:
        opacity = to_array(stored["markers"][corner]["opacity"], np.uint8, 64, 64)
        drawn = shortcut.draw_markers([corner], 64, playground.MARKER_SEED)[0]
        np.testing.assert_array_equal(opacity.astype(np.float32) / 255, drawn)
        picture = to_array(stored["markers"][corner]["picture"], np.uint8, -1)
        large = cv2.imdecode(picture, cv2.IMREAD_UNCHANGED)[..., 3] / 255
        assert np.abs(resize(np.uint8(255 * large), 64) / 255 - drawn).max() < 0.2


def test_ten_x_rays_of_the_game_are_five_of_each_class_in_no_order(stored):
    labels = [xray["label"] for xray in stored["game"]]
    assert len(labels) == 10 and sum(labels) == 5
    assert labels != sorted(labels) and labels[::2] != [labels[0]] * 5
    seeds = {301, 302, 303, 0, *np.arange(901, 905).tolist(), 2026}
    assert playground.GAME_SEED not in seeds


def test_the_predicted_class_goes_with_the_marker_or_does_not(stored):
    """On the X-rays of the page: the shortcut is one, and the lesson's network has none."""
    pixels = [to_array(xray["pixels"], np.uint8, 64, 64) for xray in stored["xrays"]]
    images = np.stack([standardise(each) for each in pixels])[..., np.newaxis]
    effusion = {}
    for name, path in NETWORKS.items():
        weights = playground.read_weights(path)
        for corner in ("lower left", "lower right"):
            marker = shortcut.draw_markers([corner], 64, playground.MARKER_SEED)
            marked = shortcut.paste(images, np.repeat(marker, len(images), axis=0))
            effusion[name, corner] = playground.logits(weights, marked) >= 0
    assert (effusion["lesson", "lower left"] == effusion["lesson", "lower right"]).all()
    flips = effusion["shortcut", "lower left"] & ~effusion["shortcut", "lower right"]
    assert flips.mean() >= 0.75 and flips[0]


def test_page_and_folder_hold_the_same_scripts_and_elements(folder, page):
    source, html = page
    scripts = [script["src"] for script in html.find_all("script", src=True)]
    assert {*scripts} == {path.name for path in folder.glob("*.js")}
    for script in html.find_all("script", src=True):
        assert script["onerror"] == f"missing('{script['src']}')"
    assert html.link["href"] in {path.name for path in folder.glob("*.css")}
    names = [element["id"] for element in html.find_all(id=True)]
    assert len(names) == len({*names})
    asked = {
        name
        for path in SOURCES
        if path.suffix == ".js"
        for name in re.findall(r'byId\("([\w-]+)"\)', path.read_text("utf-8"))
    }
    assert len(asked) > 20 and {f"pg-{name}" for name in asked} <= {*names}
    for label in html.find_all("label", attrs={"for": True}):
        assert label["for"] in names
    assert "simulated" in source and "no medical device" in source
    assert html.noscript.get_text()


def test_no_file_of_the_page_asks_another_host_or_keeps_anything(folder):
    known = {"http://www.w3.org/2000/svg"}  # the name of a kind of drawing
    for path in [*folder.iterdir(), *SOURCES]:
        text = path.read_text("utf-8")
        if path.name != "index.md":  # whose links are followed by a reader
            assert {*re.findall(r"(?:https?:)?//[\w.-]+\.\w+[^\"'\s]*", text)} <= known, path.name
        kept = re.findall(
            r"localStorage|sessionStorage|indexedDB|document\.cookie|sendBeacon", text
        )
        assert not kept, path.name
        if path.suffix == ".js":
            assert not re.findall(r"\bfetch\(|XMLHttpRequest|\bimport\b|^export\b", text, re.M), (
                path.name
            )


def test_texts_become_text_and_never_html(folder):
    for path in folder.glob("*.js"):
        text = path.read_text("utf-8")
        assert not re.findall(
            r"\.(inner|outer)HTML|insertAdjacentHTML|document\.write|\beval\(", text
        )
    odd = "</script><b>'\"\u2028&"
    written = playground.as_script("title", odd)
    assert written.isascii() and json.loads(written[len("playground.title = ") : -2]) == odd


def test_what_the_page_says_can_be_looked_up(page):
    source, html = page
    html = BeautifulSoup(str(html), "html.parser")
    for element in html.find_all(["script", "style"]):
        element.extract()
    said = [re.sub(r"^```.*?^```", "", source, flags=re.MULTILINE | re.DOTALL), html.get_text("\n")]
    said += [element["aria-label"] for element in html.find_all(attrs={"aria-label": True})]
    for path in SOURCES:
        if path.suffix == ".js":
            text = path.read_text("utf-8")
            said += re.findall(r"^ *// (.*)$", text, re.MULTILINE)
            said += ["".join(each) for each in re.findall(r'"([^"\n]*)"|`([^`]*)`', text)]
    found = [slip for text in said for slip in slips(text)]
    assert not found, "\n".join(found)


def test_without_tensorflow_js_the_site_is_built_and_says_so(folder, monkeypatch, capsys, tmp_path):
    assert (folder / "tensorflow.js").read_text("utf-8") == f"// {playground.WITHOUT}\n"
    monkeypatch.setattr(playground, "LIBRARIES", tmp_path)
    monkeypatch.setattr(pages, "build", lambda folder: 0)
    monkeypatch.setattr("sys.argv", ["pages", str(tmp_path)])
    pages.main()
    first = capsys.readouterr().out.splitlines()[0]
    assert first == playground.WITHOUT and "npm ci" in first and is_one_sentence(first)


def test_versions_are_pinned_without_an_address():
    package = json.loads((ROOT / "package.json").read_text("utf-8"))
    lock = json.loads((ROOT / "package-lock.json").read_text("utf-8"))["packages"]
    wanted = package["dependencies"] | package["devDependencies"]
    assert wanted == {name: lock[f"node_modules/{name}"]["version"] for name in wanted}
    for name, entry in lock.items():
        assert "resolved" not in entry and (not name or entry["integrity"].startswith("sha512-"))
