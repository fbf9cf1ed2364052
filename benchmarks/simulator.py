"""How good the simulated X-rays are, in figures.

python -m benchmarks.simulator [--sim DIR] [--real DIR] [--seeds 1] [--skip-cv]

Without --sim, 350 + 350 fresh images are made with device rates equal in both classes. With
--real, a folder with normal and effusion X-rays, it also compares the statistics and tests what
the lesson's network learns on one kind with the other kind.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from helpers import data
from helpers.images import read_image, resize
from simulator import BIT, simulate

EDGES = np.unique(np.round(np.geomspace(1, 256, 33)).astype(int))
VIEWS = ("PA", "AP", "AP supine")


def patients_of(dataset: data.Dataset) -> np.ndarray:
    """Return the patient of each image; where patients are unknown, each image is one."""
    return np.array(dataset.patients or range(len(dataset)))


def logistic(dataset: data.Dataset, values: np.ndarray) -> float:
    """Return the AUC of logistic regression on some values of each image.

    Parameters
    ----------
    dataset : Dataset
        Gives the labels, and the patients, who stay together in five folds.
    values : numpy.ndarray
        (n, ...), taken as a flat row each.
    """
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000))
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    rows, groups = values.reshape(len(values), -1), patients_of(dataset)
    labels = np.array(dataset.labels)
    scores = cross_val_predict(
        model, rows, labels, groups=groups, cv=folds, method="decision_function"
    )
    return roc_auc_score(labels, scores)


def device_masks(dataset: data.Dataset) -> np.ndarray:
    """Load what covers the X-rays: float32 (n, 16, 16, 8), how much of a pixel each kind covers."""
    values = np.zeros((len(dataset), 16, 16, len(BIT)), np.float32)
    for value, file in zip(values, dataset.files, strict=True):
        path = dataset.folder / "devices" / file.name
        if path.exists():  # there is no file where there is no device
            bits = read_image(path)
            for kind, bit in enumerate(BIT.values()):
                covered = (bits & bit > 0).astype(np.float32)
                value[..., kind] = cv2.resize(covered, (16, 16), interpolation=cv2.INTER_AREA)
    return values


def views(dataset: data.Dataset) -> np.ndarray:
    """Read from the manifest how each X-ray was taken: float (n, 3), 1 for its view."""
    with (dataset.folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        view = {Path(row["file"]).name: row["view"] for row in csv.DictReader(file)}
    return np.array([[float(view[file.name] == one) for one in VIEWS] for file in dataset.files])


def predictions(
    images: np.ndarray, labels: np.ndarray, others: np.ndarray, seed: int
) -> np.ndarray:
    """Train the lesson's network on images with labels, and return its predictions for others."""
    from helpers import models  # takes seconds

    models.set_seeds(seed)
    network = models.build_lesson_model()
    # Trained to the end, so that validation decides nothing: any images do.
    models.train(network, images, labels, (images[:32], labels[:32]), patience=None, verbose=False)
    return models.predict(network, others)


def cross_validated(dataset: data.Dataset, images: np.ndarray, seed: int) -> float:
    """Return the AUC of the network over three folds that keep patients together."""
    labels = np.array(dataset.labels)
    folds = StratifiedGroupKFold(3, shuffle=True, random_state=seed)
    scores = np.zeros(len(labels))
    for fit, test in folds.split(images, labels, patients_of(dataset)):
        scores[test] = predictions(images[fit], labels[fit], images[test], seed)
    return roc_auc_score(labels, scores)


def histogram(image: np.ndarray) -> np.ndarray:
    """Return how frequent each of 32 ranges of grey is, as a fraction of the pixels."""
    return np.histogram(image, 32, (0, 256))[0] / image.size


def spectrum(image: np.ndarray) -> np.ndarray:
    """Return the power in rings of spatial frequency, of the standardised image, Hann window."""
    side = 512
    image = resize(image, side).astype(float)
    window = np.outer(np.hanning(side), np.hanning(side))
    plane = np.fft.fftshift(np.fft.fft2((image - image.mean()) / image.std() * window))
    rows, columns = np.indices(plane.shape)
    ring = np.digitize(np.hypot(rows - side / 2, columns - side / 2), EDGES)
    power = np.bincount(ring.ravel(), (np.abs(plane) ** 2).ravel()) / np.bincount(ring.ravel())
    return np.log10(power[1 : len(EDGES)])


