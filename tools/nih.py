"""Pick a balanced set from the full NIH collection: ``python -m tools.nih --help``.

The collection (Wang et al., ChestX-ray8, CVPR 2017, pp. 3462-3471) has 112,120 X-rays with
findings that a program read out of the reports, and boxes around about 1,000 of the findings.
"""

import argparse
import csv
import filecmp
import math
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from helpers.data import CLASSES, find_dataset
from helpers.images import DataError, read_image, resize, standardise

BOX_IMAGE_SIZE = 1024  # pixels; the boxes are given in images of this width and height
COLUMNS = ("Image Index", "Finding Labels", "Patient ID", "View Position")
MANIFEST_COLUMNS = ("file", "label", "patient", "side", "view", "findings", "age", "sex")
UNFINISHED = ".unfinished-"
LARGEST_SIZE = 4096  # pixels
README = """# A selection of the NIH chest X-rays

{count} X-rays a class, one a patient, view {view}, seed {seed}, {size} x {size} pixels, picked from
the NIH ChestX-ray collection by `python -m tools.nih`. `manifest.csv` lists them; a side
that is not known is left empty. `outlines/` holds radiologists' boxes, where there are some.

- Source: https://nihcc.app.box.com/v/ChestXray-NIHCC, provided by the NIH Clinical Center.
- Please cite: Wang et al., ChestX-ray8, CVPR 2017, pp. 3462-3471.
"""


def choose(
    images: str | Path,
    entries: str | Path,
    out: str | Path,
    boxes: str | Path | None = None,
    count: int = 350,
    size: int = 512,
    view: str = "PA",
    seed: int = 42,
) -> Path:
    """Pick X-rays with no finding and X-rays with effusion, and write them as a data folder.

    Every patient gives one image at most. Where boxes are given, images with a box around an
    effusion are taken first. Images that are missing or damaged are left out and others taken.

    Parameters
    ----------
    images
        Folder with the unpacked archives, in subfolders or not.
    entries
        ``Data_Entry_2017.csv`` or its later edition.
    out
        Folder to write; it must be new or empty. It may lie among the images: what was picked
        before, or is being picked, is not taken for an original.
    boxes
        ``BBox_List_2017.csv``, if outlines are wanted.
    count
        Images of each class.
    size
        Pixels of each side of the images written, 32 to 4096.
    view
        ``PA``, ``AP`` or ``any``.
    seed
        Decides which images are picked.

    Returns
    -------
    pathlib.Path
        The data folder written.

    Raises
    ------
    DataError
        If a file is not in the NIH format, or there are too few images.
    """
    if count < 1 or not 32 <= size <= LARGEST_SIZE:
        raise DataError(
            f"The count must be at least 1 and the size 32 to {LARGEST_SIZE} pixels: change them."
        )
    out = Path(out)
    try:
        out = Path(os.path.realpath(out))
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise DataError(f"{out} is there already and not empty: name a new folder.")
        if out == Path.cwd() or os.path.ismount(out):  # it could not be replaced at the end
            raise DataError(f"{out} is where you are, or a whole disk: name a new folder in it.")
        rows = list(_read_entries(Path(entries)))
        rectangles = _read_boxes(Path(boxes)) if boxes is not None else {}
        paths = _index(Path(images))
        above = next((folder for folder in out.parents if folder.exists()), out.parent)
        with tempfile.TemporaryDirectory(
            dir=above, prefix=out.name + UNFINISHED, ignore_cleanup_errors=True
        ) as temporary:
            folder = Path(temporary, "data")
            try:
                manifest = _pick(folder, rows, rectangles, paths, count, size, view, seed)
                _write_outlines(folder, manifest, rectangles, size)
                _write_manifest(folder, manifest)
                text = README.format(count=count, view=view, seed=seed, size=size)
                (folder / "README.md").write_text(text, encoding="utf-8")
                find_dataset(folder)  # refuses what nobody could use
                out.parent.mkdir(parents=True, exist_ok=True)
                if out.exists():
                    out.rmdir()
                os.replace(folder, out)
            finally:  # and once more by `with`, if Ctrl+C comes meanwhile
                shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        why = (error.strerror or "unknown reason").lower()
        raise DataError(
            f"{out} cannot be written ({why}): make sure that there is room and that you may write "
            "there, or name another folder."
        ) from error
    return out


