"""Answers to the exercises of the extras; test_any_answer.py gives them to their checks."""

import numpy as np

RNG = np.random.default_rng(4)
SCORES = np.array([0.1, 3.0, -2.0, 5.0, 4.0, 1.0, 2.0], np.float32)
GRADIENT = RNG.normal(size=(6, 7, 3)).astype(np.float32)
PICTURE = RNG.integers(0, 256, (6, 6, 3), np.uint8)
SLOPES = RNG.normal(size=(1, 8, 8, 5)).astype(np.float32)
XRAY = RNG.random((64, 64, 1)) - 0.5
PIXEL_WEIGHTS = 3 * RNG.random((64, 64, 1))
SIDES = np.array([0, 1, 1, 2, 3, 0, 2])


class TorchTensor:
    """What looks like a tensor of PyTorch, without PyTorch."""

    __module__ = "torch"

    def __init__(self, values):
        self.values = np.array(values)

    def detach(self):
        return self

    cpu = detach

    def numpy(self):
        return self.values


def ask(batch):
    return (batch * PIXEL_WEIGHTS).sum(axis=(1, 2, 3))


def logit(colour=None, square=np.s_[40:56, 8:24]):
    covered = XRAY.copy()
    covered[square] = covered.min() if colour is None else colour
    return float(ask(covered[np.newaxis])[0])


BEFORE = float(ask(XRAY[np.newaxis])[0])

GIVEN = {
    "top5": (SCORES,),
    "per_pixel": (GRADIENT,),
    "first": (PICTURE,),
    "slopes": (),
    "map_weights": (SLOPES,),
    "fall_black": (XRAY, ask),
    "contribution_left": (1.0, 3.0, 4.0, 10.0),  # nothing, left, right, both
    "mirrored_sides": (SIDES,),
}
MEANS = SLOPES.mean(axis=(1, 2))
RIGHT = {
    "top5": [np.array([3, 4, 1, 6, 5])],
    "per_pixel": [np.abs(GRADIENT).max(axis=-1)],
    "first": [np.moveaxis(PICTURE, -1, 0)],
    "slopes": [
        [[2.0, -6.0]] * 3,
        np.array([[2, -6]] * 3),
        [np.array([2.0, -6.0])] * 3,
        TorchTensor([[2, -6]] * 3),
    ],
    "map_weights": [MEANS[0], MEANS, TorchTensor(MEANS[0])],
    "fall_black": [BEFORE - logit()],
    "contribution_left": [4.0],
    "mirrored_sides": [np.array([0, 2, 2, 1, 3, 0, 1])],
}
FREQUENT = {
    "top5": [
        (np.argsort(SCORES)[-5:], "place", "highest score should come first"),
        (np.argsort(SCORES)[:5], "place", "lowest"),
        (np.argsort(SCORES)[::-1], "step", "first five"),
        (np.argsort(SCORES), "step", "first five"),
        (np.sort(SCORES)[::-1][:5], "quantity", "the scores themselves"),
        (np.array([3, 4, 1, 6, 0]), "value", "not the classes"),
    ],
    "per_pixel": [
        (GRADIENT.max(axis=-1), "step", "large negative"),
        (np.abs(GRADIENT.max(axis=-1)), "place", "not after"),
        (np.abs(GRADIENT).mean(axis=-1), "quantity", "mean"),
        (np.abs(GRADIENT).sum(axis=-1), "quantity", "sum"),
        (np.abs(GRADIENT)[..., 0], "place", "first channel"),
        (np.abs(GRADIENT).max(axis=0), "shape", "shape"),
    ],
    "first": [
        (PICTURE.reshape(3, 6, 6), "place", "reshape"),
        (PICTURE.T, "place", "exchanged"),
        (np.moveaxis(PICTURE, -1, 0)[::-1], "place", "red"),
        (PICTURE, "shape", "shape"),
    ],
    "slopes": [
        ([[2, -6], [4, -12], [6, -18]], "step", "add up"),
        ([[8, -24], [10, -30], [12, -36]], "step", "add up"),
        ([[8, -24]] * 3, "step", "all alike"),
        ([2, -6], "shape", "three gradients"),
        ([[2, -6], [2], [2, -6]], "shape", "other lengths"),
        ([["2", "-6"]] * 3, "dtype", "real numbers"),
    ],
    "map_weights": [
        (SLOPES[0].mean(axis=(1, 2)), "place", "row"),
        (SLOPES[0].sum(axis=(0, 1)), "quantity", "sum"),
        (np.abs(SLOPES[0]).mean(axis=(0, 1)), "sign", "signs"),
        (SLOPES[0].max(axis=(0, 1)), "quantity", "largest"),
        (SLOPES[0].mean(axis=2), "place", "for each place"),
        (SLOPES.mean(), "quantity", "its own weight"),
    ],
    "fall_black": [
        (logit() - BEFORE, "sign", "sign"),
        (BEFORE - logit(0), "quantity", "grey"),
        (BEFORE - logit(square=np.s_[8:24, 40:56]), "place", "rows come first"),
        (logit(), "step", "covered"),
        (BEFORE, "step", "before"),
    ],
    "contribution_left": [
        (2.0, "step", "another one"),
        (6.0, "step", "another one"),
        (8.0, "quantity", "their mean"),
        (5.0, "place", "right half"),
        (6.5, "step", "growths"),
    ],
    "mirrored_sides": [
        (SIDES, "step", "as they were"),
        (SIDES[::-1], "place", "order of the patients"),
        (np.array([0, 1, 1, 1, 3, 0, 1]), "step", "on one side now"),
        (3 - SIDES, "value", "0 and 3 do not change"),
        (np.array([0, 2, 1, 1, 3, 0, 1]), "value", "the other way round"),
    ],
}
