"""Hints to the exercises of episode 2, visualisation."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from exercises.episode_1 import in_other_units
from exercises.hints import (
    Check,
    Hint,
    Wrong,
    array,
    describe,
    form,
    is_tensor,
    number,
    read_array,
    stopped,
    wrong_type,
)


def darker(answer: object, image: np.ndarray) -> Hint | None:
    """Check an X-ray of type uint8, 60 grey levels darker and never below 0."""
    levels = image.astype(int) - 60
    wraps = (
        "dark pixels have turned bright. An 8-bit number that falls below 0 continues from 255 "
        "downwards: change to int16 first, subtract, clip, and change back to uint8."
    )
    return array(
        answer,
        levels.clip(0, 255),
        wrong=[
            Wrong(levels, "step", "some values are below 0; np.clip(…, 0, 255) sets those to 0."),
            Wrong(levels % 256, "dtype", wraps),
            Wrong(
                (image.astype(int) + 60).clip(0, 255),
                "sign",
                "this one is brighter: large numbers are bright.",
            ),
        ],
        advice="every pixel should be 60 grey levels lower, or 0 where that is below 0.",
        dtype=image.dtype.type,
    )


def angle(answer: object, image: np.ndarray) -> Hint | None:
    """Check the crop of 160 rows from row 300 on and 160 columns from column 340 on."""
    rows, columns = slice(300, 460), slice(340, 500)
    length = "the second number of a slice is where it ends, not its length."
    return array(
        answer,
        image[rows, columns],
        wrong=[
            Wrong(
                image[columns, rows],
                "place",
                "rows and columns are exchanged: it is image[rows, columns].",
            ),
            Wrong(
                image[:, ::-1][rows, columns],
                "place",
                "this is cut from the mirrored image; use the original.",
            ),
            Wrong(
                image[300:461, 340:501],
                "place",
                "the end of a slice is left out: 300:460 has 160 rows.",
            ),
            Wrong(image[300:160, 340:160], "shape", length),
            Wrong(
                image[rows],
                "step",
                "the rows are right; cut the columns as well, after a comma.",
            ),
        ],
        advice="the size is right, the place is not.",
        dtype=image.dtype.type,
    )


def memory(side: int, bytes_per_value: int, answer: object, count: int) -> Hint | None:
    """Check how many megabytes ``count`` images take in memory."""
    right = count * side * side * bytes_per_value / 1_000_000
    return number(
        answer,
        right,
        wrong=[
            Wrong(
                right / bytes_per_value,
                "step",
                "one value takes more than one byte: 8 bits make a byte.",
            ),
            Wrong(
                right * 8,
                "unit",
                "8 bits make one byte: a float64 takes 8 bytes, a float32 takes 4.",
            ),
            Wrong(right / side, "step", "an image has rows × columns pixels."),
            Wrong(right / count, "step", "this is one image; there are more."),
            Wrong(right * 3, "step", "these images have one channel, not three."),
            Wrong(
                right * 8 / bytes_per_value,
                "unit",
                "a float32 has 32 bits, so it takes 4 bytes.",
            ),
            *in_other_units(right),
        ],
        advice="Images × rows × columns × bytes for each value, divided by 1,000,000.",
        tolerance=0.01,
    )


def standardise(answer: object, image: np.ndarray) -> Hint | None:
    """Check a function that standardises an X-ray and refuses a constant one."""
    if isinstance(answer, np.ndarray) or is_tensor(answer):
        kind = "result" if isinstance(answer, np.ndarray) else "tensor"
        return Hint(kind, "the function itself is wanted here, without brackets after its name.")
    if not callable(answer):
        return wrong_type(answer, "a function is expected")
    ordinary = "for an ordinary X-ray, "
    try:
        returned = answer(image.copy())
    except (Exception, SystemExit) as error:
        return stopped(ordinary + "your function", error)
    if returned is None:
        return Hint("step", "the function returns nothing: let it end with return and the result.")
    result = read_array(returned)
    if isinstance(result, Hint):
        return Hint(result.kind, f"look at what the function returns: {result.text}")
    hint = form(result, image.shape, np.floating, ordinary)
    if hint:
        return hint
    mean, deviation = float(result.mean()), float(result.std())
    if abs(mean) > 1e-3 or abs(deviation - 1) > 1e-3:
        return Hint(
            "value",
            f"an ordinary X-ray gets the mean {mean:.2f} and the standard deviation "
            f"{deviation:.2f} in place of 0 and 1.",
        )
    for level in (0, 100):
        hint = _constant_image(answer, level)
        if hint:
            return hint
    return None


def _constant_image(function: Callable, level: int) -> Hint | None:
    """Check that a function refuses an image of one grey level by a ValueError in words."""
    try:
        result = function(np.full((8, 8), level, dtype=np.uint8))
    except ValueError as error:
        if describe(error) != type(error).__name__:
            return None
        return Hint("step", "a ValueError is right; now add a sentence that says what is wrong.")
    except (Exception, SystemExit) as error:
        return Hint(
            "error",
            f"for a constant image, your function stopped with {describe(error)}; raise a "
            "ValueError instead.",
        )
    if isinstance(result, np.ndarray) and result.dtype.kind == "f" and np.isnan(result).any():
        return Hint(
            "nan",
            "a constant image still gives NaN: look at the standard deviation before dividing.",
        )
    return Hint(
        "step", "a constant image is let through: raise a ValueError that says what is wrong."
    )


CHECKS: dict[str, Check] = {
    "darker": darker,
    "angle": angle,
    "mb_512": partial(memory, 512, 8),
    "mb_256": partial(memory, 256, 4),
    "standardise": standardise,
}
