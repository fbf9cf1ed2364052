"""Plant a shortcut: X-rays whose side marker lies elsewhere in each class.

A marker is the last thing that the simulator writes on a film. So it can be pasted into a finished
X-ray (:func:`draw_markers`, :func:`paste`), and moving it from one corner to another changes
nothing else. :func:`plant` simulates whole sets instead, as `benchmarks` does.
"""

import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import SimpleNamespace
from typing import NamedTuple

import cv2
import numpy as np

from helpers.images import resize, standardise

from .devices import BIT, CORNERS
from .devices import marker as write_marker
from .picture import SimulatorError, simulate_one
from .workers import spread

FINER = 8  # markers are drawn on a canvas so many times as fine, then shrunk like an X-ray


def draw_markers(corners: Sequence[str | None], size: int = 64, seed: int = 9) -> np.ndarray:
    """Draw a side marker for each X-ray of a set.

    Parameters
    ----------
    corners : sequence of str or None
        Where the marker of each X-ray goes, such as "lower left"; None for no marker.
    size : int
        Pixels of each side of an X-ray.
    seed : int
        Decides on sizes, tilts and initials. They belong to the place in the set: the marker of
        an X-ray looks the same in every corner, but for its letter (R on the left, L on the right).

    Returns
    -------
    numpy.ndarray
        float32 (n, size, size), the opacity of the marker: 0 where the X-ray shows, 1 where the
        marker covers it.

    Raises
    ------
    SimulatorError
        If there is no such corner.
    """
    opacity = np.zeros((len(corners), size, size), np.float32)
    for index, corner in enumerate(corners):
        if corner is None:
            continue
        if corner not in CORNERS:
            raise SimulatorError(f"a corner must be one of {', '.join(CORNERS)}, not {corner!r}.")
        film = SimpleNamespace(size=FINER * size)
        written = np.zeros((film.size, film.size), np.uint8)
        write_marker(np.random.default_rng([seed, index]), None, film, None, written, corner)
        opacity[index] = cv2.resize(written, (size, size), interpolation=cv2.INTER_AREA) / 255
    return opacity


def paste(images: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    """Paste markers into X-rays, as white as the brightest pixel of each X-ray.

    Parameters
    ----------
    images : numpy.ndarray
        float32 (n, height, width, 1).
    opacity : numpy.ndarray
        float32 (n, height, width), from :func:`draw_markers`.

    Returns
    -------
    numpy.ndarray
        float32 (n, height, width, 1); equal to ``images`` wherever the opacity is 0.
    """
    brightest = images.max(axis=(1, 2, 3), keepdims=True)
    covered = opacity[..., np.newaxis]
    return images * (1 - covered) + brightest * covered


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
