"""Measures of maps: a perfect map, a useless one, and what lies between; and their intervals."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from helpers import metrics


@pytest.fixture
def masks():
    masks = np.zeros((2, 20, 20), dtype=bool)
    masks[0, 10:, :10] = True  # a quarter of the image
    masks[1, 15:, :] = True
    return masks


def localised(saliency, masks):
    """Return the three measures of a map against a mask."""
    measures = (metrics.pointing_game, metrics.relevance_mass_accuracy, metrics.top_k_iou)
    return [measure(saliency, masks).tolist() for measure in measures]


def test_a_map_equal_to_the_mask_scores_perfectly_and_one_beside_it_nothing(masks):
    assert localised(masks.astype("float32"), masks) == [[1, 1]] * 3
    assert localised((~masks).astype("float32"), masks) == [[0, 0]] * 3


def test_a_constant_map_scores_like_chance(masks):
    assert metrics.area_fraction(masks) == pytest.approx([0.25, 0.25])
    for level in (0.0, 0.5):
        saliency = np.full(masks.shape, level, dtype="float32")
        assert metrics.pointing_game(saliency, masks) == pytest.approx([0.25, 0.25])
        assert metrics.relevance_mass_accuracy(saliency, masks) == pytest.approx([0.25, 0.25])


def test_of_a_signed_map_what_speaks_for_the_target_counts(masks):
    signed = np.where(masks, 1, -3).astype("float32")
    assert localised(signed, masks) == [[1, 1]] * 3


def test_the_largest_value_decides_the_pointing_game(masks):
    saliency = np.zeros(masks.shape, dtype="float32")
    saliency[0, 12, 3] = saliency[1, 2, 2] = 1
    assert metrics.pointing_game(saliency, masks).tolist() == [1, 0]


def test_top_k_mask_marks_exactly_the_fraction_asked_for():
    saliency = np.random.default_rng(0).random((3, 10, 10))
    marked = metrics.top_k_mask(saliency, 0.1)
    assert marked.sum(axis=(1, 2)).tolist() == [10, 10, 10]
    assert saliency[marked].min() >= np.quantile(saliency, 0.8)
    assert metrics.top_k_mask(np.zeros((1, 10, 10)), 0.1).sum() == 10
    each = metrics.top_k_mask(saliency, np.array([0, 0.5, 1]))
    assert each.sum(axis=(1, 2)).tolist() == [0, 50, 100]


def test_iou_of_overlapping_halves_is_a_third():
    first = np.zeros((1, 4, 4), dtype=bool)
    second = first.copy()
    first[:, :2], second[:, 1:3] = True, True
    assert metrics.iou(first, second) == pytest.approx([1 / 3])
    assert metrics.iou(first & False, second & False).tolist() == [0]


def test_rank_correlation_sees_order_not_values():
    saliency = np.random.default_rng(1).random((2, 8, 8))
    assert metrics.rank_correlation(saliency, saliency**3) == pytest.approx([1, 1])
    assert metrics.rank_correlation(saliency, 1 - saliency) == pytest.approx([-1, -1])
    assert metrics.rank_correlation(saliency, np.zeros_like(saliency)).tolist() == [0, 0]


def test_structural_similarity_sees_the_pattern_not_the_scale():
    saliency = np.random.default_rng(0).random((2, 32, 32)).astype("float32")
    assert metrics.structural_similarity(saliency, 50 * saliency - 3) == pytest.approx([1, 1])
    assert np.abs(metrics.structural_similarity(saliency, saliency[::-1])).max() < 0.2


def test_unit_range_keeps_order_and_constant_maps():
    scaled = metrics.unit_range(np.stack([[[-2.0, 0], [2, 6]], np.full((2, 2), 5)]))
    assert scaled[0].tolist() == [[0, 0.25], [0.5, 1]]
    assert (scaled[1] == 0).all()


def test_mean_interval_holds_the_true_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(2)
    hits = 0
    for _ in range(150):
        mean, low, high = metrics.mean_interval(rng.random(40))
        assert low <= mean <= high
        hits += low <= 0.5 <= high
    assert 0.87 <= hits / 150 <= 0.99


def test_mean_interval_repeats_takes_one_value_and_refuses_none():
    values = np.arange(10)
    assert metrics.mean_interval(values) == metrics.mean_interval(values)
    assert metrics.mean_interval([0.5]) == (0.5, 0.5, 0.5)
    with pytest.raises(ValueError, match="no image"):
        metrics.mean_interval([])


def test_wilson_interval_of_a_worked_example():
    low, high = metrics.wilson_interval(8, 10)  # by hand with z = 1.96
    assert (low, high) == pytest.approx((0.4902, 0.9433), abs=1e-3)
    assert metrics.wilson_interval(0, 10)[0] == 0
    assert metrics.wilson_interval(10, 10)[1] == pytest.approx(1)
    assert metrics.wilson_interval(0, 0) == (0, 1)


def test_auc_interval_of_a_worked_example_and_of_the_library():
    labels, probability = np.array([1, 1, 0, 0]), np.array([0.9, 0.4, 0.4, 0.1])
    assert metrics.auc_interval(labels, probability)[0] == pytest.approx(3.5 / 4)
    rng = np.random.default_rng(0)
    labels = np.arange(300) % 2
    score = rng.normal(size=300) + labels
    auc, low, high = metrics.auc_interval(labels, score)
    assert auc == pytest.approx(roc_auc_score(labels, score))
    assert metrics.auc_interval(labels, 1 / (1 + np.exp(-score))) == pytest.approx((auc, low, high))
    draws = [rng.integers(300, size=300) for _ in range(400)]
    again = np.std([roc_auc_score(labels[draw], score[draw]) for draw in draws])
    assert high - low == pytest.approx(2 * 1.96 * again, rel=0.12)


def test_auc_interval_stays_between_0_and_1_and_holds_the_truth():
    labels = np.arange(20) % 2
    assert metrics.auc_interval(labels, labels.astype(float)) == (1, 1, 1)
    rng, hits = np.random.default_rng(1), 0
    for _ in range(200):
        _, low, high = metrics.auc_interval(labels, rng.normal(size=20) + labels)
        assert 0 <= low <= high <= 1
        hits += low <= stats.norm.cdf(1 / np.sqrt(2)) <= high
    assert 0.86 <= hits / 200 <= 0.99


def test_deletion_and_insertion_know_the_exact_ranking_of_a_linear_network():
    rng = np.random.default_rng(0)
    weights, images = rng.normal(size=(8, 8, 1)), rng.normal(size=(3, 8, 8, 1)).astype("float32")

    def logit(batch):
        return (batch * weights).sum(axis=(1, 2, 3))

    exact = (images * weights)[..., 0]
    maps = {"exact": exact, "random": rng.random(exact.shape), "reversed": -exact}
    areas = {}
    for name, saliency in maps.items():
        deletion, insertion = metrics.deletion_insertion(logit, images, saliency)
        assert deletion.shape == insertion.shape == (3, 17)
        np.testing.assert_allclose(deletion[:, 0], logit(images))
        np.testing.assert_allclose(insertion[:, -1], logit(images))
        np.testing.assert_allclose(deletion[:, -1], 0)
        # Of a linear network both tell the same: what is not deleted is not yet inserted.
        np.testing.assert_allclose(deletion + insertion, logit(images)[:, None] + np.zeros(17))
        areas[name] = deletion.mean(axis=1), insertion.mean(axis=1)
        alone = metrics.deletion_insertion(logit, images[[1]], saliency[[1]])
        np.testing.assert_array_equal(alone[0][0], deletion[1])
        np.testing.assert_array_equal(alone[1][0], insertion[1])
    assert (areas["exact"][0] < areas["random"][0]).all()
    assert (areas["random"][0] < areas["reversed"][0]).all()
    assert (areas["exact"][1] > areas["random"][1]).all()
    assert (areas["random"][1] > areas["reversed"][1]).all()
