"""Answers to the exercises of episode 7, and a threshold that many X-rays share."""

import numpy as np

from exercises import diagnose

LABELS = np.repeat([0, 1], 200)
PROBABILITY = np.concatenate([np.linspace(0, 0.8, 200), np.linspace(0.3, 1, 200)]).astype("float32")
NORMAL = np.sort(PROBABILITY[LABELS == 0])  # two of these 200 may be false alarms
EFFUSION = np.sort(PROBABILITY[LABELS == 1])
RATES = (0.9, 0.95, 0.3)
PPV = 0.3 * 0.9 / (0.3 * 0.9 + 0.7 * 0.05)
PATIENTS = np.array(list("aabbccddeeff") + ["g"] * 4)
SPLIT = np.arange(12), np.arange(12, 16)

GIVEN = {
    "confirming": (PROBABILITY, LABELS),
    "emergency": RATES,
    "fixed": (PATIENTS,),
}
RIGHT = {
    "confirming": [
        NORMAL[-2],
        float(NORMAL[-2]),
        (NORMAL[-3] + NORMAL[-2]) / 2,
        float(NORMAL[-2]) + 0.004,
    ],
    "emergency": [
        PPV,
        np.float32(PPV),
        round(PPV, 3),
    ],
    "fixed": [
        SPLIT,
        [*SPLIT],
        tuple(positions.tolist() for positions in SPLIT),
    ],
}
FREQUENT = {
    "confirming": [
        (NORMAL[-3], "value", "3 of 200 normal"),
        (0.5, "value", "go higher"),
        (0.99, "value", "a lower threshold"),
        (NORMAL[2], "sign", "other end"),
        (EFFUSION[20], "place", "for screening"),
        (99, "quantity", "between 0 and 1"),
        (NORMAL, "shape", "(200,)"),
    ],
    "emergency": [
        (0.9, "quantity", "this is the sensitivity"),
        (0.7 * 0.95 / (0.7 * 0.95 + 0.3 * 0.1), "quantity", "negative predictive value"),
        (1 - PPV, "sign", "false alarms"),
        (0.7 * 0.9 / (0.7 * 0.9 + 0.3 * 0.05), "place", "are exchanged"),
        (0.02 * 0.9 / (0.02 * 0.9 + 0.98 * 0.05), "value", "this is the bus"),
        (0.9 / 0.95, "step", "half of all people"),
        (100 * PPV, "unit", "per cent"),
        (0.3, "value", "too small"),
    ],
    "fixed": [
        (iter([SPLIT]), "step", "next(…)"),
        (SPLIT[::-1], "place", "wrong order"),
        ((np.arange(11), np.arange(11, 16)), "value", "in both sets: 1"),
        ((SPLIT[0][:10], SPLIT[1]), "step", "neither set"),
        ((np.arange(8), np.arange(8, 16)), "value", "a quarter"),
        ((PATIENTS < "g", PATIENTS == "g"), "dtype", "np.flatnonzero"),
        ((SPLIT[0] * 1.0, SPLIT[1]), "dtype", "whole numbers"),
        ((SPLIT[0], []), "shape", "of the second set"),
        ((SPLIT[0], [np.nan]), "nan", "NaN"),
        ((SPLIT[0], [16]), "place", "from 0 to 15"),
        ((*SPLIT, SPLIT[1]), "shape", "length 3"),
        (SPLIT[0], "type", "pair"),
        (("a", "b"), "text", "text"),
    ],
}


def test_a_threshold_that_rests_on_equal_predictions_is_refused():
    probability = np.where(LABELS == 0, np.float32(0.2), np.float32(0.9))
    assert diagnose("confirming", np.float32(0.2), probability, LABELS).kind == "sign"
    assert diagnose("confirming", 0.201, probability, LABELS) is None
