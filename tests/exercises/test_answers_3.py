"""Answers to the exercises of episode 3, and labels that leave more than one right."""

import numpy as np

from exercises import diagnose, verify

RNG = np.random.default_rng(4)
IMAGES = RNG.normal(size=(40, 16, 16, 1)).astype(np.float32)
LABELS = np.repeat([0, 1], 20)
MIXED = RNG.permutation(40)
PATIENTS = np.array(list("AAAABBCDE"))
TRAIN, TEST = np.array([0, 4, 6]), np.array([1, 2, 3, 5, 7, 8])  # A and B are in both
LEARNT = np.arange(30)
LOW, HIGH = IMAGES[LEARNT].min(), IMAGES[LEARNT].max()
IMAGES[35] *= 3  # what lies outside the training set reaches further


class Pipeline:
    """What looks like a pipeline of tf.data that gives these items, and stands for endless ones."""

    def __init__(self, *items):
        self.items = items

    def as_numpy_iterator(self):
        yield from self.items[:20]
        if len(self.items) > 20:
            raise RuntimeError("A pipeline that repeats itself has no end: stop reading.")


def layer(name, **settings):
    """Return what looks like a Keras layer of this name and these settings."""
    return type(name, (), {"get_config": lambda self: settings, "__call__": lambda self, x: x})()


def pairs(images=IMAGES, labels=LABELS, size=32):
    starts = range(0, len(images), size)
    return Pipeline(*((images[k : k + size], labels[k : k + size]) for k in starts))


def turn(factor=(-20 / 360, 20 / 360)):
    return layer("RandomRotation", factor=factor)


GIVEN = {
    "leaked": (PATIENTS, TRAIN, TEST),
    "grey_range": (IMAGES, LEARNT),
    "rotation": (),
    "mixed": (LABELS,),
    "validation_pipeline": (IMAGES, LABELS),
}
RIGHT = {
    "leaked": [2, 2.0, np.int64(2), np.uint8(2)],
    "grey_range": [(LOW, HIGH), [float(LOW), float(HIGH)], np.array([LOW, HIGH])],
    "rotation": [turn(), turn((-1 / 18, 1 / 18))],
    "mixed": [pairs(IMAGES[MIXED], LABELS[MIXED])],
    "validation_pipeline": [pairs()],
}
FREQUENT = {
    "leaked": [
        (4, "unit", "counts X-rays"),
        (5, "quantity", "of either set"),
        ({"A", "B"}, "step", "len"),
        (0, "value", "too small"),
        ([2], "list", "list"),
        (True, "type", "True"),
    ],
    "grey_range": [
        ((IMAGES.min(), IMAGES.max()), "place", "the test set included"),
        ((HIGH, LOW), "place", "darkest value comes first"),
        ((IMAGES[LEARNT].mean(), IMAGES[LEARNT].std()), "quantity", "mean"),
        ((0.0, 255.0), "value", "images[train]"),
        (HIGH, "type", "two numbers"),
        ((LOW,), "shape", "shape"),
        (IMAGES[LEARNT], "step", "these are the images"),
        ((LOW, np.nan), "nan", "NaN"),
        (("dark", "bright"), "text", "text"),
    ],
    "rotation": [
        (turn((-20, 20)), "unit", "7200 degrees"),
        (turn((-20 / 180, 20 / 180)), "unit", "40 degrees"),
        (turn((20 / 360, 20 / 360)), "sign", "either side"),
        (layer("RandomFlip", mode="horizontal"), "type", "this is RandomFlip"),
        ([turn()], "list", "list"),
        (20, "type", "Keras layer"),
    ],
    "mixed": [
        (pairs(), "step", "shuffle is missing"),
        (pairs(IMAGES[::-1], LABELS[::-1], 20), "shape", "batches of 32"),
        (pairs(IMAGES[MIXED][:32], LABELS[MIXED][:32]), "shape", "only 32 X-rays"),
        (Pipeline(IMAGES[:32], IMAGES[32:]), "shape", "pair"),
        (np.zeros(3), "type", "pipeline"),
    ],
    "validation_pipeline": [
        (pairs(size=8), "shape", "batches of 32"),
        (Pipeline(*zip(IMAGES, LABELS, strict=True)), "shape", "batches of 32"),
        (Pipeline(), "shape", "batches of 32"),
        (Pipeline(IMAGES[:32], IMAGES[32:]), "shape", "pair"),
        (Pipeline((IMAGES[:32], LABELS[:32])), "shape", "only 32 X-rays come out of the pipeline"),
        (Pipeline(*pairs().items * 30), "shape", "more X-rays come out"),
        (pairs(IMAGES[::-1], LABELS[::-1]), "place", "shuffle"),
        (pairs(-IMAGES), "value", "augmentation"),
        (pairs(IMAGES + 1), "value", "augmentation"),
    ],
}


def test_batches_of_one_class_are_found_and_a_range_that_is_the_same_is_right():
    labels = np.repeat([0, 1], 64)
    images = np.zeros((128, 2, 2, 1), np.float32)
    order = np.concatenate([np.arange(64, 128), np.arange(64)])
    hint = diagnose("mixed", pairs(images[order], labels[order]), labels)
    assert hint is not None and hint.kind == "place" and "4 of 4 batches" in hint.text
    # Where the extremes lie in the training set, the range of all images is right too.
    verify("grey_range", (IMAGES[:30].min(), IMAGES[:30].max()), IMAGES[:30], np.arange(30))
