"""Numbers about a classifier, against cases worked out by hand."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from helpers import evaluation


def test_wilson_interval_of_a_worked_example():
    low, high = evaluation.wilson_interval(8, 10)  # by hand with z = 1.96
    assert (low, high) == pytest.approx((0.4902, 0.9433), abs=1e-3)
    assert evaluation.wilson_interval(0, 10)[0] == 0
    assert evaluation.wilson_interval(10, 10)[1] == pytest.approx(1)
    assert evaluation.wilson_interval(0, 0) == (0, 1)


def test_evaluate_counts_the_four_kinds_of_answers():
    labels = np.array([0, 0, 0, 0, 1, 1])
    probabilities = np.array([0.1, 0.2, 0.5, 0.4, 0.9, 0.3])
    result = evaluation.evaluate(labels, probabilities)
    assert result["accuracy"][0] == pytest.approx(4 / 6)
    assert result["sensitivity"][0] == pytest.approx(1 / 2)
    assert result["specificity"][0] == pytest.approx(3 / 4)
    assert result["AUC"][0] == pytest.approx(6 / 8)
    assert result["Brier score"][0] == pytest.approx(0.96 / 6)
    assert all(low <= value <= high for value, low, high in result.values())
    assert evaluation.evaluate(labels, probabilities, 0.25)["sensitivity"][0] == 1


def test_bootstrap_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    labels = np.arange(80) % 2
    hits = 0
    for k in range(40):
        scores = rng.normal(labels, 1)  # two normal curves one apart: AUC = 0.7602
        low, high = evaluation.bootstrap_interval(roc_auc_score, labels, scores, 60, seed=k)
        hits += low <= 0.7602 <= high
    assert 32 <= hits <= 40


def test_shrink_averages_blocks():
    images = np.zeros((2, 64, 64, 1), np.float32)
    images[1, :2, :2, 0] = [[1, 2], [3, 6]]
    small = evaluation.shrink(images)
    assert small.shape == (2, 1024)
    assert small[1, 0] == 3 and small[1, 1:].sum() == small[0].sum() == 0
