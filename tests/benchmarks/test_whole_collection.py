"""Training on the whole collection: split, records, streams, kills and several devices."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support import ROOT, is_one_sentence, lazily, make_image, write_png

from benchmarks import whole_collection, whole_collection_data, whole_collection_speed
from benchmarks.whole_collection_data import (
    LeftOut,
    find_collection,
    in_place_of,
    open_source,
    write_json,
    write_records,
)
from helpers.data import DataError
from helpers.metrics import auc_interval

models = lazily("helpers.models")
SIZE = 32
TABLE = "Data_Entry_2017_v2020.csv"
HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
)
FINDINGS = ("No Finding", "Effusion", "Mass|Pneumothorax", "Effusion|Infiltration", "No Finding")
# What processes of their own run: a training that is killed in its second round, one on two devices
KILLED = """
import os, signal, sys
from benchmarks import whole_collection
from helpers.models import keras

class Kill(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.round = epoch

    def on_train_batch_end(self, step, logs=None):
        if (self.round, step) == (1, 1):
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))

whole_collection.train(*sys.argv[1:], epochs=3, batch=8, callbacks=[Kill()])
"""
TWO_DEVICES = """
import json, sys
from helpers.models import tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
from benchmarks import whole_collection
strategy = whole_collection.choose_strategy()
stream = whole_collection.batches(whole_collection.open_source(sys.argv[1]), "training", 0, 8)
batch = next(iter(strategy.experimental_distribute_dataset(stream)))
parts = [len(part) for part in strategy.experimental_local_results(batch[0])]
notes = whole_collection.train(*sys.argv[1:], epochs=3, batch=8)
print(json.dumps([type(strategy).__name__, parts, notes]))
"""


@pytest.fixture
def collection(tmp_path):
    """Write 40 patients with 3 images each into two archives, as the NIH collection has them."""
    folder, rows, lists = tmp_path / "nih", [], ([], [])
    for patient in range(1, 41):
        for visit in range(3):
            name = f"{patient:08d}_{visit:03d}.png"
            findings = FINDINGS[(patient + visit) % 5]
            rows.append(f"{name},{findings},{visit},{patient},58,M,PA,2500,2048,0.168,0.168")
            image = make_image(100 * patient + visit, 64)
            if "Effusion" in findings:  # something to learn
                image[40:] = np.maximum(image[40:], 150)
            write_png(folder / f"images_{1 + patient // 21:03d}" / "images" / name, image)
            lists[patient > 30].append(name)
    write_table(folder, rows)
    for name, listed in zip(whole_collection_data.LISTS, lists, strict=True):
        (folder / name).write_text("\n".join(listed))
    return folder


@pytest.fixture
def records(collection, tmp_path):
    out = tmp_path / "records"
    write_records(collection, out, SIZE, shard=20)
    return out


@pytest.fixture
def small_network(monkeypatch):
    """Train one layer in place of a network, which takes seconds to prepare."""

    def build(network, size, weights=None):
        layers = models.keras.layers
        inputs = models.keras.Input((size, size, 1))
        outputs = layers.Dense(1, activation="sigmoid")(layers.Flatten()(inputs))
        return models.keras.Model(inputs, outputs)

    monkeypatch.setattr(whole_collection, "build", build)


def write_table(folder, rows):
    folder.mkdir(exist_ok=True)
    (folder / TABLE).write_text("\n".join([HEADER, *rows, ""]))


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".lock"}


def run(code, *arguments):
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def damage(collection, name="00000002_001.png", archive="images_001"):
    path = collection / archive / "images" / name
    path.write_bytes(path.read_bytes()[:300])
    return path


def drawn(source, which, first, count):
    """Return so many images of a stream as bytes."""
    stream = source.stream(which, first).take(count)
    return [(np.array(image).tobytes(), int(label), int(who)) for image, label, who in stream]


def test_the_official_lists_and_patients_decide_the_split(collection, capsys):
    damage(collection).unlink()  # of an archive that is not unpacked, say
    sets = find_collection(collection)
    assert "1 images that Data_Entry_2017_v2020.csv lists are not" in capsys.readouterr().out
    patients = {
        which: {Path(xray.file).name[:8] for xray in xrays} for which, xrays in sets.items()
    }
    assert patients["test"] == {f"{number:08d}" for number in range(31, 41)}
    assert len(patients["training"]) == 27 and len(patients["validation"]) == 3
    assert not patients["training"] & (patients["validation"] | patients["test"])
    assert not patients["validation"] & patients["test"]
    assert [len(xrays) for xrays in sets.values()] == [80, 9, 30]
    for xray in sets["test"]:
        patient, visit = int(Path(xray.file).name[:8]), int(Path(xray.file).name[9:12])
        assert xray.label == ("Effusion" in FINDINGS[(patient + visit) % 5].split("|"))
    assert find_collection(collection) == sets
    assert find_collection(collection, seed=1)["validation"] != sets["validation"]


def test_without_lists_patients_are_split_too_whatever_the_order_of_rows(collection):
    for name in whole_collection_data.LISTS:
        (collection / name).unlink()
    sets = find_collection(collection)
    patients = [{xray.patient for xray in xrays} for xrays in sets.values()]
    assert [len(each) for each in patients] == [28, 4, 8]
    assert len(set.union(*patients)) == 40
    _, *rows = (collection / TABLE).read_text().splitlines()
    write_table(collection, reversed(rows))
    assert find_collection(collection) == sets


def both_lists(folder):
    with (folder / "test_list.txt").open("a") as file:
        file.write("\n00000003_001.png")


@pytest.mark.parametrize(("spoil", "words"), [
    (lambda folder: (folder / TABLE).unlink(), "has no Data_Entry_2017_v2020.csv"),
    (lambda folder: (folder / TABLE).write_text("a,b"), "no column 'Image Index'"),
    (lambda folder: (folder / TABLE).write_bytes(b"\xff\xfe\x00"), "no table in UTF-8"),
    (lambda folder: write_table(folder, ["00000001_000.png,Effusion,0,,58"]), "names no patient"),
    (lambda folder: (folder / "test_list.txt").unlink(), "add the other"),
    (lambda folder: (folder / "test_list.txt").write_text(""), "test set"),
    (both_lists, "Patient 3 is in both"),
    (lambda folder: shutil.rmtree(folder / "images_002"), "test set"),
    (lambda folder: [shutil.rmtree(each) for each in folder.glob("images*")], "too few patients"),
])  # fmt: skip
def test_a_folder_that_is_not_the_collection_is_refused_in_one_sentence(collection, spoil, words):
    spoil(collection)
    with pytest.raises(DataError, match=words) as error:
        find_collection(collection)
    assert is_one_sentence(error)


def test_record_files_that_are_there_are_not_made_again(collection, tmp_path, monkeypatch):
    expected = write_records(collection, tmp_path / "whole", SIZE, shard=20)
    assert expected["sets"] == {"training": [81, 33], "validation": [9, 3], "test": [30, 12]}
    out, written = tmp_path / "records", []
    write = whole_collection_data._write_shard

    def write_two(tf, path, *rest):
        written.append(path.name)
        if len(written) == 3:  # stopped within the file: a part of it lies there
            path.with_name(f".part-{path.name}").write_bytes(b"half")
            raise KeyboardInterrupt
        return write(tf, path, *rest)

    monkeypatch.setattr(whole_collection_data, "_write_shard", write_two)
    with pytest.raises(KeyboardInterrupt):
        write_records(collection, out, SIZE, shard=20)
    with pytest.raises(DataError, match="not finished"):
        open_source(out)
    write_records(collection, out, SIZE, shard=20)
    assert written[:2] == ["training-00000.tfrecord", "training-00001.tfrecord"]
    assert not set(written[3:]) & set(written[:2])
    assert content(out) == content(tmp_path / "whole")
    written.clear()
    (out / "test-00000.tfrecord").write_bytes(b"damaged")
    with pytest.raises(DataError, match=r"test-00000.tfrecord is missing or damaged"):
        open_source(out)
    write_records(collection, out, SIZE, shard=20)
    assert written == ["test-00000.tfrecord"]
    assert content(out) == content(tmp_path / "whole")


def test_records_of_other_images_or_another_size_are_noticed(collection, records, capsys):
    before = content(records)
    for change, words in [
        ({"size": 48}, "with size 32, not 48"), ({"seed": 1}, "with seed 42, not 1"), ({}, "other"),
    ]:  # fmt: skip
        if not change:
            damage(collection)
        with pytest.raises(DataError, match=words) as error:
            write_records(collection, records, **{"size": SIZE, "shard": 20} | change)
        assert is_one_sentence(error)
    assert content(records) == before
    with pytest.raises(DataError, match="records of 32 pixels, not 64"):
        open_source(records, 64)
    (records / "records.json").write_text("{")
    with pytest.raises(DataError, match=r"records\.json is missing or damaged"):
        open_source(records)


def test_images_that_cannot_be_used_are_named_counted_and_limited(collection, tmp_path, capsys):
    damage(collection)
    write_png(collection / "images_001" / "images" / "00000004_002.png", np.full((64, 64), 9, "u1"))
    index = write_records(collection, tmp_path / "records", SIZE, shard=20)
    left_out = sorted(each for shard in index["shards"].values() for each in shard["left_out"])
    assert [each.split()[0] for each in left_out] == [
        "images/00000002_001.png", "images/00000004_002.png"
    ]  # fmt: skip
    assert sum(count for count, _ in index["sets"].values()) == 118
    said = capsys.readouterr().err.splitlines()
    assert sorted(said) == [f"Left out: {each}" for each in left_out]
    with pytest.raises(DataError, match="More than 1 images cannot be used") as error:
        write_records(collection, tmp_path / "other", SIZE, skip=1)
    assert is_one_sentence(error)
    source = open_source(collection, SIZE)
    assert len(drawn(source, "training", 0, 200)) == 200  # of both passes
    found = source.left_out.reasons
    assert found <= set(left_out) and found


def test_a_training_with_too_many_damaged_images_ends_in_one_sentence(
    collection, small_network, tmp_path, capsys
):
    damage(collection)
    arguments = ["train", collection, tmp_path / "out", "--size", SIZE, "--skip", 0, "--batch", 8]
    assert whole_collection.main([*map(str, arguments)]) == 1
    named, *_, said = capsys.readouterr().err.splitlines()
    assert "images/00000002_001.png is damaged" in named
    assert said.startswith("More than 0 images cannot be used") and is_one_sentence(said)


@pytest.mark.parametrize("kind", ["records", "png"])
def test_streams_are_repeatable_shuffled_and_begin_anywhere(collection, records, kind, monkeypatch):
    sets = find_collection(collection)  # with another seed, only the order shall be another one
    monkeypatch.setattr(whole_collection_data, "find_collection", lambda *_: sets)
    source = open_source(records if kind == "records" else collection, SIZE)
    count, _ = source.counts["training"]
    twice = drawn(source, "training", 0, 2 * count)
    first, second = twice[:count], twice[count:]
    assert len(set(first)) == count and set(first) == set(second) and first != second
    assert drawn(source, "training", 0, count) == first
    for place in (7, count, count + 30):
        assert drawn(source, "training", place, 12) == twice[place : place + 12]
    other = open_source(records if kind == "records" else collection, SIZE, seed=42 + 1)
    again = drawn(other, "training", 0, count)
    assert again != first and set(again) == set(first)


def test_png_and_records_give_the_same_images(collection, records):
    from helpers.images import read_image, resize

    png, made = open_source(collection, SIZE), open_source(records)
    assert png.counts == made.counts and made.size == SIZE
    for which in ("validation", "test"):
        assert drawn(png, which, None, 100) == drawn(made, which, None, 100)
    assert set(drawn(png, "training", 0, 81)) == set(drawn(made, "training", 0, 81))
    xray = find_collection(collection)["test"][4]
    image, label, patient = drawn(made, "test", None, 100)[4]
    assert (label, patient) == xray[1:]
    assert image == resize(read_image(xray.file), SIZE).tobytes()


def test_batches_are_standardised_as_in_the_lesson(records):
    from helpers.images import standardise

    source = open_source(records)
    images, labels, _ = next(iter(whole_collection.batches(source, "test", None, 8)))
    assert images.shape == (8, SIZE, SIZE, 1) and labels.shape == (8, 1)
    raw = np.frombuffer(drawn(source, "test", None, 1)[0][0], np.uint8).reshape(SIZE, SIZE)
    np.testing.assert_allclose(images[0, :, :, 0], standardise(raw), atol=1e-4)


def test_a_training_that_is_killed_ends_as_one_that_is_not(records, tmp_path):
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    done = run(KILLED, records, killed)
    assert done.returncode == -getattr(signal, "SIGKILL", -signal.SIGTERM), done.stderr
    assert [path.name for path in killed.glob("round*")] == ["round-00001.weights.h5"]
    (killed / ".part-round-00002.weights.h5").write_bytes(b"half")  # or while it is written
    noted = json.loads((killed / "training.json").read_text())
    noted["rounds"] *= 2  # or when only the weights are not yet there
    write_json(killed / "training.json", noted)
    with pytest.raises(DataError, match="a training with batch 8, not 16"):
        whole_collection.train(records, killed, epochs=3, batch=16)
    expected = whole_collection.train(records, whole, epochs=3, batch=8)
    found = whole_collection.train(records, killed, epochs=3, batch=8)
    assert len(expected["rounds"]) == 3 and found["test"] == expected["test"]
    for one, other in zip(found["rounds"], expected["rounds"], strict=True):
        assert one["loss"] == pytest.approx(other["loss"], rel=1e-6)
        assert one["val_auc"] == pytest.approx(other["val_auc"])
    assert {path.name for path in killed.iterdir() if path.name[0] != "."} == {
        "best.keras", "training.json"
    }  # fmt: skip
    before = content(killed)
    assert whole_collection.train(records, killed, epochs=3, batch=8) == found
    assert content(killed) == before


def test_two_devices_share_each_batch_and_learn_what_one_learns(records, tmp_path):
    done = run(TWO_DEVICES, records, tmp_path / "two")
    assert done.returncode == 0, done.stderr
    strategy, parts, notes = json.loads(done.stdout.splitlines()[-1])
    assert (strategy, parts) == ("MirroredStrategy", [4, 4])
    alone = whole_collection.train(records, tmp_path / "one", epochs=3, batch=8)
    losses = [[each["loss"] for each in one["rounds"]] for one in (notes, alone)]
    np.testing.assert_allclose(*losses, atol=0.1)
    assert notes["test"]["auc"] == pytest.approx(alone["test"]["auc"], abs=0.1)


def test_precision_is_mixed_only_where_there_is_a_gpu_and_the_last_layer_is_whole():
    assert whole_collection.choose_policy([]) == "float32"
    assert whole_collection.choose_policy(["GPU:0"]) == "mixed_float16"
    models.keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        model = whole_collection.build("lesson", SIZE)
    finally:
        models.keras.mixed_precision.set_global_policy("float32")
    assert model.output.dtype == "float32"
    assert "float16" in {layer.compute_dtype for layer in model.layers}


def test_larger_networks_come_from_keras_and_say_when_their_weights_do_not(monkeypatch):
    model = whole_collection.build("MobileNetV2", SIZE)
    assert model.input_shape == (None, SIZE, SIZE, 1) and model.output_shape == (None, 1)

    def no_network(**_):
        raise Exception("URL fetch failure on https://example.org: None -- nowhere")

    monkeypatch.setattr(models.keras.applications, "DenseNet121", no_network)
    with pytest.raises(DataError, match="its weights cannot be downloaded") as error:
        whole_collection.build("DenseNet121", SIZE, "imagenet")
    assert is_one_sentence(error)
    for name in whole_collection.NETWORKS[1:]:
        assert hasattr(models.keras.applications, name)


def test_the_interval_draws_patients_and_not_images():
    random = np.random.default_rng(0)
    labels = np.arange(300) % 2
    probabilities = random.normal(labels, 1.5)
    each = whole_collection.auc_by_patient(labels, probabilities, np.arange(300))
    np.testing.assert_allclose(each, auc_interval(labels, probabilities), atol=0.01)
    five_times = (np.repeat(column, 5) for column in (labels, probabilities, np.arange(300)))
    np.testing.assert_allclose(whole_collection.auc_by_patient(*five_times), each, atol=1e-9)


def test_what_fails_leaves_the_last_good_file(tmp_path):
    path = tmp_path / "notes.json"
    write_json(path, {"good": 1})
    with pytest.raises(DataError, match="no space left") as error, in_place_of(path) as part:
        part.write_text("half")
        raise OSError(28, "no space left")
    assert is_one_sentence(error)
    assert json.loads(path.read_text()) == {"good": 1} and len(list(tmp_path.iterdir())) == 1


def test_left_out_images_count_once():
    left_out = LeftOut(1)
    for _ in range(3):
        left_out.add(DataError("One is damaged."))
    with pytest.raises(DataError):
        left_out.add(DataError("Another is damaged."))
    assert left_out.problem is not None


@pytest.mark.parametrize(("arguments", "words"), [
    (["train", "nowhere", "out"], "nowhere has no Data_Entry"),
    (["records", "nowhere", "out"], "nowhere has no Data_Entry"),
    (["plan", "--json", "nowhere"], "nowhere is not what `speed` writes"),
    (["train", "records", "out", "--batch", "82"], "A batch of 82 does not fit 81 training images"),
])  # fmt: skip
def test_mistakes_on_the_command_line_are_explained(
    arguments, words, records, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert whole_collection.main(arguments) == 1
    said = capsys.readouterr().err
    assert words in said and is_one_sentence(said)


def test_numbers_of_no_use_are_refused(capsys):
    with pytest.raises(SystemExit):
        whole_collection.main(["train", "data", "out", "--batch", "0"])
    assert "--batch must be at least 1" in capsys.readouterr().err


def test_speed_is_measured_from_records_and_from_png(monkeypatch, small_network, tmp_path, capsys):
    def here(*arguments):
        assert whole_collection.main([*map(str, arguments)]) == 0
        return 2.0, 300.0

    for name, value in {
        "run_watched": here, "import_seconds": lambda times: [10.0] * times, "PIXELS": 64,
        "BATCH": 8,
    }.items():  # fmt: skip
        monkeypatch.setattr(whole_collection_speed, name, value)
    report, folder = tmp_path / "speed.json", tmp_path / "scratch"
    arguments = ["speed", "--images", "160", "200", "--size", "32", "--folder", str(folder)]
    assert whole_collection.main([*arguments, "--json", str(report)]) == 0
    measured = json.loads(report.read_text())
    rows = [(row["images"], row["from"], row["private_mb"]) for row in measured["rows"]]
    assert rows == [
        (160, "records", 300), (160, "png", 300), (200, "records", 300), (200, "png", 300)
    ]  # fmt: skip
    assert all(row["images_per_second"] > 0 for row in measured["rows"])
    assert measured["reading"]["png"] > 0 and measured["tfi"] == 10
    assert "| 160 | records | " in capsys.readouterr().out
    files = sorted(folder.rglob("*.png"))
    assert len({path.read_bytes() for path in files}) == len(files) == 200
    assert whole_collection.main(["plan", "--json", str(report)]) == 1  # of other pixels


def test_the_plan_follows_from_what_is_measured_and_assumed(tmp_path, capsys):
    speed = whole_collection_speed
    measured = {"training": 100.0, "reading png": 50.0, "reading records": 1000.0, "cores": 2}
    assert speed.hours("lesson", 0, measured)[0] == pytest.approx(10 * 80_756 / 100 / 3600)
    value, limit = speed.hours("DenseNet121", 1, measured)
    rate = 20e12 / (6 * speed.MULTIPLICATIONS["DenseNet121"])
    assert limit == "network" and value == pytest.approx(10 * 80_756 / rate / 3600)
    value, limit = speed.hours("lesson", 8, measured)
    assert limit == "steps" and value == pytest.approx(10 * 80_756 / (3200 * 7.2) / 3600)
    value, limit = speed.hours("lesson", 1, measured | {"reading records": 100.0})
    assert limit == "reading" and value == pytest.approx(10 * 80_756 / (50 * 8) / 3600)
    row = {"images": 5, "from": "records", "images_per_second": 100.0}
    report = {"size": 256, "network": "lesson", "rows": [row]}
    report["reading"] = {"png": 50.0, "records": 1000.0}
    write_json(tmp_path / "speed.json", report)
    assert whole_collection.main(["plan", "--json", str(tmp_path / "speed.json")]) == 0
    assert capsys.readouterr().out.strip() == speed.plan_tables(measured)


def test_the_page_says_what_the_plan_prints_and_multiplications_are_counted():
    page = (ROOT / "guide" / "whole-collection.md").read_text("utf-8")
    assert whole_collection_speed.plan_tables() in page
    count = whole_collection_speed.multiplications(whole_collection.build("lesson", 256))
    assert count == whole_collection_speed.MULTIPLICATIONS["lesson"]


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")
def test_what_is_measured_runs_in_a_process_of_its_own(capfd):
    with pytest.raises(DataError, match="`plan --json nowhere` has failed"):
        whole_collection_speed.run_watched("plan", "--json", "nowhere")
    assert "nowhere is not what" in capfd.readouterr().err
