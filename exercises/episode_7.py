"""Hints to the exercises of episode 7, evaluation."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from exercises.hints import Check, Hint, Wrong, number, read_array, read_number, wrong_type

FALSE_ALARMS = 0.01
"""Fraction of the normal X-rays that may be predicted as effusion, where it is to be confirmed."""


def confirming(answer: object, probability: np.ndarray, labels: np.ndarray) -> Hint | None:
    """Check a threshold that 1 % of the normal X-rays reach, no more and no fewer.

    Higher by up to 0.005 is accepted, so that the threshold may be rounded.
    """
    threshold = read_number(answer)
    if isinstance(threshold, Hint):
        return threshold
    if not 0 <= threshold <= 1:
        return Hint("quantity", "a threshold is a probability: a number between 0 and 1.")
    normal = np.sort(probability[labels == 0])
    allowed = int(FALSE_ALARMS * len(normal))
    alarms = int((normal >= threshold).sum())
    if alarms > allowed:
        if alarms >= len(normal) - allowed - 1:
            return Hint(
                "sign",
                "almost all normal X-rays lie above this threshold: count from the other end, the "
                "largest probabilities.",
            )
        effusion = np.sort(probability[labels == 1])
        if threshold == effusion[len(effusion) // 10]:
            return Hint(
                "place", "this is the threshold for screening: look at the normal X-rays here."
            )
        return Hint(
            "value",
            f"at this threshold {alarms} of {len(normal)} normal X-rays are predicted as effusion, "
            f"and only {allowed} may be: go higher.",
        )
    if threshold > normal[-max(allowed, 1)] + 0.005:
        return Hint(
            "value",
            f"there are {alarms} false alarms and {allowed} may be: a lower threshold finds more "
            "effusions.",
        )
    return None


def emergency(
    answer: object, sensitivity: float, specificity: float, prevalence: float
) -> Hint | None:
    """Check a positive predictive value, from sensitivity, specificity and prevalence."""

    def values(prevalence: float) -> tuple[float, float]:
        found, missed = prevalence * sensitivity, prevalence * (1 - sensitivity)
        cleared, alarms = (1 - prevalence) * specificity, (1 - prevalence) * (1 - specificity)
        return found / (found + alarms), cleared / (cleared + missed)

    positive, negative = values(prevalence)
    false_alarms = 1 - specificity
    return number(
        answer,
        positive,
        wrong=[
            Wrong(negative, "quantity", "this is the negative predictive value."),
            Wrong(
                sensitivity,
                "quantity",
                "this is the sensitivity: it counts among all who are ill, not among all who are "
                "predicted to be.",
            ),
            Wrong(
                1 - positive,
                "sign",
                "this is the fraction of false alarms among the positive predictions; the fraction "
                "of effusions is wanted.",
            ),
            Wrong(
                values(1 - prevalence)[0],
                "place",
                "here the people with effusion and those without are exchanged.",
            ),
            Wrong(values(0.02)[0], "value", "this is the bus; the prevalence is another one here."),
            Wrong(
                sensitivity / (sensitivity + false_alarms),
                "step",
                "this holds where half of all people are ill: multiply by their numbers first.",
            ),
            Wrong(100 * positive, "unit", "this is in per cent; leave it as a fraction."),
        ],
        advice="Divide the effusions that are found by all who are predicted to have one.",
        tolerance=0.005,
    )


def fixed(answer: object, patients: np.ndarray) -> Hint | None:
    """Check a split by patient: a pair of index arrays, about a quarter in the second."""
    expected = "a pair is expected, the X-rays to train on and those to test on"
    if isinstance(answer, Iterator):
        return Hint("step", f"{expected}; next(…) takes the first split.")
    if not isinstance(answer, tuple | list):
        return wrong_type(answer, expected)
    if len(answer) != 2:
        return Hint("shape", f"{expected}; this has the length {len(answer)}.")
    sets = []
    for positions, which in zip(answer, ("first", "second"), strict=True):
        found = _positions(positions, len(patients))
        if isinstance(found, Hint):
            return Hint(found.kind, f"of the {which} set, {found.text}")
        sets.append(found)
    train, test = sets
    if len(np.union1d(train, test)) < len(patients):
        return Hint("step", "some X-rays are in neither set.")
    shared = np.intersect1d(patients[train], patients[test])
    if len(shared):
        return Hint("value", f"patients with X-rays in both sets: {len(shared)}.")
    if 0.1 <= len(train) / len(patients) <= 0.4:
        return Hint("place", "the two sets are in the wrong order: the one to train on is larger.")
    if not 0.1 <= len(test) / len(patients) <= 0.4:
        return Hint("value", "keep about a quarter of the X-rays to test on.")
    return None


def _positions(answer: object, count: int) -> np.ndarray | Hint:
    """Return one set of a split as positions of X-rays, or what is wrong with it."""
    positions = read_array(answer, "a row of positions is expected", lists=True)
    if isinstance(positions, Hint):
        return positions
    if positions.ndim != 1 or len(positions) == 0:
        return Hint(
            "shape", f"the shape is {positions.shape}; it should be some positions in a row."
        )
    if positions.dtype.kind == "f" and not np.isfinite(positions).all():
        return Hint("nan", "some positions are NaN or infinite.")
    if positions.dtype.kind == "b":
        return Hint("dtype", "these are True and False; np.flatnonzero(…) makes positions of them.")
    if positions.dtype.kind == "f":
        return Hint("dtype", "positions should be whole numbers: end with .astype(int).")
    if positions.min() < 0 or positions.max() >= count:
        return Hint("place", f"there are {count} X-rays: positions go from 0 to {count - 1}.")
    return positions


CHECKS: dict[str, Check] = {"confirming": confirming, "emergency": emergency, "fixed": fixed}
