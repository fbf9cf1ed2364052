"""Answers to the exercises of episode 8, whose examples and controls are the lesson's."""

import numpy as np
from cells import inline
from support import lazily

from exercises.episode_8 import CONTROLS

explain = lazily("helpers.explain")

MAPS = np.array([[1, 9, 3], [8, 1, 4], [-9, 2, 6], [2, 1, 5], [7, 2, 1]])
MASKS = np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0], [0, 1, 1], [1, 1, 0]]) == 1
RNG = np.random.default_rng(8)
IMAGE = RNG.normal(size=(64, 64, 1)).astype(np.float32)
RANKS = RNG.permutation(4096).reshape(64, 64, 1)
BEFORE = np.array([[[3.0, -2.0], [1.0, -4.0]]])
NONE = (np.nan,) * 3
TABLE = {
    "Good": ((0.4, 0.35, 0.45), (3.0, 2.5, 3.5), (0.2, 0.1, 0.3)),
    "Also good": ((0.3, 0.25, 0.35), (2.0, 1.5, 2.5), (-0.2, -0.3, 0.4)),
    "Slow": ((0.6, 0.5, 0.7), (5.0, 4.0, 6.0), NONE),
    "Elsewhere": ((0.2, 0.15, 0.25), (3.0, 2.5, 3.5), (0.2, 0.1, 0.3)),
    "Unfaithful": ((0.4, 0.35, 0.45), (0.3, -0.1, 0.7), (0.2, 0.1, 0.3)),
    "Steady": ((0.4, 0.35, 0.45), (3.0, 2.5, 3.5), (0.6, 0.4, 0.7)),
    "Untested": ((0.4, 0.35, 0.45), (3.0, 2.5, 3.5), NONE),
    "Edge filter": ((0.1, 0.09, 0.12), (0.3, 0.1, 0.5), NONE),
    "Random noise": ((0.16, 0.14, 0.18), (0.0, -0.2, 0.2), NONE),
}
PASSES = dict.fromkeys(TABLE, (1, 1)) | {"Slow": (400, 0)}

GIVEN = {
    "hit_rate": (MAPS, MASKS),
    "inserted": (IMAGE, RANKS),
    "absolute": (BEFORE, -BEFORE),
    "choice": (TABLE, PASSES),
}
INSERTED = np.where(RANKS < 1024, IMAGE, 0)
RIGHT = {
    "hit_rate": [0.6, np.float64(0.6), np.array(0.6)],
    "inserted": [INSERTED, INSERTED.astype(float)],
    "absolute": [1.0, 1, np.float64(1)],
    "choice": ["Good", "Also good"],
}
FREQUENT = {
    "hit_rate": [
        (3, "step", "divide"),
        (0.4, "sign", "misses"),
        (0.8, "sign", "absolute values"),
        (0.72, "value", "too large"),
        (MASKS.mean(), "quantity", "area"),
    ],
    "inserted": [
        (np.where(RANKS < 1024, 0, IMAGE), "sign", "deletion"),
        (np.where(RANKS <= 1024, IMAGE, 0), "step", "one pixel too many"),
        (np.where(RANKS >= 3072, IMAGE, 0), "sign", "matter least"),
        (RANKS < 1024, "quantity", "says where"),
        (np.where(RANKS < 1024, RANKS, 0), "quantity", "not ranks"),
        (IMAGE[RANKS < 1024], "shape", "keep the form"),
        (INSERTED[:, :, 0], "shape", "(64, 64, 1)"),
        (IMAGE, "value", "np.where"),
    ],
    "absolute": [
        (-1.0, "sign", "signed maps"),
        (0.4, "step", "second one too"),
        (-0.4, "step", "first one too"),
        (0.5, "value", "np.abs of both"),
    ],
    "choice": [
        ("Slow", "quantity", "400 passes"),
        ("Elsewhere", "value", "above that of the control 'Random noise'"),
        ("Unfaithful", "value", "in faithfulness"),
        ("Steady", "value", "0.70"),
        ("Untested", "value", "nan"),
        ("Edge filter", "quantity", "a control"),
        ("good", "value", "'Good'"),
        ("something else", "value", "no method"),
    ],
}


def test_the_examples_are_those_of_the_episode():
    maps, masks = inline("08", "tiny_maps", "tiny_masks")
    np.testing.assert_array_equal(maps, MAPS)
    np.testing.assert_array_equal(masks, MASKS)


def test_the_controls_are_those_of_the_lesson():
    assert set(CONTROLS) == set(explain.CONTROLS)
