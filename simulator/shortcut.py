"""Plant a shortcut: simulated X-rays whose side marker lies elsewhere in each class.

Made for the episode in which a network learns to look at the marker and the learner finds it out.
"""

import os
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from helpers.images import resize, standardise

from .devices import BIT
from .picture import simulate_one
from .workers import spread


class Planted(NamedTuple):
    """Simulated X-rays with their markers; normal ones first.

    images : float32 array (n, size, size, 1), standardised
    labels : int64 array (n,)
    markers : bool array (n, size, size), True where a marker covers a good part of the pixel
    """

    images: np.ndarray
    labels: np.ndarray
    markers: np.ndarray


def start(sets: dict[str, tuple[int, int, str | None, str | None]], size: int = 64) -> Future:
    """Begin to :func:`plant` while the notebook goes on; ``.result()`` waits and returns the sets.

    Parameters
    ----------
    sets, size
        As for :func:`plant`.
    """
    background = ThreadPoolExecutor(1)
    planting = background.submit(plant, sets, size)
    background.shutdown(wait=False)
    return planting


def plant(
    sets: dict[str, tuple[int, int, str | None, str | None]], size: int = 64
) -> dict[str, Planted]:
    """Simulate sets of X-rays, on all cores but one, with the markers placed by class.

    Parameters
    ----------
    sets : dict
        For each name: how many images (half of them get an effusion); the seed, which decides on
        the patients; the corner of the marker for normal X-rays and that for effusions, such as
        "lower left", None for no marker, "any" for corners as they come.
    size : int
        Pixels of each side.

    Returns
    -------
    dict
        A :class:`Planted` for each name.
    """
    jobs = [
        (seed, index, label, corner, size)
        for count, seed, *corners in sets.values()
        for label, corner in enumerate(corners)
        for index in range(count // 2)
    ]
    workers = max(1, (os.cpu_count() or 1) - 1)
    made = list(spread(simulate_with_marker, jobs, workers, at_once=10))
    planted, first = {}, 0
    for name, (count, *_) in sets.items():
        images, markers = zip(*made[first : first + 2 * (count // 2)], strict=True)
        labels = np.repeat([0, 1], count // 2)
        planted[name] = Planted(np.stack(images)[..., np.newaxis], labels, np.stack(markers))
        first += len(labels)
    return planted


def simulate_with_marker(job: tuple) -> tuple[np.ndarray, np.ndarray]:
    """Simulate one X-ray of a set; return the image, standardised, and where its marker is."""
    seed, index, label, corner, size = job
    made = simulate_one(
        seed,
        index,
        size=2 * size,
        prevalence=float(label),
        devices=("marker",) if corner else (),
        device_rate_normal={"marker": 1.0},
        device_rate_effusion={"marker": 1.0},
        marker_corner=None if corner == "any" else corner,
    )
    marker = np.where(made.devices & BIT["marker"], 255, 0).astype(np.uint8)
    return standardise(resize(made.image, size)), resize(marker, size) > 63
