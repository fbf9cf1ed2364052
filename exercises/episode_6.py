"""Hints to the exercises of episode 6, explainability."""

from __future__ import annotations

import numbers

import numpy as np

from exercises.hints import Check, Hint, Wrong, array, number, read_array, read_number


def sure_normal(answer: object, probability: np.ndarray, labels: np.ndarray) -> Hint | None:
    """Check the position of the correct normal X-ray with the smallest probability of effusion.

    The position counts in all of ``probability``. What is found in a part of it, such as
    ``probability[labels == 0]``, is the position of another image, and stays wrong where that
    image happens to have the same probability. (Where nothing was left out in front of the right
    image, both positions are one number, and right.)
    """
    position = read_number(answer)
    if isinstance(position, Hint):
        return position
    if not isinstance(answer, numbers.Integral) and np.asarray(answer).dtype.kind not in "iu":
        if np.any(np.isclose(position, probability)) and position != int(position):
            return Hint("quantity", "this is a probability; the position of the X-ray is wanted.")
        return Hint("dtype", "the position of an image is a whole number.")
    position = int(position)
    normal, right = labels == 0, (probability > 0.5) == (labels == 1)
    wins = np.where(normal & right, probability, np.inf)
    if not (normal & right).any():
        return Hint(
            "given", "the network gets none of these normal X-rays right, so there is none to find."
        )
    if position == wins.argmin():
        return None
    among = "this position counts only the {}; np.where(…) keeps all positions."
    for part, name in [
        (normal, "normal X-rays"),
        (right, "X-rays that the network gets right"),
        (normal & right, "normal X-rays that the network gets right"),
    ]:
        places = np.flatnonzero(part)
        found = np.flatnonzero(wins[part] == wins.min())
        if position in found[places[found] != found]:
            return Hint("place", among.format(name))
    if not 0 <= position < len(labels):
        return Hint(
            "place",
            f"there are {len(labels)} test images, so positions go from 0 to {len(labels) - 1}; "
            "a position in the whole data set is another number.",
        )
    if not normal[position]:
        return Hint("place", "this X-ray shows an effusion: look only where labels == 0.")
    if not right[position]:
        return Hint("value", "the network predicts an effusion here, so it does not get it right.")
    if probability[position] == wins.min():
        return None
    if position == np.where(normal & right, probability, -np.inf).argmax():
        return Hint(
            "sign", "here the network is least sure: a small probability of effusion is sure."
        )
    return Hint("value", "the network is surer of another normal one.")


def heat_normal(answer: object, feature_maps: object, weights: object) -> Hint | None:
    """Check the Grad-CAM map of the class "normal", before it is enlarged.

    ``feature_maps`` are (height, width, n), ``weights`` are (n,): those of effusion.
    """
    values = read_array(answer)
    if isinstance(values, Hint):
        return values
    total = (np.asarray(feature_maps) * -np.asarray(weights)).sum(axis=-1)
    if values.shape == (1, *total.shape):
        values = values[0]
    return array(
        values,
        total.clip(min=0),
        wrong=[
            Wrong(total, "step", "set the negative values to 0, as the cell above does."),
            Wrong(
                (-total).clip(min=0),
                "sign",
                "this is what speaks for effusion: change the sign of the weights.",
            ),
            Wrong(
                -(-total).clip(min=0),
                "sign",
                "change the sign before the negative values are set to 0, not afterwards.",
            ),
            Wrong(np.abs(total), "sign", "the absolute value keeps what speaks for effusion too."),
            Wrong(-total, "step", "this is the weighted sum for effusion: change its sign first."),
        ],
        advice="add up the maps, each times minus its weight, then set negative values to 0.",
        dtype=np.floating,
        tolerance=1e-3 * max(float(np.abs(total).max()), 1e-6),
    )


def one_scale(answer: object, maps: np.ndarray) -> Hint | None:
    """Check maps that were all divided by the largest value of all of them."""
    maps = np.asarray(maps)
    largest = float(maps.max())
    own = maps.max(axis=(1, 2), keepdims=True)
    return array(
        answer,
        maps / largest,
        wrong=[
            Wrong(
                maps / np.where(own > 0, own, 1),
                "step",
                "each map is divided by its own largest value, so each one still reaches 1; "
                "use one number for all maps.",
            ),
            Wrong(
                np.full(len(maps), largest),
                "quantity",
                "these are the largest values; divide the maps by the largest of them.",
            ),
            Wrong(
                maps / max(float(maps.sum()), 1e-12),
                "quantity",
                "this divides by the sum of all values; divide by the largest of them.",
            ),
            Wrong(maps, "step", "the largest value of all maps should become 1: divide by it."),
            Wrong(
                maps[0] / max(float(maps[0].max()), 1e-12),
                "place",
                "this is the first map alone; scale all of them in one step.",
            ),
        ],
        advice="divide all maps by one number, the largest value in all of them.",
        dtype=np.floating,
        tolerance=1e-5,
    )


def fraction_inside(answer: object, saliency: np.ndarray, mask: np.ndarray) -> Hint | None:
    """Check which fraction of the saliency lies inside the mask."""
    inside, total = saliency[mask].sum(), saliency.sum()
    return number(
        answer,
        inside / total,
        wrong=[
            Wrong(
                inside,
                "step",
                "this is how much lies inside; divide it by how much there is in all.",
            ),
            Wrong(
                mask.mean(),
                "quantity",
                "this is the fraction of the area; add up saliency, not pixels.",
            ),
            Wrong(1 - inside / total, "place", "this is the fraction outside the mask."),
            Wrong(
                total / inside,
                "sign",
                "this is the other way round: divide what lies inside by what there is in all.",
            ),
            Wrong(saliency[mask].mean(), "quantity", "this is the mean inside the mask; use sums."),
        ],
    )


CHECKS: dict[str, Check] = {
    "sure_normal": sure_normal,
    "heat_normal": heat_normal,
    "one_scale": one_scale,
    "fraction_inside": fraction_inside,
}
VARIABLES: dict[str, str] = {}
