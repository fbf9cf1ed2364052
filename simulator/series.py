"""A whole data folder of simulated X-rays, made on all cores and moved into place at once."""

from __future__ import annotations

import csv
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import cv2
import filelock
import numpy as np

from .devices import KINDS, RATE_EFFUSION, RATE_NORMAL, Rate
from .picture import FINDINGS, MOST_FLUID_ML, SimulatorError, check_options, simulate_one
from .workers import spread

MARKER = "made-by-simulator.txt"
NOTE = "Made by `python -m simulator`, which may overwrite this folder.\n"
SUMS = "checksums.txt"
FOLDERS = ("chest_xrays/normal", "chest_xrays/effusion", "outlines", "lungs", "devices")
# What programs that show folders leave in them; Jupyter keeps copies in the last.
CLUTTER = {".DS_Store", "Thumbs.db", "desktop.ini", ".directory", ".ipynb_checkpoints"}
LARGEST = 100_000


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
    hospital: str = "main",
    most_fluid_ml: float = MOST_FLUID_ML,
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
        "prevalence": prevalence, "findings": findings,
        "device_rate_normal": device_rate_normal, "device_rate_effusion": device_rate_effusion,
        "devices": devices, "marker_corner": marker_corner,
        "hospital": hospital, "most_fluid_ml": most_fluid_ml,
    }  # fmt: skip
    cores = os.cpu_count() or 1
    processes = cores if processes is None else processes
    for name, number in (("count", count), ("processes", processes)):
        if isinstance(number, bool) or not isinstance(number, int | np.integer):
            raise SimulatorError(f"{name} must be a whole number, not {number!r}.")
        if not 1 <= number <= LARGEST:
            raise SimulatorError(f"{name} must lie between 1 and {LARGEST}, not {number}.")
    check_options(seed, 0, size, **options)
    out = named(out)
    start = time.perf_counter()
    rows: list[dict] = []
    try:
        with alone(out) as beside:
            for folder in FOLDERS:
                (beside / folder).mkdir(parents=True)
            jobs = [(str(beside), seed, index, size, options) for index in range(count)]
            for row in run(jobs, min(processes, count)):
                rows.append(row)
                if progress:
                    print(f"\rSimulated {len(rows)} of {count} X-rays", end="", flush=True)
            write_tables(beside, rows)
            beside.chmod(0o755)
            put_in_place(beside, out)
    except filelock.Timeout as error:
        raise SimulatorError(
            f"{out} is being made by another run; wait for its end or choose another folder."
        ) from error
    except OSError as error:
        raise SimulatorError(
            f"{out} cannot be used ({error.strerror or error}); choose another folder."
        ) from error
    finally:
        if progress and rows:
            with suppress(OSError):  # of the terminal, say; the folder is as it should be
                print(f" in {time.perf_counter() - start:.1f} s")
    return out


def named(out: str | Path) -> Path:
    """Return the absolute path of the folder; refuse a name that no folder can have."""
    try:
        folder = Path(os.path.abspath(Path(out).expanduser()))
        if not str(out).strip() or min(str(out)) < " " or not folder.name:  # "", NUL, "/"
            raise ValueError
        return folder
    except (TypeError, ValueError, RuntimeError, OSError) as error:  # RuntimeError: ~nobody
        raise SimulatorError(f"out must be the name of a folder, not {out!r}.") from error


@contextmanager
def alone(out: Path) -> Iterator[Path]:
    """Keep other runs away from a folder, and give a hidden one beside it to work in.

    The hidden folder is removed in the end. After a run that was killed, the next one removes
    what is left, or puts it back if that run had just moved the earlier X-rays out of the way.

    Yields
    ------
    Path
        An empty folder on the same disk.

    Raises
    ------
    SimulatorError
        If ``out`` cannot be replaced.
    filelock.Timeout
        If another run, in whatever process, makes the same folder.
    """
    work, lock = (out.with_name(f".{out.name}.{end}") for end in ("simulator", "simulator-lock"))
    out.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(lock, blocking=False):
        try:
            tidy(work, out)
            check_replaceable(out)
            work.mkdir(exist_ok=True)
            # With a new name: a worker of a run that was killed a moment ago may still write.
            yield Path(tempfile.mkdtemp(dir=work))
        finally:
            tidy(work, out)
            with suppress(OSError):  # on Windows, filelock itself removes it a little later
                lock.unlink()


def put_in_place(beside: Path, out: Path) -> None:
    """Move the finished folder to its name; an older one of ours makes way, or see ``tidy``."""
    check_replaceable(out)  # again: a file may have come meanwhile
    if out.exists():
        out.rename(beside.with_name("old"))
    beside.rename(out)


def tidy(work: Path, out: Path) -> None:
    """Remove the hidden folder; what it keeps of ``out`` goes back if nothing came in its place."""
    if (work / "old").exists() and not out.exists():
        (work / "old").rename(out)
    shutil.rmtree(work, ignore_errors=True)


def check_replaceable(out: Path) -> None:
    """Refuse a folder that is not new, empty or exactly what the simulator wrote."""
    if not os.path.lexists(out):
        return
    if out.is_symlink() or not out.is_dir():
        raise SimulatorError(f"{out} is not a folder; choose a new folder for the X-rays.")
    if os.path.ismount(out) or Path.cwd().is_relative_to(out.resolve()):
        raise SimulatorError(f"{out} is in use and cannot be replaced; choose a new folder in it.")
    for name in foreign(out):
        raise SimulatorError(
            f"{out} holds {name!r}, which the simulator did not make or somebody has changed; "
            "choose a new folder."
        )


def foreign(out: Path) -> Iterator[str]:
    """Yield the names of files that the simulator did not write, or not as they are now."""

    def refuse(error: OSError) -> None:
        raise error

    sums = {}
    if (out / MARKER).is_file() and (out / SUMS).is_file():
        lines = (out / SUMS).read_text("utf-8", errors="replace").splitlines()
        sums = {line[66:]: line[:64] for line in lines}
        sums |= {name: digest(out / name) for name in (SUMS, MARKER)}
    for place, folders, files in os.walk(out, onerror=refuse):
        folders[:] = sorted(set(folders) - CLUTTER)
        links = [name for name in folders if Path(place, name).is_symlink()]
        for name in sorted(set(files) - CLUTTER) + links:
            path = Path(place, name)
            known = path.relative_to(out).as_posix()
            if name.startswith("._"):  # what macOS notes about a file on other systems' disks
                continue
            if known not in sums or not path.is_file() or sums[known] != digest(path):
                yield known


def run(jobs: list[tuple], processes: int) -> Iterator[dict]:
    """Yield the manifest's rows in the order of the jobs."""
    if processes == 1:
        yield from map(write_one, jobs)
    else:
        yield from spread(write_one, jobs, processes, at_once=2)


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
        sums.append(f"{digest(path)}  {path.relative_to(folder).as_posix()}\n")
    (folder / SUMS).write_text("".join(sorted(sums, key=lambda s: s[66:])))
    (folder / MARKER).write_text(NOTE)


def digest(path: Path) -> str:
    """Return a file's SHA-256 check sum, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
