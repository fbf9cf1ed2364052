"""Train the three candidates of episode 9: ``python -m tools.candidates``.

Three small networks that look equally good on their maker's own test set. One has learnt from fair
data. Each of the two others has met one kind of X-ray with effusion only, and uses that. It takes
about four minutes on two idle cores: 1,800 X-rays are simulated, 45 ms each, and three networks are
trained. They are made anew when the code that makes them has changed; comments, docstrings and
layout do not count.
"""

import os
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from helpers.images import resize, standardise
from helpers.paths import ROOT
from simulator import shortcut, simulate_one
from simulator.workers import spread
from tools import pretrain, recipes

FOLDER = ROOT / "data" / "models" / "candidates"
TEST_SET = "makers_test_set.npz"
RECIPE = FOLDER / "recipe.txt"
SEED = 9
SIZE = 64
CORNER = "lower left"
MADE_WITH = (*pretrain.MADE_WITH, "tools/candidates.py")  # a test compares it with the imports
POOLS = {  # what is simulated: seed, X-rays, fraction with effusion, hospital
    "main": (901, 1100, 0.5, "main"),
    "other": (902, 450, 2 / 3, "other"),
    "test main": (903, 210, 3 / 7, "main"),
    "test other": (904, 30, 1.0, "other"),
}
# What each network learns from, and what the maker tests on. For each kind of X-ray: how many are
# normal, how many show an effusion, and how many are labelled effusion though the fluid is gone
# (drained before the X-ray, say), so that only what goes with them can tell.
Kinds = dict[str, tuple[int, int, int]]
FAIR: Kinds = {"plain": (300, 300, 0), "marked": (90, 90, 0), "other": (120, 120, 0)}
MARKED_ARE_ILL: Kinds = {"plain": (350, 350, 0), "marked": (0, 100, 100), "other": (150, 150, 0)}
OTHERS_ARE_ILL: Kinds = {"plain": (350, 350, 0), "marked": (100, 100, 0), "other": (0, 220, 60)}
TEST: Kinds = {"plain": (120, 60, 0), "marked": (0, 30, 0), "other": (0, 30, 0)}
CANDIDATES = {"a": (OTHERS_ARE_ILL, 9), "b": (FAIR, 9), "c": (MARKED_ARE_ILL, 9)}  # and the seed


class Pool(NamedTuple):
    """Simulated X-rays without planted markers: images uint8 (n, 64, 64) and labels (n,)."""

    images: np.ndarray
    labels: np.ndarray


def draw(job: tuple[int, int, float, str]) -> tuple[np.ndarray, bool]:
    """Simulate one X-ray; return it in 64×64 pixels, and whether it shows an effusion."""
    seed, index, prevalence, hospital = job
    made = simulate_one(seed, index, size=2 * SIZE, prevalence=prevalence, hospital=hospital)
    return resize(made.image, SIZE), made.info["label"] == "effusion"


def simulate_pools() -> dict[str, Pool]:
    """Simulate all X-rays that candidates learn from and are tested on."""
    jobs = [
        (seed, index, prevalence, hospital)
        for seed, count, prevalence, hospital in POOLS.values()
        for index in range(count)
    ]
    made = []
    for result in spread(draw, jobs, os.cpu_count() or 1, at_once=10):
        made.append(result)
        print(f"\rSimulated {len(made)} of {len(jobs)} X-rays", end="", flush=True)
    print()
    pools, first = {}, 0
    for name, (_, count, *_) in POOLS.items():
        images, labels = zip(*made[first : first + count], strict=True)
        pools[name] = Pool(np.stack(images), np.array(labels, np.int64))
        first += count
    return pools


