"""The extras on perturbing and on more classes: what they write out, and what they claim."""

import csv
import subprocess
import sys
import warnings
from pathlib import Path

import jupytext
import numpy as np
import pytest
from cells import code_cells, inline

from helpers import data
from helpers.quiz import check

ROOT = Path(__file__).resolve().parents[1]
EXTRAS = ROOT / "notebooks" / "extras"


def run_until(notebook, name):
    """Run a notebook's cells until a variable of this name exists; return all variables."""
    space = {"__name__": "notebook"}
    for source in code_cells(notebook):
        exec(compile(source, notebook, "exec"), space)
        if name in space:
            return space
    raise AssertionError(f"{notebook} never defines {name}")


@pytest.fixture(scope="module")
def model():
    from helpers import models

    models.set_seeds(3)
    return models.build_lesson_model()


@pytest.fixture(scope="module")
def images():
    dataset = data.find(ROOT / "data")
    return data.load(dataset, 64)[0][[100, 120, 140]]


@pytest.fixture
def ask(model):
    from helpers import explain

    logit = explain.logit_model(model)
    return lambda batch: logit.predict_on_batch(batch.astype("float32"))[:, 0]


# --- Sources and notebooks ------------------------------------------------------------------


@pytest.mark.parametrize("name", ["perturbing", "more-classes"])
@pytest.mark.parametrize("edited", ["md", "ipynb"])
def test_an_edit_on_either_side_reaches_the_other(tmp_path, name, edited):
    source = tmp_path / "episodes" / "extras" / f"{name}.md"
    notebook = tmp_path / "notebooks" / "extras" / f"{name}.ipynb"
    for copy, folder in [(source, "episodes"), (notebook, "notebooks")]:
        copy.parent.mkdir(parents=True)
        copy.write_bytes((ROOT / folder / "extras" / copy.name).read_bytes())
    changed = source if edited == "md" else notebook
    text = changed.read_text("utf-8").replace("**Questions**", "**Enquiries**")
    changed.write_text(text, "utf-8")
    command = [sys.executable, "-m", "jupytext", "--quiet", "--sync", str(changed)]
    subprocess.run(command, check=True, cwd=tmp_path)
    for copy in (source, notebook):
        cells = jupytext.read(copy).cells
        assert any("**Enquiries**" in cell.source for cell in cells), copy.name


# --- Explaining by perturbing ---------------------------------------------------------------


@pytest.mark.parametrize("side", [8, 16])
def test_occlusion_by_hand_is_the_helpers(model, images, ask, side):
    from helpers import explain

    grey = np.zeros((64, 64, 1))
    (occlude,) = inline("extras/perturbing", "occlude", size=64, grey=grey, answer=ask)
    by_hand = np.array([occlude(image, side) for image in images])
    helper = explain.occlusion(model, images, patch=side / 64, step=side / 64)
    np.testing.assert_allclose(explain.rescale(np.maximum(by_hand, 0)), helper, atol=1e-3)


def test_lime_by_hand_finds_the_pieces_that_matter(images):
    from sklearn.linear_model import Ridge
    from sklearn.metrics import pairwise_distances

    def corner(batch):  # a network that looks at one place only
        return batch[:, 40:48, 8:16].mean(axis=(1, 2, 3))

    given = {"Ridge": Ridge, "pairwise_distances": pairwise_distances, "answer": corner}
    squares, lime = inline(
        "extras/perturbing", "squares", "lime", size=64, grey=np.zeros((64, 64, 1)), **given
    )
    bright = np.ones((64, 64, 1), "float32")
    found = lime(bright, squares(bright))
    assert found[44, 12] == found.max() > 0.5
    assert np.abs(np.delete(np.unique(found), -1)).max() < 0.1
    same = lime(bright, squares(bright), cover=bright)  # nothing changes, nothing is found
    np.testing.assert_allclose(same, 0, atol=1e-6)


def test_turnstile_counts_what_passes_and_changes_nothing(model, images):
    from helpers.models import keras, tf

    (turnstile,) = inline("extras/perturbing", "Turnstile", keras=keras, tf=tf)
    inputs = keras.Input((64, 64, 1))
    counted = keras.Model(inputs, turnstile()(inputs))
    for times in (1, 2):
        np.testing.assert_array_equal(counted.predict_on_batch(images), images)
        assert turnstile.passed == 3 * times
    np.testing.assert_array_equal(counted(images), images)
    assert turnstile.passed == 9


