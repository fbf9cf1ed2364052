"""Finding, loading and splitting a data set."""

import errno
import os
import shutil
import subprocess
import sys
import threading
import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest

from conftest import ROOT, is_one_sentence, make_image, write_png
from helpers import cache, data


def listing(folder):
    return sorted((str(p), p.stat().st_size) for p in folder.rglob("*"))


def run(*arguments, **options):
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, **options
    )


# ---------------------------------------------------------------- import and command line


def test_import_is_light():
    heavy = ["tensorflow", "keras", "sklearn", "scipy", "matplotlib", "pooch", "requests", "PIL"]
    code = (
        "import sys, time, numpy, cv2; start = time.perf_counter(); import helpers.data;"
        f"print([m for m in {heavy} if m in sys.modules], time.perf_counter() - start < 0.5)"
    )
    assert run("-c", code).stdout.strip() == "[] True"


@pytest.mark.parametrize("arguments", [[], ["eat"]])
def test_a_wrong_command_prints_the_usage(arguments):
    answer = run("-m", "helpers.data", *arguments)
    assert answer.returncode == 2
    assert "Usage: python -m helpers.data fetch" in answer.stderr
    assert "nih" in answer.stderr


def test_a_bad_command_line_ends_in_one_sentence(tmp_path):
    options = ["--images", tmp_path, "--entries", tmp_path / "no.csv", "--out", tmp_path / "out"]
    answer = run("-m", "helpers.data", "nih", *map(str, options))
    assert answer.returncode == 1
    assert is_one_sentence(answer.stderr)
    assert "no.csv" in answer.stderr


# ---------------------------------------------------------------- find


def test_bundled_data_is_found_without_saying_anything():
    xrays = data.find()
    if (ROOT / "data" / "downloads" / "chest_xrays").exists():
        pytest.skip("the real X-rays are downloaded, so they are found first")
    assert xrays.name == "simulated chest X-rays (bundled)"
    assert xrays.simulated
    assert str(xrays).startswith(
        "Data: simulated chest X-rays (bundled) – 200 images: 100 normal, 100 effusion, from "
    )
    assert xrays.folder == ROOT / "data"
    outlined = [outline is not None for outline in xrays.outlines]
    assert outlined == [label == 1 for label in xrays.labels]


def test_everything_known_is_listed_in_order(make_data):
    folder = make_data(images=4, per_patient=2)
    xrays = data.find(folder)
    assert [p.name for p in xrays.files] == [
        *("n000_0.png", "n000_1.png", "n001_0.png", "n001_1.png"),
        *("e000_0.png", "e000_1.png", "e001_0.png", "e001_1.png"),
    ]
    assert xrays.labels == (0, 0, 0, 0, 1, 1, 1, 1)
    assert xrays.patients == ("n000", "n000", "n001", "n001", "e000", "e000", "e001", "e001")
    assert xrays.outlines[:4] == (None,) * 4
    assert [p.stem for p in xrays.outlines[4:]] == ["e000_0", "e000_1", "e001_0", "e001_1"]
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
    lesson = tmp_path / "lesson"
    monkeypatch.setattr(data, "ROOT", lesson)
    make_data("lesson/data")
    assert data.find().name == "simulated chest X-rays (bundled)"
    make_data("lesson/data/downloads", manifest=False, outlines=False)
    assert data.find().name == "real chest X-rays (downloaded)"
    monkeypatch.setenv("CHEST_XRAYS", str(make_data("by variable")))
    assert data.find().name == "chest X-rays in by variable"
    assert data.find(make_data("by argument")).name == "chest X-rays in by argument"
    monkeypatch.setenv("CHEST_XRAYS", "")
    assert data.find().name == "real chest X-rays (downloaded)"


def test_a_relative_folder_counts_from_here_then_from_the_lesson(make_data, monkeypatch, tmp_path):
    (tmp_path / "lesson" / "notebooks").mkdir(parents=True)
    make_data("mine")
    monkeypatch.setattr(data, "ROOT", tmp_path / "lesson")
    monkeypatch.chdir(tmp_path / "lesson" / "notebooks")
    assert data.find("../../mine").folder == tmp_path / "mine"
    assert data.find("../mine").folder == tmp_path / "mine"


