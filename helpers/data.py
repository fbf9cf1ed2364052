"""Find, check, load and split a set of chest X-rays.

``python -m helpers.data fetch`` downloads the real X-rays of the lesson and
``python -m helpers.data nih`` picks a set from the full NIH collection.
"""

import csv
import hashlib
import os
import re
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from helpers import cache
from helpers.images import ENDINGS, DataError, read_image, short_name, shrink, standardise

__all__ = [
    "CLASSES",
    "DataError",
    "Dataset",
    "find",
    "load",
    "load_outlines",
    "read_image",
    "split",
    "standardise",
    "work_folder",
]

ROOT = Path(__file__).resolve().parent.parent
CLASSES = ("normal", "effusion")  # a label is a place in this tuple
OTHER_IMAGES = (".tif", ".tiff", ".bmp", ".gif", ".webp", ".dcm", ".jp2")
NIH_NAME = re.compile(r"(\d{8})_\d{3}")


@dataclass(frozen=True)
class Dataset:
    """A set of chest X-rays: where the files are, and what is known about them.

    Attributes
    ----------
    name
        What to call it in text and figures.
    folder
        The data folder: where the manifest lies if there is one, else the folder searched.
    files
        The images, normal ones first, then those with effusion, each sorted by name.
    labels
        0 normal, 1 effusion, one for each file.
    patients
        The patient of each file, or None where patients are unknown.
    outlines
        The file with the outline of the fluid, or None, for each file; None if there are none.
    simulated
        True if the images are made by the simulator.
    """

    name: str
    folder: Path
    files: tuple[Path, ...]
    labels: tuple[int, ...]
    patients: tuple[str, ...] | None
    outlines: tuple[Path | None, ...] | None
    simulated: bool

    def __len__(self) -> int:
        return len(self.files)

    def __str__(self) -> str:
        counts = f"{self.labels.count(0)} normal, {self.labels.count(1)} effusion"
        patients = f", from {len(set(self.patients))} patients" if self.patients else ""
        return f"Data: {self.name} – {len(self)} images: {counts}{patients}"


def find(folder: str | Path | None = None) -> Dataset:
    """Find the X-rays to work with.

    Parameters
    ----------
    folder
        A folder in which ``normal`` and ``effusion`` lie at most two levels below. Without it
        the environment variable ``CHEST_XRAYS`` counts, then the downloaded X-rays
        (``data/downloads``), then the simulated ones that come with the lesson (``data``).
        A relative folder is looked for from here, then from the lesson's own folder.

    Returns
    -------
    Dataset
        What is there. Images are listed, not yet read.

    Raises
    ------
    DataError
        If there is no such folder, or what it holds cannot be used.
    """
    if folder is None:
        folder = os.environ.get("CHEST_XRAYS") or None
    if folder is None:
        downloads = ROOT / "data" / "downloads"
        folder = downloads if (downloads / "chest_xrays").is_dir() else ROOT / "data"
    given = Path(folder).expanduser()
    if not given.exists() and (ROOT / given).exists():
        given = ROOT / given
    given = given.resolve()

    class_folders = _class_folders(given)
    per_class = [_images(class_folder) for class_folder in class_folders]
    _refuse_shared(per_class)
    files = tuple(path for paths in per_class for path in paths)
    labels = tuple(label for label, paths in enumerate(per_class) for _ in paths)

    parent = class_folders[0].parent
    manifest, patients = _manifest(parent, files, labels)
    outlines = _outlines(parent, files, labels)
    simulated = _is_simulated(files, patients)
    if parent == ROOT / "data" / "chest_xrays":
        name = "simulated chest X-rays (bundled)"
    elif parent == ROOT / "data" / "downloads" / "chest_xrays":
        name = "real chest X-rays (downloaded)"
    else:
        shown = given.parent if given == parent and given.name == "chest_xrays" else given
        name = "simulated chest X-rays" if simulated else f"chest X-rays in {shown.name}"
    folder = manifest.parent if manifest else given
    return Dataset(name, folder, files, labels, patients, outlines, simulated)


