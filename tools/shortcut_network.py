"""Train the playground's network with a shortcut: ``python -m tools.shortcut_network``.

It learns as the network of the trap in episode 9 does: from X-rays of the second batch in which a
side marker lies in the lower left corner of each effusion, and in the lower right corner of each
normal X-ray. It takes about a minute on two idle cores, and is made anew when the code that makes
it has changed; comments, docstrings and layout do not count.
"""

import ast
import hashlib
import os
import sys
from pathlib import Path

import numpy as np

from helpers import data
from helpers.paths import ROOT
from simulator import shortcut
from tools import pretrain

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


def recipe(root: Path = ROOT) -> str:
    """Return a check sum of the code that makes the network, without comments and docstrings."""
    tree = ast.parse((root / "tools" / "shortcut_network.py").read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, pretrain.DOCUMENTED) and ast.get_docstring(node, clean=False):
            del node.body[0]
    return hashlib.sha256((pretrain.recipe(root) + ast.dump(tree)).encode()).hexdigest()


def is_current(root: Path = ROOT) -> bool:
    """Tell if the network is made by the code as it is now."""
    noted = root / RECIPE.relative_to(ROOT)
    return noted.exists() and noted.read_text("utf-8").strip() == recipe(root)


def main() -> int:
    """Make the network, unless it is made by this very code; return the exit code."""
    if is_current():
        print("The network with a shortcut is up to date.")
        return 0
    print("The code behind the network with a shortcut has changed: training it again ...")
    make()
    part = RECIPE.with_name(f"{RECIPE.name}.part")
    part.write_text(recipe() + "\n", encoding="utf-8")
    os.replace(part, RECIPE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
