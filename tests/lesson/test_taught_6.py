"""What episode 6 writes out gives the same maps, with the same settings, as what is used later."""

import numpy as np
import pytest
from cells import cell_with
from support import lazily

from helpers import metrics

models = lazily("helpers.models")

SHOWN = 1  # which of the X-rays plays the surest effusion


@pytest.fixture(scope="module")
def taught(network, xrays):
    """Run the cells of the gradient and of Grad-CAM by hand."""
    from helpers import explain

    space = {"np": np, "explain": explain, "model": network, "images": xrays, "size": 64}
    space |= {"tf": models.tf, "keras": models.keras, "sure_effusion": SHOWN}
    for part in (
        "def gradient(",
        "logit_model = explain.logit_model",
        "vanilla = ",
        "smooth = ",
        "two_outputs = keras.Model",
        "heat = np.maximum",
        "by_hand = explain.enlarge",
    ):
        exec(cell_with("06", part), space)
    return space


def test_gradient_of_the_probability_is_that_of_the_logit_but_for_the_slope(taught, network, xrays):
    p = float(network(xrays[[SHOWN]], training=False)[0, 0])
    assert 0.1 < p < 0.9  # not trained, so that the sigmoid is far from flat
    expected = taught["of_logit"] * p * (1 - p)
    np.testing.assert_allclose(taught["of_probability"], expected, rtol=1e-3, atol=1e-6)


def test_gradient_is_the_slope_of_the_logit(taught, xrays):
    """Brighten one pixel: the logit changes as the gradient says."""
    gradient = taught["of_logit"][0, :, :, 0]
    place = np.unravel_index(np.abs(gradient).argmax(), gradient.shape)
    logits = []
    for step in (-0.01, 0.01):
        other = xrays[[SHOWN]].copy()
        other[(0, *place, 0)] += step
        logits.append(float(taught["logit_model"]([other], training=False)[0, 0]))
    assert (logits[1] - logits[0]) / 0.02 == pytest.approx(gradient[place], rel=0.1)


def test_vanilla_gradient_and_smoothgrad_have_the_settings_of_the_helpers(taught, network, xrays):
    from helpers import explain

    for by_hand, method in [("vanilla", "Vanilla gradient"), ("smooth", "SmoothGrad")]:
        used = explain.METHODS[method](network, xrays)[SHOWN]
        np.testing.assert_allclose(taught[by_hand], used, atol=2e-3 * used.max(), err_msg=method)


def test_grad_cam_by_hand_is_that_of_the_library(taught, network, xrays):
    from helpers import explain

    used = explain.METHODS["Grad-CAM"](network, xrays)[SHOWN]
    assert used.max() > 0
    np.testing.assert_allclose(taught["by_hand"], used, atol=1e-3 * used.max())


def test_what_speaks_for_normal_is_grad_cam_of_the_other_class(taught, network, xrays):
    from helpers import explain

    space = {**taught, "verify": lambda *_: None}
    exec(cell_with("06", "heat_normal = np.maximum"), space)
    used = explain.METHODS["Grad-CAM"](network, xrays, target=0)[SHOWN]
    large = explain.enlarge(space["heat_normal"][np.newaxis], (64, 64))[0]
    np.testing.assert_allclose(large, used, atol=1e-3 * max(used.max(), 1e-6))


def test_one_scale_is_the_common_scale_of_the_figures(monkeypatch):
    """The solution divides by what ``show_maps(common_scale=True)`` draws brightest."""
    from helpers import plots

    maps = np.random.default_rng(0).random((3, 8, 8)) * np.array([1, 5, 2])[:, None, None]
    space = {"maps": maps, "verify": lambda *_: None}
    exec(cell_with("06", "one_scale = maps"), space)
    drawn = []
    draw = plots.draw_map

    def keep(*given):
        drawn.append(draw(*given))
        return drawn[-1]

    monkeypatch.setattr(plots, "draw_map", keep)
    plots.show_maps(maps, maps, ["a", "b", "c"], alt="Three maps on one scale.", common_scale=True)
    for one, picture in zip(space["one_scale"], drawn, strict=True):
        np.testing.assert_allclose(one, picture.get_array())


def test_fraction_inside_the_mask():
    space = {"np": np, "verify": lambda *_: None}
    exec(cell_with("06", "tiny_mask = np.array"), space)
    exec(cell_with("06", "tiny_map[tiny_mask].sum()"), space)
    one_map, one_mask = space["tiny_map"][np.newaxis], space["tiny_mask"][np.newaxis]
    used = metrics.relevance_mass_accuracy(one_map, one_mask)
    assert used == pytest.approx([space["fraction_inside"]])
