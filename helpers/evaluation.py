"""How well does it do? Baselines, and numbers with their uncertainty; no TensorFlow here."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.stats import binomtest
from sklearn.base import ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.svm import SVC

SMALL = 32
"""Width and height in pixels of what the baselines look at."""


def baselines() -> dict[str, ClassifierMixin]:
    """Return what a network has to beat: three classifiers, not fitted yet.

    They take one row an image: ``shrink(images)``.
    """
    return {
        "majority": DummyClassifier(strategy="most_frequent"),
        "logistic regression": LogisticRegression(C=0.001, max_iter=500),
        "SVM": SVC(),
    }


def shrink(images: np.ndarray) -> np.ndarray:
    """Average blocks of pixels down to 32×32 and lay each image out as one row.

    Parameters
    ----------
    images : numpy.ndarray
        float32 (n, size, size, 1); size is a multiple of 32.

    Returns
    -------
    numpy.ndarray
        float32 (n, 1024).
    """
    block = images.shape[1] // SMALL
    blocks = images.reshape(len(images), SMALL, block, SMALL, block)
    return blocks.mean(axis=(2, 4)).reshape(len(images), -1)


def wilson_interval(right: int, total: int) -> tuple[float, float]:
    """Return the 95 % interval of a share counted as ``right`` of ``total``.

    Source: E. B. Wilson, Journal of the American Statistical Association 22 (1927), 209–212.
    """
    if total == 0:
        return 0.0, 1.0  # nothing counted: nothing known
    interval = binomtest(int(right), int(total)).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def bootstrap_interval(
    metric: Callable[[np.ndarray, np.ndarray], float],
    labels: np.ndarray,
    probabilities: np.ndarray,
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the 95 % interval of any metric: draw the test set again and again, with repeats.

    Each class is drawn by itself, so that every draw has both.

    Parameters
    ----------
    metric : function
        ``metric(labels, probabilities)``, e.g. ``sklearn.metrics.roc_auc_score``.
    labels : numpy.ndarray
        (n,) of 0 and 1.
    probabilities : numpy.ndarray
        (n,) of the predicted probability of 1.
    resamples : int
        How many draws.
    seed : int
        The same seed draws the same.
    """
    rng = np.random.default_rng(seed)
    classes = [np.flatnonzero(labels == c) for c in np.unique(labels)]
    values = []
    for _ in range(resamples):
        drawn = np.concatenate([rng.choice(members, len(members)) for members in classes])
        values.append(metric(labels[drawn], probabilities[drawn]))
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def evaluate(
    labels: np.ndarray, probabilities: np.ndarray, threshold: float = 0.5
) -> dict[str, tuple[float, float, float]]:
    """Judge predicted probabilities against the truth.

    Parameters
    ----------
    labels : numpy.ndarray
        (n,) of 0 normal / 1 effusion.
    probabilities : numpy.ndarray
        (n,) in [0, 1], of effusion.
    threshold : float
        From this probability on we call it effusion.

    Returns
    -------
    dict
        Name to (value, low, high): accuracy, sensitivity and specificity with Wilson's interval,
        AUC and Brier score with a bootstrap interval.
    """
    called = probabilities >= threshold
    hits = called == (labels == 1)
    result = {}
    for name, chosen in [
        ("accuracy", np.full(len(labels), True)),
        ("sensitivity", labels == 1),
        ("specificity", labels == 0),
    ]:
        right, total = int(hits[chosen].sum()), int(chosen.sum())
        result[name] = (right / total if total else float("nan"), *wilson_interval(right, total))
    for name, metric in [("AUC", roc_auc_score), ("Brier score", brier_score_loss)]:
        interval = bootstrap_interval(metric, labels, probabilities)
        result[name] = (float(metric(labels, probabilities)), *interval)
    return result
