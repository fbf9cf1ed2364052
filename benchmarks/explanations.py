"""Measure saliency maps: where they point, how much they depend on the weights, how fast they are.

``python -m benchmarks.explanations --json FILE [--data DIR] [--shortcut]``

The pre-trained network explains the X-rays of DIR, by default the bundled ones, which it has not
been trained on. Scored are the effusions that have a ground-truth mask and that the network
predicts as effusion.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import numpy as np

from helpers import data, explain, metrics, models, sanity
from helpers.models import keras, tf
from helpers.paths import BUNDLED_DATA
from simulator import shortcut

SANITY_IMAGES = 8
EPOCHS = 25
MARKER_METHODS = (
    "SmoothGrad",
    "Integrated gradients",
    "Guided backpropagation",
    "Grad-CAM++",
    "Occlusion",
)


def seconds(call: Callable[[], object], runs: int = 3) -> float:
    """Return the median time of a call, after one that is not counted."""
    call()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


class PassCounter(keras.layers.Layer):
    """Let values through unchanged; count the images that pass forwards and backwards."""

    supports_jit = False  # counting happens in Python
    passed: ClassVar = {"forward": 0, "backward": 0}  # shared: methods make copies of a network

    def call(self, values):
        """Count images forwards, and backwards when a gradient comes through."""

        def count(way):
            tf.py_function(lambda images: self.add(way, int(images)), [tf.shape(values)[0]], [])

        @tf.custom_gradient
        def counted(x):
            count("forward")

            def backwards(slope):
                count("backward")
                return slope

            return tf.identity(x), backwards

        return counted(values)

    @classmethod
    def add(cls, way: str, images: int) -> None:
        """Add images that have passed."""
        cls.passed[way] += images


def count_passes(
    method: Callable[..., np.ndarray], model: keras.Model, images: np.ndarray
) -> tuple[np.ndarray, float, float]:
    """Explain images, and count how often the network is run for each of them.

    Parameters
    ----------
    method : function
        One of ``explain.METHODS``.
    model : keras.Model
        Ends in a dense layer with one sigmoid.
    images : numpy.ndarray
        float32 (n, height, width, 1).

    Returns
    -------
    saliency : numpy.ndarray
        float32 (n, height, width).
    forward, backward : float
        Passes through the network's end, as images and as gradients, for each image explained.
    """
    last = model.layers[-1]
    end = keras.layers.Dense.from_config(last.get_config() | {"name": "counted"})
    counted = keras.Model(model.inputs, end(PassCounter()(last.input)))
    end.set_weights(last.get_weights())
    PassCounter.passed = {"forward": 0, "backward": 0}
    maps = method(counted, images)
    forward, backward = (PassCounter.passed[way] / len(images) for way in ("forward", "backward"))
    return maps, forward, backward


def measure(folder: str | None) -> list[dict]:
    """Return one row of figures for each method and control."""
    xrays = data.find_dataset(folder or BUNDLED_DATA)
    model, _ = models.load_pretrained()
    images, labels = data.load(xrays, models.INPUT_SIZE)
    masks = data.load_masks(xrays, models.INPUT_SIZE)
    predicted = models.predict(model, images) > 0.5
    scored = np.flatnonzero((labels == 1) & predicted & masks.any(axis=(1, 2)))
    if len(scored) < 10:
        raise SystemExit(
            f"{len(scored)} effusions with a ground-truth mask that the network predicts as "
            f"effusion are too few in {xrays.folder.name}: use simulated X-rays, or NIH ones "
            "with boxes."
        )
    images, masks = images[scored], masks[scored]
    print(f"{xrays}\nscored: {len(scored)} effusions that the network predicts as effusion")
    *_, (_, randomised) = sanity.randomise_from_top(model)
    rows = []
    for name, method in (explain.METHODS | explain.CONTROLS).items():
        maps = method(model, images)
        few = images[:SANITY_IMAGES]
        before, after = maps[:SANITY_IMAGES], method(randomised, few)
        pointing, *interval = metrics.mean_interval(metrics.pointing_game(maps, masks))
        figures = {
            "relevance_mass_accuracy": metrics.relevance_mass_accuracy(maps, masks),
            "area_fraction": metrics.area_fraction(masks),
            "top_k_iou": metrics.top_k_iou(maps, masks),
            "randomised_structural_similarity": metrics.structural_similarity(before, after),
            "randomised_rank_correlation": metrics.rank_correlation(before, after),
        }
        rows.append(
            {
                "method": name,
                "pointing_game": round(pointing, 3),
                "pointing_game_interval": [round(value, 3) for value in interval],
                **{figure: round(float(values.mean()), 3) for figure, values in figures.items()},
                **speed(method, model, images[:10]),
            }
        )
        print(json.dumps(rows[-1]), flush=True)
    return rows


def speed(method: Callable[..., np.ndarray], model, images: np.ndarray) -> dict[str, float]:
    """Return the seconds for all images at once, and for one after the other."""
    one_by_one = np.split(images, len(images))
    return {
        "seconds": round(seconds(lambda: method(model, images)), 5),
        "seconds_one_by_one": round(
            seconds(lambda: [method(model, image) for image in one_by_one], runs=1), 5
        ),
    }


def print_rows(rows: list[dict]) -> None:
    """Print the table of benchmarks/README.md."""
    print(
        "\n| method | pointing game (95 % interval) | relevance mass accuracy / area fraction "
        "| IoU | weights randomised: SSIM | rank correlation | ten images, s "
        "| batch against one by one |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for row in rows:
        low, high = row["pointing_game_interval"]
        print(
            f"| {row['method']} | {row['pointing_game']:.2f} ({low:.2f}-{high:.2f}) "
            f"| {row['relevance_mass_accuracy']:.2f} / {row['area_fraction']:.2f} "
            f"| {row['top_k_iou']:.2f} | {row['randomised_structural_similarity']:.2f} "
            f"| {row['randomised_rank_correlation']:.2f} "
            f"| {row['seconds']:.2f} | {row['seconds'] / row['seconds_one_by_one']:.2f} |"
        )


def planted(count: int = 400, seeds: int = 3) -> dict[str, dict[str, float]]:
    """Train on a planted shortcut, on balanced markers, and on none; all are tested alike.

    Parameters
    ----------
    count : int
        X-rays to learn from, and in each test. All networks see the same patients.
    seeds : int
        Trainings of each; the figures are their means.

    Returns
    -------
    dict
        For each network: accuracies; the false positive rate, also with the marker that goes with
        effusion; and for some methods the relevance mass accuracy of the marker over its area.
    """
    here, there = "lower left", "upper right"
    corners = {"biased": (there, here), "balanced": ("any", "any"), "no markers": (None, None)}
    sets = {
        "as in training": (count, 13, there, here),
        "marker moved": (count, 13, here, there),
        "marker removed": (count, 13, None, None),
    }
    tests = list(sets)
    for name, pair in corners.items():
        sets[name] = (count, 11, *pair)
        sets[f"{name}, validation"] = (count // 4, 12, *pair)
    made = shortcut.plant(sets, models.INPUT_SIZE)
    means = {}
    for name in corners:
        runs = [tested(made, name, tests, seed) for seed in range(seeds)]
        means[name] = {figure: float(np.mean([run[figure] for run in runs])) for figure in runs[0]}
    return means


def tested(made: dict, name: str, tests: list[str], seed: int) -> dict[str, float]:
    """Train one network on the set of this name, and return what the tests say of it."""
    train, validation = made[name], made[f"{name}, validation"]
    models.set_seeds(seed)
    network = models.build_lesson_model(train.images.shape[1:])
    models.train(
        network, train.images, train.labels, (validation.images, validation.labels),
        epochs=EPOCHS, augmented=False, verbose=False,
    )  # fmt: skip
    predicted = {test: models.predict(network, made[test].images) > 0.5 for test in tests}
    figures = {test: np.mean(predicted[test] == made[test].labels) for test in tests}
    normal = made["marker moved"].labels == 0  # these have the marker that goes with effusion
    figures["false positive rate"] = np.mean(predicted["as in training"][normal])
    figures["false positive rate, marker of effusion"] = np.mean(predicted["marker moved"][normal])
    images, labels, markers = made["as in training"]
    images, markers = images[labels == 1][:40], markers[labels == 1][:40]
    area = metrics.area_fraction(markers).mean()
    for method in MARKER_METHODS:
        maps = explain.METHODS[method](network, images)
        mass = metrics.relevance_mass_accuracy(maps, markers).mean()
        figures[f"{method}: saliency on the marker / its area"] = mass / area
    print(name, seed, {key: round(float(value), 3) for key, value in figures.items()}, flush=True)
    return figures


def print_planted(results: dict[str, dict[str, float]]) -> None:
    """Print a row for each figure and a column for each network."""
    print(f"\n| | {' | '.join(results)} |\n|---|{'---|' * len(results)}")
    for figure in next(iter(results.values())):
        print(f"| {figure} | {' | '.join(f'{row[figure]:.3g}' for row in results.values())} |")


def main() -> None:
    """Read the command line, measure, print and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.explanations", description=__doc__)
    parser.add_argument("--json", type=Path, required=True, help="one JSON object a line")
    parser.add_argument("--data", help="a data folder with ground-truth masks")
    parser.add_argument("--shortcut", action="store_true", help="measure the planted shortcut too")
    arguments = parser.parse_args()
    rows = measure(arguments.data)
    arguments.json.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    print_rows(rows)
    if arguments.shortcut:
        print_planted(planted())


if __name__ == "__main__":
    main()
