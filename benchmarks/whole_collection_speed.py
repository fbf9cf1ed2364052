"""How fast and in how much memory a training streams, and what the whole collection would take.

The simulated X-rays that come with the lesson, 200, are written again and again as PNG files of
1024 x 1024 pixels: enlarged, half of them mirrored, darker or brighter, each with a grain of its
own. So there are as many files as in a collection, about as large as its files, but not as many
patients: an AUC means nothing here. Where the collection has one effusion in eight, so have they.
"""

from __future__ import annotations

import itertools
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.notebooks import Watch
from benchmarks.tests import ROOT, import_seconds
from benchmarks.whole_collection_data import (
    COLUMNS,
    ENTRIES,
    batches,
    in_place_of,
    open_source,
    read_index,
    write_json,
)
from helpers.data import DataError, find_dataset
from helpers.images import read_image
from helpers.paths import BUNDLED_DATA

PIXELS = 1024  # of each side, as in the collection
GRAIN = 1.0  # standard deviation in grey levels; makes files about as large as the collection's
BATCH = 64

# The official lists: 86,524 images for training and validation, 25,596 for testing
IMAGES, TRAINING, VALIDATION = 112_120, 77_872, 8_652
EPOCHS = 10
WORK = EPOCHS * (TRAINING + VALIDATION / 3)  # images; a validation goes forward alone
# Multiplications of one image of 256 x 256 pixels on its way through a network
MULTIPLICATIONS = {"lesson": 254_820_352, "MobileNetV2": 381_740_288, "DenseNet121": 3_597_665_280}
# From `speed`, 2 cores, images of 256 x 256 pixels a second
MEASURED = {"training": 38.5, "reading png": 132.6, "reading records": 5938.0, "cores": 2}
# Assumed, not measured: what a graphics card keeps up in mixed precision, in operations a second
# (a tenth or so of what its maker names), and the cores beside each
SUSTAINED = 20e12
STEP = 0.02  # seconds that a step takes at least, with a batch of 64 on each card
CORES = 8
TOGETHER = 0.9  # of eight times the speed of one, with eight


@cache
def _originals() -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray]:
    """Return the bundled X-rays of both classes, enlarged, and a grain larger than they are."""
    xrays = find_dataset(BUNDLED_DATA)
    images: tuple[list, list] = ([], [])
    for file, label in zip(xrays.files, xrays.labels, strict=True):
        images[label].append(cv2.resize(read_image(file), (PIXELS, PIXELS)).astype(np.int16))
    grain = np.random.default_rng(0).normal(0, GRAIN, (2 * PIXELS, 2 * PIXELS))
    return *images, grain.round().astype(np.int16)


