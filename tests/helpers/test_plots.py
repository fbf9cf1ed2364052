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
    plots.show_maps(images, maps, list("abcdef"), alt="Maps.", masks=masks, heading="Six maps")
    plots.show_maps(images, maps, list("abcdef"), alt="Maps.", columns=2, size=1.5)
    assert len(shown) == 2


@pytest.fixture
def kept(monkeypatch):
    """Collect the figures in place of showing and closing them."""
    figures = []
    monkeypatch.setattr(plots, "show", lambda alt, figure: figures.append(figure))
    yield figures
    plt.close("all")


def test_maps_share_a_scale_where_they_are_to(kept):
    images, maps = np.zeros((2, 16, 16)), np.stack([np.eye(4), 4 * np.eye(4)])
    for common, largest in [(False, 1), (True, 0.25)]:
        plots.show_maps(images, maps, ["a", "b"], alt="Maps.", common_scale=common)
        first, second, bar = kept[-1].axes
        assert np.max(first.images[1].get_array()) == largest
        assert np.max(second.images[1].get_array()) == 1
        assert ("all maps" if common else "each map") in bar.get_ylabel()
        assert bar.get_ylim() == (0, 1)


def test_lines_are_named_at_their_ends_without_overlap(kept):
    x = [0, 1, 2]
    lines = {"training": (x, [3, 2, 1.0]), "validation": (x, [3, 2, 1.01]), "mine": ([1], [2])}
    lines["chance"] = ([0, 2], [0, 0])
    plots.show_lines(lines, alt="Lines.", xlabel="epoch", ylim=(0, 4))
    (axis,) = kept[0].axes
    assert axis.get_xlabel() == "epoch" and axis.get_ylim() == (0, 4)
    assert axis.lines[0].get_color() == plots.STYLES["training"][0]
    assert axis.lines[3].get_linestyle() == plots.STYLES["control"][2]
    heights = {text.get_text().strip(): text.get_position()[1] for text in axis.texts}
    assert heights.keys() == lines.keys()
    assert abs(heights["training"] - heights["validation"]) > 0.07


def test_intervals_have_a_row_for_each_name_and_a_panel_for_each_quantity(kept):
    scores = {"Grad-CAM": (0.5, 0.4, 0.7), "Random noise": (0.1, 0.0, 0.2)}
    styles = {"Grad-CAM": "class activation", "Random noise": "control"}
    panels = {"hits": scores, "IoU": scores}
    plots.show_intervals(panels, alt="Dots.", styles=styles, chance={"IoU": 0.1}, heading="Scores")
    left, right = kept[0].axes
    assert [label.get_text() for label in left.get_yticklabels()] == list(scores)
    assert list(left.lines[0].get_xdata()) == [0.4, 0.7]
    assert left.lines[0].get_color() == plots.STYLES["class activation"][0]
    assert (len(left.lines), len(right.lines)) == (4, 5)  # the dotted line of chance
    assert left.get_ylim()[0] > left.get_ylim()[1]  # the first name is on top


def test_histograms_share_their_bins_and_axes(kept):
    groups = {"normal": np.zeros(10), "effusion": np.ones((2, 5)), "other": np.array([4.0])}
    plots.show_histograms(groups, alt="Counts.", bins=8, xlabel="grey level")
    axes = kept[0].axes
    assert [axis.get_title(loc="left") for axis in axes] == list(groups)
    assert [sum(bar.get_height() for bar in axis.patches) for axis in axes] == [10, 10, 1]
    assert len({axis.get_xlim() for axis in axes}) == 1
    assert axes[-1].get_xlabel() == "grey level" and axes[0].get_ylabel() == "count"


def test_a_matrix_shows_its_numbers_readably(kept):
    plots.show_matrix(np.array([[9, 0], [1, 12]]), ["no", "yes"], ["p", "q"], alt="Four numbers.")
    (axis,) = kept[0].axes
    assert [text.get_text() for text in axis.texts] == ["9", "0", "1", "12"]
    assert [text.get_color() for text in axis.texts] == ["black", "white", "white", "black"]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["p", "q"]
