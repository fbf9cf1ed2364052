"""Finding, loading and splitting a data set."""

import errno
import os
import shutil
import subprocess
import sys
import threading
import tracemalloc
import unicodedata
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from support import ROOT, is_one_sentence, make_image, write_png

from helpers import data
from helpers.images import standardise


def listing(folder):
    return sorted((str(p), p.lstat().st_size) for p in folder.rglob("*"))


def refused(call, *arguments):
    """Return the sentence of the DataError that a call must end in."""
    with pytest.raises(data.DataError) as error:
        call(*arguments)
    assert is_one_sentence(error)
    return str(error.value)


def denied(only, original):
    """Return a method of Path that refuses one path, as for a user without permission."""

    def method(path, *arguments, **options):
        if path == only:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return original(path, *arguments, **options)

    return method


def test_import_is_light():
    heavy = "tensorflow keras torch pandas sklearn scipy skimage matplotlib pooch requests PIL"
    code = f"import sys, helpers.data; print([m for m in {heavy.split()} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.stdout.strip() == "[]", run.stderr


# ---------------------------------------------------------------- find


def test_bundled_data_is_found_without_saying_anything(capsys):
    xrays = data.find_dataset(ROOT / "data")
    assert xrays.name == "simulated chest X-rays (bundled)"
    assert xrays.simulated
    assert str(xrays).startswith(
        "Data: simulated chest X-rays (bundled) – 200 images: 100 normal, 100 effusion, from "
    )
    assert xrays.folder == ROOT / "data"
    assert [mask is not None for mask in xrays.masks] == [label == 1 for label in xrays.labels]
    assert capsys.readouterr() == ("", "")


def test_everything_known_is_listed_in_order(make_data):
    xrays = data.find_dataset(make_data(images=4, per_patient=2))
    assert [p.name for p in xrays.files] == [
        *("n000_0.png", "n000_1.png", "n001_0.png", "n001_1.png"),
        *("e000_0.png", "e000_1.png", "e001_0.png", "e001_1.png"),
    ]
    assert [row["file"].split("/")[-1] for row in xrays.manifest] == [p.name for p in xrays.files]
    assert xrays.labels == (0, 0, 0, 0, 1, 1, 1, 1)
    assert xrays.patients == ("n000", "n000", "n001", "n001", "e000", "e000", "e001", "e001")
    assert xrays.masks[:4] == (None,) * 4
    assert [p.stem for p in xrays.masks[4:]] == ["e000_0", "e000_1", "e001_0", "e001_1"]
    assert len(xrays) == 8
    assert not xrays.simulated
    assert str(xrays) == (
        "Data: chest X-rays in set – 8 images: 4 normal, 4 effusion, from 4 patients"
    )
    with pytest.raises(AttributeError):
        xrays.name = "other"


def test_argument_goes_before_variable_before_downloaded_before_bundled(
    make_data, monkeypatch, tmp_path
):
    monkeypatch.setattr(data, "BUNDLED_DATA", tmp_path / "lesson" / "data")
    monkeypatch.setattr(data, "DOWNLOADS", tmp_path / "lesson" / "data" / "downloads")
    make_data("lesson/data")
    (tmp_path / "lesson" / "data" / "downloads").mkdir()  # an interrupted download leaves this
    bundled, downloaded = "simulated chest X-rays (bundled)", "real chest X-rays (downloaded)"
    assert data.find_dataset().name == bundled
    monkeypatch.setenv("CHEST_XRAYS", "")  # empty: the next in line
    assert data.find_dataset().name == bundled
    make_data("lesson/data/downloads", manifest=False, masks=False)
    assert data.find_dataset().name == downloaded
    monkeypatch.setenv("CHEST_XRAYS", str(make_data("by variable")))
    assert data.find_dataset().name == "chest X-rays in by variable"
    assert data.find_dataset("").name == "chest X-rays in by variable"
    assert data.find_dataset(make_data("by argument")).name == "chest X-rays in by argument"


