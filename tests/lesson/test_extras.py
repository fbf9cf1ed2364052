"""The extras: what they do with other data sets, and what they claim."""

import subprocess
import sys
import warnings

import jupytext
import nbformat
import numpy as np
import pytest
from cells import code_cells, inline
from support import ROOT, lazily

from helpers import data
from helpers.paths import BUNDLED_DATA

models = lazily("helpers.models")

EXTRAS = ROOT / "notebooks" / "extras"


def run_until(notebook, name):
    """Run a notebook's cells until a variable of this name exists; return all variables."""
    space = {"__name__": "notebook"}
    for source in code_cells(notebook):
        exec(compile(source, notebook, "exec"), space)
        if name in space:
            return space
    raise AssertionError(f"{notebook} never defines {name}")


def test_an_edit_on_either_side_reaches_the_other(tmp_path):
    source = tmp_path / "episodes" / "extras" / "perturbing.md"
    notebook = tmp_path / "notebooks" / "extras" / "perturbing.ipynb"
    for copy, folder in [(source, "episodes"), (notebook, "notebooks")]:
        copy.parent.mkdir(parents=True)
        copy.write_bytes((ROOT / folder / "extras" / copy.name).read_bytes())
    for changed, old, new in [(source, "Questions", "Enquiries"), (notebook, "Enquiries", "Asked")]:
        text = changed.read_text("utf-8").replace(f"**{old}**", f"**{new}**")
        changed.write_text(text, "utf-8")
        command = [sys.executable, "-m", "jupytext", "--quiet", "--sync", str(changed)]
        subprocess.run(command, check=True, cwd=tmp_path)
        for copy in (source, notebook):
            cells = jupytext.read(copy).cells
            assert any(f"**{new}**" in cell.source for cell in cells), copy.name


def test_perturbing_says_so_where_there_are_no_masks(make_data, monkeypatch, capsys):
    folder = make_data(images=30, masks=False, manifest=False)
    monkeypatch.setenv("CHEST_XRAYS", str(folder))
    space = run_until("extras/perturbing", "masks")
    printed = capsys.readouterr().out
    assert printed.count("This data set has no masks") == 1
    assert 0 < len(space["images"]) <= 12
    assert not space["masks"].any()


def test_more_classes_uses_simulated_xrays_where_sides_are_unknown(make_data, monkeypatch, capsys):
    monkeypatch.setenv("CHEST_XRAYS", str(make_data(manifest=False)))
    space = run_until("extras/more-classes", "test_sides")
    printed = capsys.readouterr().out
    assert printed.count("we use simulated X-rays") == 1
    assert "Data: simulated chest X-rays (bundled)" in printed
    assert np.bincount(space["test_sides"]).min() > 10


def test_sides_are_those_of_the_manifest():
    names = ["normal", "right", "left", "both"]
    (sides_of,) = inline("extras/more-classes", "sides_of", NAMES=names)
    bundled = data.find_dataset(BUNDLED_DATA)
    sides = sides_of(bundled)
    np.testing.assert_array_equal(sides > 0, bundled.labels)
    masks = data.load_masks(bundled, 64)
    for side, half in [(1, np.s_[:, :, 32:]), (2, np.s_[:, :, :32])]:  # the other half is dry
        wet = masks[sides == side]
        assert wet[half].sum() < 0.1 * wet.sum()


def printed_lines(name, *words):
    """Return the printed lines of a notebook in which one of the words stands."""
    cells = nbformat.read(EXTRAS / f"{name}.ipynb", as_version=4).cells
    texts = [output.get("text", "") for cell in cells for output in cell.get("outputs", [])]
    lines = "".join(texts).splitlines()
    return [line for line in lines if any(word in line for word in words)]


def test_both_notebooks_of_the_photograph_print_the_same_predictions():
    words = ("Picture:", "parameters:", "class ", "brightest", "ImageNet")
    lines = printed_lines("photograph", *words)
    assert len(lines) == 9  # one each, and five classes
    assert lines == printed_lines("photograph-pytorch", *words)


