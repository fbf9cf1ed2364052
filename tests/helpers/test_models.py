"""The networks learn, are kept whole, and survive an interrupt."""

import json
import math
from pathlib import Path

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
    assert [file.name for file in tmp_path.glob(".*")] == []


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


def test_failed_save_leaves_the_old_file_whole(tmp_path, monkeypatch):
    path = tmp_path / "best_model.keras"
    model = small_model()
    models.save(model, path, "first")
    before = path.read_bytes()

    def half(part, **_):
        Path(part).write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(model, "save", half)
    with pytest.raises(OSError):
        models.save(model, path, "second")
    assert path.read_bytes() == before
    with pytest.raises(data.DataError, match=r"best_model.keras cannot be saved \(disk full\)"):
        images, labels = np.zeros((4, 16, 16, 1), np.float32), np.array([0, 1, 0, 1])
        monkeypatch.setattr(models, "loss_of_file", lambda *_: math.inf)
        models.train(model, images, labels, (images, labels), epochs=1, path=path, verbose=False)
    assert path.read_bytes() == before
    assert json.loads(path.with_suffix(".json").read_text())["trained_on"] == "first"
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "best_model.json",
        "best_model.keras",
    ]


def test_own_network_comes_before_the_pretrained_one():
    pretrained, sentence = models.load_trained()
    assert sentence.startswith("The bundled network, trained on ") and "simulated" in sentence
    assert pretrained.input_shape == (None, models.INPUT_SIZE, models.INPUT_SIZE, 1)
    own = models.build_lesson_model()
    models.save(own, work_folder() / "best_model.keras", "9 real chest X-rays")
    model, sentence = models.load_trained()
    assert sentence == "Your own network from episode 5, trained on 9 real chest X-rays."
    np.testing.assert_array_equal(model.get_weights()[0], own.get_weights()[0])


def test_broken_network_is_refused_in_one_sentence():
    path = work_folder() / "best_model.keras"
    path.write_bytes(b"this is no network")
    with pytest.raises(data.DataError) as error:
        models.load_trained()
    assert is_one_sentence(error) and "best_model.keras" in str(error.value)


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
