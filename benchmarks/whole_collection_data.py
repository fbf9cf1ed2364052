"""The whole NIH collection as streams of images: from its PNG files, or from record files.

The collection (Wang et al., ChestX-ray8, CVPR 2017, pp. 3462-3471) does not fit into memory. So a
stream reads what the next steps need, in an order that depends on the seed and on the place in the
stream alone, and can begin at any image. TensorFlow is imported where it is needed.
"""

from __future__ import annotations

import csv
import hashlib
import itertools
import json
import math
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import filelock
import numpy as np

from helpers.data import DataError
from helpers.images import read_image, resize, short_name, unusable

SETS = ("training", "validation", "test")
ENTRIES = ("Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv")
LISTS = ("train_val_list.txt", "test_list.txt")  # the official split, by patient
COLUMNS = ("Image Index", "Finding Labels", "Patient ID")
INDEX = "records.json"
SHUFFLED = 1000  # records that wait in memory to be mixed; whole record files are shuffled before
FOREVER = 1 << 40  # passes over the training set


class XRay(NamedTuple):
    """One image: its file, 1 for effusion or 0, and a number for its patient."""

    file: str  # a Path would take ten times the memory
    label: int
    patient: int


@dataclass(frozen=True)
class Source:
    """Where images come from.

    Attributes
    ----------
    size
        Pixels of each side.
    counts
        Of each set, how many images and how many of them with effusion.
    stream
        From the name of a set, and None or the place to begin at, to a ``tf.data.Dataset`` of
        images uint8 (size, size, 1), labels and patients. With a place, the stream never ends and
        each pass has another order; with None, it is one pass in the order of the set.
    left_out
        Images that could not be used.
    """

    size: int
    counts: dict[str, tuple[int, int]]
    stream: Callable[[str, int | None], Any]
    left_out: LeftOut


