"""Find a set of chest X-rays, load it as arrays, and split it."""

import csv
import hashlib
import os
import re
import unicodedata
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import numpy as np

from helpers.images import ENDINGS, DataError, read_image, resize, short_name, standardise, unusable
from helpers.paths import BUNDLED_DATA, DOWNLOADS, ROOT

CLASSES = ("normal", "effusion")  # a label is a place in this tuple
SECOND_BATCH = BUNDLED_DATA / "second_batch"
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
    manifest
        What the manifest says of each file: a row as a dict from the names of the columns, in
        lower case, to text; None if there is no manifest.
    """

    name: str
    folder: Path
    files: tuple[Path, ...]
    labels: tuple[int, ...]
    patients: tuple[str, ...] | None
    masks: tuple[Path | None, ...] | None
    simulated: bool
    manifest: tuple[dict[str, str], ...] | None = field(default=None, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.files)

    def __str__(self) -> str:
        counts = f"{self.labels.count(0)} normal, {self.labels.count(1)} effusion"
        people = len(set(self.patients or ()))
        patients = f", from {people} patient{'s' * (people > 1)}" if people else ""
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
    # Functions of os.path, since those of Path may raise an error, as for lack of permission.
    downloaded = DOWNLOADS if os.path.isdir(DOWNLOADS / "chest_xrays") else None
    given = folder or os.environ.get("CHEST_XRAYS") or downloaded or BUNDLED_DATA
    given = Path(os.path.expanduser(given).replace("\0", "\ufffd"))  # no name holds a NUL
    given = given if os.path.exists(given) else ROOT / given
    try:
        return _dataset(Path(os.path.realpath(given)))
    except (OSError, UnicodeError) as error:  # of names that no disk can hold
        raise unusable(Path(getattr(error, "filename", None) or given), error) from error


def _dataset(given: Path) -> Dataset:
    """Put together what is known about the data in a folder."""
    class_folders = _class_folders(given)
    per_class = [_images(class_folder) for class_folder in class_folders]
    _refuse_shared(per_class)
    files = tuple(path for paths in per_class for path in paths)
    labels = tuple(label for label, paths in enumerate(per_class) for _ in paths)

    parent = class_folders[0].parent
    shown = given.parent if given == parent and given.name == "chest_xrays" else given
    place, manifest = _find_manifest(shown, parent, files, labels)
    patients = _patients(files, manifest or ())
    masks = _masks(parent, files, labels.count(0))
    simulated = patients is not None and all(SIMULATED_NAME.match(path.stem) for path in files)
    name = "simulated chest X-rays" if simulated else f"chest X-rays in {shown.name}"
    if parent == BUNDLED_DATA / "chest_xrays":
        name = "simulated chest X-rays (bundled)"
    elif parent == DOWNLOADS / "chest_xrays":
        name = "real chest X-rays (downloaded)"
    return Dataset(name, place or given, files, labels, patients, masks, simulated, manifest)


def _entries(folder: Path) -> list[Path]:
    """List what is visible in a folder, by name."""
    os.stat(os.path.join(folder, "."))  # names alone are no use, without leave to open the files
    visible = [path for path in folder.iterdir() if not path.name.startswith(".")]
    return sorted(visible, key=lambda path: path.name)


def _class_folders(given: Path) -> list[Path]:
    """Find the folders of the two classes, in any letter case, at most two levels below."""
    below = [path for path in _entries(given) if os.path.isdir(path)]
    seen = below
    for parents in ([given], below):
        sets = []
        for parent in parents:
            inside = next(os.walk(parent), ("", []))[1]  # nothing where it may not be read
            folders = [parent / name for name in sorted(inside) if not name.startswith(".")]
            matches = [path for path in folders if path.name.lower() in CLASSES]
            seen = folders if matches else seen
            if {path.name.lower() for path in matches} == set(CLASSES):
                sets.append(sorted(matches, key=lambda path: CLASSES.index(path.name.lower())))
        if len(sets) > 1 or any(len(matches) > len(CLASSES) for matches in sets):
            names = ", ".join(str(path.relative_to(given)) for found in sets for path in found)
            raise DataError(f"The data folder {given} holds more than one set ({names}): name one.")
        if sets:
            return sets[0]
    found = ", ".join(path.name for path in seen) or "no folders"
    raise DataError(
        f"The data folder {given} needs two folders named 'normal' and 'effusion' that may be "
        f"read, but it holds {found}: rename, add or open them, or name another folder."
    )


def _images(folder: Path) -> list[Path]:
    """List the images of one class, leaving out what file managers and others put there."""
    # A link that leads nowhere is not passed over: an image is missing.
    files = [path for path in _entries(folder) if os.path.isfile(path) or os.path.islink(path)]
    others = [path for path in files if path.suffix.lower() in OTHER_IMAGES]
    if others:
        raise DataError(f"{short_name(others[0])} is neither PNG nor JPEG: save it as PNG.")
    images = [path for path in files if path.suffix.lower() in ENDINGS]
    if not images:
        raise DataError(f"The folder {folder} holds no PNG or JPEG images: put some in.")
    return images


def _refuse_shared(per_class: Sequence[Sequence[Path]]) -> None:
    """Refuse a file that lies in both classes; only files of equal size are read and compared."""
    normal, effusion = ([(path, os.path.getsize(path)) for path in paths] for paths in per_class)
    sizes = {size for _, size in normal} & {size for _, size in effusion}
    digests = {_digest(path): path for path, size in normal if size in sizes}
    for path, size in effusion:
        other = digests.get(_digest(path)) if size in sizes else None
        if other:
            raise DataError(
                f"{short_name(path)} and {short_name(other)} are the same file: take one away."
            )


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _same(name: str) -> str:
    """Write a name in one form: some systems store an accent apart from its letter."""
    return unicodedata.normalize("NFC", name)


def _find_manifest(
    home: Path, parent: Path, files: Sequence[Path], labels: Sequence[int]
) -> tuple[Path | None, tuple[dict[str, str], ...] | None]:
    """Find the folder with the manifest that lists the files, and the row of each file."""
    for place in (parent, parent.parent):
        manifest = place / "manifest.csv"
        rows = _rows(manifest) if os.path.lexists(manifest) else {}
        ours = {name for _, name in rows} & {_same(path.name) for path in files}
        if not ours and not (os.path.lexists(manifest) and place.is_relative_to(home)):
            continue  # outside of the data folder, a manifest may be of something else
        found = []
        for path, label in zip(files, labels, strict=True):
            keys = [(folder, _same(path.name)) for folder in (CLASSES[label], "")]
            listed = [row for key in keys for row in rows.pop(key, [])]
            if len(listed) != 1:
                raise DataError(
                    f"{short_name(path)} has {len(listed)} rows in {manifest}: give it one, with "
                    f"{CLASSES[label]}/{path.name} in the column 'file', or take the table away."
                )
            stated = listed[0].get("label", "").lower()
            if stated not in ("", CLASSES[label]):
                raise DataError(
                    f"{short_name(path)} is called {stated} in {manifest}: correct that or move it."
                )
            found += listed
        return place, tuple(found)
    return None, None


def _rows(manifest: Path) -> dict[tuple[str, str], list[dict[str, str]]]:
    """Read a table however a spreadsheet wrote it: its rows by class (or "") and file name."""
    content = manifest.read_bytes()
    try:
        code = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        text = re.sub(r'\A"?sep=.*', "", content.decode(code), flags=re.IGNORECASE)
        for delimiter in ",;\t":
            lines = csv.reader(StringIO(text, None), delimiter=delimiter, skipinitialspace=True)
            table = [[cell.strip() for cell in line] for line in lines]
            columns = [name.lower() for name in next(filter(any, table), [])]
            if "file" in columns:
                break
    except (UnicodeError, csv.Error) as error:
        raise DataError(f"{manifest} is no table in UTF-8 ({error}): save it as one.") from error
    rows: dict[tuple[str, str], list[dict[str, str]]] = {}
    for line in table:
        row = dict(zip(columns, line + [""] * len(columns), strict=False))
        folder, name = ["", *_same(row.get("file", "")).replace("\\", "/").split("/")][-2:]
        rows.setdefault((folder.lower() if folder.lower() in CLASSES else "", name), []).append(row)
    return rows


def _patients(files: Sequence[Path], rows: Sequence[dict[str, str]]) -> tuple[str, ...] | None:
    """Tell the patient of each file from the manifest, else from the names of the files."""
    patients = [row.get("patient", "") for row in rows]
    if not any(patients):
        numbers = [NIH_NAME.fullmatch(path.stem) for path in files]
        if rows and not all(numbers):
            raise DataError(
                "manifest.csv names no patient, so that one may be in training and in test: "
                "fill in a column 'patient', or take the table away."
            )
        return tuple(n[1] for n in numbers if n) if all(numbers) else None
    if not all(patients):
        path = files[patients.index("")]
        raise DataError(f"{short_name(path)} has no patient in manifest.csv: fill it in.")
    return tuple(patients)


def _masks(parent: Path, files: Sequence[Path], normal: int) -> tuple[Path | None, ...] | None:
    """Find the ground-truth masks of the fluid for the images after so many normal ones."""
    for folder in (parent / "outlines", parent.parent / "outlines"):
        entries = _entries(folder) if os.path.isdir(folder) else []
        known = {_same(path.stem): path for path in entries if path.suffix.lower() == ".png"}
        masks = [known.get(_same(path.stem)) for path in files[normal:]]
        if any(masks):
            return (None,) * normal + tuple(masks)
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

    def read(index: int, path: Path) -> None:
        image = resize(read_image(path), size)
        if image.min() == image.max():
            raise DataError(f"{short_name(path)} is constant (all pixels are equal): take it out.")
        images[index, :, :, 0] = standardise(image)

    with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
        # One that fails cancels those still waiting.
        list(pool.map(read, range(len(dataset)), dataset.files))
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
            masks[index] = resize(read_image(path, "The mask "), size) >= 128
    return masks


class Batch(NamedTuple):
    """A set of the second batch: simulated X-rays and all that is known about them.

    images : float32 (n, 64, 64, 1), each with mean 0 and standard deviation 1.
    labels : int64 (n,), 0 normal, 1 effusion.
    masks : bool (n, 64, 64), True where there is fluid.
    patients : str (n,), patients of no other set.
    attributes : (n,) each: ``view``, ``sex``, ``side``, ``devices``, ``findings``, ``fluid_ml``,
        ``haze`` (g/ml), ``pixel_mm`` at 512 pixels, and ``seed`` and ``index``, with which
        ``simulator.simulate_one`` draws the X-ray again.
    """

    images: np.ndarray
    labels: np.ndarray
    masks: np.ndarray
    patients: np.ndarray
    attributes: dict[str, np.ndarray]


def load_second_batch() -> tuple[Batch, Batch, Batch]:
    """Load the simulated X-rays of part two, which no network of the lesson was trained on.

    Returns
    -------
    validation, test, other_hospital : Batch
        300 and 600 X-rays of the hospital of the bundled set, and 300 of another hospital.

    Raises
    ------
    DataError
        If a file is missing or damaged.
    """
    batches = []
    for name in ("same_hospital_validation", "same_hospital_test", "other_hospital"):
        path = SECOND_BATCH / f"{name}.npz"
        try:
            with np.load(path) as file:
                columns = dict(file)
            images = np.stack([standardise(image) for image in columns.pop("images")])
            labels, masks, who = (columns.pop(key) for key in ("labels", "masks", "patients"))
        except Exception as error:  # damage shows in many ways
            raise DataError(f"{path} is missing or damaged: download the lesson again.") from error
        batches.append(Batch(images[..., np.newaxis], labels, masks, who, columns))
    return batches[0], batches[1], batches[2]


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
    people = len(np.unique(patients))

    def keep_some(indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        classes = labels[indices]
        if people == len(dataset):
            return train_test_split(indices, test_size=0.15, stratify=classes, random_state=seed)
        groups = patients[indices]
        fewest = min(len(np.unique(groups[classes == label])) for label in (0, 1))
        folds = StratifiedGroupKFold(min(7, fewest), shuffle=True, random_state=seed)
        rest, kept = next(folds.split(indices, classes, groups))
        return indices[rest], indices[kept]

    too_few = DataError(
        f"{len(dataset)} images of {people} patient{'s' * (people > 1)} are too few to split in "
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