@pytest.mark.parametrize("depth", ["", "chest_xrays"])
def test_manifest_and_outlines_are_found_from_either_folder(make_data, depth):
    folder = make_data()
    xrays = data.find(folder / depth)
    assert len(set(xrays.patients)) == 12
    assert sum(outline is not None for outline in xrays.outlines) == 6
    assert xrays.folder == folder
    assert xrays.name == "chest X-rays in set"


def test_class_folders_directly_in_the_folder(make_data):
    folder = make_data(manifest=False, outlines=False) / "chest_xrays"
    bare = folder.rename(folder.parent.parent / "bare")
    xrays = data.find(bare)
    assert (len(xrays), xrays.patients, xrays.outlines) == (12, None, None)
    assert str(xrays) == "Data: chest X-rays in bare – 12 images: 6 normal, 6 effusion"


def test_patients_are_read_from_nih_names(make_data):
    folder = make_data(manifest=False, outlines=False)
    for number, path in enumerate(sorted(folder.rglob("*.png"))):
        path.rename(path.with_name(f"{number // 2:08d}_{number % 2:03d}.png"))
    xrays = data.find(folder)
    assert len(set(xrays.patients)) == 6
    assert xrays.patients[0] == "00000003"


def test_simulated_sets_are_named_so(make_data):
    folder = make_data()
    for path in [*folder.rglob("*.png")]:
        path.rename(path.with_name(path.name.replace("n0", "sim0").replace("e0", "sim1")))
    table = folder / "manifest.csv"
    text = table.read_text().replace("/n0", "/sim0").replace("/e0", "/sim1")
    table.write_text(text)
    xrays = data.find(folder)
    assert xrays.simulated
    assert xrays.name == "simulated chest X-rays"


def test_what_others_leave_in_folders_is_passed_over(make_data):
    folder = make_data()
    normal = folder / "chest_xrays" / "normal"
    for name in (".DS_Store", "Thumbs.db", "._n000_0.png", "desktop.ini", "notes.txt"):
        (normal / name).write_bytes(b"no image")
    (normal / "older").mkdir()
    (folder / ".ipynb_checkpoints").mkdir()
    assert len(data.find(folder)) == 12


def test_class_folders_in_another_letter_case(make_data):
    folder = make_data()
    for name in ("normal", "effusion"):
        (folder / "chest_xrays" / name).rename(folder / "chest_xrays" / name.upper())
    xrays = data.find(folder)
    assert xrays.labels.count(1) == 6
    assert len(set(xrays.patients)) == 12


def missing_folder(folder):
    return folder / "nowhere", "nowhere cannot be read"


def missing_class(folder):
    shutil.rmtree(folder / "chest_xrays" / "effusion")
    return folder, "needs two folders named 'normal' and 'effusion', but normal was found"


def other_names(folder):
    for old, new in (("normal", "healthy"), ("effusion", "ill")):
        (folder / "chest_xrays" / old).rename(folder / "chest_xrays" / new)
    return folder / "chest_xrays", "but healthy, ill was found"


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


def other_format(folder):
    (folder / "chest_xrays" / "normal" / "scan.dcm").write_bytes(b"DICM")
    return folder, "normal/scan.dcm is neither PNG nor JPEG"


def in_both_classes(folder):
    classes = folder / "chest_xrays"
    shutil.copy(classes / "normal" / "n003_0.png", classes / "effusion" / "e002_0.png")
    return folder, "effusion/e002_0.png and normal/n003_0.png are the same file"


def not_in_manifest(folder):
    write_png(folder / "chest_xrays" / "normal" / "new.png", make_image(99))
    return folder, "normal/new.png is not listed in manifest.csv"


def other_label(folder):
    table = folder / "manifest.csv"
    table.write_text(table.read_text().replace("n001_0.png,normal", "n001_0.png,effusion"))
    return folder, "normal/n001_0.png is called effusion in manifest.csv"


