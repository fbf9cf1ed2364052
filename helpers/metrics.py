"""Measure saliency maps against masks and against each other, and say how sure a number is.

Saliency is float32 (n, height, width). Of a signed map only what speaks for the target, its
positive part, is compared with a mask. Masks are bool (n, height, width). Every measure is one
number an image; :func:`mean_interval` gives their mean and says how sure it is.
"""

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
    n, height, width = saliency.shape
    count = np.rint(np.broadcast_to(fraction, n) * height * width).astype(int)
    order = np.argsort(-saliency.reshape(n, -1), axis=1, kind="stable")
    marked = np.zeros((n, height * width), dtype=bool)
    for one, pixels, k in zip(marked, order, count, strict=True):
        one[pixels[:k]] = True
    return marked.reshape(saliency.shape)


def iou(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return intersection over union of two bool arrays (n, height, width): float (n,).

    Two empty masks have an IoU of 0.
    """
    union = (first | second).sum(axis=(1, 2))
    both = (first & second).sum(axis=(1, 2))
    return both / np.maximum(union, 1)


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
    mean = float(values.mean())
    if values.size == 1:
        return mean, mean, mean
    result = stats.bootstrap(
        (values,), np.mean, n_resamples=2000, method="percentile", rng=np.random.default_rng(0)
    )
    low, high = result.confidence_interval
    return mean, float(low), float(high)


def wilson_interval(right: int, total: int) -> tuple[float, float]:
    """Return the 95 % interval of a proportion counted as ``right`` of ``total``.

    Source: E. B. Wilson, Journal of the American Statistical Association 22 (1927), 209–212.
    """
    if total == 0:
        return 0.0, 1.0  # nothing counted: nothing known
    interval = stats.binomtest(int(right), int(total)).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)
