"""Hints to the exercises of episode 4, neural networks."""

from __future__ import annotations

import numpy as np

from exercises.hints import Check, Hint, Wrong, form, number, read_array


def new_bias(answer: object, weights: np.ndarray, inputs: np.ndarray) -> Hint | None:
    """Check the bias with which the neuron's output is one half."""
    weighted = float(weights @ inputs)
    return number(
        answer,
        -weighted,
        wrong=[Wrong(weighted, "sign", "the size is right, the sign is not.")],
        advice="The sigmoid is 0.5 where its input is 0.",
        tolerance=0.01,
    )


def horizontal(answer: object) -> Hint | None:
    """Check a 3×3 kernel for edges between above and below, and for nothing else."""
    kernel = read_array(answer)
    if isinstance(kernel, Hint):
        return kernel
    hint = form(kernel, (3, 3))
    if hint:
        return hint
    kernel = kernel.astype(float)
    if abs(kernel.sum()) > 1e-6:
        return Hint(
            "value",
            "on an even grey area the result should be 0, so the nine weights should sum to 0.",
        )
    # A step from dark to bright, downwards and then to the right.
    up_down, left_right = abs(kernel[2].sum()), abs(kernel[:, 2].sum())
    if up_down < 1e-6:
        return Hint(
            "place", "the result is 0 where dark lies above bright: make the rows different."
        )
    if left_right > 1e-6:
        return Hint(
            "value",
            "it also finds edges between left and right: make the columns equal.",
        )
    return None


def parameters(answer: object, kernel: int, channels: int, filters: int) -> Hint | None:
    """Check how many parameters a convolution has."""
    weights = kernel * kernel * channels * filters
    return number(
        answer,
        weights + filters,
        wrong=[
            Wrong(weights, "step", "those are the weights; each filter also has a bias."),
            Wrong(weights + 1, "step", "each filter has a bias of its own, not one for all."),
            Wrong(
                kernel * kernel * filters + filters,
                "step",
                "each filter looks at all channels of its input.",
            ),
            Wrong(
                kernel * kernel * channels + 1,
                "step",
                "this is one filter; the layer has more.",
            ),
            Wrong(
                kernel * channels * filters + filters,
                "step",
                "the kernel has a height and a width.",
            ),
        ],
    )


def receptive_field(answer: object, stack: list[tuple[int, int]]) -> Hint | None:
    """Check how many pixels a neuron of the last convolution sees in one direction."""
    field = jump = 1
    for size, stride in stack:
        field += (size - 1) * jump
        jump *= stride
    return number(
        answer,
        field,
        wrong=[
            Wrong(
                1 + sum(size - 1 for size, _ in stack),
                "step",
                "after a pooling, one step in the small image is two steps in the X-ray.",
            ),
        ],
    )


CHECKS: dict[str, Check] = {
    "new_bias": new_bias,
    "horizontal": horizontal,
    "count": parameters,
    "field": receptive_field,
}
