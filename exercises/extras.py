"""Hints to the exercises of the extras."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from exercises.hints import (
    Check,
    Hint,
    Wrong,
    array,
    form,
    from_torch,
    number,
    read_array,
    read_number,
)

# --- An everyday photograph -----------------------------------------------------------------


def top5(answer: object, scores: np.ndarray) -> Hint | None:
    """Check the classes with the five highest scores, the highest first."""
    order = np.argsort(scores)
    right = order[::-1][:5]
    every = "these are all classes: reverse the order, then keep the first five."
    return array(
        answer,
        right,
        wrong=[
            Wrong(order, "step", every),
            Wrong(order[::-1], "step", every),
            Wrong(
                right[::-1],
                "place",
                "the right five, but the highest score should come first.",
            ),
            Wrong(
                order[:5],
                "place",
                "these have the lowest scores: reverse the order before you take five.",
            ),
            Wrong(
                scores[right],
                "quantity",
                "these are the scores themselves; the numbers of the classes are asked for.",
            ),
        ],
        advice="these are not the classes with the five highest scores.",
        dtype=np.integer,
    )


def per_pixel(answer: object, gradient: np.ndarray) -> Hint | None:
    """Check the largest size of the gradient among the channels, for each pixel."""
    size = np.abs(gradient)
    return array(
        answer,
        size.max(axis=-1),
        wrong=[
            Wrong(
                gradient.max(axis=-1),
                "step",
                "take the size first: a large negative gradient counts as well.",
            ),
            Wrong(
                np.abs(gradient.max(axis=-1)),
                "place",
                "take the size before the maximum, not after it.",
            ),
            Wrong(
                size.mean(axis=-1),
                "quantity",
                "this is the mean of the channels; take the largest.",
            ),
            Wrong(
                size.sum(axis=-1), "quantity", "this is the sum of the channels; take the largest."
            ),
            Wrong(size[..., 0], "place", "this is the first channel alone."),
        ],
        advice="take np.abs of the gradient, then the maximum along its last axis.",
        dtype=np.floating,
        tolerance=1e-4 * float(size.max()),
    )


# --- An everyday photograph, in PyTorch -----------------------------------------------------


def channels_first(answer: object, picture: np.ndarray) -> Hint | None:
    """Check a colour picture whose channels have become the first axis."""
    rows, columns, channels = picture.shape
    right = np.moveaxis(picture, -1, 0)
    return array(
        answer,
        right,
        wrong=[
            Wrong(
                picture.reshape(channels, rows, columns),
                "place",
                "the shape is right, the numbers are mixed up: reshape moves no axis.",
            ),
            Wrong(
                picture.T, "place", "the channels are first, but rows and columns are exchanged."
            ),
            Wrong(
                right[::-1],
                "place",
                "the channels come in reverse order: the first should be the red one.",
            ),
        ],
        advice="first[0] should be picture[:, :, 0].",
        dtype=picture.dtype.type,
    )


def slopes(answer: object) -> Hint | None:
    """Check three gradients, each [2, -6], that must not add up."""
    expected = "three gradients of two numbers are expected"
    values = read_array(from_torch(answer), expected, lists=True)
    if isinstance(values, Hint):
        return values
    hint = form(values, (3, 2))
    if hint:
        return Hint(hint.kind, f"{expected}; {hint.text}")
    if same_rows(values, [2, -6]):
        return None
    if same_rows(np.diff(values, axis=0), [2, -6]):
        return Hint(
            "step", "the gradients still add up: remove the old one before each backward()."
        )
    if same_rows(values, values[0]):
        return Hint(
            "step", "all alike, but not [2, -6]: set x.grad = None in the loop, before backward()."
        )
    return Hint("value", "each round should find [2, -6], the gradient of x squared at 1 and -3.")


def same_rows(values: np.ndarray, row: ArrayLike) -> bool:
    """Tell whether every row of a table is this one."""
    return np.array_equal(values, np.broadcast_to(row, values.shape))


# --- The same model in PyTorch --------------------------------------------------------------


def map_weights(answer: object, slopes: np.ndarray) -> Hint | None:
    """Check the weights of Grad-CAM: the mean gradient of each channel, also as a batch of one."""
    answer = from_torch(answer)
    single = read_number(answer)
    if isinstance(single, float) and np.isclose(single, slopes.mean()):
        return Hint(
            "quantity", "this is one number for everything; each channel has its own weight."
        )
    values = read_array(answer)
    if isinstance(values, Hint):
        return values
    gradient = slopes[0]
    right = gradient.mean(axis=(0, 1))
    return array(
        np.squeeze(values) if values.shape[:1] == (1,) else values,
        right,
        wrong=[
            Wrong(
                gradient.mean(axis=(1, 2)),
                "place",
                "this mean leaves one number for each row, not channel.",
            ),
            Wrong(
                gradient.sum(axis=(0, 1)),
                "quantity",
                "this is the sum over all places; take the mean.",
            ),
            Wrong(
                np.abs(gradient).mean(axis=(0, 1)),
                "sign",
                "keep the signs: a weight may be negative.",
            ),
            Wrong(
                gradient.max(axis=(0, 1)),
                "quantity",
                "this is the largest value of each channel; take the mean.",
            ),
            Wrong(
                gradient.mean(axis=2),
                "place",
                "this is the mean over the channels, one for each place.",
            ),
        ],
        advice="take the mean over rows and columns.",
        dtype=np.floating,
        tolerance=1e-3 * float(np.abs(right).max()),
    )


# --- Explaining by perturbing ---------------------------------------------------------------


def fall_black(
    answer: object, image: np.ndarray, ask: Callable[[np.ndarray], np.ndarray]
) -> Hint | None:
    """Check how far the logit falls where a square is filled with the darkest value."""

    def logit(colour: float, rows: slice = slice(40, 56), columns: slice = slice(8, 24)) -> float:
        covered = image.copy()
        covered[rows, columns] = colour
        return float(ask(covered[np.newaxis])[0])

    before = float(ask(image[np.newaxis])[0])
    black = float(image.min())
    right = before - logit(black)
    return number(
        answer,
        right,
        wrong=[
            Wrong(-right, "sign", "the size is right, the sign is not: before minus after."),
            Wrong(
                before - logit(0.0),
                "quantity",
                "this square is grey: fill it with image.min() in place of 0.",
            ),
            Wrong(
                before - logit(black, slice(8, 24), slice(40, 56)),
                "place",
                "rows come first, then columns.",
            ),
            Wrong(
                logit(black),
                "step",
                "this is the logit of the covered X-ray; by how much has it fallen?",
            ),
            Wrong(
                before,
                "step",
                "this is the logit before; subtract the logit of the covered X-ray.",
            ),
        ],
        tolerance=0.01,
    )


def contribution_left(
    answer: object, nothing: float, left: float, right: float, both: float
) -> Hint | None:
    """Check the Shapley value of the left half: the mean of its two growths."""
    nothing, left, right, both = (float(value) for value in (nothing, left, right, both))
    mean = ((left - nothing) + (both - right)) / 2
    return number(
        answer,
        mean,
        wrong=[
            Wrong(
                left - nothing,
                "step",
                "this is the order in which left comes first; there is another one.",
            ),
            Wrong(
                both - right,
                "step",
                "this is the order in which right comes first; there is another one.",
            ),
            Wrong(2 * mean, "quantity", "these are both growths together; take their mean."),
            Wrong(both - nothing - mean, "place", "this is the contribution of the right half."),
            Wrong(
                (left + both) / 2,
                "step",
                "take growths: subtract what the logit was before left came in.",
            ),
        ],
        tolerance=0.01,
    )


# --- More than two classes ------------------------------------------------------------------


def mirrored_sides(answer: object, sides: np.ndarray) -> Hint | None:
    """Check the labels of mirrored X-rays: right and left exchanged, normal and both kept."""
    hint = array(
        answer,
        np.array([0, 2, 1, 3])[sides],
        wrong=[
            Wrong(sides, "step", "the X-rays are mirrored, but their sides are as they were."),
            Wrong(
                sides[::-1],
                "place",
                "this reverses the order of the patients; exchange the sides.",
            ),
        ],
        advice="where the old array has 1 (right), the new one has 2 (left), and the other way "
        "round.",
        dtype=np.integer,
    )
    if hint is None or hint.kind != "value":
        return hint
    labels = np.asarray(answer)
    unchanged = (sides == 0) | (sides == 3)
    if not np.array_equal(labels[unchanged], sides[unchanged]):
        return Hint(
            "value",
            "a mirrored normal X-ray is normal, and both sides stay both: 0 and 3 do not change.",
        )
    if len(np.unique(labels[~unchanged])) == 1:
        return Hint(
            "step",
            "all of them are on one side now: read the old array while you fill the new one.",
        )
    return hint


CHECKS: dict[str, Check] = {
    "top5": top5,
    "per_pixel": per_pixel,
    "first": channels_first,
    "slopes": slopes,
    "map_weights": map_weights,
    "fall_black": fall_black,
    "contribution_left": contribution_left,
    "mirrored_sides": mirrored_sides,
}
