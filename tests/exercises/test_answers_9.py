"""Answers to the exercises of episode 9, and evidence that is none."""

import numpy as np
import pytest

from exercises import diagnose, episode_9
from exercises.hints import KINDS

LABELS = np.array([0, 0, 0, 0, 0, 1, 1, 1])
BEFORE = np.array([False, False, False, True, True, True, True, False])
AFTER = np.array([True, True, False, False, True, False, True, True])
ON_LEFT, ON_RIGHT = "lower left", "lower right"
CLASSES = np.repeat([0, 1], 50)
EVEN = np.array([ON_LEFT, ON_RIGHT] * 50)
# What each test gives for each candidate: a number and its interval. "two" is the fair one.
TABLE = {
    "map": {"one": (0.7, 0.5, 0.9), "two": (0.4, 0.2, 0.6), "three": (16.0, 14.0, 18.0)},
    "marker": {"one": (0.12, 0.1, 0.15), "two": (0.1, 0.08, 0.14), "three": (0.8, 0.75, 0.84)},
    "supine": {"one": (0.2, 0.1, 0.3), "two": (0.17, 0.1, 0.3), "three": (0.15, 0.1, 0.3)},
    "hospital": {"one": (0.9, 0.86, 0.93), "two": (0.14, 0.1, 0.2), "three": (0.16, 0.1, 0.2)},
}
CANDIDATES = {name: name for name in ("one", "two", "three")}
PROOF = {"one": ("hospital", 0.9), "three": ("marker", 0.8)}


def measured(test, network, *_):
    """Stand in the place of `episode_9.measure`, which needs three networks."""
    return TABLE[test][network]


GIVEN = {
    "converted": (BEFORE, AFTER, LABELS),
    "mixed_corners": (CLASSES,),
    "verdict": (PROOF, CANDIDATES, {}, None, None),
}
RIGHT = {
    "converted": [2 / 5, np.float32(0.4)],
    "mixed_corners": [EVEN, EVEN.tolist()],
    "verdict": ["two"],
}
FREQUENT = {
    "converted": [
        (2, "quantity", "how many"),
        (2 / 8, "step", "divide by the normal ones"),
        (3 / 8, "step", "all X-rays"),
        (3 / 5, "step", "~before"),
        (1 / 5, "sign", "other direction"),
        (1 / 3, "place", "effusions"),
        (0.9, "value", "too large"),
    ],
    "mixed_corners": [
        (np.where(CLASSES == 1, EVEN, ON_RIGHT), "value", "0% of the normal X-rays and 50%"),
        (np.where(CLASSES == 1, ON_LEFT, ON_RIGHT), "value", "still goes with the class"),
        (np.full(100, ON_RIGHT), "step", "both corners"),
        (EVEN[:50], "shape", "(50,)"),
        (np.array(["left", "right"] * 50), "value", "lower left"),
        (ON_LEFT, "text", "single text"),
        (3, "type", "array"),
    ],
    "verdict": [
        ("b", "value", "one, two, three"),
        ("one", "step", "two, three"),
    ],
}


@pytest.fixture(autouse=True)
def no_networks(monkeypatch):
    monkeypatch.setattr(episode_9, "measure", measured)


def judged(verdict, evidence):
    return diagnose("verdict", verdict, evidence, *GIVEN["verdict"][1:])


def test_other_evidence_against_the_same_candidates_is_right_too():
    assert judged("two", {"one": ["hospital", 0.9], "three": ("map", np.float64(16.4))}) is None


@pytest.mark.parametrize(
    ("verdict", "evidence", "kind", "words"),
    [
        ("two", None, "empty", "evidence is a dict"),
        ("two", 0.9, "type", "evidence is a dict"),
        ("two", {"one": ("hospital", 0.9)}, "step", "one, three"),
        ("two", {"one": 0.9, "three": 0.8}, "shape", "pair"),
        ("two", {**PROOF, "one": ("age", 0.9)}, "value", "map, marker"),
        ("two", {**PROOF, "one": ("hospital", "0.9")}, "text", "of one"),
        ("two", {**PROOF, "one": ("hospital", 0.5)}, "quantity", "does not give 0.50"),
        ("two", {**PROOF, "one": ("hospital", 0.16)}, "place", "for three"),
        ("two", {**PROOF, "one": ("hospital", 0.1)}, "sign", "mistakes"),
        ("two", {**PROOF, "one": ("supine", 0.2)}, "value", "overlap"),
        ("two", {**PROOF, "three": ("supine", 0.15)}, "value", "no worse"),
        # Who sends on one of the two that use a shortcut finds nothing against the fair one.
        ("one", {"two": ("hospital", 0.14), "three": ("marker", 0.8)}, "value", "no worse"),
        ("three", {"two": ("marker", 0.1), "one": ("hospital", 0.9)}, "value", "no worse"),
    ],
)
def test_evidence_that_is_none(verdict, evidence, kind, words):
    hint = judged(verdict, evidence)
    assert hint.kind == kind in KINDS
    assert words in hint.text


def test_no_hint_names_the_candidate_to_send_on_or_a_test_that_would_do():
    wrong = [
        ("one", {"two": ("hospital", 0.14), "three": ("marker", 0.8)}),
        ("two", {**PROOF, "one": ("supine", 0.2)}),
    ]
    for verdict, evidence in wrong:
        text = judged(verdict, evidence).text
        named = {test for test, _ in evidence.values()}
        assert not any(f'"{test}"' in text for test in TABLE.keys() - named)


@pytest.mark.parametrize("test", TABLE)
@pytest.mark.parametrize("other", ["one", "three"])
def test_nothing_measured_convicts_the_fair_candidate(test, other):
    third = ({"one", "three"} - {other}).pop()
    evidence = {"two": (test, TABLE[test]["two"][0]), third: PROOF[third]}
    assert judged(other, evidence) is not None
