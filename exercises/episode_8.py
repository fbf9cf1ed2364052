"""Hints to the exercises of episode 8, testing explanations."""

from __future__ import annotations

import difflib

import numpy as np

from exercises.hints import Check, Hint, Wrong, array, number, wrong_type

CONTROLS = ("Edge filter", "Random noise")
INSERTED = 1024
"""Pixels of the X-ray that are shown, the most salient ones."""
MOST_PASSES = 2
MOST_SIMILAR = 0.5
"""Rank correlation with the maps of random weights that a chosen method stays below."""


def hit_rate(answer: object, maps: np.ndarray, masks: np.ndarray) -> Hint | None:
    """Check in which fraction of the maps the largest value lies inside the mask."""

    def hits(values: np.ndarray) -> np.ndarray:
        return np.array([mask[one.argmax()] for one, mask in zip(values, masks, strict=True)])

    right = hits(maps)
    inside = np.maximum(maps, 0) * masks
    mass = inside.sum(axis=1) / np.maximum(maps, 0).sum(axis=1)
    return number(
        answer,
        right.mean(),
        wrong=[
            Wrong(right.sum(), "step", "this is how many hits there are; divide by all maps."),
            Wrong((~right).mean(), "sign", "this is the fraction of misses."),
            Wrong(
                hits(np.abs(maps)).mean(),
                "sign",
                "in map 2 the value of -9 speaks against effusion: do not take absolute values.",
            ),
            Wrong(mass.mean(), "quantity", "this is the relevance mass accuracy; only the largest "
                  "value of a map counts here."),
            Wrong(masks.mean(), "quantity", "this is the fraction of the area inside the masks."),
        ],
        advice="For each map, ask whether its largest value lies where the mask is True.",
    )  # fmt: skip


def inserted(answer: object, image: np.ndarray, ranks: np.ndarray) -> Hint | None:
    """Check an X-ray of which only the most salient pixels are shown on grey."""
    shown = ranks < INSERTED
    return array(
        answer,
        np.where(shown, image, 0),
        wrong=[
            Wrong(
                np.where(shown, 0, image),
                "sign",
                "this is deletion: the salient pixels are grey. Exchange the two values.",
            ),
            Wrong(
                np.where(ranks <= INSERTED, image, 0),
                "step",
                "one pixel too many: ranks begin at 0, so the condition is ranks < 1024.",
            ),
            Wrong(
                np.where(ranks >= image.size - INSERTED, image, 0),
                "sign",
                "these are the pixels that matter least: rank 0 is the largest saliency.",
            ),
            Wrong(shown, "quantity", "this says where; np.where(…, image, 0) takes the values."),
            Wrong(
                np.where(shown, ranks, 0), "quantity", "put the values of the X-ray in, not ranks."
            ),
            Wrong(image[shown], "shape", "keep the form of the image: np.where(…, image, 0)."),
        ],
        advice="np.where(condition, image, 0) keeps the X-ray where the condition is True.",
        tolerance=1e-6,
    )


def absolute(answer: object, before: np.ndarray, after: np.ndarray) -> Hint | None:
    """Check the rank correlation of two maps without their signs."""
    from scipy import stats  # slow to import, and no other check needs it

    def order(one: np.ndarray, other: np.ndarray) -> float:
        return float(stats.spearmanr(one, other, axis=None).statistic)

    return number(
        answer,
        order(np.abs(before), np.abs(after)),
        wrong=[
            Wrong(order(before, after), "sign", "these are signed maps: take np.abs of both."),
            Wrong(
                order(np.abs(before), after),
                "step",
                "only the first map has lost its signs: take np.abs of the second one too.",
            ),
            Wrong(
                order(before, np.abs(after)),
                "step",
                "only the second map has lost its signs: take np.abs of the first one too.",
            ),
        ],
        advice="Take np.abs of both maps, then their rank correlation.",
    )


def choice(answer: object, table: dict, passes: dict) -> Hint | None:
    """Check whether a method keeps all rules of the purpose; any one that does is right.

    ``table`` has, by name, three times a mean with its lower and upper end: fraction inside,
    insertion minus deletion, and similarity to the maps of random weights (NaN: not tested).
    """
    if isinstance(answer, bytes):
        return Hint("text", "the name of a method is expected, without a b in front of it.")
    if not isinstance(answer, str):
        return wrong_type(answer, "the name of a method is expected, in quotation marks")
    if answer not in table:
        near = difflib.get_close_matches(answer, table, 1, 0.4)
        meant = f" Do you mean {near[0]!r}?" if near else ""
        return Hint("value", f"the table has no method of this name.{meant}")
    if answer in CONTROLS:
        return Hint(
            "quantity", "this is a control: it ignores the network, so it explains nothing."
        )
    if sum(passes[answer]) > MOST_PASSES:
        return Hint(
            "quantity",
            f"this method needs {sum(passes[answer])} passes for each X-ray, and at most "
            f"{MOST_PASSES} are allowed.",
        )
    for place, what in enumerate(("localisation", "faithfulness")):
        low = table[answer][place][1]
        for control in CONTROLS:
            if low <= table[control][place][2]:
                return Hint(
                    "value",
                    f"in {what} its interval is not clearly above that of the control {control!r}.",
                )
    most = table[answer][2][2]
    if not most < MOST_SIMILAR:
        return Hint(
            "value",
            f"with random weights its maps stay too similar: {most:.2f} for one of the seeds.",
        )
    return None


CHECKS: dict[str, Check] = {
    "hit_rate": hit_rate,
    "inserted": inserted,
    "absolute": absolute,
    "choice": choice,
}
