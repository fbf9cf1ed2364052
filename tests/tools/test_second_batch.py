"""The second batch: new patients, whole files, and the tool that made them."""

import hashlib

import cv2
import numpy as np
import pytest
from support import ROOT

from helpers import data
from helpers.images import resize
from simulator import simulate_one
from tools import pretrain, second_batch


@pytest.fixture(scope="module")
def batches():
    return dict(zip(second_batch.SETS, data.load_second_batch(), strict=True))


def test_the_files_are_whole_and_small():
    listed = {}
    for line in (data.SECOND_BATCH / "checksums.txt").read_text().splitlines():
        digest, name = line.split("  ")
        listed[name] = digest
    for name in second_batch.SETS:
        content = (data.SECOND_BATCH / f"{name}.npz").read_bytes()
        assert hashlib.sha256(content).hexdigest() == listed[f"{name}.npz"]
    assert sum(path.stat().st_size for path in data.SECOND_BATCH.iterdir()) <= 5_000_000


def test_they_hold_what_the_datasheet_says(batches):
    datasheet = (ROOT / "data" / "README.md").read_text("utf-8")
    for name, (count, seed, prevalence, _) in second_batch.SETS.items():
        batch = batches[name]
        assert f"| `{name}.npz` | {count}" in datasheet and f"| {seed} |" in datasheet
        assert batch.images.shape == (count, 64, 64, 1) and batch.images.dtype == np.float32
        assert np.abs(batch.images.mean(axis=(1, 2, 3))).max() < 1e-5
        assert batch.labels.mean() == pytest.approx(prevalence)
        assert batch.masks.shape == (count, 64, 64) and batch.masks.dtype == bool
        shown = batch.masks.any(axis=(1, 2))
        assert not shown[batch.labels == 0].any() and shown[batch.labels == 1].mean() > 0.9
        assert all(len(values) == count for values in batch.attributes.values())
        assert set(batch.attributes) == {*second_batch.TEXT, *second_batch.NUMBERS, "seed", "index"}
        hazy = batch.attributes["haze"] > 0
        assert hazy[batch.labels == 1].mean() > hazy[batch.labels == 0].mean() + 0.15
    supine = [np.mean(batch.attributes["view"] == "AP supine") for batch in batches.values()]
    assert supine[2] > max(supine[:2]) + 0.1


def test_no_patient_is_in_another_set_or_was_seen_by_the_pretrained_network(batches):
    """A patient is drawn from the seed of the set: see ``simulator.patients``."""
    seeds = {name: seed for name, (_, seed, *_) in second_batch.SETS.items()}
    bundled, pretrained = 0, pretrain.pretrain.__defaults__[2]
    assert len({*seeds.values(), bundled, pretrained}) == len(seeds) + 2
    patients = [set(batch.patients) for batch in batches.values()]
    assert len(set().union(*patients)) == sum(map(len, patients))
    for name, batch in batches.items():
        assert set(batch.attributes["seed"]) == {seeds[name]}
        assert all(patient.startswith(f"{seeds[name]}-") for patient in batch.patients)
    images = {image.tobytes() for batch in batches.values() for image in batch.images}
    assert len(images) == sum(len(batch.images) for batch in batches.values())
    ours, _ = data.load(data.find_dataset(data.BUNDLED_DATA), 64)
    assert not images & {image.tobytes() for image in ours}


def test_an_xray_is_drawn_again_at_full_size(batches):
    for name, (_, seed, prevalence, hospital) in second_batch.SETS.items():
        with np.load(data.SECOND_BATCH / f"{name}.npz") as file:
            images, masks, index = file["images"], file["masks"], file["index"]
        for place in (3, len(images) - 5):
            made = simulate_one(
                seed,
                int(index[place]),
                prevalence=prevalence,
                hospital=hospital,
                most_fluid_ml=second_batch.MOST_FLUID_ML,
            )
            off = np.abs(resize(made.image, 64).astype(int) - images[place])
            assert off.max() <= 2  # another kind of processor may round otherwise
            mask = cv2.resize(made.fluid * np.uint8(255), (64, 64), interpolation=cv2.INTER_AREA)
            assert np.mean((mask >= 128) != masks[place]) < 0.01


def test_the_tool_writes_such_files(tmp_path):
    sets = {"few": (4, 9, 0.5, "main"), "others": (4, 8, 0.5, "other")}
    folder = tmp_path / "second_batch"
    second_batch.make(folder, sets)
    assert sorted(path.name for path in tmp_path.rglob("*")) == [
        "checksums.txt", "few.npz", "others.npz", "second_batch",
    ]  # fmt: skip
    with np.load(folder / "few.npz") as file:
        assert file["images"].shape == (4, 64, 64) and list(file["labels"]) == [0, 0, 1, 1]
        assert list(file["seed"]) == [9] * 4
    before = (folder / "few.npz").read_bytes()
    second_batch.make(folder, sets)
    assert (folder / "few.npz").read_bytes() == before
