"""Train the network that comes with the lesson: ``python -m tools.pretrain``.

It learns from freshly simulated X-rays, so it can be shipped with the lesson: no real X-ray is in
it. It is made anew when the code that makes it has changed; comments, docstrings and layout
do not count.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

from helpers import data
from helpers.paths import PRETRAINED
from simulator import simulate
from tools import recipes

RECIPE = PRETRAINED.with_name("recipe.txt")
MADE_WITH = (  # all of the lesson's own code that runs here; a test compares it with the imports
    "helpers/data.py",
    "helpers/images.py",
    "helpers/models.py",
    "helpers/paths.py",
    "simulator/*.py",
    "tools/pretrain.py",
    "tools/recipes.py",
)


def pretrain(path: Path = PRETRAINED, count: int = 1500, seed: int = 2026) -> None:
    """Train the lesson's network as episode 5 does, on freshly simulated X-rays.

    Neither training nor validation has an X-ray or a patient of the lesson's bundled set, and
    electrodes, lines and the like are as frequent in normal X-rays as in the others.

    Parameters
    ----------
    path
        Where the network goes.
    count
        How many X-rays are simulated: a quarter of a second each on two idle cores.
    seed
        Of the simulation and of the training.
    """
    with tempfile.TemporaryDirectory() as folder:
        out, rate = Path(folder) / "simulated", 0.35
        simulate(out, count, seed, device_rate_normal=rate, device_rate_effusion=rate)
        xrays = data.find_dataset(out)
        from helpers import models  # TensorFlow, not in the processes that simulate

        images, labels = data.load(xrays, models.INPUT_SIZE)
        train, validation, more = data.split(xrays)
        chosen = np.concatenate([train, more])  # nothing is tested here
        models.set_seeds(seed)
        model = models.build_lesson_model()
        models.train(
            model, images[chosen], labels[chosen], (images[validation], labels[validation])
        )
    about = f"{len(chosen)} simulated chest X-rays of other patients than the lesson's"
    models.save(model, path, about)


def main() -> int:
    """Train the network, unless it is made by this very code; return the exit code."""
    recipes.bring_up_to_date("pre-trained network", RECIPE, MADE_WITH, pretrain)
    return 0


if __name__ == "__main__":
    sys.exit(main())