def test_a_relative_folder_counts_from_here_then_from_the_lesson(make_data, monkeypatch, tmp_path):
    (tmp_path / "lesson" / "notebooks").mkdir(parents=True)
    make_data("mine")
    monkeypatch.setattr(data, "ROOT", tmp_path / "lesson")
    monkeypatch.chdir(tmp_path / "lesson" / "notebooks")
    for written in ("../../mine", "../mine"):
        assert data.find_dataset(written).folder == tmp_path / "mine"
        monkeypatch.setenv("CHEST_XRAYS", written)
        assert data.find_dataset().folder == tmp_path / "mine"


def test_the_class_folders_may_lie_here_or_one_or_two_levels_below(make_data):
    folder = make_data()
    for given in (folder, folder / "chest_xrays"):
        xrays = data.find_dataset(given)
        assert len(set(xrays.patients)) == 12
        assert sum(mask is not None for mask in xrays.masks) == 6
        assert xrays.folder == folder
        assert xrays.name == "chest X-rays in set"
    bare = (make_data("other", manifest=False, masks=False) / "chest_xrays").rename(
        folder.parent / "bare"
    )
    xrays = data.find_dataset(bare)
    assert (len(xrays), xrays.patients, xrays.masks, xrays.folder) == (12, None, None, bare)
    assert xrays.manifest is None
    assert str(xrays) == "Data: chest X-rays in bare – 12 images: 6 normal, 6 effusion"


def test_class_folders_in_another_letter_case(make_data):
    folder = make_data()
    for name in ("normal", "effusion"):
        (folder / "chest_xrays" / name).rename(folder / "chest_xrays" / name.upper())
    xrays = data.find_dataset(folder)
    assert xrays.labels == (0,) * 6 + (1,) * 6
    assert len(set(xrays.patients)) == 12


def test_patients_are_read_from_nih_names(make_data):
    folder = make_data(manifest=False, masks=False)
    for number, path in enumerate(sorted(folder.rglob("*.png"))):
        path.rename(path.with_name(f"{number // 2:08d}_{number % 2:03d}.png"))
    xrays = data.find_dataset(folder)
    assert len(set(xrays.patients)) == 6
    assert xrays.patients[0] == "00000003"
    names = [f"{path.name}\n" for path in xrays.files]  # a manifest that does not say patients
    (folder / "manifest.csv").write_text("".join(["file\n", *names]))
    assert data.find_dataset(folder).patients == xrays.patients
    (folder / "manifest.csv").unlink()
    write_png(folder / "chest_xrays" / "normal" / "other.png", make_image(99))
    assert data.find_dataset(folder).patients is None


def test_one_patient_is_no_patients(make_data):
    folder = make_data(images=2)
    edited(folder, "n000,", "e000,")
    for name in ("n001,", "e001,"):
        edited(folder, name, "e000,")
    xrays = data.find_dataset(folder)
    assert str(xrays).endswith("2 effusion, from 1 patient")
    assert "4 images of 1 patient are too few" in refused(data.split, xrays)


def test_simulated_sets_are_named_so(make_data):
    folder = make_data()
    for path in [*folder.rglob("*.png")]:
        path.rename(path.with_name(path.name.replace("n0", "sim0").replace("e0", "sim1")))
    table = folder / "manifest.csv"
    table.write_text(table.read_text().replace("/n0", "/sim0").replace("/e0", "/sim1"))
    xrays = data.find_dataset(folder)
    assert xrays.simulated
    assert xrays.name == "simulated chest X-rays"


def test_what_others_leave_in_folders_is_passed_over(make_data):
    folder = make_data()
    normal = folder / "chest_xrays" / "normal"
    for name in (".DS_Store", "Thumbs.db", "._n000_0.png", "desktop.ini", "notes.txt"):
        (normal / name).write_bytes(b"no image")
    (normal / "older").mkdir()
    (folder / ".ipynb_checkpoints").mkdir()
    assert len(data.find_dataset(folder)) == 12


