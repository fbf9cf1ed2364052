"""What training costs, and how good it gets: recipes side by side, each run in a fresh process.

python -m benchmarks.training --data DIR [--test-data DIR2] [--seeds N]
    [--recipes reference,lesson,svm] [--resplit] [--json FILE]

Each recipe learns from the training part of DIR, looks at the validation part between epochs, and
is tested on DIR2, or on the test part of DIR. The split is the lesson's, unless each seed is
given a split of its own with --resplit.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from helpers import data

Fitted = tuple[Callable[[np.ndarray], np.ndarray], float]  # predicts; seconds of fitting


def baselines() -> dict[str, ClassifierMixin]:
    """Return what a network has to beat, as episode 5 does: three classifiers, not fitted yet."""
    return {
        "majority": DummyClassifier(strategy="most_frequent"),
        "logistic regression": LogisticRegression(C=0.001, max_iter=500),
        "SVM": SVC(),
    }


def reference(images, labels, train, validation, seed) -> Fitted:
    """Train the reference network as the lesson's predecessor does: 15 steps × 10 epochs."""
    from helpers import models

    models.set_seeds(seed)
    start = time.perf_counter()
    model = models.build_model(images.shape[1:])
    batches = models.tf.data.Dataset.from_tensor_slices((images[train], labels[train]))
    batches = batches.shuffle(len(train)).batch(32).repeat().prefetch(2)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    with tempfile.TemporaryDirectory() as folder:
        best = Path(folder) / "best.weights.h5"
        keeper = models.keras.callbacks.ModelCheckpoint(
            best, monitor="val_loss", save_best_only=True, save_weights_only=True
        )
        model.fit(
            batches,
            steps_per_epoch=15,
            epochs=10,
            shuffle=False,
            verbose=0,
            validation_data=(images[validation], labels[validation]),
            callbacks=[keeper],
        )
        seconds = time.perf_counter() - start
        model.load_weights(best)
    return lambda x: model.predict(x, verbose=0)[:, 0], seconds


def _trained(build, images, labels, train, validation, seed, **how):
    """Build a network for images of this shape and train it; return it and the seconds of both."""
    from helpers import models

    models.set_seeds(seed)
    start = time.perf_counter()
    model = build(images.shape[1:])
    known = (images[validation], labels[validation])
    models.train(model, images[train], labels[train], known, verbose=False, **how)
    return model, time.perf_counter() - start


def lesson(images, labels, train, validation, seed, patience=None) -> Fitted:
    """Train the lesson's network as episode 5 does in the end: from the bundled weights on."""
    from helpers import models

    how = {"epochs": 15, "learning_rate": 1e-3, "patience": patience}
    given = (images, labels, train, validation, seed)
    model, seconds = _trained(lambda shape: models.load_pretrained()[0], *given, **how)
    return lambda x: models.predict(model, x), seconds


def from_scratch(images, labels, train, validation, seed) -> Fitted:
    """Train the lesson's network from random weights."""
    from helpers import models

    given = (images, labels, train, validation, seed)
    model, seconds = _trained(models.build_lesson_model, *given)
    return lambda x: models.predict(model, x), seconds


def _step(normalise=False, flatten=False, **how) -> Callable[..., Fitted]:
    """Make the recipe of one step of episode 5: its network, trained as given."""
    how = {"augmented": False, "cosine_decay": False, **how}

    def build(shape):
        from helpers import models

        return models.build_lesson_model(shape, 0.0, normalise, flatten)

    def fit(images, labels, train, validation, seed) -> Fitted:
        from helpers import models

        model, seconds = _trained(build, images, labels, train, validation, seed, **how)
        return lambda x: models.predict(model, x), seconds

    return fit


def flat(images: np.ndarray) -> np.ndarray:
    """Lay each image out as one row: (n, 32, 32, 1) to (n, 1024)."""
    return images.reshape(len(images), -1)


