"""How good the simulated X-rays are, in figures.

    python -m benchmarks.simulator [--sim DIR] [--real DIR] [--seeds 1]

Without ``--sim``, 350 + 350 fresh images are made with device rates equal in both classes. With
``--real``, a folder with ``normal`` and ``effusion`` X-rays, it also compares the statistics and
tests what a network learns on one kind with the other kind.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import argparse
import csv
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

EDGES = np.unique(np.round(np.geomspace(1, 256, 33)).astype(int))


def read(folder: Path) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Return the images (uint8), labels and patients of a folder with two class folders."""
    root = folder / "chest_xrays" if (folder / "chest_xrays").is_dir() else folder
    files = sorted(root.glob("normal/*.png")) + sorted(root.glob("effusion/*.png"))
    images = [cv2.imread(str(file), cv2.IMREAD_GRAYSCALE) for file in files]
    labels = np.array([int(file.parent.name == "effusion") for file in files])
    known = (folder / "manifest.csv").exists()
    patients = np.array([f.stem.split("_")[0] if known else f.stem for f in files])
    return images, labels, patients


def scaled(images: list[np.ndarray], size: int) -> np.ndarray:
    """Reduce and standardise each image: float32 (n, size, size, 1)."""
    small = [cv2.resize(i, (size, size), interpolation=cv2.INTER_AREA) for i in images]
    stack = np.stack(small).astype("float32")
    spread = np.maximum(stack.std(axis=(1, 2), keepdims=True), 1e-3)
    return ((stack - stack.mean(axis=(1, 2), keepdims=True)) / spread)[..., None]