def edited(folder, old, new):
    table = folder / "manifest.csv"
    text = table.read_text(encoding="utf-8")
    assert old in text
    table.write_bytes(text.replace(old, new).encode("latin-1"))
    return folder


def missing_folder(folder):
    return folder / "nowhere", "nowhere cannot be read (no such file"


def too_long_a_name(folder):
    return folder / ("x" * 300), "xxx cannot be read (file name too long"


def unknown_home(folder):
    return "~nobody-of-this-name/set", "set cannot be read (no such file"


def a_nul(folder):
    return f"{folder}\0x", "\ufffdx cannot be read (no such file"


def a_loop(folder):
    (folder / "loop").symlink_to(folder / "loop")
    return folder / "loop", "loop cannot be read (too many levels of symbolic links"


def not_unicode(folder):
    return f"{folder}/\ud800", "cannot be read ('utf-8' codec can't encode"


def name_of_two_lines(folder):
    (folder / "two\nlines").mkdir()
    return folder / "two\nlines", "/two lines needs two folders"


def a_file(folder):
    return folder / "manifest.csv", "manifest.csv cannot be read (not a directory"


def no_folders(folder):
    shutil.rmtree(folder)
    folder.mkdir()
    return folder, "but it holds no folders: rename"


def missing_class(folder):
    shutil.rmtree(folder / "chest_xrays" / "effusion")
    return folder, "'normal' and 'effusion' that may be read, but it holds normal:"


def other_names(folder):
    for old, new in (("normal", "healthy"), ("effusion", "ill")):
        (folder / "chest_xrays" / old).rename(folder / "chest_xrays" / new)
    return folder / "chest_xrays", "but it holds healthy, ill:"


def empty_class(folder):
    for path in (folder / "chest_xrays" / "normal").iterdir():
        path.unlink()
    return folder, "normal holds no PNG or JPEG images"


def two_sets(folder):
    shutil.copytree(folder / "chest_xrays", folder / "more")
    return folder, "holds more than one set"


def two_cases(folder):
    (folder / "chest_xrays" / "Normal").mkdir()
    return folder, "holds more than one set"


def broken_link(folder):
    (folder / "chest_xrays" / "normal" / "linked.png").symlink_to(folder / "nowhere.png")
    return folder, "linked.png cannot be read (no such file"


def other_format(folder):
    (folder / "chest_xrays" / "normal" / "scan.dcm").write_bytes(b"DICM")
    return folder, "normal/scan.dcm is neither PNG nor JPEG"


def in_both_classes(folder):
    classes = folder / "chest_xrays"
    shutil.copy(classes / "normal" / "n003_0.png", classes / "effusion" / "e002_0.png")
    return folder, "effusion/e002_0.png and normal/n003_0.png are the same file"


def not_in_manifest(folder):
    write_png(folder / "chest_xrays" / "normal" / "new.png", make_image(99))
    return folder, "normal/new.png has 0 rows in "


def not_in_either_manifest(folder):
    (folder / "manifest.csv").write_text("name,price\napple,3\n")
    return folder / "chest_xrays", "n000_0.png in the column 'file', or take the table away"


def empty_manifest(folder):
    (folder / "manifest.csv").write_text("")
    return folder, "normal/n000_0.png has 0 rows in "


def manifest_of_other_names(folder):
    (folder / "manifest.csv").write_text("file,patient\nchest_xrays/normal/other.png,1\n")
    return folder, "normal/n000_0.png has 0 rows in "


def listed_twice(folder):
    table = folder / "manifest.csv"
    with table.open("a") as file:
        file.write("n001_0.png,normal,n002,none,PA,\n")
    return folder, "normal/n001_0.png has 2 rows in "


def in_two_folders(folder):
    effusion = folder / "chest_xrays" / "effusion"
    (effusion / "e000_0.png").rename(effusion / "n000_0.png")
    names = sorted({path.name for path in folder.glob("chest_xrays/*/*.png")})
    (folder / "manifest.csv").write_text("\n".join(["file", *names]))
    return folder, "effusion/n000_0.png has 0 rows in "