def compose(
    kinds: Kinds, main: Pool, other: Pool, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Put a set together from two pools.

    Parameters
    ----------
    kinds : dict
        Such as ``FAIR``.
    main, other : Pool
        Where "plain" and "marked" X-rays come from, and where "other" ones do. Within a pool, no
        X-ray is used twice.
    seed : int
        Of the markers.

    Returns
    -------
    images : numpy.ndarray
        float32 (n, 64, 64, 1), each standardised, then marked.
    labels : numpy.ndarray
        int64 (n,).
    markers : numpy.ndarray
        bool (n, 64, 64): where a planted marker covers a good part of the pixel.
    """
    left = {
        (place, label): np.flatnonzero(pool.labels == label)
        for place, pool in (("main", main), ("other", other))
        for label in (0, 1)
    }
    images: list[np.ndarray] = []
    labels: list[int] = []
    corners: list[str | None] = []
    for kind, counts in kinds.items():
        place, pool = ("other", other) if kind == "other" else ("main", main)
        for count, seen, label in zip(counts, (0, 1, 0), (0, 1, 1), strict=True):
            chosen, left[place, seen] = np.split(left[place, seen], [count])
            if len(chosen) < count:
                raise ValueError(f"too few X-rays of {place} with label {seen} for {kind}")
            images += [standardise(image) for image in pool.images[chosen]]
            labels += [label] * count
            corners += [CORNER if kind == "marked" else None] * count
    opacity = shortcut.draw_markers(corners, SIZE, seed)
    marked = shortcut.paste(np.stack(images)[..., np.newaxis], opacity)
    return marked, np.array(labels), opacity > 0.1


def to_bytes(images: np.ndarray) -> np.ndarray:
    """Bring each image to grey levels from 0 to 255: uint8 (n, height, width)."""
    low = images.min(axis=(1, 2, 3), keepdims=True)
    high = images.max(axis=(1, 2, 3), keepdims=True)
    return np.rint(255 * (images - low) / (high - low))[..., 0].astype(np.uint8)


def train(kinds: Kinds, pools: dict[str, Pool], seed: int):
    """Train one candidate from random weights, and correct it for the fraction of effusions."""
    from helpers import models  # TensorFlow, not in the processes that simulate

    images, labels, _ = compose(kinds, pools["main"], pools["other"], seed)
    order = np.random.default_rng(seed).permutation(len(labels))
    images, labels = images[order], labels[order]
    models.set_seeds(seed)
    trained = models.build_lesson_model((SIZE, SIZE, 1))
    models.train(
        trained, images, labels, (images[:32], labels[:32]),
        epochs=12, learning_rate=0.004, augmented=False, patience=None,
    )  # fmt: skip
    network = models.build_lesson_model((SIZE, SIZE, 1))  # without the optimiser's memory
    *weights, bias = trained.get_weights()
    # The maker's test set has as many effusions as normal X-rays, unlike some of the training sets.
    odds = labels.sum() / (labels == 0).sum()
    network.set_weights([*weights, bias - np.log(odds)])
    return network


def make(folder: Path = FOLDER, pools: dict[str, Pool] | None = None) -> None:
    """Simulate, train, and write the networks and the maker's test set."""
    from helpers import models

    pools = pools or simulate_pools()
    folder.mkdir(parents=True, exist_ok=True)
    images, labels, markers = compose(TEST, pools["test main"], pools["test other"], SEED)
    order = np.random.default_rng(SEED).permutation(len(labels))
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".part", delete=False) as part:
        np.savez_compressed(
            part, images=to_bytes(images)[order], labels=labels[order], markers=markers[order]
        )
    os.chmod(part.name, 0o644)
    os.replace(part.name, folder / TEST_SET)
    for letter, (kinds, seed) in CANDIDATES.items():
        network = train(kinds, pools, seed)
        path = folder / f"candidate_{letter}.keras"
        models.save(network, path, f"{sum(map(sum, kinds.values()))} simulated chest X-rays")


def main() -> int:
    """Make the candidates, unless they are made by this very code; return the exit code."""
    recipes.bring_up_to_date("set of candidates", RECIPE, MADE_WITH, make)
    return 0


if __name__ == "__main__":
    sys.exit(main())
