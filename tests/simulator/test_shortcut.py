"""The planted shortcut: the same patients, only the markers move."""

import contextlib
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest
from support import ROOT

from simulator import shortcut


@pytest.fixture(scope="module")
def sets():
    return shortcut.plant(
        {
            "trap": (6, 11, "upper right", "lower left"),
            "exchanged": (6, 11, "lower left", "upper right"),
            "none": (6, 11, None, None),
        }
    )


def test_shapes_labels_and_standardised_images(sets):
    for made in sets.values():
        assert made.images.shape == (6, 64, 64, 1)
        assert made.images.dtype == np.float32
        assert made.labels.tolist() == [0, 0, 0, 1, 1, 1]
        np.testing.assert_allclose(made.images.mean(axis=(1, 2, 3)), 0, atol=1e-4)
        np.testing.assert_allclose(made.images.std(axis=(1, 2, 3)), 1, atol=1e-3)


def test_markers_lie_in_the_corner_of_their_class(sets):
    for label, marker in zip(sets["trap"].labels, sets["trap"].markers, strict=True):
        y, x = np.argwhere(marker).mean(axis=0)
        assert (y > 32, x < 32) == ((True, True) if label else (False, False))
    assert not sets["none"].markers.any()


def test_only_the_markers_differ(sets):
    """Away from both markers, the X-rays are the same up to the standardisation."""
    for k in range(6):
        one, other = sets["trap"], sets["exchanged"]
        away = ~(one.markers[k] | other.markers[k])
        first, second = one.images[k, ..., 0][away], other.images[k, ..., 0][away]
        assert np.corrcoef(first, second)[0, 1] > 0.995


def test_sets_are_made_in_the_background_whatever_cells_are_stopped(sets):
    """Jupyter sends the signal to all processes of a kernel."""
    planting = shortcut.start({"trap": (6, 11, "upper right", "lower left")})
    while sys.platform != "win32" and not planting.done():
        for worker in psutil.Process().children():
            with contextlib.suppress(psutil.NoSuchProcess):
                worker.send_signal(signal.SIGINT)
        time.sleep(0.02)
    made = planting.result()["trap"]
    for ours, theirs in zip(made, sets["trap"], strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_workers_do_not_load_tensorflow():
    job = (11, 0, 1, "any", 64)
    code = (
        "import sys; from simulator.shortcut import simulate_with_marker;"
        f"simulate_with_marker({job}); print('tensorflow' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.stdout.strip() == "False", run.stderr