DEEP = """
import resource, sys, warnings
import numpy as np
from helpers import data, explain, models
warnings.simplefilter("ignore")
import shap
model, _ = models.load_bundled()
logit = explain.logit_model(model)
images, _ = data.load(data.find(sys.argv[1]), model.input_shape[1])
background, some = images[:20], images[100:112]
values = np.asarray(shap.DeepExplainer(logit, background).shap_values(some)).reshape(12, -1)
answers = logit.predict_on_batch(np.concatenate([some, background]))[:, 0]
difference = values.sum(axis=1) - (answers[:12] - answers[12:].mean())
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(np.abs(difference).max(), peak / (2**20 if sys.platform == "darwin" else 2**10))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="memory is measured in another way there")
def test_deep_explainer_adds_up_and_stays_below_2_gigabytes():
    command = [sys.executable, "-c", DEEP, str(ROOT / "data")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    difference, megabytes = map(float, done.stdout.split()[-2:])
    assert difference < 1e-3
    assert megabytes < 2000


def test_perturbing_says_so_where_there_are_no_outlines(make_data, monkeypatch, capsys):
    folder = make_data(images=30, outlines=False, manifest=False)
    monkeypatch.setenv("CHEST_XRAYS", str(folder))
    space = run_until("extras/perturbing", "outlines")
    printed = capsys.readouterr().out
    assert printed.count("This data set has no outlines") == 1
    assert 0 < len(space["images"]) <= 12
    assert not space["outlines"].any()


# --- More than two classes ------------------------------------------------------------------


def test_more_classes_uses_simulated_xrays_where_sides_are_unknown(make_data, monkeypatch, capsys):
    monkeypatch.setenv("CHEST_XRAYS", str(make_data(manifest=False)))
    space = run_until("extras/more-classes", "exam_sides")
    printed = capsys.readouterr().out
    assert printed.count("we use simulated X-rays") == 1
    assert "Data: simulated chest X-rays (bundled)" in printed
    assert np.bincount(space["exam_sides"]).min() > 10


def test_sides_are_those_of_the_manifest():
    names = ["normal", "right", "left", "both"]
    rows_of, sides_of = inline(
        "extras/more-classes", "manifest_rows", "sides_of", csv=csv, NAMES=names
    )
    bundled = data.find(ROOT / "data")
    sides = sides_of(rows_of(bundled))
    np.testing.assert_array_equal(sides > 0, bundled.labels)
    outlines = data.load_outlines(bundled, 64)
    for side, half in [(1, np.s_[:, :, 32:]), (2, np.s_[:, :, :32])]:  # the other half is dry
        wet = outlines[sides == side]
        assert wet[half].sum() < 0.1 * wet.sum()


def test_map_without_the_mean_sums_to_the_logit_and_grad_cam_is_the_librarys(images):
    from helpers import explain, models
    from helpers.models import keras, tf

    models.set_seeds(4)
    (build,) = inline("extras/more-classes", "build", models=models, keras=keras)
    logit = explain.logit_model(build(4, "softmax"))
    both = keras.Model(logit.inputs, [explain.last_maps_layer(logit).output, logit.output])
    (class_maps,) = inline("extras/more-classes", "class_maps", tf=tf, both_outputs=both)
    averaged, placed = class_maps(images, label=3)
    logits = logit.predict_on_batch(images)[:, 3]
    np.testing.assert_allclose(placed.sum(axis=(1, 2)), logits, atol=1e-3)  # the bias is still 0

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from tf_keras_vis.gradcam import Gradcam

        library = Gradcam(logit, clone=False)(
            lambda outputs: outputs[:, 3],
            tf.convert_to_tensor(images),
            penultimate_layer=explain.last_maps_layer(logit),
            seek_penultimate_conv_layer=False,
            expand_cam=False,
        )
    by_hand = explain.rescale(np.maximum(averaged, 0))
    np.testing.assert_allclose(by_hand, explain.rescale(library), atol=1e-3)


# --- Checks ---------------------------------------------------------------------------------

SIDES = np.array([0, 1, 1, 2, 3, 0, 2])
PROBABILITY = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4], [0.05, 0.95]])
TRUTH = np.array([0, 0, 1, 1, 0])
GAME = (1.0, 3.0, 4.0, 10.0)  # nothing, left, right, both


@pytest.mark.parametrize(
    ("name", "answer", "given", "said"),
    [
        ("share_left", 4.0, GAME, "Right"),
        ("share_left", 2.0, GAME, "another one"),
        ("share_left", 6.0, GAME, "another one"),
        ("share_left", 8.0, GAME, "their mean"),
        ("share_left", 5.0, GAME, "right half"),
        ("mirrored_sides", np.array([0, 2, 2, 1, 3, 0, 1]), (SIDES,), "Right"),
        ("mirrored_sides", [0, 2, 2, 1, 3, 0, 1], (SIDES,), "Right"),
        ("mirrored_sides", SIDES, (SIDES,), "as they were"),
        ("mirrored_sides", SIDES[::-1], (SIDES,), "order of the patients"),
        ("mirrored_sides", np.array([0, 1, 1, 1, 3, 0, 1]), (SIDES,), "on one side now"),
        ("mirrored_sides", 3 - SIDES, (SIDES,), "0 and 3 do not change"),
        ("surest", [0, 2], (PROBABILITY, TRUTH), "Right"),
        ("surest", [1, 2], (PROBABILITY, TRUTH), "surer of another"),
        ("surest", [4, 2], (PROBABILITY, TRUTH), "wrong"),
        ("surest", [0, 3], (PROBABILITY, TRUTH), "wrong"),
        ("surest", [0, 4], (PROBABILITY, TRUTH), "belongs to class 0"),
        ("surest", [0, 9], (PROBABILITY, TRUTH), "from 0 to 4"),
        ("surest", 0, (PROBABILITY, TRUTH), "2 positions"),
    ],
)
def test_checks_of_the_extras(capsys, name, answer, given, said):
    check(name, answer, *given)
    assert said in capsys.readouterr().out


def test_check_of_the_black_square(capsys):
    image = np.random.default_rng(0).random((64, 64, 1)) - 0.5
    weights = np.random.default_rng(1).random((64, 64, 1))

    def ask(batch):
        return (batch * weights).sum(axis=(1, 2, 3))

    def fall(colour, square=np.s_[40:56, 8:24]):
        covered = image.copy()
        covered[square] = colour
        return float(ask(image[np.newaxis])[0] - ask(covered[np.newaxis])[0])

    black = image.min()
    for answer, said in [
        (fall(black), "Right"),
        (-fall(black), "sign"),
        (fall(0), "grey"),
        (fall(black, np.s_[8:24, 40:56]), "rows come first"),
    ]:
        check("fall_black", answer, image, ask)
        assert said in capsys.readouterr().out