def other_label(folder):
    edited(folder, "n001_0.png,normal", "n001_0.png,effusion")
    return folder, "normal/n001_0.png is called effusion in "


def patient_left_out(folder):
    edited(folder, ",n001,", ",,")
    return folder, "normal/n001_0.png has no patient in manifest.csv"


def no_column_of_patients(folder):
    edited(folder, "patient", "the patient")
    return folder, "manifest.csv names no patient, so that one may be in"


def rows_that_end_early(folder):
    table = folder / "manifest.csv"
    lines = table.read_text().splitlines()
    names = [line.split(",")[0] for line in lines[1:]]
    table.write_text("\n".join(["file,view,patient", *(f"{name},7" for name in names)]))
    return folder, "manifest.csv names no patient, so that one may be in"


def manifest_in_another_code(folder):
    edited(folder, ",n001,", ",Größe,")
    return folder, "manifest.csv is no table in UTF-8 ('utf-8' codec"


def manifest_is_a_folder(folder):
    (folder / "manifest.csv").unlink()
    (folder / "manifest.csv").mkdir()
    return folder, "manifest.csv cannot be read ("


BAD_FOLDERS = (
    name_of_two_lines,
    *(missing_folder, too_long_a_name, unknown_home, a_nul, a_file, no_folders, missing_class),
    *(other_names, empty_class, two_sets, two_cases, other_format, in_both_classes),
    *(not_in_manifest, not_in_either_manifest, empty_manifest, manifest_of_other_names),
    *(listed_twice, in_two_folders, other_label, patient_left_out, manifest_in_another_code),
    *(manifest_is_a_folder, no_column_of_patients, not_unicode),
    rows_that_end_early,
    *([a_loop, broken_link] if os.name == "posix" else []),
)


def test_bad_folders_are_refused_in_one_sentence(make_data, tmp_path):
    for spoil in BAD_FOLDERS:
        if spoil is two_cases and (ROOT / "README.MD").exists():
            continue  # this file system does not tell upper from lower case
        given, problem = spoil(make_data(spoil.__name__))
        before = listing(tmp_path)
        assert problem in refused(data.find_dataset, given), spoil.__name__
        assert listing(tmp_path) == before, spoil.__name__


def test_what_may_not_be_read_is_named(make_data, monkeypatch):
    folder = make_data()
    normal, effusion = (folder / "chest_xrays" / name for name in ("normal", "effusion"))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "iterdir", denied(normal, Path.iterdir))
        assert f"{normal} cannot be read (permission denied)" in refused(data.find_dataset, folder)
    with monkeypatch.context() as patch:  # its names may be listed, but nothing in it opened
        patch.setattr(os, "stat", denied(os.path.join(normal, "."), os.stat))
        assert f"{normal} cannot be read (permission denied)" in refused(data.find_dataset, folder)
    with monkeypatch.context() as patch:
        table = folder / "manifest.csv"
        patch.setattr(Path, "read_bytes", denied(table, Path.read_bytes))
        assert f"{table} cannot be read (permission denied)" in refused(data.find_dataset, folder)
    shutil.copy(normal / "n003_0.png", effusion / "e002_0.png")  # so these two are compared
    monkeypatch.setattr(Path, "open", denied(effusion / "e002_0.png", Path.open))
    said = refused(data.find_dataset, folder)
    assert "effusion/e002_0.png cannot be read (permission denied)" in said


def test_a_folder_that_may_not_be_read_blocks_only_itself(make_data, monkeypatch):
    folder = make_data()
    (folder / "lost+found").mkdir()
    for original in (os.listdir, os.scandir):  # as for a user; root may read all
        closed = denied(str(folder / "lost+found"), original)
        monkeypatch.setattr(os, original.__name__, lambda p, closed=closed: closed(str(p)))
    assert len(data.find_dataset(folder)) == 12
    (folder / "chest_xrays").rename(folder.parent / "elsewhere")
    said = refused(data.find_dataset, folder)
    assert "that may be read, but it holds lost+found, outlines:" in said


