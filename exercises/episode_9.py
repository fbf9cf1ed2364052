"""Hints to the exercises of episode 9, shortcuts and bias."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from exercises.hints import Check, Hint, Wrong, number, read_number, wrong_type

TESTS = ("map", "marker", "supine", "hospital")
"""What a candidate can be tested for; a large number is bad in each."""


def converted(
    answer: object, before: np.ndarray, after: np.ndarray, labels: np.ndarray
) -> Hint | None:
    """Check which fraction of the normal X-rays goes from "normal" to "effusion"."""
    turned, normal = ~before & after, labels == 0
    return number(
        answer,
        turned[normal].mean(),
        wrong=[
            Wrong(
                turned[normal].sum(), "quantity", "this is how many; divide by the normal X-rays."
            ),
            Wrong(
                turned.mean(),
                "step",
                "this is a fraction of all X-rays; take the normal ones only: labels of 0.",
            ),
            Wrong(
                (turned & normal).mean(),
                "step",
                "these are the right X-rays, divided by all X-rays; divide by the normal ones.",
            ),
            Wrong(
                after[normal].mean(),
                "step",
                "this counts all that are predicted as effusion afterwards, also those that were "
                "before: combine after with ~before.",
            ),
            Wrong(
                (before & ~after)[normal].mean(),
                "sign",
                "this is the other direction, from effusion to normal.",
            ),
            Wrong(
                turned[~normal].mean(), "place", "these are the effusions; take the normal ones."
            ),
        ],
        advice="Combine ~before and after, keep the normal X-rays, and take the mean.",
    )


def mixed_corners(answer: object, labels: np.ndarray) -> Hint | None:
    """Check a corner for each X-ray that says nothing about the class."""
    if isinstance(answer, str):
        return Hint("text", "one corner for each X-ray is expected, and this is a single text.")
    if not isinstance(answer, np.ndarray | list | tuple):
        return wrong_type(answer, "an array with a corner for each X-ray is expected")
    corners = np.asarray(answer)
    if corners.shape != labels.shape:
        return Hint("shape", f"{len(labels)} corners are expected; the shape is {corners.shape}.")
    if not np.isin(corners, ["lower left", "lower right"]).all():
        return Hint("value", 'each corner is either "lower left" or "lower right".')
    left = [float(np.mean(corners[labels == label] == "lower left")) for label in (0, 1)]
    where = f"{left[0]:.0%} of the normal X-rays and {left[1]:.0%} of the effusions are on the left"
    if abs(left[0] - left[1]) > 0.15:
        return Hint("value", f"the corner still goes with the class: {where}.")
    if not 0.2 < np.mean(left) < 0.8:
        return Hint(
            "step",
            f"the corner says nothing, but {where}: a network has to meet both corners often.",
        )
    return None


def measure(
    test: str, network, maker: dict[str, np.ndarray], testing, other_hospital
) -> tuple[float, float, float]:
    """Run one of the ``TESTS`` on a candidate; return its number and the 95 % interval."""
    from helpers import explain, metrics, models  # they load TensorFlow, as the episode has
    from simulator import shortcut

    if test == "map":
        marked = maker["markers"].any(axis=(1, 2))
        maps = explain.METHODS["Vanilla gradient"](network, maker["images"][marked])
        inside = metrics.relevance_mass_accuracy(maps, maker["markers"][marked])
        return metrics.mean_interval(inside / maker["markers"][marked].mean())
    batch = other_hospital if test == "hospital" else testing
    chosen = batch.labels == 0
    if test == "supine":
        chosen = chosen & (batch.attributes["view"] == "AP supine")
    images = batch.images[chosen]
    if test == "marker":
        opacity = shortcut.draw_markers(["lower left"] * len(images), images.shape[1])
        images = shortcut.paste(images, opacity)
    predicted = models.predict(network, images) >= 0.5
    low, high = metrics.wilson_interval(int(predicted.sum()), len(predicted))
    return float(predicted.mean()), low, high


def verdict(answer: object, evidence: object, candidates: dict, *batches: object) -> Hint | None:
    """Check which candidate is sent on, by the evidence against each of the others.

    Nothing here knows which candidates use a shortcut: a number has to be what its test gives, and
    worse than that of the candidate that is sent on, beyond both intervals.
    """
    letters = list(candidates)
    if not isinstance(answer, str):
        return wrong_type(answer, "the letter of one candidate is expected")
    if answer not in letters:
        return Hint("value", f"the verdict is the letter of one candidate: {_listed(letters)}.")
    rejected = [letter for letter in letters if letter != answer]
    wanted = f'evidence is a dict with the keys {_listed(rejected)}: {{"{rejected[0]}": ("map", …)'
    if not isinstance(evidence, dict):
        return Hint("empty" if evidence is None else "type", f"{wanted}, …}}.")
    if set(evidence) != set(rejected):
        return Hint(
            "step",
            f"if you send on {answer}, evidence against {_listed(rejected)} is wanted, and this "
            f"has the keys {_listed(list(evidence)) or 'none'}.",
        )
    for letter, pair in evidence.items():
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            return Hint("shape", f"of {letter}, a pair is expected: a test and its number.")
        test, given = pair
        if test not in TESTS:
            return Hint("value", f"of {letter}, the test should be one of {_listed(TESTS)}.")
        value = read_number(given)
        if isinstance(value, Hint):
            return Hint(value.kind, f"of {letter}, {value.text}")
        hint = _supports(letter, test, value, str(answer), candidates, batches)
        if hint:
            return hint
    return None


def _supports(
    letter: str, test: str, value: float, sent_on: str, candidates: dict, batches: tuple
) -> Hint | None:
    """Say why a number does not speak against a candidate; None if it does."""
    results = {other: measure(test, model, *batches) for other, model in candidates.items()}
    mine, low, _ = results[letter]
    rounded = 0.011 + 0.05 * mine * (test == "map")  # two digits will do
    if abs(value - mine) > rounded:
        for other, (theirs, *_) in results.items():
            if other != letter and abs(value - theirs) <= 0.006:
                return Hint(
                    "place", f'{value:.2f} is what "{test}" gives for {other}, not for {letter}.'
                )
        if test != "map" and abs(1 - value - mine) <= rounded:
            return Hint("sign", f'of {letter}, "{test}" is wanted as a fraction of mistakes.')
        return Hint(
            "quantity",
            f'"{test}" does not give {value:.2f} for {letter}: look at which X-rays count and what '
            "is counted.",
        )
    best, _, best_high = results[sent_on]
    if low > best_high:
        return None
    if mine <= best:
        return Hint(
            "value",
            f'in "{test}", {letter} does no worse than {sent_on}, which you send on: this number '
            "is no reason to reject it. Try another test, or think about the verdict again.",
        )
    return Hint(
        "value",
        f'in "{test}", {letter} is worse than {sent_on}, but the intervals overlap: try a test '
        "that sets them apart.",
    )


def _listed(names: Sequence[object]) -> str:
    return ", ".join(str(name) for name in names)


CHECKS: dict[str, Check] = {
    "converted": converted,
    "mixed_corners": mixed_corners,
    "verdict": verdict,
}
