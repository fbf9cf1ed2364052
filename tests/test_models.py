"""The networks learn, are kept whole, and survive an interrupt."""

import json
import subprocess
import sys

import numpy as np
import pytest

from conftest import is_one_sentence
from helpers import data, models


@pytest.fixture(scope="module")
def stripes():
    """80 images that are easy to tell apart: the bright half is at the bottom or at the top."""
    rng = np.random.default_rng(0)
    labels = np.arange(80) % 2
    images = rng.normal(size=(80, 64, 64, 1)).astype("float32")
    images[labels == 1, 32:] += 1
    images[labels == 0, :32] += 1
    return images, labels


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
        model = models.build_lesson_model()
        models.train(model, images, labels, (images[:20], labels[:20]), epochs=1, verbose=False)
        weights.append(np.concatenate([w.ravel() for w in model.get_weights()]))
    np.testing.assert_array_equal(weights[0], weights[1])
    assert not np.allclose(weights[0], weights[2])


def test_training_learns_saves_the_best_and_shows_one_steady_last_line(stripes, tmp_path, capsys):
    images, labels = stripes
    known = images[60:], labels[60:]
    path = tmp_path / "best_model.keras"
    models.set_seeds(0)
    model = models.build_lesson_model()
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
    model = models.build_lesson_model()
    wrong = images[:20], 1 - labels[:20]  # the better it learns, the worse it looks
    history = models.train(
        model, images, labels, wrong, epochs=30, patience=2, augmented=False, verbose=False
    )
    assert len(history["loss"]) < 30


def test_without_patience_the_last_weights_are_kept(stripes, tmp_path):
    images, labels = stripes
    models.set_seeds(0)
    model, path = models.build_lesson_model(), tmp_path / "best_model.keras"
    wrong = images[:20], 1 - labels[:20]  # the better it learns, the worse it looks
    how = {"epochs": 4, "patience": None, "path": path, "augmented": False, "verbose": False}
    history = models.train(model, images, labels, wrong, **how)
    assert history["val_loss"][-1] > min(history["val_loss"]) + 0.01
    for network in (model, models.load(path)[0]):
        answers = network(wrong[0], training=False)
        loss = models.keras.losses.binary_crossentropy(wrong[1][:, None] * 1.0, answers)
        assert float(np.mean(loss)) == pytest.approx(history["val_loss"][-1], abs=1e-3)


class Stop(models.keras.callbacks.Callback):
    """Presses the stop button in the middle of the third epoch."""

    def on_train_batch_end(self, batch, logs=None):
        if self.model.optimizer.iterations.numpy() == 5:
            raise KeyboardInterrupt


def test_interrupt_keeps_the_best_weights_so_far(stripes, tmp_path, monkeypatch, capsys):
    images, labels = stripes
    path = tmp_path / "best_model.keras"
    models.set_seeds(0)
    model = models.build_lesson_model()
    fit = model.fit
    monkeypatch.setattr(
        model, "fit", lambda *a, callbacks, **k: fit(*a, callbacks=[*callbacks, Stop()], **k)
    )
    history = models.train(
        model, images[:64], labels[:64], (images[64:], labels[64:]), epochs=9, path=path
    )
    assert len(history["val_loss"]) == 2
    assert "Interrupted: the best weights so far" in capsys.readouterr().out
    saved, _ = models.load(path)
    for ours, theirs in zip(model.get_weights(), saved.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert models.predict(model, images).shape == (80,)


def test_failed_save_leaves_the_old_file_whole(tmp_path, monkeypatch):
    path = tmp_path / "best_model.keras"
    model = models.build_lesson_model()
    models.save(model, path, "first")
    before = path.read_bytes()

    def half(part):
        part.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(model, "save", half)
    with pytest.raises(OSError):
        models.save(model, path, "second")
    assert path.read_bytes() == before
    assert json.loads(path.with_suffix(".json").read_text())["trained_on"] == "first"
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "best_model.json",
        "best_model.keras",
    ]


