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
    stopped,
    wrong_type,
)

BATCH = 32
"""X-rays in a batch of the pipeline for validation."""


def batch(answer: object, images: np.ndarray) -> Hint | None:
    """Check a batch of one X-ray, the first."""
    last = "the new axis is the last one; a batch has it in front."
    return array(
        answer,
        images[:1],
        wrong=[
            Wrong(
                images[0],
                "step",
                "this is still a single image with three axes; a batch has one more, in front.",
            ),
            Wrong(images[0][..., np.newaxis], "place", last),
            Wrong(images, "place", "these are all X-rays; the batch holds the first alone."),
        ],
        advice="the shape is right, but this is not the first X-ray, images[0].",
        dtype=images.dtype.type,
    )


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


def brighter(answer: object, images: np.ndarray) -> Hint | None:
    """Check a layer that makes an X-ray a tenth of the range of grey levels brighter."""
    settings = _settings(answer, "a Keras layer such as layers.RandomBrightness(…) is expected")
    if isinstance(settings, Hint):
        return settings
    if type(answer).__name__ != "RandomBrightness":
        return Hint(
            "type", f"a RandomBrightness layer is expected, and this is {type(answer).__name__}."
        )
    low, high = settings["value_range"]
    if (low, high) == (0, 255):
        return Hint("step", "the layer still expects 0 to 255; say value_range=grey_range.")
    darkest, brightest = np.percentile(images, [1, 99])
    if low > darkest or high < brightest:
        return Hint(
            "unit", f"the range from {low:.1f} to {high:.1f} cuts off pixels; ours is grey_range."
        )
    smallest, largest = np.broadcast_to(settings["factor"], 2)
    if smallest != largest or not 0.05 < smallest < 0.15:
        return Hint(
            "value",
            "the range is right; the factor should make the image a tenth brighter: (0.1, 0.1).",
        )
    return None


def strong(answer: object) -> Hint | None:
    """Check three layers: rotate by up to 20 degrees, zoom by up to 0.2, flip left and right."""
    expected = "a Sequential with a list of three layers is expected"
    if isinstance(answer, list | tuple):
        return Hint("list", f"{expected}, and this is the list alone: Sequential([…]).")
    settings = _settings(answer, expected)
    if isinstance(settings, Hint):
        return settings
    layers = getattr(answer, "layers", None)
    if not isinstance(layers, list | tuple):
        return Hint("type", f"{expected}, and this is one {type(answer).__name__} layer.")
    names = [type(layer).__name__ for layer in layers]
    order = ["RandomRotation", "RandomZoom", "RandomFlip"]
    if len(names) != 3:
        return Hint("shape", f"{expected}: {', '.join(order)}; this one has {len(names)}.")
    if names != order:
        kind = "place" if sorted(names) == sorted(order) else "type"
        return Hint(kind, f"the order should be {', '.join(order)}.")
    rotation, zoom, flip = (layer.get_config() for layer in layers)
    smallest, largest = 360 * np.broadcast_to(rotation["factor"], 2)
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
    if abs(np.max(np.abs(zoom["height_factor"])) - 0.2) > 1e-6:
        return Hint("value", "the zoom should be 0.2.")
    if flip["mode"] != "horizontal":
        return Hint(
            "place",
            'this may put the feet of the patient on top: RandomFlip("horizontal") exchanges left '
            "and right only.",
        )
    return None


def _settings(answer: object, expected: str) -> dict | Hint:
    """Return the settings of a Keras layer, or say what the answer is in its place."""
    if is_tensor(answer):
        return Hint("tensor", f"{expected}, and this is a tensor that comes out of a layer.")
    if isinstance(answer, type) or not callable(getattr(answer, "get_config", None)):
        return wrong_type(answer, expected)
    return answer.get_config()  # type: ignore[attr-defined]


def validation_pipeline(answer: object, images: np.ndarray, labels: np.ndarray) -> Hint | None:
    """Check a tf.data pipeline that gives all X-rays in order, unchanged, in batches of 32."""
    expected = "a tf.data pipeline is expected"
    if isinstance(answer, type) or not hasattr(answer, "as_numpy_iterator"):
        hint = wrong_type(answer, expected)
        return Hint(hint.kind, f"{hint.text} A pipeline starts with tf.data.Dataset.")
    try:
        # One batch too many is enough: a pipeline that repeats itself has no end.
        items = list(islice(answer.as_numpy_iterator(), -(-len(images) // BATCH) + 1))
    except (Exception, SystemExit) as error:
        return stopped("your pipeline", error)
    if not all(isinstance(item, tuple) and len(item) == 2 for item in items):
        return Hint(
            "shape", "each item should be a pair of images and labels: from_tensor_slices((…, …))."
        )
    if not items or np.ndim(items[0][0]) != 4 or len(items[0][0]) != min(BATCH, len(images)):
        return Hint("shape", f"the X-rays should come in batches of {BATCH}: .batch({BATCH}).")
    got, got_labels = (np.concatenate([np.asarray(item[k]) for item in items]) for k in (0, 1))
    if len(got) != len(images):
        number = "more" if len(got) > len(images) else f"only {len(got)}"
        return Hint(
            "shape",
            f"{number} X-rays come out of the pipeline; the validation set holds {len(images)}.",
        )
    if not np.array_equal(got_labels, labels):
        return Hint(
            "place", "the labels are not in the order of the validation set: leave out the shuffle."
        )
    changed = "the X-rays have changed on their way: leave out shuffle and augmentation."
    return array(got, images, advice=changed)


CHECKS: dict[str, Check] = {
    "batch": batch,
    "leaked": leaked,
    "brighter": brighter,
    "strong": strong,
    "validation_pipeline": validation_pipeline,
}