def patient_left_out(folder):
    table = folder / "manifest.csv"
    table.write_text(table.read_text().replace(",n001,", ",,"))
    return folder, "normal/n001_0.png has no patient in manifest.csv"


def manifest_in_another_code(folder):
    table = folder / "manifest.csv"
    table.write_bytes(table.read_bytes() + "Größe".encode("latin-1"))
    return folder, "manifest.csv is not a table in UTF-8"


BAD_FOLDERS = (
    *(missing_folder, missing_class, other_names, empty_class, two_sets, two_cases),
    *(other_format, in_both_classes, not_in_manifest, other_label, patient_left_out),
    manifest_in_another_code,
)


@pytest.mark.parametrize("spoil", BAD_FOLDERS)
def test_bad_folders_are_refused_in_one_sentence(make_data, spoil):
    if spoil is two_cases and (ROOT / "README.MD").exists():
        pytest.skip("this file system does not tell upper from lower case")
    folder, problem = spoil(make_data())
    before = listing(folder.parent)
    with pytest.raises(data.DataError) as error:
        data.find(folder)
    assert problem in str(error.value)
    assert is_one_sentence(error)
    assert listing(folder.parent) == before


def test_an_unreadable_class_folder_is_named(make_data, monkeypatch):
    folder = make_data()
    normal = folder / "chest_xrays" / "normal"
    original = Path.iterdir

    def refuse(path):
        if path == normal:
            raise PermissionError(errno.EACCES, "Permission denied")
        return original(path)

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(data.DataError, match=r"normal cannot be read \(permission") as error:
        data.find(folder)
    assert is_one_sentence(error)


def test_a_manifest_of_something_else_is_passed_over(make_data):
    folder = make_data(manifest=False)
    (folder / "manifest.csv").write_text("name,price\napple,3\n")
    assert data.find(folder).patients is None
    (folder / "manifest.csv").write_text("file,patient\nchest_xrays/normal/other.png,1\n")
    assert data.find(folder).patients is None


# ---------------------------------------------------------------- load


def test_load_gives_standardised_small_images(make_data):
    folder = make_data(size=96)
    xrays = data.find(folder)
    images, labels = data.load(xrays, 48)
    assert images.shape == (12, 48, 48, 1)
    assert images.dtype == np.float32
    assert labels.dtype == np.int64
    assert labels.tolist() == [0] * 6 + [1] * 6
    for image, path in zip(images, xrays.files, strict=True):
        grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        small = cv2.resize(grey, (48, 48), interpolation=cv2.INTER_AREA)
        expected = (small - small.mean()) / small.std()
        np.testing.assert_allclose(image[:, :, 0], expected, rtol=1e-5, atol=1e-6)


def test_mixed_sizes_and_shapes_load_together(make_data):
    folder = make_data()
    for index, shape in enumerate([(200, 200), (90, 60), (60, 90)]):
        write_png(folder / "chest_xrays" / "normal" / f"n00{index}_0.png", make_image(7, *shape))
    images, _ = data.load(data.find(folder), 32)
    assert images.shape == (12, 32, 32, 1)
    assert np.abs(images.mean((1, 2, 3))).max() < 1e-5
    assert (images[1, :, 0] == images[1, 0, 0]).all()  # the black edge of the narrow one


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"no image", "is not a PNG or JPEG"),
        (cv2.imencode(".png", np.full((64, 64), 9, np.uint8))[1].tobytes(), "is constant"),
    ],
)
def test_load_names_the_bad_file(make_data, content, problem):
    folder = make_data()
    xrays = data.find(folder)
    (folder / "chest_xrays" / "effusion" / "e004_0.png").write_bytes(content)
    before = listing(folder)
    with pytest.raises(data.DataError, match=problem) as error:
        data.load(xrays)
    assert "effusion/e004_0.png" in str(error.value)
    assert is_one_sentence(error)
    assert listing(folder) == before