def _subfolders(folder: Path) -> list[Path]:
    """List the visible folders in a folder, by name."""
    try:
        return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    except OSError as error:
        why = (error.strerror or "unknown reason").lower()
        raise DataError(
            f"The data folder {folder} cannot be read ({why}): name a folder that holds "
            "'normal' and 'effusion'."
        ) from error


def _class_folders(given: Path) -> list[Path]:
    """Find the folders of the two classes, in any letter case, at most two levels below."""
    below = _subfolders(given)
    seen = {p.name for p in below}
    for parents in ([given], below):
        complete = []
        for parent in parents:
            folders = below if parent == given else _subfolders(parent)
            matches = [p for p in folders if p.name.lower() in CLASSES]
            if matches:
                seen = {p.name for p in folders}
            if len({p.name.lower() for p in matches}) == len(CLASSES):
                complete.append(sorted(matches, key=lambda p: CLASSES.index(p.name.lower())))
        if len(complete) > 1 or any(len(matches) > len(CLASSES) for matches in complete):
            names = ", ".join(str(p.relative_to(given)) for found in complete for p in found)
            raise DataError(
                f"The data folder {given} holds more than one set ({names}): name one of them."
            )
        if complete:
            return complete[0]
    found = ", ".join(sorted(seen)) or "no folders"
    raise DataError(
        f"The data folder {given} needs two folders named 'normal' and 'effusion', but {found} "
        "was found: rename or add them, or name another folder."
    )


def _images(folder: Path) -> list[Path]:
    """List the images of one class, leaving out what file managers and others put there."""
    try:
        entries = [p for p in folder.iterdir() if not p.name.startswith(".") and p.is_file()]
    except OSError as error:
        why = (error.strerror or "unknown reason").lower()
        raise DataError(f"The folder {folder} cannot be read ({why}): allow reading it.") from error
    images = sorted((p for p in entries if p.suffix.lower() in ENDINGS), key=lambda p: p.name)
    others = sorted(p for p in entries if p.suffix.lower() in OTHER_IMAGES)
    if others:
        raise DataError(f"{short_name(others[0])} is neither PNG nor JPEG: save it as PNG.")
    if not images:
        raise DataError(f"The folder {folder} holds no PNG or JPEG images: put some in.")
    return images


def _refuse_shared(per_class: Sequence[Sequence[Path]]) -> None:
    """Refuse a file that lies in both classes; only files of equal size are compared."""
    normal: dict[int, list[Path]] = {}
    for path in per_class[0]:
        normal.setdefault(_stat(path).st_size, []).append(path)
    digests: dict[Path, bytes] = {}
    for path in per_class[1]:
        for other in normal.get(_stat(path).st_size, []):
            for p in (path, other):
                if p not in digests:
                    digests[p] = _digest(p)
            if digests[path] == digests[other]:
                raise DataError(
                    f"{short_name(path)} and {short_name(other)} are the same file: an image "
                    "has one class, so take one of the two away."
                )


