"""The networks learn, are kept whole, and survive an interrupt."""

import errno
import json
import math
import os
import zipfile
from pathlib import Path

import filelock
import numpy as np
import pytest
from support import is_one_sentence, lazily

from helpers import data
from helpers.paths import BUNDLED_DATA, PRETRAINED, work_folder

models = lazily("helpers.models")


@pytest.fixture(scope="module")
def stripes():
    """80 images that are easy to tell apart: the bright half is at the bottom or at the top."""
    rng = np.random.default_rng(0)
    labels = np.arange(80) % 2
    images = rng.normal(size=(80, 16, 16, 1)).astype("float32")
    images[labels == 1, 8:] += 1
    images[labels == 0, :8] += 1
    return images, labels


def small_model():
    """Build the smallest network that learns to tell the stripes apart."""
    inputs = models.keras.Input((16, 16, 1))
    x = models.layers.AveragePooling2D(4)(inputs)
    x = models.layers.Flatten()(x)
    return models.keras.Model(inputs, models.layers.Dense(1, activation="sigmoid")(x))


def test_reference_network_has_the_published_size():
    model = models.build_model()
    assert model.count_params() == 54_627
    assert model.input_shape == (None, 256, 256, 1)
    assert model.layers[-1].activation.__name__ == "sigmoid"


def test_lesson_network_ends_in_one_sigmoid_and_has_maps_fine_enough_to_explain():
    model = models.build_lesson_model()
    assert model.input_shape == (None, models.INPUT_SIZE, models.INPUT_SIZE, 1)
    assert model.output_shape == (None, 1)
    assert model.layers[-1].activation.__name__ == "sigmoid"
    last = [layer for layer in model.layers if layer.__class__.__name__ == "Conv2D"][-1]
    assert last.output.shape[1] >= 16


def test_same_seed_gives_the_same_network_and_another_seed_another(stripes):
    images, labels = stripes
    weights = []
    for seed in (3, 3, 4):
        models.set_seeds(seed)
        model = small_model()
        models.train(model, images, labels, (images[:20], labels[:20]), epochs=1, verbose=False)
        weights.append(np.concatenate([w.ravel() for w in model.get_weights()]))
    np.testing.assert_array_equal(weights[0], weights[1])
    assert not np.allclose(weights[0], weights[2])


