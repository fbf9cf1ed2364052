"""Score saliency maps: against the true outline, and against each other.

Maps are float32 (n, height, width) in [0, 1], masks bool (n, height, width). Every score is one
number an image; :func:`bootstrap_interval` says how sure their mean is.
"""

import numpy as np
from scipy import stats


def pointing_game(maps: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Tell whether the hottest pixel lies inside the outline (Zhang et al., IJCV 2018).

    Where several pixels are equally hot, the share of them that lie inside counts, so that a
    constant map scores no better than chance.

    Returns
    -------
    float array (n,)
        1 for a hit, 0 for a miss.
    """
    hottest = maps == maps.max(axis=(1, 2), keepdims=True)
    return (hottest & masks).sum(axis=(1, 2)) / hottest.sum(axis=(1, 2))


def share_inside(maps: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Return how much of all saliency lies inside the outline: compare with the outline's area.

    Returns
    -------
    float array (n,)
        Between 0 and 1; a map that is 0 everywhere counts as spread evenly.
    """
    total = maps.sum(axis=(1, 2), dtype=float)
    inside = (maps * masks).sum(axis=(1, 2), dtype=float)
    even = share_of_area(masks)
    return np.where(total > 0, inside / np.where(total > 0, total, 1), even)


def share_of_area(masks: np.ndarray) -> np.ndarray:
    """Return how much of the image the outline covers: float (n,) between 0 and 1."""
    return masks.mean(axis=(1, 2))


def top_pixels(maps: np.ndarray, share: float | np.ndarray = 0.1) -> np.ndarray:
    """Mark the hottest pixels of each map.

    Parameters
    ----------
    maps : array (n, height, width)
    share : float or array (n,)
        How much of the area to mark, between 0 and 1.

    Returns
    -------
    bool array (n, height, width)
        Exactly that share is marked (rounded): between equal values, the earlier pixel wins.
    """
    n, height, width = maps.shape
    count = np.rint(np.broadcast_to(share, n) * height * width).astype(int)
    order = np.argsort(-maps.reshape(n, -1), axis=1, kind="stable")
    marked = np.zeros((n, height * width), dtype=bool)
    for one, pixels, k in zip(marked, order, count, strict=True):
        one[pixels[:k]] = True
    return marked.reshape(maps.shape)


def overlap(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return intersection over union of two bool arrays (n, height, width): float (n,).

    Two empty masks overlap by 0.
    """
    union = (first | second).sum(axis=(1, 2))
    both = (first & second).sum(axis=(1, 2))
    return both / np.maximum(union, 1)


def iou_top(maps: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Return intersection over union of the outline and as many hottest pixels: float (n,)."""
    return overlap(top_pixels(maps, share_of_area(masks)), masks)


def rank_correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return Spearman's rank correlation of two maps, image by image.

    Returns
    -------
    float array (n,)
        Between -1 and 1; 0 where a map is constant and so ranks nothing.
    """
    values = []
    for one, other in zip(first, second, strict=True):
        if np.ptp(one) == 0 or np.ptp(other) == 0:
            values.append(0.0)
        else:
            values.append(stats.spearmanr(one, other, axis=None).statistic)
    return np.array(values)


def structural_similarity(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the structural similarity (SSIM, Wang et al., 2004) of two maps, image by image.

    Returns
    -------
    float array (n,)
        1 where the maps are equal, about 0 where they have nothing in common.
    """
    from skimage.metrics import structural_similarity as ssim  # takes a second to import

    pairs = zip(first, second, strict=True)
    return np.array([ssim(one, other, data_range=1.0) for one, other in pairs])


def bootstrap_interval(
    values: np.ndarray, level: float = 0.95, resamples: int = 2000, seed: int = 0
) -> tuple[float, float, float]:
    """Return the mean and its bootstrap interval (percentile method, Efron 1979).

    Parameters
    ----------
    values : array (n,)
        One number an image.
    level : float
        How often such intervals hold the true mean.
    resamples : int
        How many times n images are drawn with replacement.
    seed : int

    Returns
    -------
    mean, low, high : float

    Raises
    ------
    ValueError
        If there is no value.
    """
    values = np.asarray(values, dtype=float)
    if values.size == 0:
        raise ValueError("There is no image to average over: choose at least one.")
    drawn = np.random.default_rng(seed).integers(values.size, size=(resamples, values.size))
    low, high = np.quantile(values[drawn].mean(axis=1), [(1 - level) / 2, (1 + level) / 2])
    return float(values.mean()), float(low), float(high)