class LeftOut:
    """Names each image that cannot be used, and ends a run that meets too many of them.

    Parameters
    ----------
    most
        How many may be left out.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.reasons: set[str] = set()
        self.problem: DataError | None = None  # TensorFlow passes on only its text

    def add(self, error: DataError) -> None:
        """Count an image; name it the first time."""
        if str(error) in self.reasons:
            return
        self.reasons.add(str(error))
        print(f"Left out: {error}", file=sys.stderr, flush=True)
        if len(self.reasons) > self.most:
            self.problem = DataError(
                f"More than {self.most} images cannot be used: get those archives again, or allow "
                "more with --skip."
            )
            raise self.problem


@contextmanager
def in_place_of(path: Path) -> Iterator[Path]:
    """Give a name beside a file to write to, and move what was written into its place.

    Raises
    ------
    DataError
        If that fails; the file that was there before stays.
    """
    part = path.with_name(f".part-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        os.replace(part, path)
    except DataError:
        raise
    except Exception as error:  # a full disk is an OSError, or whatever TensorFlow makes of it
        why = getattr(error, "strerror", None) or type(error).__name__
        raise DataError(
            f"{path} cannot be written ({why}): make room there and run this again."
        ) from error
    finally:
        part.unlink(missing_ok=True)


def write_json(path: Path, content: dict) -> None:
    """Write a JSON file in one step."""
    with in_place_of(path) as part:
        part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def find_collection(folder: str | Path, seed: int = 42) -> dict[str, list[XRay]]:
    """Find the images of the collection that are in a folder, and split them by patient.

    Where the folder has the official lists, the test set is theirs. Else one patient of five is
    kept for testing. Of the other patients one of ten is for validation (``GroupShuffleSplit``).

    Parameters
    ----------
    folder
        Has the table of images, the two lists, and the unpacked archives in subfolders or not.
    seed
        Decides which patients are for validation.

    Returns
    -------
    dict
        The images of each of ``SETS``, sorted by name. Listed images that are not in the folder
        are counted in one line.

    Raises
    ------
    DataError
        If a file is not in the NIH format, or a set would lack a class.
    """
    from sklearn.model_selection import GroupShuffleSplit

    folder = Path(folder)
    tables = [folder / name for name in ENTRIES if (folder / name).is_file()]
    if not tables:
        raise DataError(f"{folder} has no {ENTRIES[0]}: put it beside the unpacked archives.")
    places = sorted(os.walk(folder), reverse=True)  # of two files of one name, the first counts
    files = {name: os.path.join(place, name) for place, _, names in places for name in names}
    listed = _entries(tables[0])
    known = {name: row for name, row in listed.items() if name in files}
    lists = [_names(folder / name) for name in LISTS if (folder / name).is_file()]
    if len(lists) == 1:
        raise DataError(f"{folder} has one of {' and '.join(LISTS)}: add the other, or take both.")
    if missing := len(listed) - len(known):
        print(f"{missing} images that {tables[0].name} lists are not in {folder}.", flush=True)
    names = sorted(known)
    patients = np.array([known[name][1] for name in names])

    def keep(indices: np.ndarray, part: float) -> tuple[np.ndarray, np.ndarray]:
        split = GroupShuffleSplit(1, test_size=part, random_state=seed)
        rest, kept = next(split.split(indices, groups=patients[indices]))
        return indices[rest], indices[kept]

    try:
        if lists:
            rest, test = (
                np.array([i for i, n in enumerate(names) if n in each], int) for each in lists
            )
        else:
            rest, test = keep(np.arange(len(names)), 0.2)
        training, validation = keep(rest, 0.1)
    except ValueError as error:
        raise DataError(f"{folder} holds images of too few patients: unpack more.") from error
    if shared := set(patients[rest]) & set(patients[test]):
        raise DataError(
            f"Patient {min(shared)} is in both of {' and '.join(LISTS)}: get them anew."
        )
    number = {patient: place for place, patient in enumerate(np.unique(patients))}
    sets = {}
    for which, indices in zip(SETS, (training, validation, test), strict=True):
        chosen = [names[place] for place in np.sort(indices)]
        sets[which] = [XRay(files[n], known[n][0], number[known[n][1]]) for n in chosen]
        if len({xray.label for xray in sets[which]}) < 2:
            raise DataError(
                f"The {which} set of {folder} has not both images with effusion and without: "
                "unpack more of the archives."
            )
    return sets


def _entries(table: Path) -> dict[str, tuple[int, str]]:
    """Read the table of images: whether a name has an effusion, and its patient."""
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)  # two names hold a comma, behind the columns needed
            absent = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
            if absent:
                raise DataError(f"{table} has no column {absent[0]!r}: get it again.")
            kept = ([(row[name] or "").strip() for name in COLUMNS] for row in rows)
            found = [(n, int("Effusion" in labels.split("|")), who) for n, labels, who in kept]
    except OSError as error:
        raise unusable(table, error) from error
    except (UnicodeError, csv.Error) as error:
        raise DataError(f"{table} is no table in UTF-8 with commas: get it again.") from error
    for name, _, patient in found:
        if name and not patient:
            raise DataError(f"{table} names no patient for {name}: get it again.")
    return {name: (label, patient) for name, label, patient in found if name}


def _names(path: Path) -> set[str]:
    """Read one of the official lists: a name on each line."""
    try:
        return set(path.read_text("utf-8-sig").split())
    except (OSError, UnicodeError) as error:
        raise unusable(path, error) from error


def read_in_order(
    xrays: Iterable[XRay], size: int
) -> Iterator[tuple[XRay, np.ndarray | DataError]]:
    """Read images on all cores, a few ahead, and give them in their order.

    Yields
    ------
    xray, image : XRay, numpy.ndarray or DataError
        uint8 (size, size), or why the image cannot be used.
    """

    def read(file: str) -> np.ndarray | DataError:
        try:
            image = resize(read_image(file), size)
        except DataError as error:
            return error
        if image.min() == image.max():
            return DataError(f"{short_name(Path(file))} is constant: get it again or take it out.")
        return image

    cores = os.cpu_count() or 1
    waiting: deque = deque()
    with ThreadPoolExecutor(cores) as pool:
        for xray in xrays:
            waiting.append((xray, pool.submit(read, xray.file)))
            if len(waiting) > 4 * cores:
                first, image = waiting.popleft()
                yield first, image.result()
        for last, image in waiting:
            yield last, image.result()


def _counts(xrays: list[XRay]) -> tuple[int, int]:
    return len(xrays), sum(xray.label for xray in xrays)


def write_records(
    folder: str | Path,
    out: str | Path,
    size: int = 256,
    seed: int = 42,
    shard: int = 1000,
    skip: int = 100,
) -> dict[str, Any]:
    """Write the images of the collection, made small, into record files.

    A record is a ``tf.train.Example`` with ``image`` (size x size bytes), ``label`` and
    ``patient``. The training set is shuffled first. Each file appears in one step, and a run that
    was stopped goes on behind the last one.

    Parameters
    ----------
    folder
        As for ``find_collection``.
    out
        Folder for the records.
    size
        Pixels of each side.
    seed
        Decides the split and the order.
    shard
        Images in a file.
    skip
        How many images may be left out.

    Returns
    -------
    dict
        What ``records.json`` holds: the settings, each file's counts, and those of the sets.

    Raises
    ------
    DataError
        If the images cannot be used, or ``out`` holds records of others.
    """
    from helpers.models import tf

    out = Path(out)
    sets = find_collection(folder, seed)
    about: dict[str, Any] = {"size": size, "shard": shard, "seed": seed, "images": _check_sum(sets)}
    try:
        out.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(out / ".lock").acquire(timeout=0):
            index = read_index(out) if (out / INDEX).exists() else {**about, "shards": {}}
            _refuse_other(out, index, about)
            left_out = LeftOut(skip)
            left_out.reasons |= {r for each in index["shards"].values() for r in each["left_out"]}
            for which, xrays in sets.items():
                if which == "training":
                    order = np.random.default_rng(seed).permutation(len(xrays))
                    xrays = [xrays[place] for place in order]
                for number, start in enumerate(range(0, len(xrays), shard)):
                    path = out / f"{which}-{number:05d}.tfrecord"
                    print(f"\r{path.name} of {len(xrays)} images", end="", flush=True)
                    noted = index["shards"].get(path.name, {"bytes": -1})
                    if path.exists() and path.stat().st_size == noted["bytes"]:
                        continue
                    part = xrays[start : start + shard]
                    index["shards"][path.name] = _write_shard(tf, path, part, size, left_out)
                    write_json(out / INDEX, index)
            print()
            index["sets"] = {which: _total(index, which) for which in SETS}
            write_json(out / INDEX, index)
    except filelock.Timeout as error:
        raise DataError(f"Another run is writing into {out}: wait until it has ended.") from error
    except OSError as error:
        raise unusable(out, error) from error
    return index


def _write_shard(tf: Any, path: Path, xrays: list[XRay], size: int, left_out: LeftOut) -> dict:
    """Write one file of records; return its counts."""
    kept, reasons = [], []
    integers = tf.train.Int64List
    with in_place_of(path) as part, tf.io.TFRecordWriter(os.fspath(part)) as writer:
        for xray, image in read_in_order(xrays, size):
            if isinstance(image, DataError):
                left_out.add(image)
                reasons.append(str(image))
                continue
            kept.append(xray)
            feature = {
                "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[image.tobytes()])),
                "label": tf.train.Feature(int64_list=integers(value=[xray.label])),
                "patient": tf.train.Feature(int64_list=integers(value=[xray.patient])),
            }
            example = tf.train.Example(features=tf.train.Features(feature=feature))
            writer.write(example.SerializeToString())
    count, effusions = _counts(kept)
    size_now = path.stat().st_size
    return {"count": count, "effusions": effusions, "bytes": size_now, "left_out": reasons}


def _total(index: dict, which: str) -> list[int]:
    shards = [each for name, each in index["shards"].items() if name.startswith(f"{which}-")]
    return [sum(each[key] for each in shards) for key in ("count", "effusions")]


def _check_sum(sets: dict[str, list[XRay]]) -> str:
    """Return a check sum of which images there are, where they go, and how large each file is."""
    digest = hashlib.sha256()
    for which, xrays in sets.items():
        for file, label, patient in xrays:
            name, size = os.path.basename(file), os.path.getsize(file)
            line = f"{which} {name} {label} {patient} {size}\n"
            digest.update(line.encode())
    return digest.hexdigest()


def _refuse_other(out: Path, index: dict, about: dict) -> None:
    """Refuse to go on with records of other images, or made in another way."""
    for key, value in about.items():
        if index[key] != value:
            what = f"{key} {index[key]}, not {value}"
            raise DataError(
                f"{out} holds records {'of other images' if key == 'images' else f'with {what}'}: "
                "name a new folder, or remove this one."
            )


def read_index(out: str | Path) -> dict[str, Any]:
    """Read what is known of a folder of records.

    Raises
    ------
    DataError
        If that file is missing or damaged.
    """
    path = Path(out) / INDEX
    try:
        index = json.loads(path.read_text("utf-8"))
        if not {"size", "shard", "seed", "images", "shards"} <= set(index):
            raise ValueError("an entry is missing")
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"{path} is missing or damaged: make the records again.") from error
    return index


def open_source(
    data: str | Path, size: int | None = None, seed: int = 42, skip: int = 100
) -> Source:
    """Open a folder of records, or of the collection's PNG files.

    Parameters
    ----------
    data
        The folder.
    size
        Pixels of each side; None for that of the records, or 256.
    seed
        Decides the order of training images, and the split of PNG files.
    skip
        How many images may be left out.

    Raises
    ------
    DataError
        If it holds neither, or records that are not finished or of another size.
    """
    data, left_out = Path(data), LeftOut(skip)
    if not (data / INDEX).exists():
        sets, pixels = find_collection(data, seed), size or 256

        def from_png(which: str, first: int | None) -> Any:
            return _png_stream(sets[which], pixels, left_out, first, seed)

        return Source(pixels, {k: _counts(v) for k, v in sets.items()}, from_png, left_out)
    index = read_index(data)
    if "sets" not in index:
        raise DataError(f"The records in {data} are not finished: run `records` again.")
    if size not in (None, index["size"]):
        raise DataError(
            f"{data} holds records of {index['size']} pixels, not {size}: leave out --size, or "
            "make other records."
        )
    for name, shard in index["shards"].items():
        if not (data / name).is_file() or (data / name).stat().st_size != shard["bytes"]:
            raise DataError(f"{data / name} is missing or damaged: run `records` again.")
    counts = {which: tuple(numbers) for which, numbers in index["sets"].items()}

    def from_records(which: str, first: int | None) -> Any:
        names = sorted(name for name in index["shards"] if name.startswith(f"{which}-"))
        files = [os.fspath(data / name) for name in names]
        return _record_stream(files, counts[which][0], index["size"], first, seed)

    return Source(index["size"], counts, from_records, left_out)


def _png_stream(
    xrays: list[XRay], size: int, left_out: LeftOut, first: int | None, seed: int
) -> Any:
    """Stream images from PNG files; see ``Source``."""
    from helpers.models import tf

    def wanted() -> Iterator[XRay]:
        if first is None:
            yield from xrays
            return
        skipped = first % len(xrays)
        for number in itertools.count(first // len(xrays)):
            order = np.random.default_rng([seed, number]).permutation(len(xrays))
            yield from (xrays[place] for place in order[skipped:])
            skipped = 0

    def images() -> Iterator[tuple[np.ndarray, int, int]]:
        for xray, image in read_in_order(wanted(), size):
            if isinstance(image, DataError):
                left_out.add(image)
            else:
                yield image[..., np.newaxis], xray.label, xray.patient

    number = tf.TensorSpec((), tf.int64)
    signature = (tf.TensorSpec((size, size, 1), tf.uint8), number, number)
    return tf.data.Dataset.from_generator(images, output_signature=signature)


def _record_stream(files: list[str], count: int, size: int, first: int | None, seed: int) -> Any:
    """Stream images from record files; see ``Source``."""
    from helpers.models import tf

    number = tf.io.FixedLenFeature([], tf.int64)
    features = {"image": tf.io.FixedLenFeature([], tf.string), "label": number, "patient": number}

    def parse(record: Any) -> tuple[Any, Any, Any]:
        example = tf.io.parse_single_example(record, features)
        image = tf.reshape(tf.io.decode_raw(example["image"], tf.uint8), (size, size, 1))
        return image, example["label"], example["patient"]

    def one_pass(number: Any) -> Any:
        order = tf.random.experimental.stateless_shuffle(files, seed=[seed, number])
        records = tf.data.Dataset.from_tensor_slices(order).interleave(
            tf.data.TFRecordDataset, cycle_length=4, num_parallel_calls=4, deterministic=True
        )
        return records.shuffle(SHUFFLED, seed=number + 1)

    if first is None:
        records = tf.data.TFRecordDataset(files)
    else:
        passes = tf.data.Dataset.range(first // count, FOREVER)
        records = passes.flat_map(one_pass).skip(first % count)
    return records.map(parse, num_parallel_calls=tf.data.AUTOTUNE)


def examples(source: Source, which: str, first: int | None) -> Any:
    """Return a stream of images float32, each standardised, labels (1,) and patients."""
    from helpers.models import tf

    def standardise(image: Any, label: Any, patient: Any) -> tuple[Any, Any, Any]:
        image = tf.cast(image, tf.float32)
        image = (image - tf.reduce_mean(image)) / tf.math.reduce_std(image)
        return image, tf.cast([label], tf.float32), patient

    return source.stream(which, first).map(standardise, num_parallel_calls=tf.data.AUTOTUNE)


def batches(source: Source, which: str, first: int | None, batch: int) -> Any:
    """Return the examples in batches; the last one of a set may be smaller."""
    return examples(source, which, first).batch(batch).prefetch(2)


def whole_batches(source: Source, which: str, batch: int) -> Any:
    """Return images, labels and weights in batches that are all whole, as several devices need.

    With a smaller last one, a device may be left without any image, and Keras ends with an error.
    So the set is repeated with weight 0, which changes nothing.
    """
    stream = examples(source, which, None)
    once = stream.map(lambda image, label, _: (image, label, 1.0))
    again = stream.map(lambda image, label, _: (image, label, 0.0)).repeat()
    count = math.ceil(source.counts[which][0] / batch)
    return once.concatenate(again).batch(batch, drop_remainder=True).take(count).prefetch(2)