def _pick(
    folder: Path,
    rows: Sequence[dict[str, str]],
    rectangles: dict[str, list[list[float]]],
    paths: dict[str, list[Path]],
    count: int,
    size: int,
    view: str,
    seed: int,
) -> list[dict[str, str]]:
    """Pick and write the images of both classes; return their rows, sorted."""
    picker = random.Random(seed)
    patients: set[str] = set()
    manifest = []
    for label in reversed(CLASSES):  # effusion first: it is the rarer one
        candidates = sorted(
            (row for row in rows if row["label"] == label and view in ("any", row["view"])),
            key=lambda row: row["image"],
        )
        picker.shuffle(candidates)
        candidates.sort(key=lambda row: row["image"] not in rectangles)
        manifest += _write_class(folder, label, candidates, paths, patients, count, size)
    return sorted(manifest, key=lambda row: (CLASSES.index(row["label"]), row["file"]))


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Read the rows of a table, each with the number of its line."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            for row in reader:
                if any(row):
                    yield reader.line_num, [cell.strip() for cell in row]
    except OSError as error:
        why = (error.strerror or "unknown reason").lower()
        raise DataError(
            f"{path.name} cannot be read ({why}): name the right file, or allow reading it."
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"{path.name} is not a table in UTF-8 with commas: get it again from the NIH "
            "collection."
        ) from error


def _read_entries(path: Path) -> Iterator[dict[str, str]]:
    """Read the table of images: those without finding and those with effusion."""
    rows = _rows(path)
    # Two names in the header hold a comma, but the columns needed stand before them.
    _, header = next(rows, (0, []))
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise DataError(
            f"{path.name} has no column '{missing[0]}': give the file Data_Entry_2017.csv of the "
            "NIH collection."
        )
    seen: dict[str, list[str]] = {}
    for line, row in rows:
        entry = dict(zip(header, row, strict=False))
        if not entry.keys() >= set(COLUMNS):
            raise DataError(f"{path.name} breaks off in line {line}: get it again.")
        for column in ("Image Index", "Patient ID"):
            if not entry[column]:  # two patients without a number would count as one
                raise DataError(
                    f"{path.name} has no '{column}' in line {line}: get it again, or take the "
                    "line out."
                )
        known = [entry[name] for name in COLUMNS]
        if seen.setdefault(entry["Image Index"], known) != known:
            raise DataError(
                f"{path.name} lists an image a second time and otherwise in line {line}: get it "
                "again, or take the line out."
            )
        findings = entry["Finding Labels"].split("|")
        label = "normal" if findings == ["No Finding"] else "effusion"
        if seen[entry["Image Index"]] is not known:  # the same line again
            continue
        if label == "effusion" and "Effusion" not in findings:
            continue
        yield {
            "image": entry["Image Index"],
            "label": label,
            "patient": entry["Patient ID"].zfill(8),
            "side": "none" if label == "normal" else "",
            "view": entry["View Position"].upper(),
            "findings": entry["Finding Labels"],
            "age": entry.get("Patient Age", ""),
            "sex": entry.get("Patient Gender", entry.get("Patient Sex", "")),
        }


def _read_boxes(path: Path) -> dict[str, list[list[float]]]:
    """Read the boxes around effusions: left, top, right, bottom in pixels of the original image.

    What lies outside the image is cut off, but some of each box must lie inside.
    """
    rows = _rows(path)
    _, header = next(rows, (0, []))
    if header[:2] != ["Image Index", "Finding Label"]:
        raise DataError(
            f"{path.name} does not begin with 'Image Index,Finding Label': give the file "
            "BBox_List_2017.csv of the NIH collection."
        )
    boxes: dict[str, list[list[float]]] = {}
    for line, row in rows:
        try:
            image, finding, x, y, width, height = row[:6]
            numbers = [float(x), float(y), float(width), float(height)]
        except ValueError as error:
            raise DataError(
                f"{path.name} has no four numbers in line {line}: get it again."
            ) from error
        if finding != "Effusion":
            continue
        starts, lengths = numbers[:2], numbers[2:]
        left, top = (max(start, 0) for start in starts)
        ends = (start + length for start, length in zip(starts, lengths, strict=True))
        right, bottom = (min(end, BOX_IMAGE_SIZE) for end in ends)
        if not (all(map(math.isfinite, numbers)) and left < right and top < bottom):
            raise DataError(
                f"{path.name} has a box that is empty or outside its image in line {line}: get it "
                "again, or take the line out."
            )
        boxes.setdefault(image, []).append([left, top, right, bottom])
    return boxes


def _index(folder: Path) -> dict[str, list[Path]]:
    """Find all PNG files in a folder and below, by name, but none that were picked before."""
    paths: dict[str, list[Path]] = {}
    for parent, folders, names in os.walk(folder):
        if "manifest.csv" in names and "chest_xrays" in folders:
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if UNFINISHED not in name)
        for name in names:
            if name.lower().endswith(".png"):
                paths.setdefault(name, []).append(Path(parent, name))
    if not paths:
        raise DataError(f"{folder} holds no PNG files: name the folder of the unpacked archives.")
    return paths


