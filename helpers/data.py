"""Find a set of chest X-rays, load it as arrays, and split it."""

import csv
import hashlib
import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from helpers.images import ENDINGS, DataError, read_image, resize, short_name, standardise
from helpers.paths import BUNDLED_DATA, DOWNLOADS, ROOT

__all__ = [
    "CLASSES",
    "DataError",
    "Dataset",
    "find_dataset",
    "load",
    "load_masks",
    "read_image",
    "split",
    "standardise",
]

CLASSES = ("normal", "effusion")  # a label is a place in this tuple
OTHER_IMAGES = (".tif", ".tiff", ".bmp", ".gif", ".webp", ".dcm", ".jp2")
NIH_NAME = re.compile(r"(\d{8})_\d{3}")
SIMULATED_NAME = re.compile(r"sim\d+_\d")


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
    masks
        The file with the ground-truth mask of the fluid, or None, for each file; None if there
        are none at all.
    simulated
        True if the images are made by the simulator.
    """

    name: str
    folder: Path
    files: tuple[Path, ...]
    labels: tuple[int, ...]
    patients: tuple[str, ...] | None
    masks: tuple[Path | None, ...] | None
    simulated: bool

    def __len__(self) -> int:
        return len(self.files)

    def __str__(self) -> str:
        counts = f"{self.labels.count(0)} normal, {self.labels.count(1)} effusion"
        patients = f", from {len(set(self.patients))} patients" if self.patients else ""
        return f"Data: {self.name} – {len(self)} images: {counts}{patients}"


def find_dataset(folder: str | Path | None = None) -> Dataset:
    """Find the X-rays to work with.

    Parameters
    ----------
    folder
        A folder in which ``normal`` and ``effusion`` lie at most two levels below. Without it
        the environment variable ``CHEST_XRAYS`` counts if it is not empty, then the downloaded
        X-rays (``data/downloads``), then the simulated ones that come with the lesson (``data``).
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
    downloaded = DOWNLOADS if (DOWNLOADS / "chest_xrays").is_dir() else None
    given = folder or os.environ.get("CHEST_XRAYS") or downloaded or BUNDLED_DATA
    given = Path(os.path.expanduser(given))
    if not os.path.exists(given):  # unlike Path.exists, never an error, as for lack of permission
        given = ROOT / given
    given = given.resolve()

    class_folders = _class_folders(given)
    per_class = [_images(class_folder) for class_folder in class_folders]
    _refuse_shared(per_class)
    files = tuple(path for paths in per_class for path in paths)
    labels = tuple(label for label, paths in enumerate(per_class) for _ in paths)

    parent = class_folders[0].parent
    manifest, patients = _manifest(parent, files, labels)
    simulated = patients is not None and all(SIMULATED_NAME.match(path.stem) for path in files)
    known = {
        BUNDLED_DATA / "chest_xrays": "simulated chest X-rays (bundled)",
        DOWNLOADS / "chest_xrays": "real chest X-rays (downloaded)",
    }
    shown = given.parent if given == parent and given.name == "chest_xrays" else given
    other = "simulated chest X-rays" if simulated else f"chest X-rays in {shown.name}"
    return Dataset(
        name=known.get(parent, other),
        folder=manifest.parent if manifest else given,
        files=files,
        labels=labels,
        patients=patients,
        masks=_masks(parent, files, labels),
        simulated=simulated,
    )


