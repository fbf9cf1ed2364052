"""Measure saliency maps against masks and against each other, and say how sure a number is.

Saliency is float32 (n, height, width). Of a signed map only what speaks for the target, its
positive part, is compared with a mask. Masks are bool (n, height, width). Every measure is one
number an image; :func:`mean_interval` gives their mean and says how sure it is.
"""

from collections.abc import Callable

import numpy as np
from scipy import stats


def pointing_game(saliency: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Tell whether the largest value lies inside the mask (Zhang et al., IJCV 2018).

    Where several pixels are equally large, the fraction of them that lies inside counts, so that
    a constant map scores no better than chance.

    Returns
    -------
    numpy.ndarray
        float (n,): 1 for a hit, 0 for a miss.
    """
    largest = saliency == saliency.max(axis=(1, 2), keepdims=True)
    return (largest & masks).sum(axis=(1, 2)) / largest.sum(axis=(1, 2))


def relevance_mass_accuracy(saliency: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Return the fraction of saliency inside the mask (Arras et al., Information Fusion 2022).

    Compare it with the mask's own fraction of the area, :func:`area_fraction`.

    Returns
    -------
    numpy.ndarray
        float (n,), between 0 and 1; a map without positive values counts as spread evenly.
    """
    positive = np.maximum(saliency, 0)
    total = positive.sum(axis=(1, 2), dtype=float)
    inside = (positive * masks).sum(axis=(1, 2), dtype=float)
    return np.where(total > 0, inside / np.where(total > 0, total, 1), area_fraction(masks))


def area_fraction(masks: np.ndarray) -> np.ndarray:
    """Return how much of the image the mask covers: float (n,), between 0 and 1."""
    return masks.mean(axis=(1, 2))


def top_k_mask(saliency: np.ndarray, fraction: float | np.ndarray = 0.1) -> np.ndarray:
    """Mark the k largest values of each map.

    Parameters
    ----------
    saliency : numpy.ndarray
        float32 (n, height, width).
    fraction : float or numpy.ndarray
        k as a fraction of all pixels, between 0 and 1; one number, or one for each map.

    Returns
    -------
    numpy.ndarray
        bool (n, height, width). Between equal values, the earlier pixel wins.
    """
    count = np.rint(np.multiply(fraction, saliency[0].size))
    return _ranks(saliency) < np.reshape(count, (-1, 1, 1))


def _ranks(saliency: np.ndarray) -> np.ndarray:
    """Give each pixel of a map its rank: 0 for the largest value."""
    order = np.argsort(-saliency.reshape(len(saliency), -1), axis=1, kind="stable")
    return np.argsort(order, axis=1).reshape(saliency.shape)


def iou(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return intersection over union of two bool arrays (n, height, width): float (n,).

    Two empty masks have an IoU of 0.
    """
    union = (first | second).sum(axis=(1, 2))
    return (first & second).sum(axis=(1, 2)) / np.maximum(union, 1)


def top_k_iou(saliency: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Return the IoU of the mask and as many pixels of the largest values: float (n,)."""
    return iou(top_k_mask(saliency, area_fraction(masks)), masks)


def rank_correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return Spearman's rank correlation of two maps, image by image.

    Returns
    -------
    numpy.ndarray
        float (n,), between -1 and 1; 0 where a map is constant and so ranks nothing.
    """
    values = []
    for one, other in zip(first, second, strict=True):
        constant = np.ptp(one) == 0 or np.ptp(other) == 0
        values.append(0.0 if constant else stats.spearmanr(one, other, axis=None).statistic)
    return np.array(values)


def structural_similarity(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the structural similarity (SSIM, Wang et al., 2004) of two maps, image by image.

    Each map is brought to the range 0 to 1 first, since only its pattern counts.

    Returns
    -------
    numpy.ndarray
        float (n,): 1 where the patterns are equal, about 0 where they have nothing in common.
    """
    from skimage.metrics import structural_similarity as ssim  # takes a second to import

    pairs = zip(unit_range(first), unit_range(second), strict=True)
    return np.array([ssim(one, other, data_range=1.0) for one, other in pairs])


def unit_range(saliency: np.ndarray) -> np.ndarray:
    """Shift and scale each map to the range 0 to 1; a constant map becomes all 0.

    Returns
    -------
    numpy.ndarray
        float32 (n, height, width).
    """
    low = saliency.min(axis=(1, 2), keepdims=True)
    span = saliency.max(axis=(1, 2), keepdims=True) - low
    return ((saliency - low) / np.where(span > 0, span, 1)).astype(np.float32)


def mean_interval(values: np.ndarray) -> tuple[float, float, float]:
    """Return a mean and its 95 % bootstrap interval (percentile method, Efron 1979).

    Parameters
    ----------
    values : numpy.ndarray
        (n,), one number an image.

    Returns
    -------
    mean, low, high : float
        The same each time: the random numbers have a fixed seed. One value alone has no interval;
        then all three are that value.

    Raises
    ------
    ValueError
        If there is no value.
    """
    values = np.asarray(values, dtype=float)
    if values.size == 0:
        raise ValueError("There is no image to average over: choose at least one.")
    drawn = np.random.default_rng(0).choice(values, (2000, values.size))  # with replacement
    low, high = np.quantile(drawn.mean(axis=1), [0.025, 0.975])
    return float(values.mean()), float(low), float(high)


def wilson_interval(right: int, total: int) -> tuple[float, float]:
    """Return the 95 % interval of a proportion counted as ``right`` of ``total``.

    Source: E. B. Wilson, Journal of the American Statistical Association 22 (1927), 209–212.
    """
    if total == 0:
        return 0.0, 1.0  # nothing counted: nothing known
    interval = stats.binomtest(int(right), int(total)).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def auc_interval(labels: np.ndarray, probability: np.ndarray) -> tuple[float, float, float]:
    """Return the area under the ROC curve and its 95 % interval, after DeLong.

    The AUC is the fraction of pairs, one effusion and one normal image, in which the effusion has
    the larger probability; a tie counts one half. Source: DeLong, DeLong and Clarke-Pearson,
    Biometrics 44 (1988), 837–845.

    Parameters
    ----------
    labels : numpy.ndarray
        (n,) of 0 and 1, at least two of each.
    probability : numpy.ndarray
        (n,), or logits: only their order counts.

    Returns
    -------
    auc, low, high : float
        The interval is for other images of the same kind. It does not know that images of one
        patient resemble each other, nor that another training gives another network. At an AUC of
        1 it has no width, which means that there are too few images and not that all is known.
    """
    effusion, normal = probability[labels == 1], probability[labels == 0]
    wins = (np.sign(effusion[:, np.newaxis] - normal) + 1) / 2
    each_effusion, each_normal = wins.mean(axis=1), wins.mean(axis=0)
    variance = each_effusion.var(ddof=1) / len(effusion) + each_normal.var(ddof=1) / len(normal)
    auc, width = wins.mean(), 1.96 * np.sqrt(variance)
    return float(auc), float(max(auc - width, 0)), float(min(auc + width, 1))


def deletion_insertion(
    logit: Callable, images: np.ndarray, saliency: np.ndarray, steps: int = 16
) -> tuple[np.ndarray, np.ndarray]:
    """Delete the most salient pixels first, and insert them first (RISE, Petsiuk et al., 2018).

    A deleted pixel becomes 0, the mean of every standardised X-ray: the same grey for all methods
    and images, and what the occlusion of :mod:`helpers.explain` puts in as well. Insertion starts
    from an image that is all grey, so that the two curves run between the same two images.

    Parameters
    ----------
    logit : function
        From images (m, height, width, 1) to one number each, such as ``predict_on_batch`` of
        ``explain.logit_model(model)``.
    images : numpy.ndarray
        float32 (n, height, width, 1).
    saliency : numpy.ndarray
        float32 (n, height, width).
    steps : int
        How many times an equal part of the pixels is exchanged.

    Returns
    -------
    deletion, insertion : numpy.ndarray
        float (n, steps + 1): the output with 0, 1 … all parts of the pixels deleted, or inserted.
        A good ranking makes the first fall at once and the second rise at once; the mean of a
        curve is the area under it.
    """
    deletion, insertion = [], []
    ranks = _ranks(saliency)[..., np.newaxis] / saliency[0].size
    for part in np.arange(steps + 1) / steps:
        first = ranks < part
        deletion.append(np.ravel(logit(np.where(first, np.float32(0), images))))
        insertion.append(np.ravel(logit(np.where(first, images, np.float32(0)))))
    return np.stack(deletion, axis=1), np.stack(insertion, axis=1)
