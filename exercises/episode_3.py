"""Hints to the exercises of episode 3, data preparation."""

from __future__ import annotations

from itertools import islice

import numpy as np

from exercises.hints import (
    Check,
    Hint,
    Wrong,
    array,
    is_tensor,
    number,
    read_array,
    stopped,
    wrong_type,
)

BATCH = 32
"""X-rays in a batch of the learners' pipelines."""


def leaked(
    answer: object, patients: np.ndarray, train: np.ndarray, test: np.ndarray
) -> Hint | None:
    """Check how many patients have X-rays in the training set and in the test set."""
    if isinstance(answer, set | frozenset):
        return Hint("step", "these are the patients themselves; len(…) counts them.")
    learnt, tested = set(patients[train]), set(patients[test])
    return number(
        answer,
        len(learnt & tested),
        wrong=[
            Wrong(
                np.isin(patients[test], patients[train]).sum(),
                "unit",
                "this counts X-rays; a patient with two of them counts once.",
            ),
            Wrong(
                len(learnt | tested),
                "quantity",
                "this counts the patients of either set; & finds those of both.",
            ),
        ],
        advice="Compare set(patients[train]) with set(patients[test]).",
    )


def grey_range(answer: object, images: np.ndarray, train: np.ndarray) -> Hint | None:
    """Check the darkest and the brightest value of the training set, as a pair."""
    learnt = images[train]
    everything = (images.min(), images.max())
    if isinstance(answer, np.ndarray) and answer.shape == learnt.shape:
        return Hint("step", "these are the images; their .min() and .max() are asked for.")
    values = read_array(answer, "two numbers are expected, (low, high)", lists=True)
    if isinstance(values, Hint):
        return values
    return array(
        values,
        np.array([learnt.min(), learnt.max()]),
        wrong=[
            Wrong(
                np.array(everything),
                "place",
                "these two are of all X-rays, the test set included: use images[train].",
            ),
            Wrong(
                np.array([learnt.max(), learnt.min()]),
                "place",
                "the darkest value comes first, then the brightest.",
            ),
            Wrong(
                np.array([learnt.mean(), learnt.std()]),
                "quantity",
                "these are mean and standard deviation; .min() and .max() are asked for.",
            ),
        ],
        advice="Use images[train].min() and images[train].max().",
        tolerance=1e-4,
    )


def rotation(answer: object) -> Hint | None:
    """Check a layer that rotates by up to 20 degrees to either side."""
    settings = _settings(answer, "a Keras layer, layers.RandomRotation(…), is expected")
    if isinstance(settings, Hint):
        return settings
    if type(answer).__name__ != "RandomRotation":
        return Hint(
            "type", f"a RandomRotation layer is expected, and this is {type(answer).__name__}."
        )
    smallest, largest = 360 * np.broadcast_to(settings["factor"], 2)
    degrees = max(abs(smallest), abs(largest))
    if abs(degrees - 20) > 0.5:
        return Hint(
            "unit",
            f"this rotates by up to {degrees:.0f} degrees: the unit of RandomRotation is a full "
            "turn of 360 degrees.",
        )
    if smallest == largest:
        return Hint(
            "sign", "this always rotates by the same angle; one number rotates to either side."
        )
    return None


def _settings(answer: object, expected: str) -> dict | Hint:
    """Return the settings of a Keras layer, or say what the answer is in its place."""
    if is_tensor(answer):
        return Hint("tensor", f"{expected}, and this is a tensor that comes out of a layer.")
    if isinstance(answer, type) or not callable(getattr(answer, "get_config", None)):
        return wrong_type(answer, expected)
    return answer.get_config()  # type: ignore[attr-defined]


def mixed(answer: object, labels: np.ndarray) -> Hint | None:
    """Check a tf.data pipeline that shuffles before it makes batches of 32."""
    items = _items(answer, len(labels))
    if isinstance(items, Hint):
        return items
    got = [np.asarray(batch_labels) for _, batch_labels in items]
    if sum(map(len, got)) != len(labels):
        return _count(sum(map(len, got)), len(labels), "training")
    if np.array_equal(np.concatenate(got), labels):
        return Hint("step", "the X-rays come in the order of the files: shuffle is missing.")
    # With 8 or more X-rays, one class alone is no chance, unless one class is very rare.
    whole = [batch_labels for batch_labels in got if len(batch_labels) >= 8]
    pure = sum(batch_labels.min() == batch_labels.max() for batch_labels in whole)
    if pure > len(whole) / 4:
        return Hint(
            "place",
            f"{pure} of {len(whole)} batches hold one class only: shuffle must see single X-rays, "
            "so it stands before batch.",
        )
    return None


def validation_pipeline(answer: object, images: np.ndarray, labels: np.ndarray) -> Hint | None:
    """Check a tf.data pipeline that gives all X-rays in order, unchanged, in batches of 32."""
    items = _items(answer, len(images))
    if isinstance(items, Hint):
        return items
    got, got_labels = (np.concatenate([np.asarray(item[k]) for item in items]) for k in (0, 1))
    if len(got) != len(images):
        return _count(len(got), len(images), "validation")
    if not np.array_equal(got_labels, labels):
        return Hint(
            "place", "the labels are not in the order of the validation set: leave out the shuffle."
        )
    changed = "the X-rays have changed on their way: leave out shuffle and augmentation."
    return array(got, images, advice=changed)


def _items(answer: object, number: int) -> list | Hint:
    """Return the batches of a pipeline of so many X-rays, or say what is wrong with it."""
    expected = "a tf.data pipeline is expected"
    if isinstance(answer, type) or not hasattr(answer, "as_numpy_iterator"):
        hint = wrong_type(answer, expected)
        return Hint(hint.kind, f"{hint.text} A pipeline starts with tf.data.Dataset.")
    try:
        # One batch too many is enough: a pipeline that repeats itself has no end.
        items = list(islice(answer.as_numpy_iterator(), -(-number // BATCH) + 1))
    except (Exception, SystemExit) as error:
        return stopped("your pipeline", error)
    if not all(isinstance(item, tuple) and len(item) == 2 for item in items):
        return Hint(
            "shape", "each item should be a pair of images and labels: from_tensor_slices((…, …))."
        )
    if not items or np.ndim(items[0][0]) != 4 or len(items[0][0]) != min(BATCH, number):
        return Hint("shape", f"the X-rays should come in batches of {BATCH}: .batch({BATCH}).")
    return items


def _count(got: int, expected: int, name: str) -> Hint:
    """Say that a pipeline gives more or fewer X-rays than the set holds."""
    number = "more" if got > expected else f"only {got}"
    return Hint(
        "shape",
        f"{number} X-rays come out of the pipeline; the {name} set holds {expected}.",
    )


CHECKS: dict[str, Check] = {
    "leaked": leaked,
    "grey_range": grey_range,
    "rotation": rotation,
    "mixed": mixed,
    "validation_pipeline": validation_pipeline,
}