def _entries(folder: Path) -> list[Path]:
    """List what is visible in a folder, by name."""
    try:
        visible = [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError as error:
        why = (error.strerror or "unknown reason").lower()
        raise DataError(
            f"The data folder {folder} cannot be read ({why}): name a folder that holds "
            "'normal' and 'effusion', and allow reading it."
        ) from error
    return sorted(visible, key=lambda path: path.name)


def _class_folders(given: Path) -> list[Path]:
    """Find the folders of the two classes, in any letter case, at most two levels below."""
    below = [path for path in _entries(given) if path.is_dir()]
    seen = below
    for parents in ([given], below):
        sets = []
        for parent in parents:
            folders = below if parent == given else [p for p in _entries(parent) if p.is_dir()]
            matches = [path for path in folders if path.name.lower() in CLASSES]
            seen = folders if matches else seen
            if {path.name.lower() for path in matches} == set(CLASSES):
                sets.append(sorted(matches, key=lambda path: CLASSES.index(path.name.lower())))
        if len(sets) > 1 or any(len(matches) > len(CLASSES) for matches in sets):
            names = ", ".join(str(path.relative_to(given)) for found in sets for path in found)
            raise DataError(
                f"The data folder {given} holds more than one set ({names}): name one of them."
            )
        if sets:
            return sets[0]
    found = ", ".join(path.name for path in seen) or "no folders"
    raise DataError(
        f"The data folder {given} needs two folders named 'normal' and 'effusion', but it holds "
        f"{found}: rename or add them, or name another folder."
    )


def _images(folder: Path) -> list[Path]:
    """List the images of one class, leaving out what file managers and others put there."""
    files = [path for path in _entries(folder) if path.is_file()]
    others = [path for path in files if path.suffix.lower() in OTHER_IMAGES]
    if others:
        raise DataError(f"{short_name(others[0])} is neither PNG nor JPEG: save it as PNG.")
    images = [path for path in files if path.suffix.lower() in ENDINGS]
    if not images:
        raise DataError(f"The folder {folder} holds no PNG or JPEG images: put some in.")
    return images


def _refuse_shared(per_class: Sequence[Sequence[Path]]) -> None:
    """Refuse a file that lies in both classes; only files of equal size are read and compared."""
    normal, effusion = ([(path, _size(path)) for path in paths] for paths in per_class)
    sizes = {size for _, size in normal} & {size for _, size in effusion}
    digests = {_digest(path): path for path, size in normal if size in sizes}
    for path, size in effusion:
        other = digests.get(_digest(path)) if size in sizes else None
        if other:
            raise DataError(
                f"{short_name(path)} and {short_name(other)} are the same file: an image has one "
                "class, so take one of the two away."
            )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise DataError(
            f"{short_name(path)} has gone: put it back or find the data again."
        ) from error


def _digest(path: Path) -> bytes:
    try:
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError as error:
        why = (error.strerror or "unknown reason").lower()
        raise DataError(f"{short_name(path)} cannot be read ({why}): allow reading it.") from error


def _manifest(
    parent: Path, files: Sequence[Path], labels: Sequence[int]
) -> tuple[Path | None, tuple[str, ...] | None]:
    """Find the manifest that lists the files, and the patient of each file."""
    for manifest in (parent / "manifest.csv", parent.parent / "manifest.csv"):
        rows = _rows(manifest) if manifest.is_file() else {}
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
        if any(patients) and not all(patients):
            path = files[patients.index("")]
            raise DataError(f"{short_name(path)} has no patient in manifest.csv: fill it in.")
        return manifest, tuple(patients) if all(patients) else None
    numbers = [NIH_NAME.fullmatch(path.stem) for path in files]
    return None, tuple(n[1] for n in numbers if n) if all(numbers) else None


def _rows(manifest: Path) -> dict[tuple[str, ...], dict[str, str]]:
    """Read the rows of a manifest by file; none of some other table, without a column 'file'."""
    try:
        with manifest.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            return {_key(row["file"] or ""): row for row in rows if "file" in row}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{manifest.name} is not a table in UTF-8 ({error}).") from error


def _key(file: str | Path) -> tuple[str, ...]:
    """Reduce a file's path to its class and name, however the manifest writes the rest."""
    *_, folder, name = ("", "", *PurePosixPath(str(file).replace("\\", "/").strip()).parts)
    return folder.lower(), name


def _masks(
    parent: Path, files: Sequence[Path], labels: Sequence[int]
) -> tuple[Path | None, ...] | None:
    """Find the ground-truth mask of the fluid for each image that has one."""
    for folder in (parent / "outlines", parent.parent / "outlines"):
        paths = [folder / f"{path.stem}.png" for path in files]
        masks = tuple(
            path if label == 1 and path.is_file() else None
            for path, label in zip(paths, labels, strict=True)
        )
        if any(masks):
            return masks
    return None


def load(dataset: Dataset, size: int = 256) -> tuple[np.ndarray, np.ndarray]:
    """Load all images, resized and standardised.

    Parameters
    ----------
    dataset
        What ``find_dataset`` returned.
    size
        Pixels of each side; images are brought to it by area interpolation.

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
    images = np.empty((len(dataset), size, size, 1), np.float32)

    def read(index: int) -> None:
        image = resize(read_image(dataset.files[index]), size)
        if image.min() == image.max():
            name = short_name(dataset.files[index])
            raise DataError(f"{name} is constant (all pixels are equal): take it out.")
        images[index, :, :, 0] = standardise(image)

    with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
        list(pool.map(read, range(len(dataset))))  # one that fails cancels those still waiting
    return images, np.array(dataset.labels, np.int64)


def load_masks(dataset: Dataset, size: int = 256) -> np.ndarray:
    """Load the ground-truth masks of the fluid.

    Parameters
    ----------
    dataset
        What ``find_dataset`` returned.
    size
        Pixels of each side, as given to ``load``.

    Returns
    -------
    numpy.ndarray
        bool of shape (n, size, size): True where there is fluid, all False where no mask is
        known. A pixel is True if at least half of its area is.
    """
    masks = np.zeros((len(dataset), size, size), bool)
    for index, path in enumerate(dataset.masks or ()):
        if path is not None:
            masks[index] = resize(read_image(path), size) >= 128
    return masks


def split(dataset: Dataset, seed: int = 42) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Split into training, validation and test images.

    15 % are kept for testing and 15 % of the rest for validation, with as many of each class as
    in the whole. Where patients have several images, a patient is on one side only: then one
    fold of seven (14 %) of scikit-learn's ``StratifiedGroupKFold`` is kept each time.

    Parameters
    ----------
    dataset
        What ``find_dataset`` returned.
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

    too_few = DataError(
        f"{len(dataset)} images of {len(np.unique(patients))} patients are too few to split in "
        "three parts with both classes in each: use more."
    )
    try:
        rest, test = keep_some(np.arange(len(dataset)))
        train, validation = keep_some(rest)
    except ValueError as error:
        raise too_few from error
    if any(len(np.unique(labels[part])) < 2 for part in (train, validation, test)):
        raise too_few
    return np.sort(train), np.sort(validation), np.sort(test)