def _write_class(
    folder: Path,
    label: str,
    candidates: Sequence[dict[str, str]],
    paths: dict[str, list[Path]],
    patients: set[str],
    count: int,
    size: int,
) -> list[dict[str, str]]:
    """Write the first usable images of patients not yet taken; return their rows."""
    target = folder / "chest_xrays" / label
    target.mkdir(parents=True)
    taken: list[dict[str, str]] = []
    missing, unusable = [], []
    for row in candidates:
        if len(taken) == count:
            break
        if row["patient"] in patients:
            continue
        if row["image"] not in paths:
            missing.append(row["image"])
            continue
        first, *others = paths[row["image"]]
        try:
            differ = [path for path in others if not filecmp.cmp(first, path, shallow=False)]
            image = resize(read_image(first), size)
            standardise(image)  # refuses a constant image
        except (DataError, OSError) as error:
            unusable.append(f"{row['image']} ({error})")
            continue
        if differ:
            raise DataError(
                f"{differ[0]} and {first} have one name but are two images: take one of the two "
                "away."
            )
        _write_png(target / row["image"], image)
        patients.add(row["patient"])
        taken.append({**row, "file": f"chest_xrays/{label}/{row['image']}"})
        print(f"\r{label}: {len(taken)} of {count}", end="", flush=True)
    print()
    if missing:
        print(f"  left out {len(missing)} that are not in the folder, such as {missing[0]}")
    for reason in unusable:
        print(f"  left out {reason}")
    if len(taken) < count:
        raise DataError(
            f"Only {len(taken)} of {count} images of class {label} were found: unpack more of the "
            "archives, or ask for fewer with --count, or for other views with --view any."
        )
    return taken


def _write_outlines(
    folder: Path,
    manifest: Sequence[dict[str, str]],
    boxes: dict[str, list[list[float]]],
    size: int,
) -> None:
    """Write the boxes of the images as outlines: 255 inside, 0 outside."""
    scale = size / BOX_IMAGE_SIZE
    for row in manifest:
        if row["label"] != "effusion" or row["image"] not in boxes:
            continue
        mask = np.zeros((size, size), np.uint8)
        for box in boxes[row["image"]]:
            left, top, right, bottom = (round(edge * scale) for edge in box)
            left, top = min(left, size - 1), min(top, size - 1)
            mask[top : max(bottom, top + 1), left : max(right, left + 1)] = 255
        (folder / "outlines").mkdir(exist_ok=True)
        _write_png(folder / "outlines" / row["image"], mask)


def _write_manifest(folder: Path, manifest: Sequence[dict[str, str]]) -> None:
    """Write the table of the images picked."""
    with (folder / "manifest.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, MANIFEST_COLUMNS, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(manifest)


def _write_png(path: Path, image: np.ndarray) -> None:
    """Write a PNG; through Python, since OpenCV fails silently and on non-ASCII names."""
    path.write_bytes(cv2.imencode(".png", image)[1].tobytes())


def main(arguments: Sequence[str]) -> int:
    """Pick the X-rays that the command line asks for.

    Parameters
    ----------
    arguments
        The command line without its first word.

    Returns
    -------
    int
        The exit code: 0, 1 if the X-rays cannot be picked, 130 after Ctrl+C.
    """
    parser = argparse.ArgumentParser(
        prog="python -m tools.nih",
        description="Pick X-rays with and without effusion from the NIH collection.",
    )
    parser.add_argument("--images", required=True, help="folder of the unpacked archives")
    parser.add_argument("--entries", required=True, help="Data_Entry_2017.csv")
    parser.add_argument("--boxes", help="BBox_List_2017.csv, for outlines")
    parser.add_argument("--out", required=True, help="new folder to write")
    parser.add_argument("--count", type=int, default=350, help="images of each class (350)")
    parser.add_argument("--size", type=int, default=512, help="pixels of each side (512)")
    parser.add_argument("--view", choices=("PA", "AP", "any"), default="PA", help="(PA)")
    parser.add_argument("--seed", type=int, default=42, help="decides which are picked (42)")
    options = vars(parser.parse_args(arguments))
    try:
        out = choose(**options)
        print(find_dataset(out))
        print(f"To use them, set CHEST_XRAYS={out}")
    except DataError as error:
        print(f"\n{error}", file=sys.stderr)  # the line of progress may not have ended
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted: run this again to pick the X-rays.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