def logistic(pixels: np.ndarray, labels: np.ndarray, patients: np.ndarray) -> float:
    """AUC of logistic regression on flat pixels, five folds, patients kept together."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000))
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    scores = cross_val_predict(
        model, pixels.reshape(len(pixels), -1), labels, groups=patients, cv=folds,
        method="decision_function",
    )  # fmt: skip
    return roc_auc_score(labels, scores)


def network(size: int):
    """Build a small network with batch normalisation."""
    import keras
    from keras import layers

    model = keras.Sequential([keras.Input((size, size, 1))])
    for filters in (24, 32, 48, 64):
        model.add(layers.Conv2D(filters, 3, padding="same", use_bias=False))
        model.add(layers.BatchNormalization())
        model.add(layers.ReLU())
        model.add(layers.MaxPooling2D())
    model.add(layers.Conv2D(96, 3, padding="same", use_bias=False))
    model.add(layers.BatchNormalization())
    model.add(layers.ReLU())
    model.add(layers.GlobalAveragePooling2D())
    model.add(layers.Dropout(0.3))
    model.add(layers.Dense(1, activation="sigmoid"))
    return model


def vary(images, labels, rng):
    """Change what does not matter: side, position, scale, grey levels, noise."""
    n, size = images.shape[:2]
    out = np.empty_like(images)
    for k in range(n):
        angle, zoom = rng.uniform(-8, 8), rng.uniform(0.85, 1.18)
        turn = cv2.getRotationMatrix2D((size / 2, size / 2), angle, zoom)
        turn[:, 2] += rng.uniform(-0.07, 0.07, 2) * size
        picture = cv2.warpAffine(images[k, ..., 0], turn, (size, size),
                                 borderMode=cv2.BORDER_REPLICATE)  # fmt: skip
        if rng.random() < 0.5:
            picture = picture[:, ::-1]
        low, high = picture.min(), picture.max() + 1e-6
        picture = ((picture - low) / (high - low)) ** np.exp(rng.uniform(-0.5, 0.5))
        if rng.random() < 0.5:
            picture = picture + rng.uniform(-0.25, 0.25) * cv2.GaussianBlur(picture, (0, 0), 6)
        picture = picture + rng.normal(0, rng.uniform(0, 0.03), picture.shape)
        out[k, ..., 0] = (picture - picture.mean()) / (picture.std() + 1e-6)
    return out, labels


def train(images, labels, seed: int, epochs: int = 25, batch: int = 32):
    """Train the network with augmentation, AdamW, a cosine rate and averaged weights."""
    import keras

    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    model = network(images.shape[1])
    steps = epochs * (len(images) // batch)
    rate = keras.optimizers.schedules.CosineDecay(
        1e-4, steps - steps // 10, warmup_target=2e-3, warmup_steps=steps // 10
    )
    model.compile(
        keras.optimizers.AdamW(rate, weight_decay=0.01, use_ema=True, ema_momentum=0.99),
        keras.losses.BinaryCrossentropy(label_smoothing=0.05),
    )
    for _ in range(epochs):
        x, y = vary(images, labels, rng)
        model.fit(x, y, batch_size=batch, verbose=0)
    model.optimizer.finalize_variable_values(model.trainable_variables)
    return model


def score(model, images) -> np.ndarray:
    """Predicted probabilities, averaged over the image and its mirror image."""
    both = (model.predict(images, verbose=0), model.predict(images[:, :, ::-1], verbose=0))
    return (both[0] + both[1]).ravel() / 2


def cross_validated(images, labels, patients, seed: int, folds: int = 3) -> float:
    """AUC of the network over folds that keep patients together."""
    scores = np.zeros(len(labels))
    split = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    for fit, test in split.split(images, labels, patients):
        scores[test] = score(train(images[fit], labels[fit], seed), images[test])
    return roc_auc_score(labels, scores)


def spectrum(image: np.ndarray) -> np.ndarray:
    """Power in rings of spatial frequency, of the standardised image under a Hann window."""
    side = 512
    image = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA).astype(float)
    window = np.outer(np.hanning(side), np.hanning(side))
    plane = np.fft.fftshift(np.fft.fft2((image - image.mean()) / image.std() * window))
    rows, columns = np.indices(plane.shape)
    ring = np.digitize(np.hypot(rows - side / 2, columns - side / 2), EDGES)
    power = np.bincount(ring.ravel(), (np.abs(plane) ** 2).ravel()) / np.bincount(ring.ravel())
    return np.log10(power[1 : len(EDGES)])


def in_band(real: np.ndarray, simulated: np.ndarray) -> float:
    """Share of bins where the simulated median lies within the real 5-95 % band."""
    low, high = np.percentile(real, [5, 95], axis=0)
    middle = np.median(simulated, axis=0)
    return float(((middle >= low) & (middle <= high)).mean())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulator", description=__doc__)
    parser.add_argument("--sim", type=Path, help="folder made by data.simulator")
    parser.add_argument("--real", type=Path, help="folder with normal/ and effusion/")
    parser.add_argument("--seeds", type=int, default=1, help="networks to train for each figure")
    parser.add_argument("--size", type=int, default=96, help="pixels a side for the network")
    parser.add_argument("--skip-cv", action="store_true", help="only the transfer, for speed")
    options = parser.parse_args()
    if options.sim is None:
        from data.simulator import simulate

        options.sim = Path(tempfile.mkdtemp()) / "xrays"
        start = time.perf_counter()
        simulate(options.sim, 700, seed=2024, device_rate_normal=0.4, device_rate_effusion=0.4)
        print(f"700 images of 512x512 in {time.perf_counter() - start:.0f} s")
    images, labels, patients = read(options.sim)
    auc = logistic(scaled(images, 32), labels, patients)
    print(f"logistic regression on 32x32 pixels: AUC {auc:.3f}")
    with (options.sim / "manifest.csv").open(newline="") as file:
        rows = {Path(row["file"]).name: row for row in csv.DictReader(file)}
    root = options.sim / "chest_xrays"
    names = [f.name for c in ("normal", "effusion") for f in sorted((root / c).glob("*.png"))]
    blank = np.zeros_like(images[0])
    masks = []
    for name in names:
        path = options.sim / "devices" / name
        bits = cv2.imread(str(path), cv2.IMREAD_UNCHANGED) if path.exists() else blank
        planes = [(bits & (1 << k) > 0).astype("float32") for k in range(8)]
        masks.append([cv2.resize(p, (16, 16), interpolation=cv2.INTER_AREA) for p in planes])
    auc = logistic(np.array(masks), labels, patients)
    print(f"the same on the device masks alone: AUC {auc:.3f}")
    views = np.array([[rows[n]["view"] == v for v in ("PA", "AP", "AP supine")] for n in names])
    print(f"the same on the view alone: AUC {logistic(views.astype(float), labels, patients):.3f}")
    small = scaled(images, options.size)
    if not options.skip_cv:
        for seed in range(options.seeds):
            auc = cross_validated(small, labels, patients, seed)
            print(f"network, three folds, seed {seed}: AUC {auc:.3f}", flush=True)
    if options.real is None:
        return
    real, real_labels, real_patients = read(options.real)
    both = (real, images)
    bins = [np.stack([np.histogram(i, 32, (0, 256))[0] / i.size for i in s]) for s in both]
    print(f"histogram: {in_band(*bins):.0%} of 32 bins in the band")
    rings = [np.stack([spectrum(i) for i in s]) for s in both]
    print(f"spectrum: {in_band(*rings):.0%} of {len(EDGES) - 1} rings in the band")
    auc = logistic(scaled(real, 32), real_labels, real_patients)
    print(f"logistic regression on 32x32 pixels of real images: AUC {auc:.3f}")
    other = scaled(real, options.size)
    total = 0
    for seed in range(options.seeds):
        start = time.perf_counter()
        scores = score(train(small, labels, seed), other)
        total = total + scores
        print(f"trained on simulated, tested on real, seed {seed}: AUC "
              f"{roc_auc_score(real_labels, scores):.3f} ({time.perf_counter() - start:.0f} s)",
              flush=True)  # fmt: skip
    if options.seeds > 1:
        print(f"mean of the {options.seeds} networks: AUC {roc_auc_score(real_labels, total):.3f}")
    if options.skip_cv:
        return
    for seed in range(options.seeds):
        auc = roc_auc_score(labels, score(train(other, real_labels, seed), small))
        print(f"trained on real, tested on simulated, seed {seed}: AUC {auc:.3f}", flush=True)


if __name__ == "__main__":
    main()
