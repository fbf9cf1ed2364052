"""Random numbers and small image operations that every other module uses.

Everything that is random in an image comes from a *stream* named by a few whole numbers, for
example (seed, stream name, image index). Two images never share a stream, so an image does not
depend on how many others are made, in which order, or by how many processes; and switching
off the devices leaves the anatomy and the noise as they were.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

STREAMS = {
    "patients": 1, "body": 2, "exam": 3, "finding": 4, "device": 5, "noise": 6, "texture": 7,
}  # fmt: skip


def stream(name: str, *numbers: int) -> np.random.Generator:
    """Return the random generator called ``name`` for these whole numbers."""
    return np.random.Generator(np.random.PCG64([STREAMS[name], *numbers]))


def between(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw evenly between two limits."""
    return low + (high - low) * float(rng.random())


def around(rng: np.random.Generator, mean: float, spread: float) -> float:
    """Draw from a bell curve, cut at two and a half standard deviations."""
    return mean + spread * float(np.clip(rng.standard_normal(), -2.5, 2.5))


def chance(rng: np.random.Generator, probability: float) -> bool:
    """Throw a coin that shows True with this probability."""
    return bool(rng.random() < probability)


def pick(rng: np.random.Generator, options: dict[str, float]) -> str:
    """Draw one of the keys, with the values as weights."""
    names, weights = list(options), np.cumsum(list(options.values()))
    return names[int(np.searchsorted(weights, rng.random() * weights[-1], side="right"))]


def enlarge(grid: np.ndarray, size: int) -> np.ndarray:
    """Stretch a small square grid to ``size`` x ``size`` by smooth interpolation."""
    n = grid.shape[0]
    at = np.clip((np.arange(size) + 0.5) * n / size - 0.5, 0, n - 1)
    low = np.minimum(at.astype(int), max(n - 2, 0))
    high = np.minimum(low + 1, n - 1)
    part = at - low
    rows = grid[low] * (1 - part)[:, None] + grid[high] * part[:, None]
    return rows[:, low] * (1 - part) + rows[:, high] * part


def shrink(image: np.ndarray, factor: int) -> np.ndarray:
    """Average blocks of ``factor`` x ``factor`` pixels (the size must be a multiple)."""
    n = image.shape[0] // factor
    return image.reshape(n, factor, n, factor).mean(axis=(1, 3))


def blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Blur with a Gaussian of ``sigma`` pixels; wide ones on a reduced copy, for speed."""
    factor = 1
    while sigma / factor > 5 and image.shape[0] % (factor * 2) == 0:
        factor *= 2
    if factor == 1:
        return ndimage.gaussian_filter(image, sigma, mode="nearest", truncate=3)
    small = ndimage.gaussian_filter(
        shrink(image, factor), sigma / factor, mode="nearest", truncate=3
    )
    return enlarge(small, image.shape[0])


def clouds(rng: np.random.Generator, size: int, coarsest: int, finest: int) -> np.ndarray:
    """Make a smooth random field (mean 0, spread near 1) with detail of many sizes.

    The grids have ``coarsest``, twice that, ... up to ``finest`` cells along a side; each
    finer grid weighs half as much, which gives the falling spectrum of natural pictures.
    """
    field, weight, total, cells = np.zeros((size, size)), 1.0, 0.0, coarsest
    while cells <= finest:
        grid = rng.standard_normal((cells, cells))
        if cells < size:
            grid = enlarge(grid, size)
        field += weight * grid[:size, :size]
        total += weight**2
        weight *= 0.6
        cells *= 2
    return field / np.sqrt(total) * 1.4


def ramp(values: np.ndarray, start: float | np.ndarray, end: float | np.ndarray) -> np.ndarray:
    """Rise smoothly from 0 at ``start`` to 1 at ``end`` (``end`` may be the smaller one)."""
    t = np.clip((values - start) / (end - start), 0, 1)
    return t * t * (3 - 2 * t)
