"""The simulated X-rays: what is said about them is true, and the tool is safe to use."""

import csv
import errno
import hashlib
import itertools
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest
from scipy import ndimage, stats
from support import ROOT, is_one_sentence

import simulator
from simulator import (
    BIT,
    SimulatorError,
    film,
    picture,
    series,
    shortcut,
    simulate,
    simulate_one,
    workers,
)
from simulator.__main__ import main

BUNDLED = ROOT / "data"
SIZE = 256


@pytest.fixture(scope="module")
def rows():
    """Return the bundled manifest."""
    with (BUNDLED / "manifest.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def effusions():
    """Return some images with effusion, and the same without the fluid."""
    wanted = range(1, 15, 2)
    return [(simulate_one(11, i, SIZE), simulate_one(11, i, SIZE, fluid=False)) for i in wanted]


@pytest.fixture(scope="module")
def normals():
    """Return some images without effusion."""
    return [simulate_one(12, i, SIZE, prevalence=0) for i in range(16)]


# The bundled set


def test_bundled_set_is_complete(rows):
    labels = [row["label"] for row in rows]
    assert labels.count("normal") == labels.count("effusion") == 100
    for row in rows:
        path = BUNDLED / row["file"]
        image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert image.shape == (512, 512) and image.dtype == np.uint8
        outline = BUNDLED / "outlines" / path.name
        assert outline.exists() == (row["label"] == "effusion")
        assert (BUNDLED / "lungs" / path.name).exists()
        assert (BUNDLED / "devices" / path.name).exists() == (row["devices"] != "none")
        assert (int(row["fluid_ml"]) > 0) == (row["label"] == "effusion") == (row["side"] != "none")
    stems = [Path(row["file"]).stem for row in rows]
    assert len(set(stems)) == 200
    assert all(
        stem.startswith(f"sim{row['patient']}_") for stem, row in zip(stems, rows, strict=True)
    )
    images = [
        sum(row["patient"] == patient for row in rows) for patient in {r["patient"] for r in rows}
    ]
    assert set(images) == {1, 2, 3}


def test_bundled_set_is_small_and_matches_its_check_sums():
    total, listed = 0, set()
    for text in (BUNDLED / "checksums.txt").read_text().splitlines():
        digest, name = text.split("  ")
        content = (BUNDLED / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest, name
        total += len(content)
        listed.add(name)
    folders = ("chest_xrays", "outlines", "lungs", "devices")
    there = {
        p.relative_to(BUNDLED).as_posix() for f in folders for p in (BUNDLED / f).rglob("*.png")
    }
    assert listed == there | {"manifest.csv"}
    assert total <= 20_000_000


def test_bundled_files_are_remade(rows):
    for row in (rows[place] for place in (0, 57, 120, 199)):
        made = simulate_one(0, int(row["index"]))
        assert {key: str(value) for key, value in made.info.items()} == row
        name = Path(row["file"]).name
        stored = (BUNDLED / row["file"]).read_bytes()
        pixels = cv2.imdecode(np.frombuffer(stored, np.uint8), cv2.IMREAD_UNCHANGED).astype(int)
        off = np.abs(pixels - made.image)
        # On another kind of processor a value may fall on the other side of a rounding edge.
        assert (off > 0).mean() < 1e-4 and off.max() <= 2
        if off.max() == 0:
            assert series.png(made.image) == stored
        fluid = made.fluid.astype(np.uint8) * 255
        masks = {"lungs": made.lungs, "devices": made.devices, "outlines": fluid}
        for folder, mask in masks.items():
            if mask.any():
                kept = cv2.imread(str(BUNDLED / folder / name), cv2.IMREAD_UNCHANGED)
                assert (kept != mask).mean() < 1e-4, folder


# Truth is true


def test_removing_the_fluid_changes_the_image_inside_the_mask_only(effusions):
    for wet, dry in effusions:
        change = wet.image.astype(float) - dry.image
        field = wet.image > 12  # not the black border
        # Fluid too thin for the mask, scatter and local contrast reach a little further.
        beyond = ~ndimage.binary_dilation(wet.stages["fluid"] > 0, iterations=10) & field
        assert np.abs(change[beyond]).mean() < 2.5
        darker = wet.fluid & (dry.image < 170)
        assert change[darker].mean() > 8 + np.abs(change[beyond]).mean()
        assert wet.devices.tobytes() == dry.devices.tobytes()
        assert not dry.fluid.any() and dry.info["findings"] in ("No Finding", "Cardiomegaly")
        assert dry.stages["bone"].tobytes() == wet.stages["bone"].tobytes()


def test_thicker_fluid_is_brighter(effusions):
    for wet, dry in effusions:
        inside = wet.fluid & (wet.devices == 0) & (dry.stages["lung"] > 4)
        if inside.sum() < 300:
            continue
        depth = wet.stages["fluid"][inside]
        gain = np.log(dry.stages["transmitted"][inside] / wet.stages["transmitted"][inside])
        assert gain.min() > 0
        assert stats.spearmanr(depth, gain)[0] > 0.8
        rise = ndimage.gaussian_filter(wet.image.astype(float) - dry.image, 2)[inside]
        assert rise[depth > np.median(depth)].mean() > rise[depth <= np.median(depth)].mean()


def test_amount_in_the_manifest_is_the_projected_volume(effusions):
    for wet, _ in effusions:
        projected = wet.stages["fluid"].sum() * wet.pixel_cm**2
        assert wet.info["fluid_ml"] == pytest.approx(projected, abs=2)
        both = wet.info["fluid_right_ml"], wet.info["fluid_left_ml"]
        assert sum(both) == wet.info["fluid_ml"]
        side = "both" if all(both) else "right" if both[0] else "left"
        assert side == wet.info["side"]


def test_the_level_holds_the_volume_asked_for():
    body = picture.anatomy.make_body(5, 1)
    exam = picture.draw_exam(picture.stream("exam", 5, 0), body, 64, picture.VIEWS["main"])
    x, y = np.meshgrid(np.arange(-20, 20, 0.1), np.arange(-5, 40, 0.1))
    space = picture.anatomy.chest(body, exam, x, y, "left")
    heart = picture.anatomy.heart_chord(body, exam, x, y)
    for kind, volume in itertools.product(("upright", "supine", "subpulmonic"), (150, 700)):
        level = picture.level_for(body, exam, "left", kind, volume)
        _, fluid = picture.pleura.spaces(space, kind, level, heart)
        assert fluid.sum() * 0.1**2 == pytest.approx(volume, rel=0.05), kind


def test_upright_fluid_has_a_meniscus_and_a_level_supine_fluid_a_veil():
    body = picture.anatomy.make_body(5, 1)
    exam = picture.draw_exam(picture.stream("exam", 5, 0), body, 64, picture.VIEWS["main"])
    x, y = np.meshgrid(np.arange(0, 16, 0.1), np.arange(-5, 40, 0.1))
    space = picture.anatomy.chest(body, exam, x, y, "left")
    _, upright = picture.pleura.spaces(space, "upright", 20.0, 0 * x)
    _, supine = picture.pleura.spaces(space, "supine", 3.0, 0 * x)
    seen = upright > picture.pleura.SEEN
    middle, wall = seen[:, 60], seen[:, int(0.93 * body.cage_width * 10)]
    assert np.argmax(wall) < np.argmax(middle)  # it climbs the chest wall
    above = upright[(y < 20) & seen]
    assert above.mean() < upright[(y > 20) & (y < 22) & seen].mean()  # and is thin there
    assert not (upright[y < 14] > 0).any() and (supine[y < 14] > 0.5).sum() > 1000


def test_fluid_stays_in_the_chest(effusions):
    for wet, dry in effusions:
        depth = np.nonzero(wet.fluid.any(axis=1))[0].max()
        lung = np.nonzero((dry.lungs > 0).any(axis=1))[0].max()
        assert depth <= lung + 2.5 / wet.pixel_cm  # not down in the belly
        gas_and_fluid = wet.stages["lung"] + wet.stages["fluid"]
        assert np.allclose(gas_and_fluid, dry.stages["lung"], atol=1e-6)


def test_right_and_left(effusions, normals):
    for made in [wet for wet, _ in effusions] + normals:
        columns = np.arange(SIZE)[None, :]
        right, left = made.lungs == 100, made.lungs == 200
        if right.any() and left.any():  # the patient's right is on the left of the picture
            middle = [(m * columns).sum() / m.sum() for m in (right, left)]
            assert middle[0] < middle[1]
        if made.info["side"] in ("left", "right"):
            fluid = (made.fluid * columns).sum() / made.fluid.sum()
            assert (fluid > SIZE / 2) == (made.info["side"] == "left")


def test_liver_and_heart_are_on_their_sides(normals):
    # The liver lifts the right diaphragm: less air low down on the left of the picture.
    low, near, far = slice(int(0.65 * SIZE), None), int(0.18 * SIZE), int(0.36 * SIZE)
    air = np.mean([m.stages["lung"] for m in normals], axis=0)[low]
    right = air[:, SIZE // 2 - far : SIZE // 2 - near].sum()
    left = air[:, SIZE // 2 + near : SIZE // 2 + far].sum()
    assert right < 0.9 * left
    mean = np.mean([m.image.astype(float) for m in normals], axis=0)
    heart = slice(int(0.5 * SIZE), int(0.68 * SIZE))
    near = int(0.08 * SIZE), int(0.24 * SIZE)
    to_left = mean[heart, SIZE // 2 - near[1] : SIZE // 2 - near[0]].mean()
    to_right = mean[heart, SIZE // 2 + near[0] : SIZE // 2 + near[1]].mean()
    assert to_right > to_left + 8


def test_more_tissue_lets_less_through():
    technique = film.make_technique(np.random.default_rng(0), "PA")
    water = np.full((64, 64), 10.0)
    beams = [
        film.expose(film.MU_WATER * water * k, water * k, 0 * water, technique, 8.0,
                    np.random.default_rng(1))
        for k in (1, 2)
    ]  # fmt: skip
    ratio = beams[1]["primary"] / beams[0]["primary"]
    assert np.allclose(ratio, np.exp(-film.MU_WATER * 10))  # Beer-Lambert
    assert (beams[0]["scatter"] > 0).all()
    bright = [film.develop(beam, (1.0, 4.0), technique, 8.0).mean() for beam in beams]
    assert bright[1] > bright[0]


def test_a_patient_stays_the_same(rows):
    by_patient = {}
    for row in rows:
        by_patient.setdefault(row["patient"], set()).add(row["sex"])
    assert all(len(sexes) == 1 for sexes in by_patient.values())
    visits = [picture.visit(3, index) for index in range(40)]
    twice = next(v for v in visits if v.image == 1)
    first = next(v for v in visits if v.patient == twice.patient and v.image == 0)
    assert first.person == twice.person and first.effusion == twice.effusion


def test_haze_is_in_the_manifest_and_makes_lungs_paler(rows, monkeypatch):
    hazy = [float(row["haze"]) > 0 for row in rows]
    ill = [row["label"] == "effusion" for row in rows]
    rate = [np.mean([h for h, i in zip(hazy, ill, strict=True) if i == sick]) for sick in (0, 1)]
    assert rate[0] == pytest.approx(0.15, abs=0.12) and rate[1] == pytest.approx(0.45, abs=0.15)
    grey = {}
    for often in (0.0, 1.0):
        monkeypatch.setattr(picture, "HAZE_RATE", {False: often, True: often})
        made = [simulate_one(12, index, 64, prevalence=0) for index in range(6)]
        assert [one.info["haze"] > 0 for one in made] == [bool(often)] * 6
        grey[often] = np.array([one.image[one.lungs > 0].mean() for one in made])
    paler = grey[1.0] - grey[0.0]  # the film is set for each patient, so it is not much
    assert paler.min() > -0.5 and paler.mean() > 0.5


def test_the_other_hospital_has_other_views_and_films_but_the_same_patients():
    here = [simulate_one(13, index, 64) for index in range(40)]
    there = [simulate_one(13, index, 64, hospital="other") for index in range(40)]
    for one, other in zip(here, there, strict=True):
        assert one.info["patient"] == other.info["patient"]
        assert one.info["sex"] == other.info["sex"]
        assert one.info["label"] == other.info["label"]
    lungs = [np.mean([m.image[m.lungs > 0].mean() for m in made]) for made in (here, there)]
    assert lungs[1] > lungs[0] + 15
    supine = [sum(m.info["view"] == "AP supine" for m in made) for made in (here, there)]
    assert supine[1] > supine[0]


def test_the_largest_amount_of_fluid_can_be_chosen():
    for index in range(1, 40, 2):
        made = simulate_one(14, index, 64, most_fluid_ml=400)
        assert 0 < made.info["fluid_ml"] < 450
    assert max(simulate_one(14, i, 64).info["fluid_ml"] for i in range(1, 40, 2)) > 800


# Devices


def test_leaving_out_devices_changes_nothing_else():
    all_on = dict.fromkeys(simulator.KINDS, 1.0)
    options = {"size": SIZE, "device_rate_normal": all_on, "device_rate_effusion": all_on}
    full = simulate_one(4, 3, **options)
    assert full.info["devices"].split("|") == list(simulator.KINDS)
    for kind in ("marker", "tube"):
        rest = tuple(k for k in simulator.KINDS if k != kind)
        less = simulate_one(4, 3, devices=rest, **options)
        covered = ndimage.binary_dilation(full.devices & BIT[kind] > 0, iterations=4)
        assert not (less.devices & BIT[kind]).any()
        assert (full.image[~covered] == less.image[~covered]).all()
        assert (full.image[covered] > less.image[covered]).any()
        assert full.fluid.tobytes() == less.fluid.tobytes()


def test_marker_goes_to_the_corner_asked_for():
    options = {"devices": ("marker",), "device_rate_effusion": {"marker": 1.0}}
    for corner in simulator.CORNERS:
        made = simulate_one(4, 3, SIZE, marker_corner=corner, **options)
        where_y, where_x = np.nonzero(made.devices & BIT["marker"])
        assert len(where_x) > 10
        assert (where_y.mean() < SIZE / 2) == ("upper" in corner)
        assert (where_x.mean() > SIZE / 2) == ("right" in corner)


def test_device_rates():
    worn = {"electrode", "line", "tube", "pacemaker", "clip", "port"}

    def count(index, rate):
        made = simulate_one(6, index, 64, device_rate_normal=rate, device_rate_effusion=rate)
        return len(worn & set(made.info["devices"].split("|")))

    assert sum(count(i, 0.0) for i in range(12)) == 0
    assert sum(count(i, 1.0) for i in range(12)) > 12


# The tool


def files_of(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.png")}


def test_same_bytes_whatever_the_count_and_the_processes(tmp_path):
    few = files_of(simulate(tmp_path / "few", 3, seed=9, size=64, progress=False, processes=1))
    many = files_of(simulate(tmp_path / "many", 6, seed=9, size=64, progress=False, processes=2))
    assert len(few) > 5 and set(few) < set(many)
    assert all(many[name] == content for name, content in few.items())
    other = files_of(simulate(tmp_path / "other", 3, seed=10, size=64, progress=False, processes=1))
    assert not set(other.values()) & {c for n, c in few.items() if n.startswith("chest")}


def test_prevalence():
    for prevalence, effusions in [(0, 0), (1, 10), (0.3, 3)]:
        visits = [picture.visit(1, index, prevalence) for index in range(10)]
        assert sum(v.effusion for v in visits) == effusions
        assert len({v.stem for v in visits}) == 10


def test_command_line(tmp_path):
    out = tmp_path / "my X-rays"
    command = [sys.executable, "-m", "simulator", "--out", str(out), "--count", "2",
               "--seed", "5", "--size", "64", "--devices", "none", "--processes", "1"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    assert "Simulated 2 of 2 X-rays" in done.stdout
    assert [p.name for p in tmp_path.iterdir()] == ["my X-rays"]
    assert len(list(out.glob("chest_xrays/*/*.png"))) == 2
    assert not list(out.glob("devices/*.png"))


NONSENSE = [  # options, and what the sentence about them names
    ("--count 0", "count"),
    ("--count -4", "count"),
    ("--count 1000000", "count"),
    ("--count 1e3", "count must be"),
    ("--count 2 --size 100", "size"),
    ("--count 2 --size 8", "size"),
    ("--count 2 --seed -1", "seed"),
    ("--count 2 --prevalence 1.5", "prevalence"),
    ("--count 2 --prevalence nan", "prevalence"),
    ("--count 2 --prevalence many", "prevalence"),
    ("--count 2 --findings flu", "findings"),
    ("--count 2 --findings enlarged_heart", "findings"),
    ("--count 2 --devices ring", "devices"),
    ("--count 2 --device-rate-normal 2", "device_rate_normal"),
    ("--count 2 --device-rate-effusion ring=1", "device_rate_effusion"),
    ("--count 2 --device-rate-normal marker=x", "must lie between 0 and 1, not 'marker=x'"),
    ("--count 2 --device-rate-normal marker=1=2", "marker=1=2"),
    ("--count 2 --marker-corner middle", "marker_corner"),
    ("--count 2 --hospital mine", "hospital knows no 'mine'"),
    ("--count 2 --most-fluid-ml 100", "most_fluid_ml must lie between 400 and 3200, not 100"),
    ("--count 2 --most-fluid-ml nan", "most_fluid_ml must lie between 400 and 3200, not nan"),
    ("--count 2 --most-fluid-ml much", "most_fluid_ml must lie between 400 and 3200, not 'much'"),
    ("--count 2 --processes 0", "processes"),
    ("--count 2 --processes two", "processes"),
    ("--seed 1", "--count"),
    ("--count 2 --colour", "--colour"),
]


def complaint(capsys, *options):
    """Return what the command line says, which must be one sentence, when it refuses options."""
    try:
        code = main(list(options))
    except SystemExit as end:
        code = end.code
    said = capsys.readouterr().err
    assert code == 2 and is_one_sentence(said), (options, said)
    return said


def test_nonsense_is_refused_in_one_sentence(tmp_path, capsys):
    for options, word in NONSENSE:
        options = [option.replace("_", " ") for option in options.split()]
        assert word in complaint(capsys, "--out", str(tmp_path / "new"), *options)
        assert not list(tmp_path.iterdir()), options


def test_a_folder_that_cannot_be_made_is_refused_in_one_sentence(tmp_path, capsys, monkeypatch):
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    for out in ("", " ", "a\0b", "a\nb", "~nobody-has-this-name/x", "long" * 64, ".", "..", "/",
                "../file", "../file/x", "../loop", "../loop/x"):  # fmt: skip
        assert "folder" in complaint(capsys, "--out", out, "--count", "1")
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["file", "loop", "work"]


@pytest.mark.parametrize("call", ["mkdir", "write_bytes", "rename"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_full_or_forbidden_disk_is_one_sentence_and_loses_nothing(
    made, monkeypatch, capsys, number, call
):
    """``rename`` fails when the new folder is to take the name that the old one has left."""
    before, real = everything(made), getattr(Path, call)

    def fails(self, *args, **options):
        if call == "rename" and self.parent != made.parent.joinpath(".made.simulator"):
            return real(self, *args, **options)
        if call == "rename" and self.name == "old":
            return real(self, *args, **options)
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, call, fails)
    said = complaint(capsys, "--out", str(made), "--count", "1", "--size", "64", "--processes", "1")
    assert "made cannot be used" in said and os.strerror(number) in said
    assert everything(made) == before
    assert [p.name for p in made.parent.iterdir()] == ["made"]


@pytest.fixture
def made(tmp_path):
    """Return a folder of two simulated X-rays, with nothing beside."""
    return simulate(tmp_path / "x" / "made", 2, size=64, progress=False, processes=1)


def everything(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_only_its_own_folders_are_replaced(tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "holiday.png").write_bytes(b"precious")
    with pytest.raises(SimulatorError, match="holiday"):
        simulate(mine, 1, size=64, progress=False)
    assert (mine / "holiday.png").read_bytes() == b"precious"
    made = simulate(tmp_path / "made", 2, size=64, progress=False, processes=1)
    again = simulate(made, 1, size=64, progress=False, processes=1)
    assert len(list(again.glob("chest_xrays/*/*.png"))) == 1
    (made / "notes.txt").write_text("mine")
    with pytest.raises(SimulatorError, match="notes"):
        simulate(made, 1, size=64, progress=False)
    with pytest.raises(SimulatorError, match="not a folder"):
        simulate(made / "notes.txt", 1, size=64, progress=False)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["made", "mine"]


@pytest.mark.parametrize(
    "name", ["chest_xrays/normal/mine.png", "manifest.csv", "lungs/notes", "mine/x", "link"]
)
def test_a_file_of_somebody_else_is_never_lost(made, name):
    """Whether it is new, was changed, or lies behind a link."""
    path = made / name
    path.parent.mkdir(exist_ok=True)
    if name == "link":
        path.symlink_to(made.parent)
    else:
        path.write_text("precious")
    before = everything(made)
    with pytest.raises(SimulatorError, match=path.name) as error:
        simulate(made, 1, size=64, progress=False)
    assert is_one_sentence(error)
    assert everything(made) == before and path.exists()


def test_a_file_saved_while_the_simulator_runs_is_not_lost(made, monkeypatch):
    real = series.write_one

    def write_one(job):
        (made / "lungs" / "mine.png").write_text("precious")
        return real(job)

    monkeypatch.setattr(series, "write_one", write_one)
    with pytest.raises(SimulatorError, match=r"mine\.png"):
        simulate(made, 1, size=64, progress=False, processes=1)
    assert (made / "lungs" / "mine.png").read_text() == "precious"
    assert [p.name for p in made.parent.iterdir()] == ["made"]


def test_what_file_managers_leave_is_nobody_s(made):
    for name in (".DS_Store", "lungs/Thumbs.db", "._manifest.csv", ".ipynb_checkpoints/a.csv"):
        (made / name).parent.mkdir(exist_ok=True)
        (made / name).touch()
    simulate(made, 1, size=64, progress=False, processes=1)
    assert not (made / ".DS_Store").exists()


def test_two_runs_do_not_make_the_same_folder(made):
    before = everything(made)
    with series.alone(made), pytest.raises(SimulatorError, match="another run") as error:
        simulate(made, 1, size=64, progress=False)
    assert is_one_sentence(error)
    assert everything(made) == before
    assert [p.name for p in made.parent.iterdir()] == ["made"]


def test_what_a_killed_run_moved_aside_is_put_back(made, monkeypatch):
    """It was killed between the two renames, and the next one stops as well."""
    before = everything(made)
    (made.parent / ".made.simulator" / "tmp").mkdir(parents=True)
    made.rename(made.parent / ".made.simulator" / "old")
    monkeypatch.setattr(series, "run", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        simulate(made, 1, size=64, progress=False)
    assert everything(made) == before
    assert [p.name for p in made.parent.iterdir()] == ["made"]


def test_what_a_run_killed_after_its_work_moved_aside_is_removed(made):
    (made.parent / ".made.simulator" / "old" / "lungs").mkdir(parents=True)
    simulate(made, 1, size=64, progress=False, processes=1)
    assert len(list(made.glob("chest_xrays/*/*.png"))) == 1
    assert [p.name for p in made.parent.iterdir()] == ["made"]


no_signals = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")


@no_signals
@pytest.mark.parametrize("by", ["SIGINT", "SIGKILL"])
def test_a_stopped_run_leaves_no_worker_and_the_earlier_xrays(made, by):
    """Ctrl+C reaches the workers too; a kill only the process that started them."""
    before = everything(made)
    command = [sys.executable, "-m", "simulator", "--out", str(made), "--count", "99",
               "--size", "64", "--processes", "2"]  # fmt: skip
    with subprocess.Popen(command, cwd=ROOT, start_new_session=True, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:  # fmt: skip
        assert run.stdout.read(12) == "\nSimulated 1"
        children = psutil.Process(run.pid).children(recursive=True)
        (os.killpg if by == "SIGINT" else os.kill)(run.pid, getattr(signal, by))
        run.wait()
        assert len(children) == 3 and not psutil.wait_procs(children, timeout=60)[1]
        said = run.stderr.read()
    assert everything(made) == before
    if by == "SIGINT":
        assert (run.returncode, is_one_sentence(said)) == (130, True), said
        assert [p.name for p in made.parent.iterdir()] == ["made"]
    simulate(made, 1, size=64, progress=False, processes=1)
    assert [p.name for p in made.parent.iterdir()] == ["made"]


@no_signals
def test_ctrl_c_while_the_simulator_is_imported_is_one_line():
    code = "import os, sys; sys.argv = ['-m']; import simulator; os.kill(os.getpid(), 2); 1 / 0"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 130 and is_one_sentence(run.stderr), run.stderr


def test_an_interrupted_run_leaves_nothing(tmp_path, monkeypatch):
    def stop(job):
        raise KeyboardInterrupt

    monkeypatch.setattr(series, "write_one", stop)
    with pytest.raises(KeyboardInterrupt):
        simulate(tmp_path / "new", 2, size=64, progress=False, processes=1)
    assert not list(tmp_path.iterdir())


def test_windows_is_never_asked_for_more_than_61_workers(tmp_path, monkeypatch):
    asked = []

    class Pool:
        def __init__(self, max_workers, *_, **__):
            asked.append(max_workers)
            raise KeyboardInterrupt  # nothing is simulated

    monkeypatch.setattr(os, "cpu_count", lambda: 128)
    monkeypatch.setattr(workers, "ProcessPoolExecutor", Pool)
    for call in (
        lambda: simulate(tmp_path / "new", 200, size=64, progress=False),
        lambda: simulate(tmp_path / "new", 200, size=64, progress=False, processes=100),
        lambda: shortcut.plant({"set": (200, 1, None, None)}),
    ):
        with pytest.raises(KeyboardInterrupt):
            call()
    assert asked == [61, 61, 61]


@pytest.mark.skipif(os.name != "posix", reason="sends itself a signal")
def test_ctrl_c_waits_until_the_processes_are_started():
    started = []
    with ThreadPoolExecutor(1) as other:  # a thread that the system may hand the signal to
        other.submit(int).result()
        with pytest.raises(KeyboardInterrupt), workers.held_back():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.2)
            started.append(True)
    assert started
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