def test_load_names_a_file_that_has_gone(make_data):
    xrays = data.find(make_data())
    xrays.files[2].unlink()
    with pytest.raises(data.DataError, match=r"normal/n002_0\.png has gone") as error:
        data.load(xrays)
    assert is_one_sentence(error)


def test_images_are_read_at_the_same_time(make_data, monkeypatch):
    xrays = data.find(make_data(images=6))
    expected, _ = data.load(xrays, 32)
    shutil.rmtree(data.work_folder())
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
    xrays = data.find(make_data(images=8, size=512, outlines=False))
    tracemalloc.start()
    images, _ = data.load(xrays, 64)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < images.nbytes * 1.5 + (os.cpu_count() + 2) * 2 * 512 * 512


def test_progress_ends_the_same_with_and_without_cache(make_data, capsys):
    xrays = data.find(make_data())
    data.load(xrays, 32)
    assert capsys.readouterr().out == ""
    data.load(xrays, 48, progress=True)
    cold = capsys.readouterr().out
    data.load(xrays, 48, progress=True)
    warm = capsys.readouterr().out
    assert "loading 0 of 12" in cold
    assert cold.rsplit("\r", 1)[1] == warm.rsplit("\r", 1)[1] == "loading 12 of 12\n"


# ---------------------------------------------------------------- cache


@pytest.fixture
def counted(monkeypatch):
    """Count the images that are decoded."""
    seen = []
    original = data.read_image
    monkeypatch.setattr(data, "read_image", lambda path: (seen.append(path), original(path))[1])
    return seen


def cache_files():
    return sorted((data.work_folder() / "cache").iterdir())


def test_the_second_load_decodes_nothing(make_data, counted):
    xrays = data.find(make_data())
    first, _ = data.load(xrays, 32)
    assert len(counted) == 12
    second, labels = data.load(xrays, 32)
    assert len(counted) == 12
    np.testing.assert_array_equal(first, second)
    assert labels.sum() == 6
    data.load(xrays, 40)
    assert len(counted) == 24


def test_changed_new_and_removed_files_are_noticed(make_data, counted):
    folder = make_data(manifest=False)
    normal = folder / "chest_xrays" / "normal"
    data.load(data.find(folder), 64)

    path = normal / "n000_0.png"
    image = make_image(77)
    content = cv2.imencode(".png", image)[1].tobytes()
    path.write_bytes(content)
    images, _ = data.load(data.find(folder), 64)
    np.testing.assert_array_equal(images[0, :, :, 0], data.standardise(image))

    flipped = cv2.imencode(".png", 255 - image)[1].tobytes()
    path.write_bytes(flipped + bytes(max(0, len(content) - len(flipped))))  # as long as before
    images, _ = data.load(data.find(folder), 64)
    np.testing.assert_array_equal(images[0, :, :, 0], data.standardise(255 - image))

    write_png(normal / "n00x.png", make_image(5))
    assert len(data.load(data.find(folder), 64)[0]) == 13
    (normal / "n00x.png").unlink()
    assert len(data.load(data.find(folder), 64)[0]) == 12

    # Two files change names: the same names, sizes and times, but in another order.
    one, two = normal / "n001_0.png", normal / "n002_0.png"
    before, _ = data.load(data.find(folder), 64)
    one.rename(normal / "x"), two.rename(one), (normal / "x").rename(two)
    after, _ = data.load(data.find(folder), 64)
    np.testing.assert_array_equal(after[[2, 1]], before[[1, 2]])


def test_the_cache_does_not_grow(make_data, monkeypatch):
    folder = make_data(manifest=False)
    for seed in range(5):
        write_png(folder / "chest_xrays" / "normal" / "n000_0.png", make_image(100 + seed))
        data.load(data.find(folder), 32)
    assert len(cache_files()) == 1
    monkeypatch.setattr(cache, "ENTRIES", 3)
    for size in range(40, 46):
        data.load(data.find(folder), size)
    assert len(cache_files()) == 3


