"""Make the X-rays of part two: ``python -m tools.second_batch``.

Three sets of simulated X-rays of patients that no other set of the lesson has, each in one file of
64×64 pixels. They are made anew only when the simulator draws other images than before.
"""

import hashlib
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from helpers import data
from helpers.images import read_image, resize
from simulator import simulate

SIZE = 64
SETS = {  # name of the file: how many X-rays, seed, fraction with effusion, hospital
    "same_hospital_validation": (300, 301, 0.5, "main"),
    "same_hospital_test": (600, 302, 0.5, "main"),
    "other_hospital": (300, 303, 0.3, "other"),
}
MOST_FLUID_ML = 800  # patients who come early; large effusions would be found by any network
TEXT = ("view", "sex", "side", "devices", "findings")
NUMBERS = ("fluid_ml", "haze", "pixel_mm")


def arrays_of(folder: Path, seed: int) -> dict[str, np.ndarray]:
    """Read what ``simulate`` made with this seed, at the size of the second batch.

    Returns
    -------
    dict
        ``images`` uint8 and ``masks`` bool (n, 64, 64), ``labels`` int64, ``patients``, ``seed``
        and ``index``, which draw an X-ray again, and the other columns of the manifest, (n,) each.
    """
    xrays = data.find_dataset(folder)
    rows = xrays.manifest or ()
    images = [resize(read_image(path), SIZE) for path in xrays.files]
    columns: dict[str, np.ndarray] = {
        "images": np.stack(images),
        "masks": data.load_masks(xrays, SIZE),
        "labels": np.array(xrays.labels, np.int64),
        "patients": np.array([f"{seed}-{patient}" for patient in xrays.patients or ()]),
        "seed": np.full(len(xrays), seed),
        "index": np.array([int(row["index"]) for row in rows]),
    }
    columns |= {name: np.array([row[name] for row in rows]) for name in TEXT}
    return columns | {name: np.array([float(row[name]) for row in rows]) for name in NUMBERS}


def make(folder: Path = data.SECOND_BATCH, sets: dict[str, tuple] = SETS) -> None:
    """Simulate all sets, about ten minutes on two cores, and write them with their check sums."""
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".second_batch-") as beside:
        sums = []
        for name, (count, seed, prevalence, hospital) in sets.items():
            made = simulate(
                Path(beside) / name,
                count,
                seed,
                prevalence=prevalence,
                hospital=hospital,
                most_fluid_ml=MOST_FLUID_ML,
            )
            arrays: dict[str, Any] = arrays_of(made, seed)
            with open(Path(beside) / f"{name}.npz", "wb") as file:
                np.savez_compressed(file, **arrays)
            content = (Path(beside) / f"{name}.npz").read_bytes()
            sums.append(f"{hashlib.sha256(content).hexdigest()}  {name}.npz\n")
        (Path(beside) / "checksums.txt").write_text("".join(sums), encoding="utf-8")
        folder.mkdir(exist_ok=True)
        for name in [*(f"{name}.npz" for name in sets), "checksums.txt"]:
            os.replace(Path(beside) / name, folder / name)


def main() -> int:
    """Make the second batch; return the exit code."""
    make()
    return 0


if __name__ == "__main__":
    sys.exit(main())