def _baseline(name: str) -> Callable[..., Fitted]:
    def fit(images, labels, train, validation, seed) -> Fitted:
        start = time.perf_counter()
        model = baselines()[name].fit(flat(images[train]), labels[train])
        seconds = time.perf_counter() - start
        score = getattr(model, "decision_function", None) or (
            lambda x: model.predict_proba(x)[:, 1]
        )
        half = 0.5 if hasattr(model, "decision_function") else 0.0  # its threshold is 0
        return lambda x: score(flat(x)) + half, seconds

    return fit


RECIPES: dict[str, tuple[int, Callable[..., Fitted]]] = {  # name: image size, how it learns
    "reference": (256, reference),
    "smaller": (64, _step()),
    "ten-times-the-rate": (64, _step(learning_rate=0.02)),
    "batch-normalisation": (64, _step(normalise=True)),
    "flatten": (64, _step(normalise=True, flatten=True)),
    "augmentation": (64, _step(normalise=True, flatten=True, augmented=True)),
    "falling-rate": (64, _step(normalise=True, flatten=True, augmented=True, cosine_decay=True)),
    "from-scratch": (64, from_scratch),
    "lesson": (64, lesson),
    "svm": (32, _baseline("SVM")),
    "logistic": (32, _baseline("logistic regression")),
    "majority": (32, _baseline("majority")),
}


def peak_rss_mb() -> float:
    """Return the most memory this process has held, in MB (resident set; 0 where not known)."""
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)


def run(
    recipe: str, seed: int, folder: str, test_folder: str | None, resplit: bool = False
) -> dict:
    """Train one recipe once and test it: one line of the table."""
    from sklearn.metrics import roc_auc_score

    size, fit = RECIPES[recipe]
    xrays = data.find_dataset(folder)
    images, labels = data.load(xrays, size)
    train, validation, test = data.split(xrays, seed) if resplit else data.split(xrays)
    cpu = time.process_time()
    predict, seconds = fit(images, labels, train, validation, seed)
    cpu = time.process_time() - cpu
    if test_folder:
        test_images, test_labels = data.load(data.find_dataset(test_folder), size)
    else:
        test_images, test_labels = images[test], labels[test]
    scores = predict(test_images)
    return {
        "recipe": recipe,
        "seed": seed,
        "fit_s": round(seconds, 2),
        "peak_rss_mb": round(peak_rss_mb()),
        "accuracy": round(float(np.mean((scores > 0.5) == test_labels)), 4),
        "auc": round(float(roc_auc_score(test_labels, scores)), 4),
        "cpu_s": round(cpu, 2),
    }


def load_in_a_loop(folder: str) -> tuple[float, float]:
    """Load and prepare all images one by one with OpenCV, as a beginner would."""
    import cv2

    start = time.perf_counter()
    images = []
    for file in data.find_dataset(folder).files:
        image: Any = cv2.imread(os.fspath(file), cv2.IMREAD_GRAYSCALE)
        image = cv2.resize(image, (256, 256), interpolation=cv2.INTER_AREA)
        images.append((image - image.mean()) / image.std())
    np.array(images)
    return time.perf_counter() - start, peak_rss_mb()


def load_with_helpers(folder: str) -> tuple[float, float]:
    """Load the same with the lesson's function."""
    start = time.perf_counter()
    data.load(data.find_dataset(folder), 256)
    return time.perf_counter() - start, peak_rss_mb()


def waiting(folder: str, steps: int = 100) -> float:
    """Return the fraction of a training step that the network spends waiting for its batch."""
    from helpers import models

    xrays = data.find_dataset(folder)
    images, labels = data.load(xrays, models.INPUT_SIZE)
    train = data.split(xrays)[0]
    models.set_seeds(0)
    model = models.build_lesson_model()
    model.compile(models.keras.optimizers.AdamW(), "binary_crossentropy")
    batches = iter(models.pipeline(images[train], labels[train]).repeat())
    waited = worked = 0.0
    for step in range(steps + 20):
        start = time.perf_counter()
        batch = next(batches)
        middle = time.perf_counter()
        model.train_on_batch(*batch)
        if step >= 20:  # the first steps also build the graph
            waited += middle - start
            worked += time.perf_counter() - middle
    return waited / (waited + worked)


