"""Scores of maps: a perfect map, a useless one, and what lies between."""

import numpy as np
import pytest

from helpers import scoring


@pytest.fixture
def masks():
    masks = np.zeros((2, 20, 20), dtype=bool)
    masks[0, 10:, :10] = True  # a quarter of the image
    masks[1, 15:, :] = True
    return masks


def test_a_map_equal_to_the_outline_scores_perfectly(masks):
    maps = masks.astype("float32")
    assert scoring.pointing_game(maps, masks).tolist() == [1, 1]
    assert scoring.share_inside(maps, masks).tolist() == [1, 1]
    assert scoring.iou_top(maps, masks).tolist() == [1, 1]


def test_a_map_beside_the_outline_scores_nothing(masks):
    maps = (~masks).astype("float32")
    assert scoring.pointing_game(maps, masks).tolist() == [0, 0]
    assert scoring.share_inside(maps, masks).tolist() == [0, 0]
    assert scoring.iou_top(maps, masks).tolist() == [0, 0]


@pytest.mark.parametrize("level", [0.0, 0.5])
def test_a_constant_map_scores_like_chance(masks, level):
    maps = np.full(masks.shape, level, dtype="float32")
    assert scoring.share_of_area(masks) == pytest.approx([0.25, 0.25])
    assert scoring.pointing_game(maps, masks) == pytest.approx([0.25, 0.25])
    assert scoring.share_inside(maps, masks) == pytest.approx([0.25, 0.25])


def test_the_hottest_pixel_decides_the_pointing_game(masks):
    maps = np.zeros(masks.shape, dtype="float32")
    maps[0, 12, 3] = maps[1, 2, 2] = 1
    assert scoring.pointing_game(maps, masks).tolist() == [1, 0]


def test_top_pixels_marks_exactly_the_share_asked_for():
    maps = np.random.default_rng(0).random((3, 10, 10))
    marked = scoring.top_pixels(maps, 0.1)
    assert marked.sum(axis=(1, 2)).tolist() == [10, 10, 10]
    assert maps[marked].min() >= np.quantile(maps, 0.8)
    assert scoring.top_pixels(np.zeros((1, 10, 10)), 0.1).sum() == 10
    assert scoring.top_pixels(maps, np.array([0, 0.5, 1])).sum(axis=(1, 2)).tolist() == [0, 50, 100]


def test_overlap_of_halves_is_a_third():
    first = np.zeros((1, 4, 4), dtype=bool)
    second = first.copy()
    first[:, :2], second[:, 1:3] = True, True
    assert scoring.overlap(first, second) == pytest.approx([1 / 3])
    assert scoring.overlap(first & False, second & False).tolist() == [0]


def test_rank_correlation_sees_order_not_values():
    maps = np.random.default_rng(1).random((2, 8, 8))
    assert scoring.rank_correlation(maps, maps**3) == pytest.approx([1, 1])
    assert scoring.rank_correlation(maps, 1 - maps) == pytest.approx([-1, -1])
    assert scoring.rank_correlation(maps, np.zeros_like(maps)).tolist() == [0, 0]


def test_bootstrap_interval_holds_the_true_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(2)
    hits = 0
    for seed in range(200):
        mean, low, high = scoring.bootstrap_interval(rng.random(40), resamples=500, seed=seed)
        assert low <= mean <= high
        hits += low <= 0.5 <= high
    assert 0.88 <= hits / 200 <= 0.99


def test_bootstrap_interval_repeats_and_refuses_nothing():
    values = np.arange(10)
    assert scoring.bootstrap_interval(values) == scoring.bootstrap_interval(values)
    with pytest.raises(ValueError, match="no image"):
        scoring.bootstrap_interval([])
