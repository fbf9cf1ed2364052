"""The extras in PyTorch: both engines give the same answers and maps, and hints fit mistakes."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest

from helpers import quiz

ROOT = Path(__file__).resolve().parents[1]
EXTRAS = ROOT / "notebooks" / "extras"
MISSING = [name for name in ("torch", "captum") if importlib.util.find_spec(name) is None]
needs_torch = pytest.mark.skipif(bool(MISSING), reason="needs torch and captum: make test-extras")

# The notebook's own cells, as far as its maps, and then the same without turning the axes.
IN_PYTORCH = """
import sys, nbformat
for cell in nbformat.read("pytorch.ipynb", 4).cells:
    if cell.cell_type == "code" and not cell.metadata.get("tags"):
        exec(cell.source)
    if "integrated = " in cell.source:
        break
assert "tensorflow" not in sys.modules

class NotTurned(ChannelsFirst):
    def forward(self, pixels):
        return self.head(self.maps(self.body(pixels.permute(0, 2, 3, 1), training=False)))

other = NotTurned(model, last)
wrong = LayerGradCam(other, other.maps).attribute(watched, relu_attributions=True)
np.savez(sys.argv[1], images=images, probability=probability, grad_cam=grad_cam,
         integrated=integrated, signed=signed, difference=difference, coarse=coarse,
         wrong=wrong.detach())
"""
IN_TENSORFLOW = """
import sys, numpy as np
from helpers import explain, models
model, images = models.load_bundled()[0], np.load(sys.argv[1])["images"]
np.savez(sys.argv[2], probability=model.predict(images, verbose=0)[:, 0],
         grad_cam=explain.grad_cam(model, images),
         integrated=explain.integrated_gradients(model, images))
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """Return what PyTorch and TensorFlow say of the bundled network and its test X-rays."""
    folder = tmp_path_factory.mktemp("engines")
    ours, theirs = folder / "pytorch.npz", folder / "tensorflow.npz"
    settings = {"CHEST_XRAYS": str(ROOT / "data"), "CHEST_XRAYS_WORK": str(folder)}
    for engine, program, files in [
        ("torch", IN_PYTORCH, [ours]),
        ("tensorflow", IN_TENSORFLOW, [ours, theirs]),
    ]:
        run = subprocess.run(
            [sys.executable, "-c", program, *map(str, files)],
            env=os.environ | settings | {"KERAS_BACKEND": engine},
            cwd=EXTRAS,
            capture_output=True,
            text=True,
        )
        assert run.returncode == 0, run.stderr
    return dict(np.load(ours)), dict(np.load(theirs))


@needs_torch
@pytest.mark.parametrize(
    ("what", "allowed"), [("probability", 1e-4), ("grad_cam", 1e-2), ("integrated", 1e-2)]
)
def test_both_engines_say_the_same(answers, what, allowed):
    ours, theirs = (answer[what] for answer in answers)
    assert len(ours) > 20
    assert np.ptp(theirs) > 0.5  # not both empty
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=allowed)


@needs_torch
def test_integrated_gradients_make_up_the_difference(answers):
    ours, _ = answers
    gap = np.abs(ours["signed"].sum(axis=(1, 2)) - ours["difference"])
    assert np.median(gap) < 0.1 * np.median(np.abs(ours["difference"]))


@needs_torch
def test_without_turned_axes_captum_is_wrong_and_says_nothing(answers):
    ours, _ = answers
    right, wrong = ours["coarse"], ours["wrong"]
    rows, channels = right.shape[2], 64
    assert wrong.shape == (len(right), 1, rows, channels)  # maps of columns and channels


def printed(name, *words):
    """Return the printed lines of a notebook in which one of the words stands."""
    cells = nbformat.read(EXTRAS / f"{name}.ipynb", as_version=4).cells
    texts = [output.get("text", "") for cell in cells for output in cell.get("outputs", [])]
    lines = "".join(texts).splitlines()
    return [line for line in lines if any(word in line for word in words)]