def test_files_of_equal_size_are_read_once_and_others_not_at_all(make_data, monkeypatch):
    folder = make_data(images=10, manifest=False)
    files = sorted(folder.glob("chest_xrays/*/*.png"))
    largest = max(path.stat().st_size for path in files)
    for number, path in enumerate(files):
        other = [300, 301][path.parent.name == "normal"] if number % 10 == 0 else 0
        path.write_bytes(path.read_bytes().ljust(largest + other, b"\0"))
    read = Counter()
    original = Path.open
    monkeypatch.setattr(Path, "open", lambda p, how: (read.update([p.name]), original(p, how))[1])
    data.find_dataset(folder)
    assert len(read) == 18
    assert set(read.values()) == {1}


def test_manifests_are_read_however_they_write_paths_and_wherever_they_lie(make_data):
    folder = make_data()
    table = folder / "manifest.csv"
    text = table.read_text()
    known = data.find_dataset(folder)
    for written in (
        "\ufeff" + text,  # as Excel saves it
        text.replace("\n", "\r\n"),
        text.replace("chest_xrays/normal/", r"C:\lesson\chest_xrays\normal" + "\\"),
        text.replace("chest_xrays/", "./").replace("normal/", "Normal/"),
        text.replace(",effusion,", ",Effusion ,"),
        text.replace(",label,", ",class,"),  # the folder says it
        text.replace(",", ";"),  # Excel where a comma is the decimal point
        "\ufeffsep=;\r\n" + text.replace(",", ";").replace("\n", "\r\n"),
        text.replace(",", "\t"),
        text.replace("file,", ' "File" ;').replace("patient", " Patient").replace(",", ";"),
        "\n,,\n" + text.replace("\n", "\n\n") + ",,,,,,,,\n",  # empty rows
        text.replace("chest_xrays/normal/", "").replace("chest_xrays/effusion/", ""),
        text.replace("chest_xrays/normal/", "D:/scans/").replace("\n", "\r"),
        text + "chest_xrays/normal/gone.png,normal,n999,none,PA,\n",  # taken away by a learner
        text.replace(",n001,none,PA,", ",n001"),  # a row that is too short
    ):
        table.write_text(written, encoding="utf-8", newline="")
        assert data.find_dataset(folder) == known, written
        rows = data.find_dataset(folder).manifest
        assert [row["patient"] for row in rows] == [*known.patients]
        assert len({tuple(row) for row in rows}) == 1  # the same columns in each
    for code in ("utf-16", "utf-16-le", "utf-16-be"):  # "Unicode text"
        mark = "" if code == "utf-16" else "\ufeff"
        table.write_text(mark + text.replace(",", "\t"), encoding=code)
        assert data.find_dataset(folder) == known
    table.write_text(text)
    for name in ("manifest.csv", "outlines"):  # or beside the class folders
        (folder / name).rename(folder / "chest_xrays" / name)
    xrays = data.find_dataset(folder)
    assert xrays.patients == known.patients
    assert sum(mask is not None for mask in xrays.masks) == 6


def test_names_are_the_same_however_a_system_writes_their_accents(make_data):
    folder = make_data()
    text = (folder / "manifest.csv").read_text()
    for form, other in [("NFC", "NFD"), ("NFD", "NFC")]:
        name, written = (unicodedata.normalize(each, "Jürgen_é") for each in (form, other))
        for path in [*folder.rglob("*0_0.png")]:
            path.rename(path.with_name(f"{name}{path.name}"))
        for path in folder.glob("outlines/Jü*"):
            path.rename(path.with_name(f"{written}{path.name.removeprefix(name)}"))
        rows = text.replace("al/n000", f"al/{written}n000").replace("on/e000", f"on/{written}e000")
        (folder / "manifest.csv").write_text(rows, encoding="utf-8")
        xrays = data.find_dataset(folder)
        assert len(set(xrays.patients)) == 12
        assert sum(mask is not None for mask in xrays.masks) == 6
        shutil.rmtree(folder)
        make_data()


