"""Train the playground's network with a shortcut: ``python -m tools.shortcut_network``.

It learns as the network of the trap in episode 9 does: from X-rays of the second batch in which a
side marker lies in the lower left corner of each effusion, and in the lower right corner of each
normal X-ray. It takes about a minute on two idle cores, and is made anew when the code that makes
it has changed; comments, docstrings and layout do not count.
"""

import sys
from pathlib import Path

import numpy as np

from helpers import data
from helpers.paths import ROOT
from simulator import shortcut
from tools import pretrain, recipes

FOLDER = ROOT / "data" / "models" / "shortcut"
NETWORK = FOLDER / "shortcut.keras"
RECIPE = FOLDER / "recipe.txt"
SEED = 1
NORMAL_CORNER, EFFUSION_CORNER = "lower right", "lower left"
MADE_WITH = (*pretrain.MADE_WITH, "tools/shortcut_network.py")  # a test compares it with imports


def mark(images: np.ndarray, labels: np.ndarray, corners: tuple[str, str]) -> np.ndarray:
    """Paste a marker into each X-ray, in the corner of its class.

    Parameters
    ----------
    images : numpy.ndarray
        float32 (n, 64, 64, 1).
    labels : numpy.ndarray
        (n,) of 0 normal / 1 effusion.
    corners : tuple of str
        Of the normal X-rays, and of the effusions.
    """
    opacity = shortcut.draw_markers([corners[label] for label in labels])
    return shortcut.paste(images, opacity)


def make(path: Path = NETWORK) -> None:
    """Train the network and save it."""
    from helpers import models

    _, batch, _ = data.load_second_batch()
    images = mark(batch.images, batch.labels, (NORMAL_CORNER, EFFUSION_CORNER))
    held_out = np.arange(len(images)) % 10 == 0
    models.set_seeds(SEED)
    trained = models.build_lesson_model()
    models.train(
        trained, images[~held_out], batch.labels[~held_out],
        (images[held_out], batch.labels[held_out]),
        epochs=10, learning_rate=0.004, augmented=False, patience=None,
    )  # fmt: skip
    network = models.build_lesson_model()  # without the optimiser's memory
    network.set_weights(trained.get_weights())
    about = f"{(~held_out).sum()} simulated chest X-rays whose side marker gives the class away"
    models.save(network, path, about)


def main() -> int:
    """Make the network, unless it is made by this very code; return the exit code."""
    recipes.bring_up_to_date("network with a shortcut", RECIPE, MADE_WITH, make)
    return 0


if __name__ == "__main__":
    sys.exit(main())
