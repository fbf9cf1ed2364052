"""What episodes 3 and 4 write out gives the same result as what is used later."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from cells import cell_with, inline
from support import lazily

from helpers import data
from helpers.paths import BUNDLED_DATA

models = lazily("helpers.models")

KERNELS = {
    "edges": np.array([[-1, 0, 1]] * 3, np.float32),
    "blur": np.full((3, 3), 1 / 9, np.float32),
    "lopsided": np.arange(9, dtype=np.float32).reshape(3, 3) - 2,  # a flipped kernel would show
}


def dataset(labels):
    """Return a data set of files that nobody opens."""
    files = tuple(Path(f"{k}.png") for k in range(len(labels)))
    return data.Dataset("made up", Path(), files, tuple(labels), None, None, False)


# --- Episode 3 ------------------------------------------------------------------------------


def test_simple_split_is_the_one_where_patients_are_unknown():
    from sklearn.model_selection import train_test_split

    (three_sets,) = inline("03", "three_sets", train_test_split=train_test_split)
    for count in (700, 200, 121):
        labels = np.repeat([0, 1], [count // 2, count - count // 2])
        used = data.split(dataset(labels))
        for taught, helper in zip(three_sets(labels), used, strict=True):
            assert sorted(taught) == list(helper)


def test_split_by_patient_and_the_leak_that_it_ends():
    from sklearn.model_selection import StratifiedGroupKFold, train_test_split

    keep, three_sets = inline(
        "03",
        "keep_a_seventh",
        "three_sets",
        StratifiedGroupKFold=StratifiedGroupKFold,
        train_test_split=train_test_split,
    )
    bundled = data.find_dataset(BUNDLED_DATA)
    patients, labels = np.array(bundled.patients), np.array(bundled.labels)
    rest, test = keep(patients, labels)
    inner, kept = keep(patients[rest], labels[rest])
    for taught, helper in zip((rest[inner], rest[kept], test), data.split(bundled), strict=True):
        assert sorted(taught) == list(helper)
    train, _, leaky = three_sets(labels)
    assert len({*patients[train]} & {*patients[leaky]}) > 3  # the episode has some to count
    assert not {*patients[rest]} & {*patients[test]}


def test_augmentation_and_pipeline_are_those_of_the_training():
    rng = np.random.default_rng(0)
    pictures, labels = rng.normal(size=(70, 32, 32, 1)).astype("float32"), np.arange(70) % 2
    given = {"Sequential": models.keras.Sequential, "layers": models.layers, "tf": models.tf}
    names = ("flip", "shift", "augmentation", "augment_batch", "pipeline")

    models.set_seeds(7)
    _, _, augmentation, _, taught = inline("03", *names, **given)
    by_episode = [[np.array(part) for part in pair] for pair in taught(pictures, labels)]
    models.set_seeds(7)
    by_helper = [[np.array(part) for part in pair] for pair in models.pipeline(pictures, labels)]
    assert [len(batch) for batch, _ in by_episode] == [32, 32, 6]
    for one, other in zip(by_episode, by_helper, strict=True):
        np.testing.assert_array_equal(one[1], other[1])
        np.testing.assert_allclose(one[0], other[0], atol=1e-6)

    assert not any(np.array_equal(batch, pictures[:32]) for batch, _ in by_episode)
    for one, other in zip(augmentation.layers, models.augmentation().layers, strict=True):
        settings = one.get_config(), other.get_config()
        changed = {key for key in settings[0] if settings[0][key] != settings[1][key]}
        assert changed <= {"name", "seed"}, changed


def test_at_prediction_an_xray_is_used_once_and_as_it_is(monkeypatch):
    model = models.build_lesson_model()
    monkeypatch.setattr(type(model), "__call__", lambda self, batch, training: batch[:, 0, 0])
    pictures = np.random.default_rng(1).normal(size=(5, 64, 64, 1)).astype("float32")
    seen = models.predict(model, pictures)
    np.testing.assert_array_equal(seen, pictures[:, 0, 0, 0])


# --- Episode 4 ------------------------------------------------------------------------------


def test_gradient_is_the_slope_of_the_loss_and_that_of_keras():
    rng = np.random.default_rng(2)
    labels = np.arange(60) % 2
    band = rng.normal(size=60) + 0.5 * labels
    loss_of, gradient_of = inline("04", "loss_of", "gradient_of", band=band, labels=labels)
    tf = models.tf
    for value in (-3.0, -0.5, 0.0, 2.0):
        slope = (loss_of(value + 1e-4) - loss_of(value - 1e-4)) / 2e-4
        assert gradient_of(value) == pytest.approx(slope, abs=1e-6)
        weight = tf.Variable(value, dtype=tf.float64)
        with tf.GradientTape() as tape:
            probability = tf.sigmoid(weight * band)
            loss = models.keras.losses.binary_crossentropy(labels.astype(float), probability)
        assert loss_of(value) == pytest.approx(float(loss), abs=1e-5)
        assert gradient_of(value) == pytest.approx(float(tape.gradient(loss, weight)), abs=1e-5)


def test_convolution_is_that_of_opencv_and_keras():
    convolve, kernel = inline("04", "convolve", "kernel")
    image = np.random.default_rng(3).normal(size=(31, 47)).astype(np.float32)
    for name, weights in KERNELS.items():
        by_hand = convolve(image, weights)
        opencv = cv2.filter2D(image, -1, weights)[1:-1, 1:-1]
        layer = models.layers.Conv2D(1, 3, padding="valid", use_bias=False)
        layer.build((None, *image.shape, 1))
        layer.set_weights([weights.reshape(3, 3, 1, 1)])
        keras = np.array(layer(image[np.newaxis, :, :, np.newaxis]))[0, :, :, 0]
        assert by_hand.shape == (29, 45), name
        np.testing.assert_allclose(opencv, by_hand, atol=1e-4, err_msg=name)
        np.testing.assert_allclose(keras, by_hand, atol=1e-4, err_msg=name)
    step = np.repeat([[0, 0, 0, 0, 10, 10, 10, 10]], 6, axis=0)
    edges = convolve(step, kernel)  # the episode's kernel finds the edge, and nothing beside it
    assert (edges[:, 2:4] == 30).all()
    assert (np.delete(edges, [2, 3], axis=1) == 0).all()


def test_pooling_is_that_of_keras():
    small, _, pooled = inline("04", "small", "rows", "pooled")
    by_keras = models.layers.MaxPooling2D(2)(small.reshape(1, 4, 4, 1).astype(np.float32))
    assert np.array_equal(np.array(by_keras)[0, :, :, 0], pooled)


def test_batch_normalisation_is_that_of_keras():
    one_map = np.random.default_rng(5).gamma(2, 0.03, size=(40, 4, 4)).astype(np.float32)
    space = {"one_map": one_map, "show_histograms": lambda *_, **__: None}
    exec(cell_with("04", "normalised = "), space)
    layer = models.layers.BatchNormalization(epsilon=1e-9)
    by_keras = np.array(layer(one_map[..., np.newaxis], training=True))[..., 0]
    np.testing.assert_allclose(space["normalised"], by_keras, atol=1e-3)


def test_reference_network_is_that_of_the_helper():
    (build,) = inline("04", "build_model", keras=models.keras, layers=models.layers)
    assert build().count_params() == models.build_model().count_params() == 54_627
    for given in ((), ((128, 128, 3), 0.2)):
        taught, helper = build(*given), models.build_model(*given)
        assert [w.shape for w in taught.weights] == [w.shape for w in helper.weights]
        for one, other in zip(taught.layers, helper.layers, strict=True):
            assert type(one) is type(other)
            for name in ("rate", "strides", "pool_size", "padding", "activation"):
                assert getattr(one, name, None) == getattr(other, name, None), (one.name, name)


def test_the_changed_network_is_checked_on_real_networks():
    from exercises import diagnose, verify

    space = {"keras": models.keras, "layers": models.layers, "verify": verify}
    exec(cell_with("04", "smaller = keras.Model"), space)
    verify("smaller", models.build_lesson_model())
    layers = models.layers
    dense = models.keras.Sequential([layers.Input((64, 64, 1)), layers.Flatten(), layers.Dense(1)])
    for network, words in [
        (models.build_model(), "(64, 64, 1)"),
        (models.build_model((64, 64, 1)), "fewer pooling"),
        (models.build_model, "call it"),
        (dense, "no convolution"),
    ]:
        hint = diagnose("smaller", network)
        assert hint is not None and words in hint.text, hint


def test_what_is_left_of_the_last_activation_function_is_its_maps():
    source = cell_with("04", "def last_maps")
    for model in (models.build_lesson_model(), models.load_pretrained()[0]):
        layer = eval(source.split("last = ")[1].split("#")[0], {"network": model})
        assert layer is [one for one in model.layers if one.name.startswith("activation")][-1]
        assert layer.output.shape[1:] == (16, 16, 64)
