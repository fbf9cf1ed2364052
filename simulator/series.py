"""A whole data folder of simulated X-rays, made on all cores and moved into place at once."""

from __future__ import annotations

import csv
import hashlib
import multiprocessing
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from .devices import KINDS, RATE_EFFUSION, RATE_NORMAL, Rate
from .picture import FINDINGS, SimulatorError, check_options, simulate_one

MARKER = "made-by-simulator.txt"
NOTE = "Made by `python -m simulator`, which may overwrite this folder.\n"
PARTS = ("chest_xrays", "outlines", "lungs", "devices", "manifest.csv", "checksums.txt", MARKER)
LARGEST = 100_000
MOST_WORKERS = 61  # Windows waits for no more than that many at once


def simulate(
    out: str | Path,
    count: int,
    seed: int = 0,
    size: int = 512,
    prevalence: float = 0.5,
    findings: tuple[str, ...] = FINDINGS,
    device_rate_normal: Rate = RATE_NORMAL,
    device_rate_effusion: Rate = RATE_EFFUSION,
    devices: tuple[str, ...] = KINDS,
    marker_corner: str | None = None,
    progress: bool = True,
    processes: int | None = None,
) -> Path:
    """Make ``count`` simulated X-rays and their truth in the folder ``out``.

    Parameters
    ----------
    out : path
        A new or empty folder, or one that this function made before (it is replaced).
    count : int
        Number of images; ``floor(count * prevalence)`` of them show an effusion.
    processes : int, optional
        Default: all cores. The images do not depend on it.
    progress : bool
        Print how many are done, on one line.

    The other parameters are those of ``simulate_one``.

    Returns
    -------
    Path of the folder, with ``chest_xrays/normal``, ``chest_xrays/effusion``, ``outlines``,
    ``lungs``, ``devices`` (PNG of image size), ``manifest.csv`` and ``checksums.txt``.

    Raises
    ------
    SimulatorError
        If an option makes no sense or the folder cannot be used; nothing is changed then.
    """
    options: dict[str, Any] = {
        "prevalence": prevalence, "findings": tuple(findings),
        "device_rate_normal": device_rate_normal, "device_rate_effusion": device_rate_effusion,
        "devices": tuple(devices), "marker_corner": marker_corner,
    }  # fmt: skip
    if isinstance(count, bool) or not isinstance(count, int | np.integer):
        raise SimulatorError(f"count must be a whole number, not {count!r}.")
    if not 1 <= count <= LARGEST:
        raise SimulatorError(f"count must lie between 1 and {LARGEST}, not {count}.")
    if processes is not None and processes < 1:
        raise SimulatorError(f"processes must be at least 1, not {processes}.")
    check_options(seed, 0, size, **options)
    out = usable(Path(out))
    processes = max(1, min(processes or os.cpu_count() or 1, count, MOST_WORKERS))
    start = time.perf_counter()
    beside = None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
        for part in ("chest_xrays/normal", "chest_xrays/effusion", "outlines", "lungs", "devices"):
            (beside / part).mkdir(parents=True)
        jobs = [(str(beside), seed, index, size, options) for index in range(count)]
        rows = []
        for row in run(jobs, processes):
            rows.append(row)
            if progress:
                print(f"\rSimulated {len(rows)} of {count} X-rays", end="", flush=True)
        write_tables(beside, rows)
        beside.chmod(0o755)
        put_in_place(beside, out)
    except OSError as error:
        raise SimulatorError(
            f"{out} cannot be written ({error.strerror or error}); choose another folder."
        ) from error
    except BrokenProcessPool as error:
        raise SimulatorError(
            f"{out} was not made because a worker process ended; try fewer processes, "
            'and in a script call simulate under `if __name__ == "__main__":`.'
        ) from error
    finally:
        if beside is not None:
            shutil.rmtree(beside, ignore_errors=True)
    if progress:
        print(f" in {time.perf_counter() - start:.1f} s")
    return out


def usable(out: Path) -> Path:
    """Return the folder if it is new, empty or our own; refuse it otherwise."""
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise SimulatorError(f"{out} is not a folder; choose a new folder for the X-rays.")
    if out.exists():
        try:
            inside = {path.name for path in out.iterdir()}
        except OSError as error:
            raise SimulatorError(f"{out} cannot be read; choose a new folder.") from error
        foreign = sorted(inside - set(PARTS))
        if inside and (MARKER not in inside or foreign):
            what = foreign[0] if foreign else sorted(inside)[0]
            raise SimulatorError(
                f"{out} holds {what!r}, which the simulator did not make; choose a new folder."
            )
    return out.absolute()


def run(jobs: list[tuple], processes: int) -> Iterator[dict]:
    """Yield the manifest's rows in the order of the jobs."""
    if processes == 1:
        yield from map(write_one, jobs)
        return
    # "spawn" starts clean workers, also from a notebook whose kernel runs threads.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        yield from pool.map(write_one, jobs, chunksize=2)


def write_one(job: tuple) -> dict:
    """Simulate one image, write its files, and return its row of the manifest."""
    folder, seed, index, size, options = job
    made = simulate_one(seed, index, size, **options)
    stem = Path(made.info["file"]).name
    files = {made.info["file"]: made.image, f"lungs/{stem}": made.lungs}
    if made.fluid.any():
        files[f"outlines/{stem}"] = made.fluid.astype(np.uint8) * 255
    if made.devices.any():
        files[f"devices/{stem}"] = made.devices
    for name, array in files.items():
        (Path(folder) / name).write_bytes(png(array))
    return made.info


def png(array: np.ndarray) -> bytes:
    """Pack an 8-bit image. For grainy X-rays the run-length strategy is small and fast."""
    grainy = cv2.IMWRITE_PNG_STRATEGY_RLE if len(np.unique(array)) > 64 else 0
    options = [cv2.IMWRITE_PNG_COMPRESSION, 9, cv2.IMWRITE_PNG_STRATEGY, grainy]
    return cv2.imencode(".png", array, options)[1].tobytes()


def write_tables(folder: Path, rows: list[dict]) -> None:
    """Write manifest, check sums of all files, and the note that the folder is ours."""
    rows = sorted(rows, key=lambda row: (row["label"] != "normal", row["file"]))
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    sums = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        sums.append(f"{digest}  {path.relative_to(folder).as_posix()}\n")
    (folder / "checksums.txt").write_text("".join(sorted(sums, key=lambda s: s[66:])))
    (folder / MARKER).write_text(NOTE)


def put_in_place(beside: Path, out: Path) -> None:
    """Move the finished folder to its name; an older one of ours makes way."""
    if not out.exists():
        beside.rename(out)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{out.name}-old-", dir=out.parent))
    out.rename(aside / out.name)
    beside.rename(out)
    shutil.rmtree(aside, ignore_errors=True)