def test_notebooks_never_download_by_themselves():
    for name in ("photograph", "photograph-pytorch"):
        source = "\n".join(c.source for c in nbformat.read(EXTRAS / f"{name}.ipynb", 4).cells)
        assert "\ndownload = False\n" in source
        assert printed_lines(name, "No ImageNet weights here")


# --- What is written by hand equals the helpers ----------------------------------------------


@pytest.fixture(scope="module")
def ask(network):
    from helpers import explain

    logit = explain.logit_model(network)
    return lambda batch: logit.predict_on_batch(batch.astype("float32"))[:, 0]


GREY = np.zeros((64, 64, 1))


def test_occlusion_and_lime_written_by_hand(network, xrays, ask):
    from skimage.segmentation import slic
    from sklearn.linear_model import Ridge
    from sklearn.metrics import pairwise_distances

    from helpers import explain

    given = {"size": 64, "ask": ask}
    (occlude,) = inline("extras/perturbing", "occlude", **given)
    for side in (8, 16):
        by_hand = np.array([occlude(image, side, GREY) for image in xrays])
        used = explain.occlusion(network, xrays, patch=side / 64, step=side / 64)
        np.testing.assert_allclose(by_hand, used, atol=1e-3 * np.abs(used).max())

    given |= {"slic": slic, "Ridge": Ridge, "pairwise_distances": pairwise_distances}
    lime, pieces = inline("extras/perturbing", "lime", "slic_pieces", **given)
    by_hand = lime(xrays[0], pieces(xrays[0]), GREY, samples=400)
    used = explain.lime(network, xrays[:1])[0]
    np.testing.assert_allclose(by_hand, used, atol=0.02 * np.abs(used).max())


def test_lime_by_hand_finds_the_pieces_that_matter():
    from sklearn.linear_model import Ridge
    from sklearn.metrics import pairwise_distances

    def corner(batch):  # a network that looks at one place only
        return batch[:, 40:48, 8:16].mean(axis=(1, 2, 3))

    given = {"Ridge": Ridge, "pairwise_distances": pairwise_distances, "ask": corner}
    squares, lime = inline("extras/perturbing", "squares", "lime", size=64, **given)
    bright = np.ones((64, 64, 1), "float32")
    found = lime(bright, squares(bright), GREY)
    assert found[44, 12] == found.max() > 0.5
    assert np.abs(np.delete(np.unique(found), -1)).max() < 0.1
    same = lime(bright, squares(bright), bright)  # nothing changes, nothing is found
    np.testing.assert_allclose(same, 0, atol=1e-6)


def test_maps_of_a_class_sum_to_its_logit_and_are_grad_cam(xrays):
    from helpers import explain
    from helpers.models import keras, tf

    (build,) = inline("extras/more-classes", "build", models=models, keras=keras)
    logit = explain.logit_model(build(4, steps=10))
    last = explain.last_conv_layer(logit)
    both = keras.Model(logit.inputs, [last.output, logit.output])
    (class_maps,) = inline("extras/more-classes", "class_maps", tf=tf, both_outputs=both)
    averaged, placed = class_maps(xrays, label=3)
    logits = logit.predict_on_batch(xrays)[:, 3]
    np.testing.assert_allclose(placed.sum(axis=(1, 2)), logits, atol=1e-3)  # the bias is still 0

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from tf_keras_vis.gradcam import Gradcam

        library = Gradcam(logit, clone=False)(
            lambda outputs: outputs[:, 3],
            tf.convert_to_tensor(xrays),
            penultimate_layer=last,
            seek_penultimate_conv_layer=False,
            expand_cam=False,
            normalize_cam=False,
        )
    by_hand = np.maximum(averaged, 0)
    np.testing.assert_allclose(by_hand, library, atol=1e-3 * by_hand.max())


def test_the_stop_button_ends_a_training_of_the_extra_early(xrays, monkeypatch, capsys):
    from helpers.models import keras

    given = {"models": models, "keras": keras}
    (build,) = inline("extras/more-classes", "build", **given)
    (train,) = inline("extras/more-classes", "train", build=build, **given)

    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(keras.Model, "fit", stop)
    model = train(xrays, np.array([0, 1, 2]), outputs=4, epochs=3)
    assert "stopped early" in capsys.readouterr().out
    assert model.predict_on_batch(xrays).shape == (3, 4)
