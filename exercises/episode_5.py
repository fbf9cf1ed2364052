"""Hints to the exercises of episode 5, training."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from exercises.hints import Check, Hint, Wrong, number, read_array, read_number, wrong_type


def know_nothing(answer: object) -> Hint | None:
    """Check the loss of a network that gives every X-ray the probability one half."""
    right = float(np.log(2))
    return number(
        answer,
        right,
        wrong=[
            Wrong(-right, "sign", "the loss is *minus* the logarithm."),
            Wrong(np.log10(2), "unit", "use the natural logarithm: np.log."),
            Wrong(1, "unit", "use the natural logarithm: np.log."),
            Wrong(
                2 * right,
                "step",
                "only the probability given to the true class counts, not that of the other class.",
            ),
        ],
        tolerance=0.01,
    )


def screening(answer: object, chance: np.ndarray, sick: np.ndarray) -> Hint | None:
    """Check the highest threshold that finds at least 90 % of the effusions.

    Lower by up to 0.005 is accepted, so that the threshold may be rounded.
    """
    threshold = read_number(answer)
    if isinstance(threshold, Hint):
        return threshold
    if not 0 <= threshold <= 1:
        return Hint("quantity", "a threshold is a probability: a number between 0 and 1.")
    effusions = np.sort(np.asarray(chance, dtype=float)[sick])
    # As float32, if the probabilities are that: 0.1 as float32 is larger than 0.1.
    found = float((chance[sick] >= threshold).mean())
    if found < 0.9:
        return Hint(
            "value", f"at this threshold only {found:.0%} of the effusions are found: go lower."
        )
    if threshold < effusions[len(effusions) // 10] - 0.005:
        return Hint(
            "value",
            "enough effusions are found, but a higher threshold would do, with fewer false alarms.",
        )
    return None


def fixed(answer: object, patients: np.ndarray) -> Hint | None:
    """Check a split by patient: a pair of index arrays, about a quarter in the second."""
    expected = "a pair is expected, (learn, exam)"
    if isinstance(answer, Iterator):
        return Hint("step", f"{expected}; next(…) takes the first split.")
    if not isinstance(answer, tuple | list):
        return wrong_type(answer, expected)
    if len(answer) != 2:
        return Hint("shape", f"{expected}; this has the length {len(answer)}.")
    parts = []
    for part, which in zip(answer, ("first", "second"), strict=True):
        places = _places(part, len(patients))
        if isinstance(places, Hint):
            return Hint(places.kind, f"of the {which} part, {places.text}")
        parts.append(places)
    learn, exam = parts
    if len(np.union1d(learn, exam)) < len(patients):
        return Hint("step", "some images are in neither part.")
    shared = np.intersect1d(patients[learn], patients[exam])
    if len(shared):
        return Hint("value", f"patients on both sides of the split: {len(shared)}.")
    if 0.1 <= len(learn) / len(patients) <= 0.4:
        return Hint("place", "the parts are in the wrong order: (learn, exam), the larger first.")
    if not 0.1 <= len(exam) / len(patients) <= 0.4:
        return Hint("value", "keep about a quarter of the images in the second part.")
    return None


def _places(part: object, count: int) -> np.ndarray | Hint:
    """Return one part of a split as positions of images, or what is wrong with it."""
    places = read_array(part, "a row of positions is expected", lists=True)
    if isinstance(places, Hint):
        return places
    if places.ndim != 1 or len(places) == 0:
        return Hint("shape", f"the shape is {places.shape}; it should be some positions in a row.")
    if places.dtype.kind == "f" and not np.isfinite(places).all():
        return Hint("nan", "some positions are NaN or infinite.")
    if places.dtype.kind == "b":
        return Hint("dtype", "these are True and False; np.flatnonzero(…) makes positions of them.")
    if places.dtype.kind == "f":
        return Hint("dtype", "positions should be whole numbers: end with .astype(int).")
    if places.min() < 0 or places.max() >= count:
        return Hint("place", f"there are {count} images: positions go from 0 to {count - 1}.")
    return places


CHECKS: dict[str, Check] = {"know_nothing": know_nothing, "screening": screening, "fixed": fixed}