def alone(function: Callable, *arguments):
    """Call a function in a process of its own, so that its peak of memory is its own."""
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=fresh) as pool:
        return pool.submit(function, *arguments).result()


def print_recipes(rows: list[dict]) -> None:
    """Print one line a recipe: medians over the seeds, and the worst."""
    by_recipe: dict[str, list[dict]] = {}
    for row in rows:
        by_recipe.setdefault(row["recipe"], []).append(row)
    first = "reference" if "reference" in by_recipe else next(iter(by_recipe))
    whole = np.median([row["cpu_s"] for row in by_recipe[first]])
    print(
        f"\n| recipe | seeds | CPU, relative to {first}'s | fit, s | peak MB "
        "| accuracy: median, worst | AUC: median, worst |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, chosen in by_recipe.items():
        value = {
            key: np.array([row[key] for row in chosen]) for key in chosen[0] if key != "recipe"
        }
        print(
            f"| {name} | {len(chosen)} | {np.median(value['cpu_s']) / max(whole, 1e-9):.2f} "
            f"| {np.median(value['fit_s']):.1f} | {value['peak_rss_mb'].max():.0f} "
            f"| {np.median(value['accuracy']):.3f}, {value['accuracy'].min():.3f} "
            f"| {np.median(value['auc']):.3f}, {value['auc'].min():.3f} |"
        )


def print_loading(folder: str) -> None:
    """Print what loading costs: a plain loop, and the helper."""
    alone(load_in_a_loop, folder)  # the files are now in the system's memory, for both
    rows = [
        ("plain loop with OpenCV", *alone(load_in_a_loop, folder)),
        ("helpers.data.load", *alone(load_with_helpers, folder)),
    ]
    count = len(data.find_dataset(folder))
    print(f"\n| loading {count} images at 256×256 | times as fast | seconds | peak MB |")
    print("|---|---|---|---|")
    for name, seconds, peak in rows:
        print(f"| {name} | {rows[0][1] / seconds:.1f} | {seconds:.2f} | {peak:.0f} |")


def main(arguments: list[str] | None = None) -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__)
    parser.add_argument("--data", required=True, help="folder to learn from")
    parser.add_argument("--test-data", help="folder to test on; else the test part of --data")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each recipe (default 3)")
    parser.add_argument("--recipes", default="reference,lesson,svm", help=", ".join(RECIPES))
    parser.add_argument("--resplit", action="store_true", help="another split for each seed")
    parser.add_argument("--json", type=Path, help="file for one JSON object a line")
    parser.add_argument("--loading", action="store_true", help="only the table of loading")
    given = parser.parse_args(arguments)
    recipes = [name for name in given.recipes.split(",") if name]
    unknown = sorted(set(recipes) - set(RECIPES))
    if unknown:
        parser.error(f"unknown recipe {unknown[0]!r}: choose from {', '.join(RECIPES)}")
    try:
        for folder in filter(None, (given.data, given.test_data)):
            data.find_dataset(folder)
        rows = []
        for recipe in [] if given.loading else recipes:
            for seed in range(given.seeds):
                rows.append(alone(run, recipe, seed, given.data, given.test_data, given.resplit))
                print(json.dumps(rows[-1]), flush=True)
                if given.json:
                    lines = "".join(json.dumps(row) + "\n" for row in rows)
                    given.json.write_text(lines, encoding="utf-8")
        if rows:
            print_recipes(rows)
        if "lesson" in recipes and not given.loading:
            share = alone(waiting, given.data)
            print(f"\nThe lesson's network waits for data during {share:.1%} of a training step.")
        print_loading(given.data)
    except data.DataError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