def _stat(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except OSError as error:
        raise DataError(
            f"{short_name(path)} has gone: put it back or find the data again."
        ) from error


def _digest(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        why = (error.strerror or "unknown reason").lower()
        raise DataError(f"{short_name(path)} cannot be read ({why}): allow reading it.") from error


def _manifest(
    parent: Path, files: Sequence[Path], labels: Sequence[int]
) -> tuple[Path | None, tuple[str, ...] | None]:
    """Find the manifest that lists the files, and the patient of each file."""
    for manifest in (parent / "manifest.csv", parent.parent / "manifest.csv"):
        if not manifest.is_file():
            continue
        try:
            with manifest.open(encoding="utf-8-sig", newline="") as file:
                rows = {_key(row["file"] or ""): row for row in csv.DictReader(file)}
        except KeyError:
            continue  # some other table: ours has a column 'file'
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise DataError(f"{manifest.name} is not a table in UTF-8 ({error}).") from error
        keys = [_key(path) for path in files]
        if not any(key in rows for key in keys):
            continue
        patients = []
        for path, key, label in zip(files, keys, labels, strict=True):
            if key not in rows:
                raise DataError(
                    f"{short_name(path)} is not listed in manifest.csv: add a row or take the "
                    "file away."
                )
            stated = (rows[key].get("label") or CLASSES[label]).strip().lower()
            if stated != CLASSES[label]:
                raise DataError(
                    f"{short_name(path)} is called {stated} in manifest.csv: correct the row or "
                    "move the file."
                )
            patients.append((rows[key].get("patient") or "").strip())
        if not any(patients):
            return manifest, None
        if not all(patients):
            path = files[patients.index("")]
            raise DataError(f"{short_name(path)} has no patient in manifest.csv: fill it in.")
        return manifest, tuple(patients)
    numbers = [NIH_NAME.fullmatch(path.stem) for path in files]
    return None, tuple(n[1] for n in numbers if n) if all(numbers) else None


def _key(file: str | Path) -> tuple[str, ...]:
    """Reduce a file's path to its class and name, however the manifest writes the rest."""
    *_, folder, name = ("", "", *PurePosixPath(str(file).replace("\\", "/").strip()).parts)
    return folder.lower(), name


def _outlines(
    parent: Path, files: Sequence[Path], labels: Sequence[int]
) -> tuple[Path | None, ...] | None:
    """Find the outline of the fluid for each image that has one."""
    for folder in (parent / "outlines", parent.parent / "outlines"):
        candidates = [folder / f"{path.stem}.png" for path in files]
        outlines = tuple(
            candidate if label == 1 and candidate.is_file() else None
            for candidate, label in zip(candidates, labels, strict=True)
        )
        if any(outlines):
            return outlines
    return None


def _is_simulated(files: Sequence[Path], patients: Sequence[str] | None) -> bool:
    """Tell by the names that the simulator gives."""
    return patients is not None and all(re.match(r"sim\d+_\d", path.stem) for path in files)


def load(
    dataset: Dataset, size: int = 256, progress: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Load all images, small and standardised.

    The small images are kept in the work folder, so that the next call need not read all files
    again; a file that is new, gone or changed is noticed.

    Parameters
    ----------
    dataset
        What ``find`` returned.
    size
        Pixels of each side; images are brought to it by area interpolation.
    progress
        If True, print how many images are loaded.

    Returns
    -------
    images : numpy.ndarray
        float32 of shape (n, size, size, 1); each image has mean 0 and standard deviation 1.
    labels : numpy.ndarray
        int64 of shape (n,): 0 normal, 1 effusion.

    Raises
    ------
    DataError
        If an image cannot be used; the message names the file.
    """
    if size < 1:
        raise DataError(f"The size must be at least 1 pixel, but is {size}.")
    stored = cache.place(work_folder, dataset.files, size)
    small = cache.read(stored, (len(dataset), size, size))
    if small is None:
        small = np.empty((len(dataset), size, size), np.uint8)

        def read(index: int) -> None:
            small[index] = shrink(read_image(dataset.files[index]), size)
            if small[index].min() == small[index].max():
                name = short_name(dataset.files[index])
                raise DataError(f"{name} is constant (all pixels are equal): take it out.")

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            try:
                for done, _ in enumerate(pool.map(read, range(len(dataset)))):
                    if progress and done % 50 == 0:
                        print(f"\rloading {done} of {len(dataset)}", end="", flush=True)
            except DataError:
                pool.shutdown(cancel_futures=True)
                raise
        cache.write(stored, small)
    if progress:
        print(f"\rloading {len(dataset)} of {len(dataset)}")
    images = np.empty((*small.shape, 1), np.float32)
    for index, image in enumerate(small):
        images[index, :, :, 0] = standardise(image)
    return images, np.array(dataset.labels, np.int64)


def load_outlines(dataset: Dataset, size: int = 256) -> np.ndarray:
    """Load the outlines of the fluid.

    Parameters
    ----------
    dataset
        What ``find`` returned.
    size
        Pixels of each side, as given to ``load``.

    Returns
    -------
    numpy.ndarray
        bool of shape (n, size, size): True where there is fluid, all False where no outline is
        known. A pixel is True if at least half of its area is inside.
    """
    masks = np.zeros((len(dataset), size, size), bool)
    for index, path in enumerate(dataset.outlines or ()):
        if path is not None:
            masks[index] = shrink(read_image(path), size) >= 128
    return masks


def split(dataset: Dataset, seed: int = 42) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Split into training, validation and test images.

    15 % are kept for testing and 15 % of the rest for validation, with as many of each class as
    in the whole. Where patients have several images, a patient is on one side only: then one
    fold of seven (14 %) of scikit-learn's ``StratifiedGroupKFold`` is kept each time.

    Parameters
    ----------
    dataset
        What ``find`` returned.
    seed
        Decides which images go where.

    Returns
    -------
    train, validation, test : numpy.ndarray
        Sorted places in the data set, int64: 505, 90 and 105 of 700 images of 700 patients.

    Raises
    ------
    DataError
        If there are too few images or patients for three parts with both classes in each.
    """
    from sklearn.model_selection import StratifiedGroupKFold, train_test_split

    labels = np.array(dataset.labels)
    patients = np.array(dataset.patients or range(len(dataset)))
    by_patient = len(np.unique(patients)) < len(dataset)

    def keep_some(indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        classes = labels[indices]
        if not by_patient:
            return train_test_split(indices, test_size=0.15, stratify=classes, random_state=seed)
        groups = patients[indices]
        fewest = min(len(np.unique(groups[classes == label])) for label in (0, 1))
        folds = StratifiedGroupKFold(min(7, fewest), shuffle=True, random_state=seed)
        rest, kept = next(folds.split(indices, classes, groups))
        return indices[rest], indices[kept]

    try:
        rest, test = keep_some(np.arange(len(dataset)))
        parts = (*keep_some(rest), test)
    except ValueError:
        parts = ()
    if not parts or any(len(np.unique(labels[part])) < 2 for part in parts):
        raise DataError(
            f"{len(dataset)} images of {len(np.unique(patients))} patients are too few to split "
            "in three parts with both classes in each: use more."
        )
    return tuple(np.sort(part).astype(np.int64) for part in parts)


def work_folder() -> Path:
    """Return the folder for what learners make, and make it if need be.

    Returns
    -------
    pathlib.Path
        ``CHEST_XRAYS_WORK`` where that environment variable is set (a relative one counts from
        the lesson's folder), else ``work`` in the lesson's folder.
    """
    folder = ROOT / Path(os.environ.get("CHEST_XRAYS_WORK") or "work").expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"The work folder {folder} cannot be made ({error.strerror}): set CHEST_XRAYS_WORK "
            "to a folder in which you may write."
        ) from error
    return folder


def main(arguments: Sequence[str]) -> int:
    """Run ``fetch`` or ``nih``; return 0 if it went well, 1 on bad data, 2 on a wrong command."""
    command, *rest = arguments or [""]
    try:
        if command == "fetch":
            from helpers import download

            return download.main(rest)
        if command == "nih":
            from helpers import nih

            return nih.main(rest)
    except DataError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    print(
        "Usage: python -m helpers.data fetch   download the real X-rays of the lesson\n"
        "       python -m helpers.data nih     pick X-rays from the full NIH collection (--help)",
        file=sys.stderr,
    )
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
