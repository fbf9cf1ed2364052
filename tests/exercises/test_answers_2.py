"""Answers to the exercises of episode 2; test_any_answer.py gives them to their checks."""

import numpy as np

RNG = np.random.default_rng(4)
IMAGE = RNG.integers(0, 256, (512, 512), dtype=np.uint8)
MB = 200 * 512 * 512 * 8 / 1e6


def darker(by=60):
    return np.clip(IMAGE.astype(int) - by, 0, 255).astype(np.uint8)


def standardise(image):
    if image.std() == 0:
        raise ValueError("All pixels of this image are equal.")
    return (image - image.mean()) / image.std()


def returns(change):
    """Return a function that standardises and then changes what it returns."""

    def function(image):
        return change(standardise(image))

    return function


def without_a_guard(image):
    return (image - image.mean()) / image.std()


def lets_through(image):
    return (image - image.mean()) / max(image.std(), 1e-9)


def says_nothing(image):
    if image.std() == 0:
        raise ValueError
    return without_a_guard(image)


def divides_by_zero(image):
    return without_a_guard(image) if image.std() else 1 / 0


def undefined_name(image):
    return image / undefined  # noqa: F821


GIVEN = {
    "darker": (IMAGE,),
    "angle": (IMAGE,),
    "mb_512": (200,),
    "mb_256": (700,),
    "standardise": (IMAGE,),
}
RIGHT = {
    "darker": [darker()],
    "angle": [IMAGE[300:460, 340:500]],
    "mb_512": [MB, round(MB), np.float32(MB)],
    "mb_256": [700 * 256 * 256 * 4 / 1e6],
    "standardise": [standardise],
}
FREQUENT = {
    "darker": [
        (IMAGE - np.uint8(60), "dtype", "continues from 255"),
        (IMAGE.astype(int) - 60, "step", "below 0"),
        (darker().astype(float), "dtype", "values are right, but the array holds float64"),
        (np.clip(IMAGE.astype(int) + 60, 0, 255).astype(np.uint8), "sign", "brighter"),
        (IMAGE // 2, "value", "60 grey levels lower"),
        (darker()[:100], "shape", "shape"),
    ],
    "angle": [
        (IMAGE[340:500, 300:460], "place", "rows and columns are exchanged"),
        (IMAGE[:, ::-1][300:460, 340:500], "place", "mirrored"),
        (IMAGE[300:461, 340:501], "place", "left out"),
        (IMAGE[300:160, 340:160], "shape", "not its length"),
        (IMAGE[300:460], "step", "columns"),
        (IMAGE[:160, :160], "value", "the place is not"),
    ],
    "mb_512": [
        (MB / 8, "step", "8 bits make a byte"),
        (MB * 8, "unit", "8 bits make one byte"),
        (MB * 3, "step", "one channel"),
        (MB / 200, "step", "one image"),
        (MB / 512, "step", "rows × columns"),
        (MB * 1e6, "unit", "in bytes"),
        (MB * 1e3, "unit", "in kilobytes"),
        (MB * 1e6 / 2**20, "unit", "1024"),
        (1.0, "value", "too small"),
    ],
    "mb_256": [
        (700 * 256 * 256 / 1e6, "step", "8 bits make a byte"),
        (700 * 256 * 256 * 8 / 1e6, "unit", "32 bits"),
    ],
    "standardise": [
        (without_a_guard, "nan", "still gives NaN"),
        (lambda image: image - image.mean(), "value", "standard deviation"),
        (returns(lambda result: result / 7), "value", "in place of 0 and 1"),
        (lets_through, "step", "let through"),
        (says_nothing, "step", "add a sentence"),
        (standardise(IMAGE), "result", "function itself"),
        (lambda image: None, "step", "returns nothing"),
        (divides_by_zero, "error", "stopped with ZeroDivisionError: division by zero; raise"),
        (undefined_name, "error", "your function stopped with NameError: name 'undefined' is not"),
        (lambda: None, "error", "your function stopped with TypeError"),
        (returns(lambda result: result.tolist()), "list", "returns"),
        (returns(lambda result: result[..., np.newaxis]), "shape", "shape"),
        (returns(lambda result: result.astype(int)), "dtype", "int"),
        (returns(lambda result: np.full_like(result, np.nan)), "nan", "NaN"),
        (returns(lambda result: result.mean), "function", "returns"),
    ],
}