def write_collection(folder: Path, count: int) -> None:
    """Write a folder like the collection's, of simulated X-rays; files that are there stay.

    Parameters
    ----------
    folder
        Its table afterwards lists the first ``count`` images, each of a patient of its own.
    count
        Images.
    """
    normal, effusion, grain = _originals()

    def write(number: int) -> str:
        chosen = normal if number % 8 else effusion
        name = f"{number + 1:08d}_000.png"
        path = folder / f"images_{number // 10_000 + 1:03d}" / "images" / name
        if not path.exists():
            random = np.random.default_rng(number)
            image = chosen[number // 8 % len(chosen)][:, :: random.choice([-1, 1])]
            top, left = random.integers(PIXELS, size=2)
            grey = image + grain[top : top + PIXELS, left : left + PIXELS]
            grey = np.clip(grey + np.int16(random.integers(-20, 21)), 0, 255).astype(np.uint8)
            with in_place_of(path) as part:
                part.write_bytes(cv2.imencode(".png", grey)[1].tobytes())
        return f"{name},{'No Finding' if number % 8 else 'Effusion'},{number + 1}"

    with ThreadPoolExecutor() as pool:
        rows = list(pool.map(write, range(count)))
    with in_place_of(folder / ENTRIES[0]) as part:
        part.write_text("\n".join([",".join(COLUMNS), *rows, ""]), encoding="utf-8")


def run_watched(*arguments: Any) -> tuple[float, float]:
    """Run the command line in a process of its own; return its seconds and its private peak, MB."""
    command = [sys.executable, "-m", "benchmarks.whole_collection", *map(str, arguments)]
    start = time.perf_counter()
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        watch = Watch([process.pid])
        watch.start()
        status = process.wait()
        watch.ended.set()
        watch.join()
    if status:
        raise DataError(f"`{' '.join(map(str, arguments))}` has failed: see above.")
    return time.perf_counter() - start, watch.peaks.get("private", float("nan"))


def reading(data: Path, size: int, most: int = 20) -> float:
    """Return how many images a second a stream gives when nothing is trained."""
    stream = iter(batches(open_source(data, size), "training", 0, BATCH))
    for _ in range(2):
        next(stream)
    start = time.perf_counter()
    steps = sum(1 for _ in itertools.islice(stream, most))
    return steps * BATCH / (time.perf_counter() - start)


def speed(
    images: list[int], size: int, network: str, folder: Path | None, report: Path | None
) -> dict[str, Any]:
    """Train one epoch on so many simulated X-rays, from PNG and from records, and print a table.

    Parameters
    ----------
    images
        How many, one row each.
    size
        Pixels of each side that the network sees.
    network
        As for ``train``.
    folder
        Where the X-rays stay, for the next time; None for a folder that is removed.
    report
        File for what was measured, written after each row.

    Returns
    -------
    dict
        ``tfi``, ``size``, ``network``, ``rows`` and ``reading``.
    """
    tfi = import_seconds(2)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as temporary:
        place = folder or Path(temporary)
        png, training = place / "png", place / "training"
        measured: dict[str, Any] = {"size": size, "network": network, "rows": rows}
        for count in images:
            write_collection(png, count)
            records = place / f"records-{count}-{size}"
            shutil.rmtree(records, ignore_errors=True)
            seconds, made_mb = run_watched("records", png, records, "--size", size)
            for kind, data in (("records", records), ("png", png)):
                shutil.rmtree(training, ignore_errors=True)
                settings = ("--size", size, "--network", network, "--batch", BATCH, "--epochs", 1)
                _, peak = run_watched("train", data, training, *settings)
                notes = read_notes(training)
                if notes["rounds"][0]["images_per_second"] is None:
                    raise DataError(f"{count} images are one batch: measure more.")
                rows.append({
                    "images": count, "from": kind, "private_mb": peak,
                    "images_per_second": notes["rounds"][0]["images_per_second"],
                    "records_s": seconds, "records_mb": made_mb,
                    "records_bytes": sum(
                        each["bytes"] for each in read_index(records)["shards"].values()
                    ),
                })  # fmt: skip
                print(rows[-1], file=sys.stderr, flush=True)
                measured["tfi"] = statistics.median(tfi)
                if report:
                    write_json(report, measured)
        shutil.rmtree(training, ignore_errors=True)
        measured["reading"] = {"records": reading(records, size), "png": reading(png, size)}
    measured["tfi"] = statistics.median(tfi + import_seconds(2))
    if report:
        write_json(report, measured)
    print(table(measured))
    return measured


def read_notes(training: Path) -> dict[str, Any]:
    """Read what ``train`` has noted."""
    return json.loads((training / "training.json").read_text("utf-8"))


def table(measured: dict[str, Any]) -> str:
    """Write what was measured as Markdown."""
    lines = [
        "| images | from | images a second | relative to records | private MB |",
        "|---|---|---|---|---|",
    ]
    for row in measured["rows"]:
        same = [each for each in measured["rows"] if each["images"] == row["images"]]
        ratio = row["images_per_second"] / same[0]["images_per_second"]
        kind = "PNG" if row["from"] == "png" else row["from"]
        lines.append(
            f"| {row['images']:,} | {kind} | {row['images_per_second']:.0f} | {ratio:.2f} "
            f"| {row['private_mb']:.0f} |"
        )
    lines += ["", f"TFI: {measured['tfi']:.1f} s."]
    if "reading" in measured:
        values = measured["reading"]
        lines.append(
            f"Reading alone: {values['records']:.0f} images a second from records, "
            f"{values['png']:.0f} from PNG."
        )
    return "\n".join(lines)


def multiplications(model: Any) -> int:
    """Count the multiplications of one image on its way through a network.

    Those of convolutions and dense layers: the numbers of a kernel times the places where it is
    applied. All others are a few per cent of these.
    """
    found = 0
    for layer in model.layers:
        if hasattr(layer, "layers"):
            found += multiplications(layer)
        elif hasattr(layer, "kernel"):
            found += int(np.prod(layer.kernel.shape)) * int(np.prod(layer.output.shape[1:-1]))
    return found


def hours(network: str, gpus: int, measured: dict[str, float] = MEASURED) -> tuple[float, str]:
    """Return the hours of ten epochs on the whole collection, and what limits them.

    Parameters
    ----------
    network
        One of ``MULTIPLICATIONS``.
    gpus
        0 for these cores, as measured; else an estimate: operations are two for a multiplication,
        and three times those of a prediction for a step (backward, there are twice as many).
    measured
        As ``MEASURED``.
    """
    if gpus == 0:
        relative = MULTIPLICATIONS[network] / MULTIPLICATIONS["lesson"]
        return WORK / measured["training"] * relative / 3600, "network"
    operations = 2 * 3 * MULTIPLICATIONS[network]
    together = gpus * (TOGETHER if gpus > 1 else 1)
    limits = {
        "network": SUSTAINED / operations * together,
        "steps": BATCH / STEP * together,
        "reading": measured["reading records"] / measured["cores"] * CORES * gpus,
    }
    slowest = min(limits, key=lambda limit: limits[limit])
    return WORK / limits[slowest] / 3600, slowest


def plan_tables(measured: dict[str, float] = MEASURED) -> str:
    """Write the plan for the whole collection as Markdown."""

    def say(value: float) -> str:
        return f"{value:.0f} h" if value >= 2 else f"{value * 60:.1f} min"

    lines = [
        f"| {EPOCHS} epochs at 256 pixels | these 2 cores | one GPU | eight GPUs |",
        "|---|---|---|---|",
    ]
    for network in MULTIPLICATIONS:
        cells = []
        for gpus in (0, 1, 8):
            value, limit = hours(network, gpus, measured)
            mark = "" if gpus == 0 and network == "lesson" else " \\*"
            cells.append(say(value) + mark + ("" if limit == "network" else f" ({limit})"))
        lines.append(f"| {network} | {' | '.join(cells)} |")
    made = IMAGES / measured["reading png"] / 3600
    return "\n".join([
        *lines,
        "",
        f"\\* An estimate, not measured. Records: {say(made)} on these cores, once, and "
        f"{IMAGES * (256**2 + 64) / 1e9:.1f} GB.",
    ])  # fmt: skip


def plan(report: Path | None) -> None:
    """Print the plan, from what ``speed`` measured, or from what is written here."""
    if report is None:
        print(plan_tables())
        return
    try:
        found = json.loads(report.read_text("utf-8"))
        last = [row for row in found["rows"] if row["from"] == "records"][-1]
        if (found["size"], found["network"]) != (256, "lesson"):
            raise ValueError("another size or network")
        measured = MEASURED | {
            "training": last["images_per_second"],
            "reading png": found["reading"]["png"],
            "reading records": found["reading"]["records"],
        }
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise DataError(
            f"{report} is not what `speed` writes for the lesson's network at 256 pixels: measure "
            "again."
        ) from error
    print(plan_tables(measured))
