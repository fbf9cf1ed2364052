"""Picking a set from files in the formats of the NIH collection."""

import csv
import os
import shutil
import subprocess
import sys

import cv2
import numpy as np
import pytest
from support import ROOT, is_one_sentence, make_image, write_png

from helpers import data
from tools import nih

HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
)
BOX_HEADER = "Image Index,Finding Label,Bbox [x,y,w,h],,,"
FINDINGS = ("No Finding", "Effusion", "Mass|Pneumothorax", "Effusion|Infiltration", "No Finding")
MISSING, DAMAGED, CONSTANT = "00000001_000.png", "00000006_000.png", "00000011_000.png"


@pytest.fixture
def collection(tmp_path):
    """Write 40 patients with 2 images each, some missing, damaged, constant or with colour."""
    rows, boxes = [], []
    for patient in range(1, 41):
        for visit in range(2):
            name = f"{patient:08d}_{visit:03d}.png"
            findings = FINDINGS[(patient + visit) % 5]
            if patient % 2:
                findings = findings.replace("Mass|Pneumothorax", "Pleural_Thickening")
            view = "AP" if patient % 10 == 0 else "PA"
            rows.append(f"{name},{findings},{visit},{patient},58,M,{view},2500,2048,0.168,0.168")
            archive = f"images_{1 + patient // 20:03d}/images"
            path = tmp_path / "nih" / archive / name
            image = make_image(100 * patient + visit, 128)
            if patient % 4 == 0:
                image = np.dstack([image] * 3 + [np.full_like(image, 255)])
            if name == CONSTANT:
                image[:] = 80
            if name != MISSING:
                write_png(path, image)
            if name == DAMAGED:
                path.write_bytes(path.read_bytes()[:500])
            if findings.startswith("Effusion") and patient in (1, 3, 6, 11, 20, 36, 38):
                boxes.append(f"{name},Effusion,512.0,256.5,255.75,300.25")
                boxes.append(f"{name},Mass,0,0,1024,1024")
            if patient == 36 and findings.startswith("Effusion"):
                boxes.append(f"{name},Effusion,900,900,300,300")
    (tmp_path / "entries.csv").write_text("\n".join([HEADER, *rows, ""]))
    (tmp_path / "boxes.csv").write_text("\n".join([BOX_HEADER, *boxes, ""]))
    return tmp_path


def choose(folder, out="out", **options):
    options = {"boxes": folder / "boxes.csv", "count": 8, "size": 64, **options}
    return nih.choose(folder / "nih", folder / "entries.csv", folder / out, **options)