@pytest.mark.parametrize("harm", ["cut", "changed", "empty", "other"])
def test_a_damaged_cache_is_made_again(make_data, counted, harm):
    xrays = data.find(make_data())
    expected, _ = data.load(xrays, 64)
    (path,) = cache_files()
    content = bytearray(path.read_bytes())
    if harm == "cut":
        content = content[: len(content) // 2]
    elif harm == "changed":
        content[len(content) // 2] ^= 255
    elif harm == "empty":
        content = b""
    if harm == "other":
        with path.open("wb") as file:
            np.savez(file, small=np.zeros((3, 3)))
    else:
        path.write_bytes(content)
    images, _ = data.load(xrays, 64)
    np.testing.assert_array_equal(images, expected)
    assert len(counted) == 24
    data.load(xrays, 64)
    assert len(counted) == 24


def test_a_cache_that_cannot_be_written_only_costs_time(make_data, counted, monkeypatch):
    xrays = data.find(make_data())

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(data.np, "savez", lambda file, **_: (file.write(b"half"), full()))
        assert len(data.load(xrays, 32)[0]) == 12
        assert cache_files() == []
        patch.setattr(data.os, "replace", full)
        assert len(data.load(xrays, 32)[0]) == 12
        assert cache_files() == []
    (data.work_folder() / "cache").rmdir()
    (data.work_folder() / "cache").write_text("in the way")
    assert len(data.load(xrays, 32)[0]) == 12
    (Path(os.environ["CHEST_XRAYS_WORK"]) / "cache").unlink()
    Path(os.environ["CHEST_XRAYS_WORK"]).rmdir()
    Path(os.environ["CHEST_XRAYS_WORK"]).write_text("in the way")
    assert len(data.load(xrays, 32)[0]) == 12
    assert len(counted) == 48


def test_nobody_sees_half_a_cache(make_data, monkeypatch):
    xrays = data.find(make_data())
    original, seen = np.savez, []

    def save(file, **arrays):
        original(file, **arrays)
        seen.extend(p.suffix for p in cache_files())

    monkeypatch.setattr(data.np, "savez", save)
    data.load(xrays, 32)
    assert seen == [".part"]
    assert [p.suffix for p in cache_files()] == [".npz"]


def test_work_folder(monkeypatch, tmp_path):
    assert data.work_folder() == tmp_path / "work"
    assert data.work_folder().is_dir()
    monkeypatch.setattr(data, "ROOT", tmp_path / "lesson")
    monkeypatch.setenv("CHEST_XRAYS_WORK", "mine")
    assert data.work_folder() == tmp_path / "lesson" / "mine"
    monkeypatch.delenv("CHEST_XRAYS_WORK")
    assert data.work_folder() == tmp_path / "lesson" / "work"
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CHEST_XRAYS_WORK", str(tmp_path / "file" / "work"))
    with pytest.raises(data.DataError, match="set CHEST_XRAYS_WORK") as error:
        data.work_folder()
    assert is_one_sentence(error)


# ---------------------------------------------------------------- outlines


def test_outlines_fit_the_images(make_data):
    folder = make_data(size=64)
    (folder / "outlines" / "e003_0.png").unlink()
    masks = data.load_outlines(data.find(folder), 32)
    expected = np.zeros((32, 32), bool)
    expected[16:, :8] = True
    assert masks.dtype == bool
    assert masks.shape == (12, 32, 32)
    assert not masks[:6].any()
    assert not masks[9].any()
    for index in (6, 7, 8, 10, 11):
        np.testing.assert_array_equal(masks[index], expected)


def test_without_outlines_all_is_false(make_data):
    masks = data.load_outlines(data.find(make_data(outlines=False)), 16)
    assert masks.shape == (12, 16, 16)
    assert not masks.any()


# ---------------------------------------------------------------- split


def make_set(labels, patients=None):
    files = tuple(Path(f"x{index}.png") for index in range(len(labels)))
    return data.Dataset("test", Path(), files, tuple(labels), patients, None, False)


def assert_is_split(parts, labels, patients=None):
    assert all(part.dtype == np.int64 for part in parts)
    assert all((np.diff(part) > 0).all() for part in parts)
    together = np.concatenate(parts)
    assert sorted(together) == list(range(len(labels)))
    for part in parts:
        assert set(np.array(labels)[part]) == {0, 1}
    if patients is not None:
        sides = [set(np.array(patients)[part]) for part in parts]
        assert not (sides[0] & sides[1] or sides[0] & sides[2] or sides[1] & sides[2])


@pytest.mark.parametrize("known", [False, True])
def test_seven_hundred_patients_give_505_90_105(known):
    from sklearn.model_selection import train_test_split

    labels = [0] * 350 + [1] * 350
    patients = tuple(f"p{index}" for index in range(700)) if known else None
    parts = data.split(make_set(labels, patients))
    assert [len(part) for part in parts] == [505, 90, 105]
    assert_is_split(parts, labels)
    rest, test = train_test_split(np.arange(700), test_size=0.15, stratify=labels, random_state=42)
    train, validation = train_test_split(
        rest, test_size=0.15, stratify=np.array(labels)[rest], random_state=42
    )
    for part, expected in zip(parts, (train, validation, test), strict=True):
        np.testing.assert_array_equal(part, np.sort(expected))


def several_images(patients, seed=0):
    rng = np.random.default_rng(seed)
    names, labels = [], []
    for number in range(patients):
        images = int(rng.integers(1, 4))
        names += [f"p{number}"] * images
        labels += [number % 2] * images
    return labels, tuple(names)


@pytest.mark.parametrize("patients", [60, 110, 350])
def test_no_patient_is_on_two_sides(patients):
    labels, names = several_images(patients)
    parts = data.split(make_set(labels, names))
    assert_is_split(parts, labels, names)
    total, share = len(labels), np.mean(labels)
    assert abs(len(parts[2]) - 0.145 * total) <= 0.01 * total + 1
    assert abs(len(parts[1]) - 0.145 * 0.855 * total) <= 0.01 * total + 1
    for part in parts:
        assert abs(np.array(labels)[part].sum() - share * len(part)) <= 3


@pytest.mark.parametrize("patients", [8, 10, 14, 20])
@pytest.mark.parametrize("seed", range(5))
def test_small_sets_split_too(patients, seed):
    labels, names = several_images(patients, seed)
    assert_is_split(data.split(make_set(labels, names)), labels, names)


def test_patients_with_images_of_both_classes():
    names = tuple(f"p{index // 2}" for index in range(80))
    labels = [index % 2 if index < 40 else index // 2 % 2 for index in range(80)]
    assert_is_split(data.split(make_set(labels, names)), labels, names)


def test_the_seed_decides():
    labels, names = several_images(110)
    xrays = make_set(labels, names)
    for one, two in zip(data.split(xrays), data.split(xrays), strict=True):
        np.testing.assert_array_equal(one, two)
    assert not np.array_equal(data.split(xrays)[2], data.split(xrays, seed=1)[2])


@pytest.mark.parametrize(
    ("labels", "patients"),
    [
        ([0, 0, 0, 1, 1, 1], None),
        ([0] * 20 + [1] * 20, ("a",) * 20 + ("b",) * 20),
        ([0, 0, 1, 0, 0, 0, 1, 1], tuple("cccadaba")),
        ([0] * 20 + [1], ("a",) * 5 + tuple("bcdefghijklmnopq")),
    ],
)
@pytest.mark.filterwarnings("error")
def test_too_few_to_split_is_said(labels, patients):
    with pytest.raises(data.DataError, match="too few to split") as error:
        data.split(make_set(labels, patients))
    assert is_one_sentence(error)


# ---------------------------------------------------------------- real X-rays


def test_real_xrays_load_and_split(real_xrays):
    xrays = data.find(real_xrays)
    assert (len(xrays), sum(xrays.labels)) == (700, 350)
    images, _ = data.load(xrays, 64)
    assert np.isfinite(images).all()
    assert np.abs(images.mean((1, 2, 3))).max() < 1e-4
    assert [len(part) for part in data.split(xrays)] == [505, 90, 105]
