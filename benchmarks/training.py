"""What training costs, and how good it gets: recipes side by side, each run in a fresh process.

python -m benchmarks.training --data DIR [--test-data DIR2] [--seeds N]
    [--recipes reference,lesson,svm] [--resplit] [--json FILE]

Each recipe learns from the training part of DIR, chooses its best weights on the validation part,
and is tested on DIR2, or on the test part of DIR. The split is the lesson's, unless each seed is
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

import numpy as np

from helpers import data
from helpers.evaluation import baselines, shrink

Fitted = tuple[Callable[[np.ndarray], np.ndarray], float]  # predicts; seconds of fitting


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


def lesson(images, labels, train, validation, seed) -> Fitted:
    """Train the lesson's network as episode 5 does in the end: from the bundled weights on."""
    from helpers import models

    models.set_seeds(seed)
    start = time.perf_counter()
    model, _ = models.load_bundled()
    how = {"epochs": 15, "learning_rate": 1e-3, "patience": None, "verbose": False}
    known = (images[validation], labels[validation])
    models.train(model, images[train], labels[train], known, **how)
    return lambda x: models.predict(model, x), time.perf_counter() - start


def scratch(images, labels, train, validation, seed, patience=12) -> Fitted:
    """Train the lesson's network from random weights, with early stopping."""
    from helpers import models

    models.set_seeds(seed)
    start = time.perf_counter()
    model = models.build_lesson_model(images.shape[1:])
    known = (images[validation], labels[validation])
    models.train(model, images[train], labels[train], known, patience=patience, verbose=False)
    return lambda x: models.predict(model, x), time.perf_counter() - start


def to_the_end(images, labels, train, validation, seed) -> Fitted:
    """Train the lesson's network from random weights, until the rate has fallen to zero."""
    return scratch(images, labels, train, validation, seed, patience=None)


def _mended(normalise=False, place=False, **how) -> Callable[..., Fitted]:
    """Make the recipe of one step of episode 5: its network ``build``, trained as given."""

    def fit(images, labels, train, validation, seed) -> Fitted:
        from helpers import models

        layers = models.layers
        models.set_seeds(seed)
        start = time.perf_counter()
        x = inputs = models.keras.Input(images.shape[1:])
        for filters in [16, 32, 48, 64]:
            x = layers.Conv2D(filters, 3, padding="same", use_bias=not normalise)(x)
            if normalise:
                x = layers.BatchNormalization(momentum=0.8)(x)
            x = layers.Activation("relu")(x)
            if filters < 48:
                x = layers.MaxPooling2D(2)(x)
        if place:
            x = layers.Flatten()(layers.AveragePooling2D(4)(x))
        else:
            x = layers.GlobalAveragePooling2D()(x)
        model = models.keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x))
        known = (images[validation], labels[validation])
        options = {"augmented": False, "falling": False, "verbose": False, **how}
        models.train(model, images[train], labels[train], known, **options)
        seconds = time.perf_counter() - start
        return lambda x: model.predict(x, verbose=0)[:, 0], seconds

    return fit


def _baseline(name: str) -> Callable[..., Fitted]:
    def fit(images, labels, train, validation, seed) -> Fitted:
        start = time.perf_counter()
        model = baselines()[name].fit(shrink(images[train]), labels[train])
        seconds = time.perf_counter() - start
        score = getattr(model, "decision_function", None) or (
            lambda x: model.predict_proba(x)[:, 1]
        )
        half = 0.5 if hasattr(model, "decision_function") else 0.0  # its threshold is 0
        return lambda x: score(shrink(x)) + half, seconds

    return fit


RECIPES: dict[str, tuple[int, Callable[..., Fitted]]] = {  # name: image size, how it learns
    "reference": (256, reference),
    "smaller": (64, _mended()),
    "ten-times-the-rate": (64, _mended(learning_rate=0.02)),
    "batch-normalisation": (64, _mended(normalise=True)),
    "place": (64, _mended(normalise=True, place=True)),
    "augmentation": (64, _mended(normalise=True, place=True, augmented=True)),
    "falling-rate": (64, _mended(normalise=True, place=True, augmented=True, falling=True)),
    "scratch": (64, scratch),
    "to-the-end": (64, to_the_end),
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
    xrays = data.find(folder)
    images, labels = data.load(xrays, size)
    train, validation, test = data.split(xrays, seed) if resplit else data.split(xrays)
    cpu = time.process_time()
    predict, seconds = fit(images, labels, train, validation, seed)
    cpu = time.process_time() - cpu
    if test_folder:
        test_images, test_labels = data.load(data.find(test_folder), size)
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
    for file in data.find(folder).files:
        image = cv2.imread(os.fspath(file), cv2.IMREAD_GRAYSCALE)
        image = cv2.resize(image, (256, 256), interpolation=cv2.INTER_AREA)
        images.append((image - image.mean()) / image.std())
    np.array(images)
    return time.perf_counter() - start, peak_rss_mb()


def load_with_helpers(folder: str) -> tuple[float, float]:
    """Load the same with the lesson's function."""
    start = time.perf_counter()
    data.load(data.find(folder), 256)
    return time.perf_counter() - start, peak_rss_mb()


def waiting(folder: str, steps: int = 100) -> float:
    """Return the share of a training step of the lesson's network spent waiting for its batch."""
    from helpers import models

    xrays = data.find(folder)
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
    by_recipe = {}
    for row in rows:
        by_recipe.setdefault(row["recipe"], []).append(row)
    first = "reference" if "reference" in by_recipe else next(iter(by_recipe))
    whole = np.median([row["cpu_s"] for row in by_recipe[first]])
    print(
        f"\n| recipe | seeds | CPU, as a share of {first}'s | fit, s | peak MB "
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
    """Print what loading costs: the loop, the helper without and with its cache."""
    with tempfile.TemporaryDirectory() as work:
        os.environ["CHEST_XRAYS_WORK"] = work
        alone(load_in_a_loop, folder)  # the files are now in the system's memory, for everybody
        rows = [
            ("plain loop with OpenCV", *alone(load_in_a_loop, folder)),
            ("helpers.data.load, cold", *alone(load_with_helpers, folder)),
            ("helpers.data.load, warm", *alone(load_with_helpers, folder)),
        ]
    count = len(data.find(folder))
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
            data.find(folder)
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