def manifest(folder):
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def content(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_data_folder_is_written(collection):
    out = choose(collection)
    xrays = data.find_dataset(out)
    assert str(xrays) == (
        "Data: chest X-rays in out – 16 images: 8 normal, 8 effusion, from 16 patients"
    )
    assert not list(collection.glob("*unfinished*"))
    rows = manifest(out)
    assert list(rows[0])[:6] == ["file", "label", "patient", "side", "view", "findings"]
    assert len(rows) == 16
    for row in rows:
        name = row["file"].rsplit("/", 1)[1]
        assert row["file"] == f"chest_xrays/{row['label']}/{name}"
        assert row["patient"] == name[:8]
        assert row["view"] == "PA"
        findings = row["findings"].split("|")
        assert ("Effusion" in findings) == (row["label"] == "effusion")
        assert (findings == ["No Finding"]) == (row["label"] == "normal")
        assert row["side"] == ("none" if row["label"] == "normal" else "")
        assert (row["age"], row["sex"]) == ("58", "M")
        written = cv2.imread(str(out / row["file"]), cv2.IMREAD_UNCHANGED)
        assert (written.dtype, written.shape) == (np.uint8, (64, 64))
        patient, visit = int(name[:8]), int(name[9:12])
        original = make_image(100 * patient + visit, 128)
        expected = cv2.resize(original, (64, 64), interpolation=cv2.INTER_AREA)
        np.testing.assert_array_equal(written, expected)
    assert "NIH Clinical Center" in (out / "README.md").read_text()
    images, _ = data.load(xrays, 32)
    assert np.isfinite(images).all()


def test_the_choice_is_reproducible_whatever_the_order_of_rows(collection):
    first = content(choose(collection, "first"))
    header, *rows = (collection / "entries.csv").read_text().splitlines()
    (collection / "entries.csv").write_text("\n".join([header, *reversed(rows)]))
    assert content(choose(collection, "second")) == first
    other = content(choose(collection, "third", seed=1))
    assert sorted(other) != sorted(first)


def test_editions_of_the_table(collection):
    expected = content(choose(collection, "first"))
    path = collection / "entries.csv"
    header, *rows = path.read_text().splitlines()
    quoted = header.replace("OriginalImage[Width,Height]", '"OriginalImage[Width,Height]"')
    editions = {
        "trailing commas": "\r\n".join(
            [header + ",", *(row + "," for row in rows), ",,,,,,,,,,,", "", ""]
        ),
        "quoted header": "\n".join([quoted.replace("Gender", "Sex"), *rows]),
        "byte order mark": "\ufeff" + "\n".join([header, *rows]),
    }
    for edition, text in editions.items():
        path.write_text(text, encoding="utf-8", newline="")
        assert content(choose(collection, edition)) == expected, edition


def test_views(collection):
    assert {row["view"] for row in manifest(choose(collection, "all", view="any", count=15))} == {
        "PA",
        "AP",
    }
    only = manifest(choose(collection, "ap", view="AP", count=1))
    assert [row["view"] for row in only] == ["AP", "AP"]


def test_boxes_become_masks(collection):
    out = choose(collection)
    xrays = data.find_dataset(out)
    boxed = [p.stem for p, mask in zip(xrays.files, xrays.masks, strict=True) if mask]
    assert sorted(name[:8] for name in boxed) == ["00000003", "00000036", "00000038"]
    expected = np.zeros((64, 64), np.uint8)
    expected[16:35, 32:48] = 255
    for name in boxed:
        mask = cv2.imread(str(out / "outlines" / f"{name}.png"), cv2.IMREAD_UNCHANGED)
        truth = expected.copy()
        if name.startswith("00000036"):
            truth[56:, 56:] = 255
        np.testing.assert_array_equal(mask, truth)
    assert data.load_masks(xrays, 64).any((1, 2)).sum() == 3
    assert len(list((out / "outlines").iterdir())) == 3
    out = choose(collection, "without boxes", boxes=None)
    assert not (out / "outlines").exists()
    assert data.find_dataset(out).masks is None


def test_missing_and_damaged_images_are_replaced_and_reported(collection, capsys):
    names = {row["file"].rsplit("/", 1)[1] for row in manifest(choose(collection, count=13))}
    assert not names & {MISSING, DAMAGED, CONSTANT}
    assert len(names) == 26
    printed = capsys.readouterr().out
    assert f"left out 1 that are not in the folder, such as {MISSING}" in printed
    assert f"left out {DAMAGED} (" in printed
    assert f"left out {CONSTANT} (" in printed
    assert "\reffusion: 13 of 13" in printed
    assert "\rnormal: 13 of 13" in printed


def test_no_patient_is_in_both_classes(collection):
    patients = [row["patient"] for row in manifest(choose(collection, view="any", count=15))]
    assert len(set(patients)) == 30


def cut_table(folder):
    text = (folder / "entries.csv").read_text()
    (folder / "entries.csv").write_text(text[: text.index("00000020_001.png") + 18])
    return {}, r"entries\.csv breaks off in line 41"


def other_table(folder):
    (folder / "entries.csv").write_text("a,b\n1,2\n")
    return {}, r"entries\.csv has no column 'Image Index'"


def no_table(folder):
    (folder / "entries.csv").unlink()
    return {}, r"entries\.csv cannot be read \(no such file"


def no_text(folder):
    (folder / "entries.csv").write_bytes(HEADER.encode("utf-16"))
    return {}, r"entries\.csv is not a table in UTF-8"


def blank_patient(folder):
    text = (folder / "entries.csv").read_text()
    (folder / "entries.csv").write_text(text.replace(",0,3,58,", ",0, ,58,"))
    return {}, r"entries\.csv has no 'Patient ID' in line 6"


def twice_otherwise(folder):
    text = (folder / "entries.csv").read_text()
    (folder / "entries.csv").write_text(text + text.splitlines()[1].replace("Effusion", "Mass"))
    return {}, r"entries\.csv lists an image a second time and otherwise in line 82"


def one_name_twice(folder):
    write_png(folder / "nih" / "images" / "00000003_000.png", make_image(1, 128))
    return {}, r"00000003_000\.png have one name but are two images"


def same_image(folder):
    path = folder / "nih" / "images_001" / "images"
    for name in ("00000002_001.png", "00000004_000.png", "00000005_000.png", "00000007_001.png"):
        shutil.copy(path / "00000003_000.png", path / name)
    return {"count": 13}, "are the same file"


def huge(folder):
    return {"size": 100_000}, "size 32 to 4096 pixels"


def other_boxes(folder):
    return {"boxes": folder / "entries.csv"}, r"entries\.csv does not begin with"


def bad_boxes(folder):
    (folder / "boxes.csv").write_text(f"{BOX_HEADER}\n00000003_000.png,Effusion,1,2,wide,4\n")
    return {}, r"boxes\.csv has no four numbers in line 2"


def too_few(folder):
    return {"count": 300}, r"Only \d+ of 300 images of class effusion"


def no_images(folder):
    (folder / "nih").rename(folder / "elsewhere")
    return {}, "nih holds no PNG files"


def full_folder(folder):
    (folder / "out").mkdir()
    (folder / "out" / "mine.txt").write_text("mine")
    return {}, "out is there already and not empty"


def no_count(folder):
    return {"count": 0}, "count must be at least 1"


def a_box(numbers):
    def spoil(folder):
        (folder / "boxes.csv").write_text(f"{BOX_HEADER}\n\n00000003_000.png,Effusion,{numbers}\n")
        return {}, r"boxes\.csv has a box that is empty or outside its image in line 3"

    return spoil


TABLES = (cut_table, other_table, no_table, no_text, blank_patient, twice_otherwise)
NUMBERS = (
    "nan,1,9,9",
    "1,1,9,inf",
    "-inf,1,inf,9",
    "-9,1,9,9",
    "1,1024,9,9",
    "1,1,0,9",
    "1,9,9,-5",
)
BOXES = (other_boxes, bad_boxes, *map(a_box, NUMBERS))
IMAGES = (one_name_twice, same_image, too_few, no_images)


def test_what_goes_wrong_is_said_and_nothing_is_left(collection, tmp_path_factory):
    for spoil in (*TABLES, *BOXES, *IMAGES, full_folder, no_count, huge):
        copy = shutil.copytree(collection, tmp_path_factory.mktemp("nih") / spoil.__name__)
        options, problem = spoil(copy)
        before = content(copy)
        with pytest.raises(data.DataError, match=problem) as error:
            choose(copy, **options)
        assert is_one_sentence(error), spoil.__name__
        assert content(copy) == before, spoil.__name__
        assert not list(copy.glob("*unfinished*")), spoil.__name__


def test_a_box_is_cut_at_the_edges_of_its_image(collection):
    for numbers, rows, columns in (
        ("-100,-1e308,200,1.1e308", slice(0, 64), slice(0, 6)),
        ("1023.9,960,1e308,1", slice(60, 61), slice(63, 64)),
    ):
        (collection / "boxes.csv").write_text(f"{BOX_HEADER}\n00000003_000.png,Effusion,{numbers}")
        out = choose(collection, str(rows))
        mask = cv2.imread(str(out / "outlines" / "00000003_000.png"), cv2.IMREAD_UNCHANGED)
        truth = np.zeros((64, 64), np.uint8)
        truth[rows, columns] = 255
        np.testing.assert_array_equal(mask, truth)


def test_what_was_picked_before_is_not_an_original(collection):
    expected = content(choose(collection, "first"))
    choose(collection, "nih/again", size=32)
    (collection / "nih" / "again").rename(collection / "nih" / "a copy")
    left = collection / "nih" / "b.unfinished-1" / "data"  # by a run that was killed
    shutil.copytree(collection / "nih" / "a copy" / "chest_xrays", left / "chest_xrays")
    shutil.copytree(collection / "nih" / "images_002", collection / "nih" / "unpacked twice")
    assert content(choose(collection, "nih/second")) == expected
    for folder in (*(collection / "nih").glob("images_*"), collection / "nih" / "unpacked twice"):
        shutil.rmtree(folder)
    with pytest.raises(data.DataError, match="nih holds no PNG files"):
        choose(collection, "third")


def test_an_empty_folder_may_be_named_but_not_the_one_in_use(collection, monkeypatch):
    (collection / "out").mkdir()
    monkeypatch.chdir(collection / "out")
    monkeypatch.setattr(nih, "_read_entries", lambda _: pytest.fail("it did some work first"))
    for name in (".", "", collection / "out"):
        with pytest.raises(data.DataError, match="out is where you are") as error:
            nih.choose(collection / "nih", collection / "entries.csv", name)
        assert is_one_sentence(error)
    monkeypatch.undo()
    assert len(data.find_dataset(choose(collection))) == 16


def test_a_table_that_may_not_be_read(collection, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(nih.Path, "open", refuse)
    problem = r"entries\.csv cannot be read \(permission denied\): .* allow reading it"
    with pytest.raises(data.DataError, match=problem) as error:
        choose(collection)
    assert is_one_sentence(error)


def test_a_disk_that_is_full(collection, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(nih, "_write_png", full)
    with pytest.raises(data.DataError, match=r"out cannot be written \(no space left") as error:
        choose(collection, "new/out")
    assert is_one_sentence(error)
    assert sorted(p.name for p in collection.iterdir()) == ["boxes.csv", "entries.csv", "nih"]
    monkeypatch.undo()
    assert len(data.find_dataset(choose(collection, "new/out"))) == 16


def test_the_command(collection):
    def run(count, size):
        given = {"images": "nih", "entries": "entries.csv", "boxes": "boxes.csv", "out": "out"}
        arguments = [word for name in given for word in (f"--{name}", collection / given[name])]
        arguments += ["--count", count, "--size", size]
        command = [sys.executable, "-m", "tools.nih", *map(str, arguments)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    refused = run(count=300, size=32)
    assert refused.returncode == 1
    assert is_one_sentence(refused.stderr)
    assert "of 300 images" in refused.stderr
    answer = run(count=5, size=32)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert "10 images: 5 normal, 5 effusion, from 10 patients" in answer.stdout
    assert f"CHEST_XRAYS={collection / 'out'}" in answer.stdout


ENDED = """
import sys
sys.path.insert(0, "tests")
import deeds
from tools import nih

arguments, step, folder = eval(sys.argv[1])

def work(place):
    return nih.main([*arguments, "--out", place])

print(*deeds.ends(work, folder, step, kills=(False, True), quiet=1))
"""


@pytest.mark.skipif(os.name == "nt", reason="there is no fork")
def test_interrupted_or_killed_anywhere_it_leaves_nothing_half_done(collection):
    step = 4
    given = {"images": "nih", "entries": "entries.csv", "boxes": "boxes.csv"}
    arguments = [word for name in given for word in (f"--{name}", str(collection / given[name]))]
    arguments += ["--count", "2", "--size", "32"]
    command = [sys.executable, "-c", ENDED, repr((arguments, step, str(collection)))]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    deeds, ends = answer.stdout.split(maxsplit=1)
    assert int(deeds) > 20
    assert ends == "{130} {-9}\n"
    said = set(filter(None, answer.stderr.splitlines()))
    assert said == {"Interrupted: run this again to pick the X-rays."}
    whole = content(collection / "0-0")
    for point in range(1, int(deeds) + 1, step):
        assert not list(collection.glob(f"0-{point}.*"))
        for folder in (collection / f"0-{point}", collection / f"1-{point}"):
            assert not folder.exists() or content(folder) == whole
    command = ["--out", str(folder), *arguments]
    assert folder.exists() or nih.main(command) == 0
    assert content(folder) == whole
