"""Answers to the exercises of episode 5; test_any_answer.py gives them to their checks."""

import numpy as np

MATRIX = np.array([[72, 8], [6, 14]])

GIVEN = {"chance_loss": (), "sensitivity": (MATRIX,)}
RIGHT = {
    "chance_loss": [-np.log(0.5), 0.69, np.float32(np.log(2)), np.array(np.log(2))],
    "sensitivity": [14 / 20, np.float64(0.7), 0.7],
}
FREQUENT = {
    "chance_loss": [
        (np.log(0.5), "sign", "minus"),
        (-np.log10(0.5), "unit", "natural"),
        (-np.log2(0.5), "unit", "natural"),
        (-2 * np.log(0.5), "step", "given to the label"),
        (0.5, "step", "minus its logarithm"),
        (0.1, "value", "too small"),
    ],
    "sensitivity": [
        (72 / 80, "place", "specificity"),
        (14 / 22, "place", "their row"),
        (86 / 100, "quantity", "accuracy"),
        (6 / 20, "sign", "missed"),
        (70, "unit", "per cent"),
        (14, "step", "a count"),
        (0.5, "value", "too small"),
    ],
}