def test_both_notebooks_of_the_photograph_print_the_same_answers():
    words = ("Picture:", "parameters:", "class ", "brightest", "ImageNet")
    lines = printed("photograph", *words)
    assert len(lines) == 9  # one each, and five classes
    assert lines == printed("photograph-pytorch", *words)


def test_notebooks_never_download_by_themselves():
    for name in ("photograph", "photograph-pytorch"):
        source = "\n".join(c.source for c in nbformat.read(EXTRAS / f"{name}.ipynb", 4).cells)
        assert "\ndownload = False\n" in source
        assert printed(name, "No ImageNet weights here")


SCORES = np.array([0.1, 3.0, -2.0, 5.0, 4.0, 1.0, 2.0], np.float32)
GRADIENT = np.random.default_rng(1).normal(size=(6, 7, 3)).astype(np.float32)
PICTURE = np.random.default_rng(2).integers(0, 256, (6, 6, 3), np.uint8)
SLOPES = np.random.default_rng(3).normal(size=(1, 8, 8, 5)).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "answer", "given", "says"),
    [
        ("top5", [3, 4, 1, 6, 5], (SCORES,), "Right"),
        ("top5", np.argsort(SCORES)[-5:], (SCORES,), "highest score should come first"),
        ("top5", np.argsort(SCORES)[:5], (SCORES,), "lowest"),
        ("top5", np.argsort(SCORES)[::-1], (SCORES,), "first five"),
        ("top5", np.sort(SCORES)[::-1][:5], (SCORES,), "the scores themselves"),
        ("top5", 3, (SCORES,), "five numbers"),
        ("per_pixel", np.abs(GRADIENT).max(axis=-1), (GRADIENT,), "Right"),
        ("per_pixel", GRADIENT.max(axis=-1), (GRADIENT,), "large negative"),
        ("per_pixel", np.abs(GRADIENT.max(axis=-1)), (GRADIENT,), "not after"),
        ("per_pixel", np.abs(GRADIENT).mean(axis=-1), (GRADIENT,), "mean"),
        ("per_pixel", np.abs(GRADIENT).max(axis=0), (GRADIENT,), "shape"),
        ("first", np.moveaxis(PICTURE, -1, 0), (PICTURE,), "Right"),
        ("first", PICTURE.reshape(3, 6, 6), (PICTURE,), "reshape"),
        ("first", PICTURE.T, (PICTURE,), "exchanged"),
        ("first", np.moveaxis(PICTURE, -1, 0)[::-1], (PICTURE,), "red"),
        ("first", PICTURE, (PICTURE,), "shape"),
        ("slopes", [[2, -6]] * 3, (), "Right"),
        ("slopes", [[2, -6], [4, -12], [6, -18]], (), "pile up"),
        ("slopes", [[8, -24], [10, -30], [12, -36]], (), "pile up"),
        ("slopes", [[8, -24]] * 3, (), "all alike"),
        ("slopes", [2, -6], (), "three gradients"),
        ("slopes", "steep", (), "Not yet"),
        ("map_weights", SLOPES.mean(axis=(1, 2)), (SLOPES,), "Right"),
        ("map_weights", SLOPES[0].mean(axis=(1, 2)), (SLOPES,), "row"),
        ("map_weights", SLOPES[0].sum(axis=(0, 1)), (SLOPES,), "sum"),
        ("map_weights", np.abs(SLOPES[0]).mean(axis=(0, 1)), (SLOPES,), "signs"),
        ("map_weights", SLOPES.mean(), (SLOPES,), "its own weight"),
    ],
)
def test_hints_fit_the_mistake(capsys, name, answer, given, says):
    quiz.check(name, answer, *given)
    line = capsys.readouterr().out
    assert says in line
    assert line.startswith("Right" if says == "Right" else "Not yet")
