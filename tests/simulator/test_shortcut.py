"""The planted shortcut: the same patients, only the markers move."""

import contextlib
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest
from support import ROOT, is_one_sentence

from simulator import CORNERS, SimulatorError, shortcut


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


def test_a_pasted_marker_changes_nothing_but_its_corner():
    rng = np.random.default_rng(1)
    images = rng.normal(size=(8, 64, 64, 1)).astype(np.float32)
    for corner in CORNERS:
        opacity = shortcut.draw_markers([corner] * 8)
        marked = shortcut.paste(images, opacity)
        away = opacity == 0
        np.testing.assert_array_equal(marked[away], images[away])
        for image, cover in zip(marked, opacity, strict=True):
            assert 0.1 < cover.max() <= 1
            assert image.max() <= images.max()
            y, x = (cover[..., None] * np.indices((64, 64)).transpose(1, 2, 0)).sum((0, 1))
            middle = np.array([y, x]) / cover.sum()
            assert (middle > 32).tolist() == ["lower" in corner, "right" in corner]


def test_markers_belong_to_the_place_in_the_set_and_may_be_left_out():
    ours = shortcut.draw_markers(["lower left", None, "upper right"])
    assert not ours[1].any()
    np.testing.assert_array_equal(ours[2], shortcut.draw_markers([None, None, "upper right"])[2])
    assert not np.array_equal(ours[0], shortcut.draw_markers(["lower left"], seed=10)[0])


def test_a_corner_that_does_not_exist_is_named():
    with pytest.raises(SimulatorError, match="lower left, lower right, not 'left'") as error:
        shortcut.draw_markers(["left"])
    assert is_one_sentence(error)
