"""Frequent wrong answers to the exercises of episodes 3 and 4 get the hint that helps."""

import numpy as np
import pytest

from helpers import quiz

IMAGES = np.random.default_rng(4).normal(size=(40, 16, 16, 1)).astype(np.float32)
LABELS = np.arange(40) % 2
PATIENTS = np.array(list("AAABBC"))
TRAIN, TEST = np.array([0, 3, 5]), np.array([1, 2, 4])  # A and B are on both sides
EDGES = np.array([[-1, 0, 1]] * 3)
FIELD = ([(3, 1), (2, 2), (3, 1)],)


def said(capsys, name, answer, *given):
    quiz.check(name, answer, *given)
    return capsys.readouterr().out


@pytest.mark.parametrize(
    "name, answer, given, says",
    [
        ("batch", IMAGES[0], (IMAGES,), "a batch has one more"),
        ("batch", IMAGES[1:2], (IMAGES,), "not the first"),
        ("batch", IMAGES[0, :, :, 0][np.newaxis], (IMAGES,), "shape"),
        ("batch", IMAGES[:1], (IMAGES,), "Right"),
        ("leaked", 3, (PATIENTS, TRAIN, TEST), "counts X-rays"),
        ("leaked", {"A", "B"}, (PATIENTS, TRAIN, TEST), "len"),
        ("leaked", 0, (PATIENTS, TRAIN, TEST), "too small"),
        ("leaked", 2, (PATIENTS, TRAIN, TEST), "Right"),
        ("new_bias", 1.5, (np.array([1, 2]), np.array([0.5, 0.5])), "sign"),
        ("new_bias", -1.5, (np.array([1, 2]), np.array([0.5, 0.5])), "Right"),
        ("horizontal", np.eye(3), (), "sum to 0"),
        ("horizontal", EDGES, (), "rows"),
        ("horizontal", EDGES + EDGES.T, (), "columns"),
        ("horizontal", "edges", (), "Not yet"),
        ("horizontal", -EDGES.T, (), "Right"),
        ("count", 6000, (5, 12, 20), "bias"),
        ("count", 520, (5, 12, 20), "channels"),
        ("count", 6020, (5, 12, 20), "Right"),
        ("field", 6, FIELD, "two steps"),
        ("field", 8, FIELD, "Right"),
    ],
)
def test_numbers_and_arrays(capsys, name, answer, given, says):
    printed = said(capsys, name, answer, *given)
    assert says in printed
    assert printed.startswith("Right" if says == "Right" else "Not yet")


@pytest.fixture(scope="module")
def layers():
    from helpers.models import layers

    return layers


@pytest.mark.parametrize(
    "factor, settings, says",
    [
        (0.1, {}, "grey_range"),
        ((0.1, 0.1), {"value_range": (0, 1)}, "cuts off"),
        ((0.5, 0.5), {"value_range": (-5, 5)}, "a tenth"),
        ((0.1, 0.1), {"value_range": (-5, 5)}, "Right"),
    ],
)
def test_brighter(capsys, layers, factor, settings, says):
    assert says in said(capsys, "brighter", layers.RandomBrightness(factor, **settings), IMAGES)


@pytest.mark.parametrize(
    "turn, zoom, mode, says",
    [
        (20 / 180, 0.2, "horizontal", "40 degrees"),
        ((20 / 360, 20 / 360), 0.2, "horizontal", "either side"),
        (20 / 360, 0.1, "horizontal", "zoom"),
        (20 / 360, 0.2, "horizontal_and_vertical", "head"),
        (20 / 360, 0.2, "horizontal", "Right"),
        ((-20 / 360, 20 / 360), (-0.2, 0.2), "horizontal", "Right"),
    ],
)
def test_strong(capsys, layers, turn, zoom, mode, says):
    from helpers.models import keras

    parts = [layers.RandomRotation(turn), layers.RandomZoom(zoom), layers.RandomFlip(mode)]
    assert says in said(capsys, "strong", keras.Sequential(parts))
    assert "order" in said(capsys, "strong", keras.Sequential(parts[::-1]))
    assert "three layers" in said(capsys, "strong", keras.Sequential(parts[:2]))


def test_validation_belt(capsys, layers):
    from helpers.models import tf

    def hint(belt):
        return said(capsys, "validation_belt", belt, IMAGES, LABELS)

    belt = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS))
    assert "batches of 32" in hint(belt)
    assert "batches of 32" in hint(belt.batch(8))
    assert "shuffle" in hint(belt.shuffle(40, seed=1).batch(32))
    assert "augmentation" in hint(belt.batch(32).map(lambda images, labels: (-images, labels)))
    assert "32 X-rays" in hint(belt.batch(32).take(1))
    assert "pair" in hint(tf.data.Dataset.from_tensor_slices(IMAGES).batch(32))
    assert hint(belt.batch(32).prefetch(1)).startswith("Right")
