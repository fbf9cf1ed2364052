"""Hints to the exercises of episode 5, training."""

from __future__ import annotations

import numpy as np

from exercises.hints import Check, Hint, Wrong, number


def chance_loss(answer: object) -> Hint | None:
    """Check the loss of a network that gives every X-ray the probability one half."""
    right = float(np.log(2))
    return number(
        answer,
        right,
        wrong=[
            Wrong(-right, "sign", "the loss is *minus* the logarithm."),
            Wrong(np.log10(2), "unit", "use the natural logarithm: np.log."),
            Wrong(1, "unit", "use the natural logarithm: np.log."),
            Wrong(0.5, "step", "this is the probability: the loss is minus its logarithm."),
            Wrong(
                2 * right,
                "step",
                "only the probability given to the label counts, not that of the other class.",
            ),
        ],
        tolerance=0.01,
    )


def sensitivity(answer: object, matrix: np.ndarray) -> Hint | None:
    """Check the fraction of the effusions that were predicted as effusion."""
    (normal, false_positive), (missed, found) = np.asarray(matrix, dtype=float).tolist()
    right = found / (missed + found)
    return number(
        answer,
        right,
        wrong=[
            Wrong(normal / (normal + false_positive), "place", "this is the specificity."),
            Wrong(
                found / (found + false_positive),
                "place",
                "this is the fraction of the predicted effusions that are effusions. Divide by "
                "all X-rays with the label effusion: their row, not their column.",
            ),
            Wrong(
                (normal + found) / (normal + false_positive + missed + found),
                "quantity",
                "this is the accuracy. Only the row of the effusions counts.",
            ),
            Wrong(1 - right, "sign", "this is the fraction of the effusions that were missed."),
            Wrong(100 * right, "unit", "this is in per cent: a fraction lies between 0 and 1."),
            Wrong(found, "step", "this is a count: divide it by the number of effusions."),
        ],
        advice="Which of the four numbers belong to X-rays with the label effusion?",
        tolerance=0.01,
    )


CHECKS: dict[str, Check] = {"chance_loss": chance_loss, "sensitivity": sensitivity}