def test_training_learns_saves_the_best_and_shows_one_steady_last_line(stripes, tmp_path, capsys):
    images, labels = stripes
    known = images[60:], labels[60:]
    path = tmp_path / "best_model.keras"
    models.set_seeds(0)
    model = small_model()
    history = models.train(
        model, images[:60], labels[:60], known, epochs=6, path=path, about="60 stripes"
    )
    assert set(history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    shown = capsys.readouterr().out
    assert shown.count("\n") == 1 and shown.split("\r")[-1].startswith("trained in ")

    saved, about = models.load(path)
    assert about == "60 stripes"
    for network in (model, saved):
        loss = models.keras.losses.BinaryCrossentropy()(
            known[1][:, None], network(known[0], training=False)
        )
        assert float(loss) == pytest.approx(min(history["val_loss"]), abs=1e-3)
    assert not list(tmp_path.glob(".*.keras"))


def test_training_stops_when_nothing_improves(stripes):
    images, labels = stripes
    models.set_seeds(0)
    model = small_model()
    wrong = images[:20], 1 - labels[:20]  # the better it learns, the worse it looks
    history = models.train(
        model, images, labels, wrong, epochs=30, patience=2, augmented=False, verbose=False
    )
    assert len(history["loss"]) < 30


def test_without_patience_the_last_weights_are_kept(stripes, tmp_path):
    images, labels = stripes
    models.set_seeds(0)
    model, path = small_model(), tmp_path / "best_model.keras"
    wrong = images[:20], 1 - labels[:20]  # the better it learns, the worse it looks
    how = {"epochs": 4, "patience": None, "path": path, "augmented": False, "verbose": False}
    history = models.train(model, images, labels, wrong, **how)
    assert history["val_loss"][-1] > min(history["val_loss"]) + 0.01
    for network in (model, models.load(path)[0]):
        answers = network(wrong[0], training=False)
        loss = models.keras.losses.binary_crossentropy(wrong[1][:, None] * 1.0, answers)
        assert float(np.mean(loss)) == pytest.approx(history["val_loss"][-1], abs=1e-3)


@pytest.fixture
def stopped_after(monkeypatch):
    """Return a function that makes a network whose training is interrupted after some steps."""

    class Stop(models.keras.callbacks.Callback):
        """Presses the stop button after some steps."""

        def __init__(self, steps):
            super().__init__()
            self.steps = steps

        def on_train_batch_end(self, batch, logs=None):
            if self.model.optimizer.iterations.numpy() == self.steps:
                raise KeyboardInterrupt

    def make(steps):
        models.set_seeds(0)
        model = small_model()
        fit = model.fit
        monkeypatch.setattr(
            model,
            "fit",
            lambda *a, callbacks, **k: fit(*a, callbacks=[*callbacks, Stop(steps)], **k),
        )
        return model

    return make


def test_interrupt_keeps_the_best_weights_so_far(stripes, tmp_path, stopped_after, capsys):
    images, labels = stripes
    path = tmp_path / "best_model.keras"
    model = stopped_after(5)  # in the third epoch
    history = models.train(
        model, images[:64], labels[:64], (images[64:], labels[64:]), epochs=9, path=path
    )
    assert len(history["val_loss"]) == 2
    assert "stopped; the best weights so far, of epoch " in capsys.readouterr().out
    saved, _ = models.load(path)
    for ours, theirs in zip(model.get_weights(), saved.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert models.predict(model, images).shape == (80,)


def test_interrupt_in_the_first_epoch_leaves_the_file_and_the_next_cells_run(
    stripes, tmp_path, stopped_after, capsys
):
    images, labels = stripes
    path = tmp_path / "best_model.keras"
    models.save(small_model(), path, "first")
    before = path.read_bytes()
    how = {"epochs": 3, "path": path, "about": "second"}
    history = models.train(stopped_after(1), images, labels, (images, labels), **how)
    assert path.read_bytes() == before
    assert json.loads(path.with_suffix(".json").read_text())["trained_on"] == "first"
    shown = capsys.readouterr().out
    assert "nothing is saved" in shown and "epoch 0" not in shown
    for name in ("loss", "accuracy", "val_loss", "val_accuracy"):  # what the next cells ask for
        assert math.isnan(history[name][-1]) and not min(history[name]) < 1


@pytest.mark.parametrize("patience", [12, None], ids=["early stopping", "to the end"])
def test_a_better_network_on_the_disk_is_not_replaced(patience, stripes, tmp_path, capsys):
    images, labels = stripes
    known, path = (images[60:], labels[60:]), tmp_path / "best_model.keras"
    models.set_seeds(0)
    good = small_model()
    how = {"epochs": 6, "path": path, "patience": patience}
    models.train(good, images[:60], labels[:60], known, about="good", **how)
    before, capsys_before = path.read_bytes(), capsys.readouterr().out
    assert "stays as it is" not in capsys_before
    how["epochs"] = 1
    models.train(small_model(), images[:60], labels[:60], known, about="bad", **how)
    assert path.read_bytes() == before
    assert "best_model.keras stays as it is" in capsys.readouterr().out
    assert models.load(path)[1] == "good"


FULL = OSError(errno.ENOSPC, "No space left on device")
READ_ONLY = OSError(errno.EROFS, "Read-only file system")


@pytest.mark.parametrize("error", [FULL, READ_ONLY, RuntimeError("HDF5: unable to flush")], ids=str)
def test_what_cannot_be_saved_is_said_and_the_old_file_stays_whole(
    error, stripes, tmp_path, monkeypatch, capsys
):
    images, labels = stripes
    path = tmp_path / "best_model.keras"
    model = small_model()
    models.save(model, path, "first")
    before = path.read_bytes()

    def half(part, **_):
        Path(part).write_bytes(b"half")
        raise error

    monkeypatch.setattr(model, "save", half)
    with pytest.raises(data.DataError, match=r"best_model\.keras cannot be saved") as refused:
        models.save(model, path, "second")
    assert is_one_sentence(refused) and "set CHEST_XRAYS_WORK" in str(refused.value)
    assert getattr(error, "strerror", "RuntimeError") in str(refused.value)

    monkeypatch.setattr(models, "loss_of_file", lambda *_: math.inf)
    history = models.train(model, images, labels, (images, labels), epochs=2, path=path)
    assert str(refused.value) in capsys.readouterr().out
    loss, _ = model.evaluate(images, labels, verbose=0)  # the next cell runs
    assert loss == pytest.approx(min(history["val_loss"]), abs=1e-3)

    assert path.read_bytes() == before
    assert models.load(path)[1] == "first"
    assert not list(tmp_path.glob(".*.keras"))


def test_a_full_disk_is_met_in_the_middle_of_a_file(tmp_path):
    resource = pytest.importorskip("resource")  # not on Windows
    path, model = tmp_path / "best_model.keras", small_model()
    models.save(model, path, "first")
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(data.DataError, match="cannot be saved"):
            models.save(model, path, "second")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before and not list(tmp_path.glob(".*.keras"))


@pytest.mark.parametrize("moment", ["before a byte", "half written", "before the move", "after it"])
def test_a_kill_at_any_moment_leaves_a_whole_network_and_the_next_save_clears_up(
    moment, tmp_path, monkeypatch
):
    class Killed(BaseException):
        """Passes everything that would clear up, as no code runs after a kill."""

    def kill(*_, **__):
        raise Killed

    def half(part, **_):
        Path(part).write_bytes(b"half")
        raise Killed

    path, old, new = tmp_path / "best_model.keras", small_model(), small_model()
    models.save(old, path, "old")
    with monkeypatch.context() as patch, pytest.raises(Killed):
        if moment in ("before a byte", "half written"):
            patch.setattr(new, "save", kill if moment == "before a byte" else half)
        elif moment == "before the move":
            patch.setattr(models.os, "replace", kill)
        else:
            patch.setattr(Path, "write_text", kill)
        models.save(new, path, "new")
    there = models.load(path)[0].get_weights()[0]
    whose = new if moment == "after it" else old
    np.testing.assert_array_equal(there, whose.get_weights()[0])
    models.save(new, path, "new")
    assert models.load(path)[1] == "new" and not list(tmp_path.glob(".*.keras"))


def test_two_at_once_take_turns_and_the_better_network_stays(stripes, tmp_path):
    images, labels = stripes
    path, mine, other = tmp_path / "best_model.keras", small_model(), small_model()
    keeper = models.SafeCheckpoint(path, "mine", (images, labels))
    keeper.set_model(mine)
    keeper.on_epoch_end(0, {"val_loss": 9.0})
    assert models.load(path)[1] == "mine"

    models.save(other, path, "other")  # another training has the better network meanwhile
    os.utime(path, (1, 1))  # a file of another second, however fast this test runs
    loss = models.loss_of_file(path, images, labels)
    keeper.on_epoch_end(1, {"val_loss": loss + 0.1})
    assert models.load(path)[1] == "other"
    keeper.on_epoch_end(2, {"val_loss": loss - 0.1})
    assert models.load(path)[1] == "mine"

    class Busy:
        """Finds out, while it is saved, whether anybody else could save."""

        def save(self, part):
            with pytest.raises(filelock.Timeout):
                filelock.FileLock(tmp_path / ".best_model.lock").acquire(timeout=0)
            Path(part).write_bytes(b"")

    models.save(Busy(), path)


def test_own_network_comes_before_the_pretrained_one():
    pretrained, sentence = models.load_trained()
    assert sentence.startswith("The bundled network, trained on ") and "simulated" in sentence
    assert pretrained.input_shape == (None, models.INPUT_SIZE, models.INPUT_SIZE, 1)
    own = models.build_lesson_model()
    models.save(own, work_folder() / "best_model.keras", "9 real chest X-rays")
    model, sentence = models.load_trained()
    assert sentence == "Your own network from episode 5, trained on 9 real chest X-rays."
    np.testing.assert_array_equal(model.get_weights()[0], own.get_weights()[0])


def refused_or_whole(path, network):
    """Tell that a file is refused in one sentence; if it is not, it must be the same network."""
    try:
        loaded = models.load(path)[0]
    except data.DataError as error:
        assert is_one_sentence(error) and path.name in str(error)
        return True
    for ours, theirs in zip(network.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    return False


def test_a_damaged_file_is_the_same_network_or_one_sentence(tmp_path):
    network, path = small_model(), tmp_path / "best_model.keras"
    models.save(network, path)
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    refused = 0
    for case in range(40):
        place = int(rng.integers(len(whole)))
        changed = bytes([whole[place] ^ 1 << int(rng.integers(8))])
        rest = [changed + whole[place + 1 :], b"", rng.bytes(9) + whole[place:]][case % 3]
        path.write_bytes(whole[:place] + rest)
        refused += refused_or_whole(path, network)
    assert refused > 20


def with_part(network, path, name, change, compression=zipfile.ZIP_STORED):
    """Save a network with one part of its archive changed, and with checksums that fit."""
    network.save(path)
    with zipfile.ZipFile(path) as archive:
        parts = {part: archive.read(part) for part in archive.namelist()}
    parts[name] = change(parts[name])
    with zipfile.ZipFile(path, "w", compression) as archive:
        for part, content in parts.items():
            archive.writestr(part, content)


def with_last_layer(layer):
    inputs = models.keras.Input((16, 16, 1))
    return models.keras.Model(inputs, layer(models.layers.Flatten()(inputs)))


def with_weight(value):
    network = small_model()
    network.set_weights([np.full_like(weights, value) for weights in network.get_weights()])
    return network


def config(change):
    return lambda path: with_part(small_model(), path, "config.json", change)


NO_NETWORKS = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_bytes(b"this is no network"),
    "a folder": lambda path: path.mkdir(),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "another archive": lambda path: zipfile.ZipFile(path, "w").close(),
    "half a description": config(lambda text: text[: len(text) // 2]),
    "a description without end": config(lambda text: b"[" * 100_000),
    "no description": config(lambda text: b"null"),
    "a layer of 4 TB": config(lambda text: text.replace(b'"units": 1', b'"units": 1000000000')),
    "an unknown layer": config(lambda text: text.replace(b'"Dense"', b'"Nonesuch"')),
    "what unpacks to 110 MB": lambda path: with_part(
        small_model(), path, "config.json", lambda text: text + bytes([32]) * 11 * 10**7, 8
    ),
    "not a number": lambda path: with_weight(np.nan).save(path),
    "infinite": lambda path: with_weight(np.inf).save(path),
    "two answers": lambda path: with_last_layer(models.layers.Dense(2, activation="sigmoid")).save(
        path
    ),
    "no probability": lambda path: with_last_layer(models.layers.Dense(1)).save(path),
    "no images": lambda path: models.keras.Sequential(
        [models.keras.Input((5,)), models.layers.Dense(1, activation="sigmoid")]
    ).save(path),
    "code": lambda path: with_last_layer(
        models.layers.Lambda(lambda x: os.environ.setdefault("RAN", "yes") and x[:, :1])
    ).save(path),
}


@pytest.mark.parametrize("kind", NO_NETWORKS)
def test_what_is_no_network_of_the_lesson_gives_way_to_the_bundled_one(kind, monkeypatch):
    monkeypatch.delenv("RAN", raising=False)
    path = work_folder() / "best_model.keras"
    NO_NETWORKS[kind](path)
    os.environ.pop("RAN", None)
    with pytest.raises(data.DataError) as error:
        models.load(path)
    assert is_one_sentence(error) and str(path) in str(error.value)
    assert "RAN" not in os.environ
    if kind in ("a layer of 4 TB", "what unpacks to 110 MB"):
        assert "too large" in str(error.value.__cause__)  # refused before memory is asked for
    if kind == "text":
        model, sentence = models.load_trained()
        assert model.input_shape == (None, models.INPUT_SIZE, models.INPUT_SIZE, 1)
        assert sentence.startswith("The bundled network, trained on ")
        assert str(error.value) in sentence and is_one_sentence(sentence)


def test_the_bundled_network_is_there_where_no_work_folder_can_be_made(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CHEST_XRAYS_WORK", str(tmp_path / "file" / "work"))
    model, sentence = models.load_trained()
    assert model.count_params() and is_one_sentence(sentence)
    assert sentence.startswith("The bundled network") and "set CHEST_XRAYS_WORK" in sentence


@pytest.mark.parametrize(
    "note",
    ["", "{", "[]", "[" * 9000, '{"trained_on": 5}', '{"trained_on": "\\ud800"}',
     '{"trained_on": "two\\nlines"}', f'{{"trained_on": "{"x" * 20_000}"}}', "\xff"],
)  # fmt: skip
def test_a_broken_note_beside_a_network_counts_as_none(note, tmp_path):
    path = tmp_path / "best_model.keras"
    models.save(small_model(), path)
    path.with_suffix(".json").write_text(note, encoding="latin-1")
    assert models.load(path)[1] == "X-rays of which nothing is noted"


def test_a_network_of_no_use_is_replaced(stripes, tmp_path):
    images, labels = stripes
    path = tmp_path / "best_model.keras"
    too_sure = small_model()
    too_sure.set_weights([np.full_like(weights, 3e38) for weights in too_sure.get_weights()])
    for bad in (too_sure, models.build_lesson_model((32, 32, 1))):
        models.save(bad, path, "bad")
        assert models.loss_of_file(path, images * 10 - 5, labels) > 5
        models.train(
            small_model(), images, labels, (images, labels), epochs=1, path=path, about="good"
        )
        assert models.load(path)[1] == "good"


def test_there_is_one_way_to_predict_and_the_pretrained_network_predicts_well():
    assert PRETRAINED.stat().st_size < 2_000_000
    images, labels = data.load(data.find_dataset(BUNDLED_DATA), models.INPUT_SIZE)
    model, _ = models.load_pretrained()
    probability = models.predict(model, images)
    assert probability.shape == (200,) and probability.dtype == np.float32
    keras_own = model.predict(images, verbose=0)[:, 0]
    np.testing.assert_allclose(probability, keras_own, atol=1e-5)
    assert ((probability >= 0.5) == (keras_own >= 0.5)).all()
    assert np.mean((probability >= 0.5) == labels) > 0.7


def test_augmentation_mirrors_half_of_the_images_and_moves_them_a_little():
    image = np.zeros((64, 64, 1), np.float32)
    image[20:30, 40:44] = 1  # off the middle, higher than wide
    moved = np.array(models.augmentation()(np.stack([image] * 400), training=True))[..., 0]
    y, x = np.indices((64, 64))
    total = moved.sum(axis=(1, 2))
    rows, columns = ((moved * place).sum(axis=(1, 2)) / total for place in (y, x))
    assert total == pytest.approx(40, abs=0.1)  # nothing is squeezed
    assert rows.std() > 0 and abs(rows - 24.5).max() <= 0.06 * 64 + 0.1
    mirrored = columns < 32
    assert 0.4 < mirrored.mean() < 0.6
    columns[mirrored] = 63 - columns[mirrored]
    assert columns.std() > 0 and abs(columns - 41.5).max() <= 0.06 * 64 + 0.1
    assert abs(np.corrcoef(mirrored, rows)[0, 1]) < 0.15  # drawn independently


def test_what_a_shift_uncovers_repeats_the_edge():
    ramp = np.repeat(np.arange(64, dtype=np.float32)[None, :, None, None], 64, axis=2)
    moved = np.array(models.augmentation()(np.repeat(ramp, 50, axis=0), training=True))
    assert moved.min() >= 0 and moved.max() <= 63
    assert np.all(np.diff(moved, axis=1) >= -1e-3)


def test_pipeline_keeps_labels_and_differs_from_epoch_to_epoch_but_not_from_run_to_run(stripes):
    images, labels = stripes
    runs = []
    for _ in range(2):
        models.set_seeds(5)
        batches = models.pipeline(images, labels, 80)
        runs.append([next(iter(batches)) for _ in range(2)])
    for (first, its), (second, others) in zip(*runs, strict=True):
        np.testing.assert_array_equal(first, second)
        np.testing.assert_array_equal(its, others)
        bright_below = first.numpy()[:, 10:].mean(axis=(1, 2, 3)) > 0.5
        np.testing.assert_array_equal(bright_below, its.numpy() == 1)
    assert not np.array_equal(np.sort(runs[0][0][0], axis=0), np.sort(runs[0][1][0], axis=0))
