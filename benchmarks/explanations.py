"""Measure the saliency maps: how true, how sensitive to the weights, how fast.

``python -m benchmarks.explanations --json FILE [--data DIR] [--shortcut]``

The bundled network explains the X-rays of DIR, by default the bundled ones, which it has not been
trained on. Scored are the effusions that have an outline and that the network gets right.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from helpers import data, explain, models, sanity, scoring, shortcut

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


def measure(folder: str | None) -> list[dict]:
    """Return one row of figures for each method and control."""
    xrays = data.find(folder or models.BUNDLED.parent.parent)
    model = models.keras.models.load_model(models.BUNDLED)
    images, labels = data.load(xrays, size=models.INPUT_SIZE)
    masks = data.load_outlines(xrays, size=models.INPUT_SIZE)
    answers = model.predict(images, verbose=0)[:, 0] > 0.5
    scored = np.flatnonzero((labels == 1) & answers & masks.any(axis=(1, 2)))
    if len(scored) < 10:
        raise SystemExit(
            f"{len(scored)} effusions with an outline that the network gets right are too few in "
            f"{xrays.folder.name}: use simulated X-rays, or NIH ones with boxes."
        )
    images, masks = images[scored], masks[scored]
    print(f"{xrays}\nscored: {len(scored)} effusions that the network gets right")
    *_, (_, forgetful) = sanity.randomise_from_top(model)
    rows = []
    for name, method in (explain.METHODS | explain.CONTROLS).items():
        maps = method(model, images)
        some = images[:SANITY_IMAGES]
        before, after = method(model, some), method(forgetful, some)
        pointing = scoring.bootstrap_interval(scoring.pointing_game(maps, masks))
        ten = images[:10]
        rows.append(
            {
                "method": name,
                "pointing_game": round(pointing[0], 3),
                "pointing_game_interval": [round(value, 3) for value in pointing[1:]],
                "share_inside": round(float(scoring.share_inside(maps, masks).mean()), 3),
                "share_of_area": round(float(scoring.share_of_area(masks).mean()), 3),
                "iou": round(float(scoring.iou_top(maps, masks).mean()), 3),
                "sanity_similarity": round(
                    float(scoring.structural_similarity(before, after).mean()), 3
                ),
                "sanity_rank_correlation": round(
                    float(scoring.rank_correlation(before, after).mean()), 3
                ),
                "seconds": round(seconds(lambda: method(model, ten)), 5),  # noqa: B023
                "seconds_one_by_one": round(
                    seconds(lambda: [method(model, ten[[k]]) for k in range(10)], runs=1),  # noqa: B023
                    5,
                ),
            }
        )
        row = rows[-1]
        print(
            f"{name:26} pointing {row['pointing_game']:.2f} {row['pointing_game_interval']} "
            f"inside {row['share_inside']:.2f} of {row['share_of_area']:.2f}, "
            f"IoU {row['iou']:.2f}, sanity {row['sanity_similarity']:.2f}, "
            f"{row['seconds']:.2f} s, one by one {row['seconds_one_by_one']:.2f} s",
            flush=True,
        )
    return rows


def print_rows(rows: list[dict]) -> None:
    """Print the table of benchmarks/README.md."""
    print(
        "\n| method | pointing game (95 % interval) | share inside / of area | IoU "
        "| like before, forgotten: SSIM | rank | ten images, s | batch against one by one |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for row in rows:
        low, high = row["pointing_game_interval"]
        print(
            f"| {row['method']} | {row['pointing_game']:.2f} ({low:.2f}-{high:.2f}) "
            f"| {row['share_inside']:.2f} / {row['share_of_area']:.2f} | {row['iou']:.2f} "
            f"| {row['sanity_similarity']:.2f} | {row['sanity_rank_correlation']:.2f} "
            f"| {row['seconds']:.2f} | {row['seconds'] / row['seconds_one_by_one']:.2f} |"
        )


def planted(count: int = 400, seeds: int = 3) -> dict[str, dict[str, float]]:
    """Train on a planted shortcut, on its cure, and without markers; all are tested alike.

    Parameters
    ----------
    count : int
        X-rays to learn from, and in each test. All networks see the same patients.
    seeds : int
        Trainings of each; the figures are their means.

    Returns
    -------
    dict
        For each network: accuracies, the share of normal X-rays called effusion with the marker
        of the ill, and for some methods the saliency on the marker over the marker's area.
    """
    here, there = "lower left", "upper right"
    corners = {"biased": (there, here), "cured": ("any", "any"), "unbiased": (None, None)}
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
    train, check = made[name], made[f"{name}, validation"]
    models.set_seeds(seed)
    network = models.build_lesson_model(train.images.shape[1:])
    models.train(network, *train[:2], check[:2], epochs=EPOCHS, augmented=False, verbose=False)
    called = {test: network.predict(made[test].images, verbose=0)[:, 0] > 0.5 for test in tests}
    figures = {test: np.mean(called[test] == made[test].labels) for test in tests}
    normal = made["marker moved"].labels == 0  # these have the marker of the ill
    figures["false alarms"] = np.mean(called["as in training"][normal])
    figures["false alarms, marker of the ill pasted on"] = np.mean(called["marker moved"][normal])
    x, y, markers = made["as in training"]
    x, markers = x[y == 1][:40], markers[y == 1][:40]
    area = scoring.share_of_area(markers).mean()
    for method in MARKER_METHODS:
        share = scoring.share_inside(explain.METHODS[method](network, x), markers).mean()
        figures[f"{method}: share on the marker / its area"] = share / area
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
    parser.add_argument("--data", help="a data folder with outlines")
    parser.add_argument("--shortcut", action="store_true", help="measure the planted shortcut too")
    arguments = parser.parse_args()
    rows = measure(arguments.data)
    arguments.json.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    print_rows(rows)
    if arguments.shortcut:
        print_planted(planted())


if __name__ == "__main__":
    main()