def measured(dataset: data.Dataset, statistic: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Return a statistic of each image as it is in its file: (n, bins)."""
    return np.stack([statistic(read_image(file)) for file in dataset.files])


def in_band(real: np.ndarray, simulated: np.ndarray) -> float:
    """Return the fraction of bins where the simulated median is in the real 5-95 % band."""
    low, high = np.percentile(real, [5, 95], axis=0)
    middle = np.median(simulated, axis=0)
    return float(((middle >= low) & (middle <= high)).mean())


def measure_alone(dataset: data.Dataset, seeds: int) -> None:
    """Print how well the classes can be told apart, and how well by what is not fluid."""
    auc = logistic(dataset, data.load(dataset, 32)[0])
    print(f"logistic regression on 32x32 pixels: AUC {auc:.3f}")
    print(f"the same on the device masks alone: AUC {logistic(dataset, device_masks(dataset)):.3f}")
    print(f"the same on the view alone: AUC {logistic(dataset, views(dataset)):.3f}", flush=True)
    images, _ = data.load(dataset, 64)
    for seed in range(seeds):
        auc = cross_validated(dataset, images, seed)
        print(f"network, three folds, seed {seed}: AUC {auc:.3f}", flush=True)


def measure_against(real: data.Dataset, simulated: data.Dataset, seeds: int, back: bool) -> None:
    """Print how alike the two kinds are, and what a network learns on one for the other."""
    grey = in_band(measured(real, histogram), measured(simulated, histogram))
    print(f"histogram: {grey:.0%} of 32 bins in the band")
    frequency = in_band(measured(real, spectrum), measured(simulated, spectrum))
    print(f"spectrum: {frequency:.0%} of {len(EDGES) - 1} rings in the band")
    auc = logistic(real, data.load(real, 32)[0])
    print(f"logistic regression on 32x32 pixels of real images: AUC {auc:.3f}", flush=True)
    images, labels = data.load(simulated, 64)
    real_images, real_labels = data.load(real, 64)
    scores = []
    for seed in range(seeds):
        start = time.perf_counter()
        scores.append(predictions(images, labels, real_images, seed))
        auc, seconds = roc_auc_score(real_labels, scores[-1]), time.perf_counter() - start
        print(
            f"trained on simulated, tested on real, seed {seed}: AUC {auc:.3f} ({seconds:.0f} s)",
            flush=True,
        )
    if seeds > 1:
        auc = roc_auc_score(real_labels, np.mean(scores, axis=0))
        print(f"mean of the {seeds} networks: AUC {auc:.3f}")
    for seed in range(seeds if back else 0):
        auc = roc_auc_score(labels, predictions(real_images, real_labels, images, seed))
        print(f"trained on real, tested on simulated, seed {seed}: AUC {auc:.3f}", flush=True)


def main() -> None:
    """Read the command line, measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulator", description=__doc__)
    parser.add_argument("--sim", type=Path, help="folder made by python -m simulator")
    parser.add_argument("--real", type=Path, help="folder with normal/ and effusion/")
    parser.add_argument("--seeds", type=int, default=1, help="networks to train for each figure")
    parser.add_argument("--skip-cv", action="store_true", help="only the transfer, for speed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.sim is None:
            options.sim = Path(folder) / "xrays"
            start = time.perf_counter()
            simulate(options.sim, 700, seed=2024, device_rate_normal=0.4, device_rate_effusion=0.4)
            print(f"700 images of 512x512 in {time.perf_counter() - start:.0f} s")
        try:
            simulated = data.find_dataset(options.sim)
            if not simulated.simulated:
                raise data.DataError(
                    f"The images in {simulated.folder} are not simulated: name a folder that "
                    "python -m simulator has made."
                )
            real = data.find_dataset(options.real) if options.real else None
            measure_alone(simulated, 0 if options.skip_cv else options.seeds)
            if real:
                measure_against(real, simulated, options.seeds, back=not options.skip_cv)
        except data.DataError as error:
            raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
