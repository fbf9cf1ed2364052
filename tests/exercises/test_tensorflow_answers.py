"""Answers that are things of TensorFlow and Keras: layers, pipelines, and tensors by mistake."""

import numpy as np
import pytest

from exercises import diagnose

IMAGES = np.random.default_rng(4).normal(size=(40, 16, 16, 1)).astype(np.float32)
LABELS = np.arange(40) % 2


@pytest.fixture(scope="module")
def keras():
    from helpers.models import keras

    return keras


@pytest.fixture(scope="module")
def tf(keras):
    import tensorflow

    return tensorflow


def told(name, answer, *given):
    """Return the kind and the text of the hint, or twice "right"."""
    return diagnose(name, answer, *given) or ("right", "right")


def test_a_layer_that_rotates(keras):
    layers = keras.layers
    for factor, kind, words in [
        (20 / 360, "right", "right"),
        ((-20 / 360, 20 / 360), "right", "right"),
        (20 / 180, "unit", "40 degrees"),
        ((20 / 360, 20 / 360), "sign", "either side"),
    ]:
        hint = told("rotation", layers.RandomRotation(factor))
        assert hint[0] == kind and words in hint[1], hint
    for answer, kind in [
        (layers.RandomRotation, "function"),
        (layers.RandomContrast(0.1), "type"),
        (keras.Sequential([layers.RandomRotation(20 / 360)]), "type"),
        (layers.RandomRotation(20 / 360)(IMAGES), "tensor"),
        (keras.Input((3,)), "type"),
        (keras, "type"),
    ]:
        assert told("rotation", answer)[0] == kind, answer


def test_a_pipeline_that_shuffles(tf):
    labels = np.sort(LABELS)  # as in the folders: one class after the other
    pipeline = tf.data.Dataset.from_tensor_slices((IMAGES, labels))
    for answer, kind, words in [
        (pipeline.shuffle(40, seed=1).batch(32).prefetch(1), "right", "right"),
        (pipeline.batch(32), "step", "shuffle is missing"),
        (pipeline.shuffle(40, seed=1), "shape", "batches of 32"),
        (pipeline.shuffle(40, seed=1).batch(32).repeat(), "shape", "more X-rays"),
    ]:
        got = told("mixed", answer, labels)
        assert got[0] == kind and words in got[1], got


def test_a_pipeline_for_validation(tf):
    def hint(pipeline):
        return told("validation_pipeline", pipeline, IMAGES, LABELS)

    def fails(images, labels):
        tf.debugging.assert_less(images, -1e9)
        return images, labels

    pipeline = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS))
    only_images = tf.data.Dataset.from_tensor_slices(IMAGES)
    for answer, kind, words in [
        (pipeline.batch(32).prefetch(1), "right", "right"),
        (pipeline, "shape", "batches of 32"),
        (pipeline.batch(8), "shape", "batches of 32"),
        (pipeline.shuffle(40, seed=1).batch(32), "place", "shuffle"),
        (pipeline.batch(32).map(lambda x, y: (-x, y)), "value", "augmentation"),
        (pipeline.batch(32).take(1), "shape", "32 X-rays"),
        (pipeline.batch(32).repeat(), "shape", "more X-rays"),
        (only_images.batch(32), "shape", "pair"),
        (pipeline.batch(32).map(fails), "error", "your pipeline stopped with InvalidArgumentError"),
        (tf.data.Dataset, "function", "call it"),
        (tf.constant(IMAGES), "tensor", "pipeline"),
        (next(iter(pipeline.batch(32))), "list", "pipeline"),
    ]:
        got = hint(answer)
        assert got[0] == kind and words in got[1], got


def test_tensors_and_variables_are_told_from_arrays_and_numbers(tf, keras):
    image = np.zeros((64, 64), np.uint8)
    for name, given in {
        "chance_loss": (),
        "darker": (image,),
        "slopes": (),
        "fixed": (LABELS,),
        "standardise": (image,),
        "grey_range": (IMAGES, LABELS),
        "rotation": (),
        "smaller": (),
        "mixed": (LABELS,),
        "mixed_corners": (LABELS,),
        "choice": ({}, {}),
        "validation_pipeline": (IMAGES, LABELS),
    }.items():
        for answer in (tf.constant([1.0]), tf.constant(3), tf.Variable(2.0), keras.Variable(2.0)):
            assert told(name, answer, *given)[0] == "tensor", (name, answer)


def test_what_is_given_may_be_a_tensor(tf):
    maps, weights = np.ones((3, 4, 2), np.float32), np.array([1, -3], np.float32)
    given = tf.constant(maps), tf.constant(weights)
    assert told("heat_normal", np.full((3, 4), 2.0), *given)[0] == "right"
    assert told("heat_normal", np.full((3, 4), 4.0), *given)[0] == "value"
    assert told("heat_normal", tf.ones((3, 4)), *given)[0] == "tensor"
