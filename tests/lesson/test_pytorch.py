"""The extra in PyTorch: both engines give the same predictions and the same maps."""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest
from support import ROOT

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
model, images = models.load_pretrained()[0], np.load(sys.argv[1])["images"]
np.savez(sys.argv[2], probability=models.predict(model, images),
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
def test_both_engines_say_the_same(answers):
    for what, allowed in [("probability", 1e-4), ("grad_cam", 1e-2), ("integrated", 1e-2)]:
        ours, theirs = (answer[what] for answer in answers)
        assert len(ours) > 20
        assert np.ptp(theirs) > 0.05  # not both empty
        near = allowed * np.abs(theirs).max()
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=near, err_msg=what)


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
