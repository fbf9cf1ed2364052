"""Figures carry their alternative text and survive what learners give them."""

import base64
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest

from helpers import plots


@pytest.fixture
def shown(monkeypatch):
    """Collect what is displayed."""
    collected = []
    monkeypatch.setattr(plots, "display", lambda thing: collected.append(thing.data))
    return collected


def test_show_displays_a_png_with_its_text_and_closes_the_figure(shown):
    plt.plot([1, 2])
    plots.show('Two points, "rising" <steadily>\n  to the right.')
    (tag,) = shown
    assert 'alt="Two points, &quot;rising&quot; &lt;steadily&gt; to the right."' in tag
    picture = base64.b64decode(re.search(r"base64,([^\"]+)", tag)[1])
    assert picture.startswith(b"\x89PNG")
    assert "max-width: 100%" in tag  # never wider than the screen
    assert plt.get_fignums() == []


def test_show_asks_for_the_text(shown):
    plt.figure()
    for alt in ("", "  \n"):
        with pytest.raises(ValueError, match="a sentence"):
            plots.show(alt)
    plt.close("all")


def test_show_images_draws_any_number_of_xrays(shown):
    for shape in [(7, 32, 32), (1, 32, 24), (3, 16, 16, 1)]:
        images = np.random.default_rng(0).random(shape)
        titles = [str(k) for k in range(len(images))]
        plots.show_images(images, titles, alt="Some noise.", columns=3)
    assert len(shown) == 3


def test_maps_are_drawn_from_zero_to_their_largest_value_over_the_whole_image():
    _, axis = plt.subplots()
    saliency = np.full((8, 8), -3.0)  # against the target: drawn as 0
    saliency[2, 5], saliency[3, 3] = 0.02, 0.01
    drawn = plots.draw_map(axis, np.zeros((256, 256, 1)), saliency)
    assert list(drawn.get_extent()) == [-0.5, 255.5, 255.5, -0.5]
    assert drawn.get_clim() == (0, 1)
    values = np.array(drawn.get_array())
    assert values[2, 5] == 1 and values[3, 3] == 0.5 and values.sum() == 1.5
    empty = plots.draw_map(axis, np.zeros((256, 256, 1)), np.zeros((8, 8)))
    assert not np.array(empty.get_array()).any()
    plt.close("all")


def test_show_maps_with_and_without_masks(shown):
    images, maps = np.zeros((6, 32, 32, 1)), np.random.default_rng(0).random((6, 8, 8))
    masks = np.zeros((6, 32, 32), dtype=bool)
    masks[0, 10:20, 10:20] = True
    plots.show_maps(images, maps, list("abcdef"), alt="Maps.", masks=masks)
    plots.show_maps(images, maps, list("abcdef"), alt="Maps.")
    assert len(shown) == 2