def test_own_network_comes_before_the_bundled_one():
    bundled, sentence = models.load_trained()
    assert sentence.startswith("The bundled network, trained on ") and "simulated" in sentence
    assert bundled.input_shape == (None, models.INPUT_SIZE, models.INPUT_SIZE, 1)
    own = models.build_lesson_model()
    models.save(own, data.work_folder() / "best_model.keras", "9 real chest X-rays")
    model, sentence = models.load_trained()
    assert sentence == "Your own network from episode 5, trained on 9 real chest X-rays."
    np.testing.assert_array_equal(model.get_weights()[0], own.get_weights()[0])


def test_broken_network_is_refused_in_one_sentence():
    path = data.work_folder() / "best_model.keras"
    path.write_bytes(b"this is no network")
    with pytest.raises(data.DataError) as error:
        models.load_trained()
    assert is_one_sentence(error) and "best_model.keras" in str(error.value)


def test_bundled_network_is_small_and_tells_the_bundled_xrays_apart():
    assert models.BUNDLED.stat().st_size < 2_000_000
    xrays = data.find("data")
    images, labels = data.load(xrays, models.INPUT_SIZE)
    model, _ = models.load_bundled()
    assert np.mean((models.predict(model, images) >= 0.5) == labels) > 0.7


def test_prediction_does_not_depend_on_the_side(stripes):
    images, _ = stripes
    model, _ = models.load_bundled()
    mirrored = models.predict(model, images[:, :, ::-1])
    np.testing.assert_allclose(models.predict(model, images), mirrored, atol=1e-5)


def test_shift_and_flip_moves_whole_images_a_little_and_mirrors_half_of_them():
    image = np.zeros((64, 64, 1), np.float32)
    image[20:30, 40:44] = 1  # off the middle, higher than wide
    tensors = [models.tf.constant(a) for a in (np.stack([image] * 400), np.array([3, 4]))]
    moved = models.shift_and_flip(*tensors).numpy()
    np.testing.assert_array_equal(moved, models.shift_and_flip(*tensors).numpy())
    rows, columns = (np.argmax(moved.any(axis=(axis, 3)), axis=1) for axis in (2, 1))
    assert set(rows) == set(range(16, 25))  # up to 6 % of 64 pixels, up and down
    mirrored = columns < 32
    assert 0.4 < mirrored.mean() < 0.6
    assert set(columns[~mirrored]) == set(range(36, 45))
    assert set(columns[mirrored]) == set(range(16, 25))
    assert abs(np.corrcoef(mirrored, rows)[0, 1]) < 0.15  # drawn independently
    assert moved.sum() == tensors[0].numpy().sum()


def test_what_a_shift_uncovers_repeats_the_edge():
    ramp = np.repeat(np.arange(64, dtype=np.float32)[None, :, None, None], 64, axis=2)
    moved = models.shift_and_flip(
        models.tf.constant(np.repeat(ramp, 50, axis=0)), models.tf.constant([1, 2])
    ).numpy()
    assert moved.min() == 0 and moved.max() == 63
    assert np.all(np.diff(moved, axis=1) >= 0)


def test_augmentation_differs_from_epoch_to_epoch_but_not_from_run_to_run(stripes):
    images, labels = stripes
    runs = []
    for _ in range(2):
        models.set_seeds(5)
        batches = models.pipeline(images, labels, 80)
        runs.append([np.sort(next(iter(batches))[0].numpy(), axis=0) for _ in range(2)])
    np.testing.assert_array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0][0], runs[0][1])


def test_augmentation_keeps_labels_and_sizes(stripes):
    images, labels = stripes
    batch = next(iter(models.pipeline(images, labels, 16)))
    assert batch[0].shape == (16, 64, 64, 1) and batch[1].shape == (16,)


def test_import_is_quiet():
    result = subprocess.run(
        [sys.executable, "-c", "import helpers.models"], capture_output=True, text=True, check=True
    )
    assert (result.stdout, result.stderr) == ("", "")
