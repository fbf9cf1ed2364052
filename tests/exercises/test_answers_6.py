"""Answers to the exercises of episode 6, and positions that only look right."""

import numpy as np
from cells import inline

from exercises import diagnose

RNG = np.random.default_rng(4)
# In the order of the test set: which X-rays show an effusion, and the network's probability of it.
LABELS = np.array([0, 1, 1, 1, 0, 0, 0, 0])
PROBABILITY = np.array([0.7, 0.9, 0.8, 0.3, 0.2, 0.4, 0.1, 0.3])
FEATURE_MAPS = RNG.random((3, 4, 5)).astype(np.float32)
WEIGHTS = np.array([1.0, -1.0, 0.5, -0.6, 0.2], np.float32)
HEAT = (FEATURE_MAPS * -WEIGHTS).sum(axis=-1)
MAPS = RNG.random((6, 5, 5)).astype(np.float32) * np.arange(6)[:, np.newaxis, np.newaxis]
OWN = MAPS / np.maximum(MAPS.max(axis=(1, 2), keepdims=True), 1e-9)  # the first is empty
TINY_MAP = np.array([[0.0, 0.5, 1.0], [0.0, 0.5, 0.0]])
TINY_MASK = np.array([[False, False, True], [False, True, True]])

GIVEN = {
    "sure_normal": (PROBABILITY, LABELS),
    "heat_normal": (FEATURE_MAPS, WEIGHTS),
    "one_scale": (MAPS,),
    "fraction_inside": (TINY_MAP, TINY_MASK),
}
RIGHT = {
    "sure_normal": [6, np.int64(6), np.array(6)],
    "heat_normal": [HEAT.clip(min=0), HEAT.clip(min=0)[np.newaxis], HEAT.clip(min=0).astype(float)],
    "one_scale": [MAPS / MAPS.max(), (MAPS / MAPS.max()).astype(float)],
    "fraction_inside": [0.75, np.float32(0.75), np.array(0.75)],
}
FREQUENT = {
    "sure_normal": [
        (3, "place", "counts only the normal X-rays"),  # of positions 0, 4, 5, 6, 7
        (4, "place", "counts only the X-rays that the network gets right"),  # 1, 2, 4, 5, 6, 7
        (2, "place", "counts only the normal X-rays that the"),  # 4, 5, 6, 7
        (5, "sign", "least sure"),
        (29, "place", "a position in the whole data set"),
        (-1, "place", "from 0 to 7"),
        (1, "place", "shows an effusion"),
        (0, "value", "predicts an effusion here"),
        (7, "value", "surer of another"),
        (0.1, "quantity", "this is a probability"),
        (6.0, "dtype", "a whole number"),
    ],
    "heat_normal": [
        (HEAT, "step", "negative values"),
        ((-HEAT).clip(min=0), "sign", "speaks for effusion"),
        (-(-HEAT).clip(min=0), "sign", "not afterwards"),
        (np.abs(HEAT), "sign", "absolute value"),
        (-HEAT, "step", "weighted sum for effusion"),
        (HEAT.clip(min=0) * 2, "value", "minus its weight"),
        (FEATURE_MAPS, "shape", "should be (3, 4)"),
    ],
    "one_scale": [
        (OWN, "step", "one number for all maps"),
        (np.full(len(MAPS), MAPS.max()), "quantity", "divide the maps"),
        (MAPS / MAPS.sum(), "quantity", "the sum of all values"),
        (MAPS, "step", "should become 1"),
        (MAPS[0], "place", "the first map alone"),
        (MAPS / 2, "value", "by one number"),
        (MAPS[:2] / MAPS.max(), "shape", "should be (6, 5, 5)"),
    ],
    "fraction_inside": [
        (1.5, "step", "divide it"),
        (0.25, "place", "outside"),
        (4 / 3, "sign", "other way round"),
        (1 / 2, "quantity", "this is the fraction of the area"),
        (0.9, "value", "too large"),
    ],
}


def test_tiny_example_is_that_of_the_episode():
    saliency, mask = inline("06", "tiny_map", "tiny_mask")
    np.testing.assert_array_equal(saliency, TINY_MAP)
    np.testing.assert_array_equal(mask, TINY_MASK)


def test_a_position_in_the_wrong_array_is_wrong_even_where_probabilities_are_equal():
    labels = np.array([0, 1, 0, 0, 0])
    probability = np.array([0.4, 0.9, 0.1, 0.1, 0.1])
    assert diagnose("sure_normal", 2, probability, labels) is None
    assert diagnose("sure_normal", 4, probability, labels) is None  # the network is as sure of it
    # The last of the equals among the four normal X-rays; in the test set, 3 is another one.
    assert diagnose("sure_normal", 3, probability, labels).kind == "place"