def test_a_manifest_outside_of_the_data_may_be_of_something_else(make_data):
    folder = make_data(manifest=False)
    (folder / "chest_xrays").rename(folder / "mine")
    for text in ("name,price\napple,3\n", "file,patient\nchest_xrays/normal/other.png,1\n", ""):
        (folder / "manifest.csv").write_text(text)
        xrays = data.find_dataset(folder / "mine")
        assert (xrays.patients, xrays.folder) == (None, folder / "mine")
    names = [f"{p.parent.name}/{p.name}," for p in sorted(folder.glob("mine/*/*.png"))]
    (folder / "manifest.csv").write_text("\n".join(["file,patient", *names]))
    assert "names no patient" in refused(data.find_dataset, folder / "mine")  # it is ours


# ---------------------------------------------------------------- load


def test_load_gives_standardised_small_images(make_data):
    xrays = data.find_dataset(make_data(size=96))
    images, labels = data.load(xrays, 48)
    assert (images.shape, images.dtype) == ((12, 48, 48, 1), np.float32)
    assert (labels.tolist(), labels.dtype) == ([0] * 6 + [1] * 6, np.int64)
    np.testing.assert_allclose(images.mean((1, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(images.std((1, 2, 3)), 1, atol=1e-5)
    for image, path in zip(images, xrays.files, strict=True):
        grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        small = cv2.resize(grey, (48, 48), interpolation=cv2.INTER_AREA)
        np.testing.assert_array_equal(image[:, :, 0], standardise(small))
    assert data.load(xrays)[0].shape == (12, 256, 256, 1)


def test_mixed_sizes_and_shapes_load_together(make_data):
    folder = make_data()
    for index, shape in enumerate([(200, 200), (90, 60), (60, 90)]):
        write_png(folder / "chest_xrays" / "normal" / f"n00{index}_0.png", make_image(7, *shape))
    images, _ = data.load(data.find_dataset(folder), 32)
    assert images.shape == (12, 32, 32, 1)
    assert np.abs(images.mean((1, 2, 3))).max() < 1e-5
    assert (images[1, :, 0] == images[1, 0, 0]).all()  # the black edge of the narrow one
    assert (images[2, 0] == images[2, 0, 0]).all()


def test_load_names_the_bad_file(make_data):
    folder = make_data()
    xrays = data.find_dataset(folder)
    constant = cv2.imencode(".png", np.full((64, 64), 9, np.uint8))[1].tobytes()
    chessboard = cv2.imencode(".png", np.indices((64, 64)).sum(0).astype(np.uint8) % 2 * 255)[1]
    last = folder / "chest_xrays" / "effusion" / "e004_0.png"
    for content, problem, size in [
        (b"no image", "is not a PNG or JPEG", 256),
        (constant, "is constant", 256),
        (chessboard.tobytes(), "is constant", 32),  # at this size
        (None, "cannot be read (no such file", 256),
    ]:
        last.write_bytes(content) if content else last.unlink()
        before = listing(folder)
        assert f"effusion/e004_0.png {problem}" in refused(data.load, xrays, size)
        assert listing(folder) == before
    assert "size must be at least 1" in refused(data.load, xrays, 0)


def test_images_are_read_at_the_same_time(make_data, monkeypatch):
    xrays = data.find_dataset(make_data(images=6))
    expected, _ = data.load(xrays, 32)
    together = threading.Barrier(4, timeout=10)  # only four readers at once get past it
    original = data.read_image

    def read(path):
        together.wait()
        return original(path)

    monkeypatch.setattr(data, "read_image", read)
    monkeypatch.setattr(data.os, "cpu_count", lambda: 4)
    images, _ = data.load(xrays, 32)
    np.testing.assert_array_equal(images, expected)


def test_large_files_need_little_memory(make_data):
    xrays = data.find_dataset(make_data(images=8, size=512, masks=False))
    tracemalloc.start()
    images, _ = data.load(xrays, 64)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < images.nbytes * 1.5 + (os.cpu_count() + 2) * 2 * 512 * 512


# ---------------------------------------------------------------- masks


def test_masks_fit_the_images(make_data):
    folder = make_data(size=64)
    outlines = folder / "outlines"
    (outlines / "e003_0.png").unlink()
    tall = np.zeros((128, 64), np.uint8)  # gets the edges that its X-ray gets
    tall[64:, :16] = 255
    write_png(outlines / "e004_0.png", tall)
    odd = np.zeros((64, 64), np.uint8)
    odd[33:, :15] = 255  # half of the pixels at its edge, a quarter of that in the corner
    write_png(outlines / "e002_0.png", odd)
    masks = data.load_masks(data.find_dataset(folder), 32)
    assert (masks.shape, masks.dtype) == ((12, 32, 32), bool)
    assert not masks[:6].any()
    assert not masks[9].any()
    for index, columns in [(6, slice(8)), (7, slice(8)), (8, slice(8)), (10, slice(8, 12))]:
        expected = np.zeros((32, 32), bool)
        expected[16:, columns] = True
        expected[16, 7] = expected[16, 7] and index != 8
        np.testing.assert_array_equal(masks[index], expected)
    masks = data.load_masks(data.find_dataset(make_data("other", masks=False)), 16)
    assert masks.shape == (12, 16, 16)
    assert not masks.any()
    (outlines / "e005_0.png").write_bytes(b"no image")
    said = refused(data.load_masks, data.find_dataset(folder))
    assert "The mask outlines/e005_0.png is not a PNG or JPEG" in said


# ---------------------------------------------------------------- second batch


def test_the_second_batch_is_three_sets_with_all_that_is_known():
    for batch, count in zip(data.load_second_batch(), (300, 600, 300), strict=True):
        assert (batch.images.shape, batch.images.dtype) == ((count, 64, 64, 1), np.float32)
        np.testing.assert_allclose(batch.images.mean(axis=(1, 2, 3)), 0, atol=1e-5)
        np.testing.assert_allclose(batch.images.std(axis=(1, 2, 3)), 1, atol=1e-5)
        assert (batch.masks.shape, batch.masks.dtype) == ((count, 64, 64), bool)
        assert (batch.labels.shape, batch.labels.dtype) == ((count,), np.int64)
        assert set(batch.labels) == {0, 1}
        assert not batch.masks[batch.labels == 0].any()
        assert len(batch.patients) == count
        assert all(len(values) == count for values in batch.attributes.values())


def test_a_missing_or_damaged_second_batch_is_one_sentence(monkeypatch, tmp_path):
    names = ("same_hospital_validation", "same_hospital_test", "other_hospital")
    whole = [data.SECOND_BATCH / f"{name}.npz" for name in names]
    monkeypatch.setattr(data, "SECOND_BATCH", tmp_path)
    assert f"{names[0]}.npz is missing or damaged: download" in refused(data.load_second_batch)
    for path in whole:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    assert len(data.load_second_batch()) == 3
    last = tmp_path / whole[-1].name
    content = last.read_bytes()
    spoilt = content[: len(content) // 2] + b"?" * 64 + content[len(content) // 2 + 64 :]
    for damaged in (b"", b"no archive", content[: len(content) // 2], spoilt):
        last.write_bytes(damaged)
        assert "other_hospital.npz is missing or damaged" in refused(data.load_second_batch)
    np.savez(last, images=np.ones((2, 64, 64), np.uint8))  # constant, and the rest is missing
    assert "other_hospital.npz is missing or damaged" in refused(data.load_second_batch)


# ---------------------------------------------------------------- split


def make_set(labels, patients=None):
    files = tuple(Path(f"x{index}.png") for index in range(len(labels)))
    return data.Dataset("test", Path(), files, tuple(labels), patients, None, False)


def assert_is_split(parts, labels, patients=None):
    assert all(part.dtype == np.int64 for part in parts)
    assert all((np.diff(part) > 0).all() for part in parts)
    assert sorted(np.concatenate(parts)) == list(range(len(labels)))
    for part in parts:
        assert set(np.array(labels)[part]) == {0, 1}
    if patients is not None:
        sides = [set(np.array(patients)[part]) for part in parts]
        assert not (sides[0] & sides[1] or sides[0] & sides[2] or sides[1] & sides[2])


def several_images(patients, seed=0):
    rng = np.random.default_rng(seed)
    names, labels = [], []
    for number in range(patients):
        images = int(rng.integers(1, 4))
        names += [f"p{number}"] * images
        labels += [number % 2] * images
    return labels, tuple(names)


def test_seven_hundred_patients_give_505_90_105():
    from sklearn.model_selection import train_test_split

    labels = [0] * 350 + [1] * 350
    rest, test = train_test_split(np.arange(700), test_size=0.15, stratify=labels, random_state=42)
    train, validation = train_test_split(
        rest, test_size=0.15, stratify=np.array(labels)[rest], random_state=42
    )
    for patients in (None, tuple(f"p{index}" for index in range(700))):
        parts = data.split(make_set(labels, patients))
        assert [len(part) for part in parts] == [505, 90, 105]
        assert_is_split(parts, labels)
        for part, expected in zip(parts, (train, validation, test), strict=True):
            np.testing.assert_array_equal(part, np.sort(expected))


def test_no_patient_is_on_two_sides():
    for patients in (60, 110, 350):
        labels, names = several_images(patients)
        parts = data.split(make_set(labels, names))
        assert_is_split(parts, labels, names)
        total, ill = len(labels), np.mean(labels)
        assert abs(len(parts[2]) - 0.145 * total) <= 0.01 * total + 1
        assert abs(len(parts[1]) - 0.145 * 0.855 * total) <= 0.01 * total + 1
        for part in parts:
            assert abs(np.array(labels)[part].sum() - ill * len(part)) <= 3
    names = tuple(f"p{index // 2}" for index in range(80))  # some have images of both classes
    labels = [index % 2 if index < 40 else index // 2 % 2 for index in range(80)]
    assert_is_split(data.split(make_set(labels, names)), labels, names)


def test_small_sets_split_too():
    for patients in (8, 10, 14, 20):
        for seed in range(5):
            labels, names = several_images(patients, seed)
            assert_is_split(data.split(make_set(labels, names)), labels, names)


def test_the_seed_decides():
    labels, names = several_images(110)
    for xrays in (make_set(labels, names), make_set(labels)):
        for one, two in zip(data.split(xrays), data.split(xrays, seed=42), strict=True):
            np.testing.assert_array_equal(one, two)
        assert not np.array_equal(data.split(xrays)[2], data.split(xrays, seed=1)[2])


@pytest.mark.filterwarnings("error")
def test_too_few_to_split_is_said():
    for labels, patients, people in [
        ([0, 0, 0, 1, 1, 1], None, 6),
        ([0] * 20 + [1] * 20, ("a",) * 20 + ("b",) * 20, 2),
        ([0, 0, 1, 0, 0, 0, 1, 1], tuple("cccadaba"), 4),
        ([0] * 20 + [1], ("a",) * 5 + tuple("bcdefghijklmnopq"), 17),
    ]:
        said = refused(data.split, make_set(labels, patients))
        assert f"{len(labels)} images of {people} patients are too few to split" in said


# ---------------------------------------------------------------- real X-rays


def test_real_xrays_load_and_split(real_xrays):
    xrays = data.find_dataset(real_xrays)
    assert (len(xrays), sum(xrays.labels)) == (700, 350)
    images, _ = data.load(xrays, 64)
    assert np.isfinite(images).all()
    assert np.abs(images.mean((1, 2, 3))).max() < 1e-4
    assert [len(part) for part in data.split(xrays)] == [505, 90, 105]
