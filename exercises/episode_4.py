"""Hints to the exercises of episode 4, neural networks."""

from __future__ import annotations

from typing import Any

import numpy as np

from exercises.hints import Check, Hint, Wrong, form, is_tensor, number, read_array, wrong_type

WEIGHT, INPUT, LABEL, RATE = -0.5, 1.2, 1, 0.5
"""The neuron whose weight is updated once by hand."""
LARGEST = 60_000
"""How many parameters the changed network may have."""


def new_weight(answer: object) -> Hint | None:
    """Check a weight after one update."""
    logit = WEIGHT * INPUT
    probability = 1 / (1 + np.exp(-logit))
    gradient = (probability - LABEL) * INPUT
    return number(
        answer,
        WEIGHT - RATE * gradient,
        wrong=[
            Wrong(
                WEIGHT + RATE * gradient,
                "sign",
                "this goes uphill: the gradient, times the learning rate, is subtracted.",
            ),
            Wrong(WEIGHT - gradient, "step", "the gradient is not yet times the learning rate."),
            Wrong(
                WEIGHT - RATE * (probability - LABEL),
                "step",
                "the gradient is (probability − label) × input; the input is missing.",
            ),
            Wrong(
                WEIGHT - RATE * (logit - LABEL) * INPUT,
                "quantity",
                "this uses the logit in place of the probability: apply the sigmoid first.",
            ),
            Wrong(
                WEIGHT - RATE * probability * INPUT,
                "step",
                "the label is missing: the gradient is (probability − label) × input.",
            ),
            Wrong(gradient, "quantity", "this is the gradient; the weight is not yet updated."),
            Wrong(-RATE * gradient, "step", "this is the change; add it to the old weight."),
            Wrong(probability, "quantity", "this is the probability; gradient and update follow."),
        ],
        advice="Compute logit, probability, gradient and update, one after the other.",
        tolerance=0.005,
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


def smaller(answer: object) -> Hint | None:
    """Check a network for 64×64 pixels whose last convolution gives maps of 16×16."""
    expected = "a Keras network is expected, keras.Model(inputs, outputs)"
    if is_tensor(answer):
        return Hint("tensor", f"{expected}, and this is a tensor that comes out of a layer.")
    if isinstance(answer, type) or not all(
        hasattr(answer, name) for name in ("layers", "count_params", "input_shape", "output_shape")
    ):
        if callable(answer) and not hasattr(type(answer), "get_config"):
            return Hint("function", f"{expected}, and this is a function: call it.")
        return wrong_type(answer, expected)
    network: Any = answer
    if network.input_shape != (None, 64, 64, 1):
        return Hint(
            "shape",
            f"the input is {network.input_shape[1:]} and should be (64, 64, 1): set input_shape.",
        )
    convolutions = [layer for layer in network.layers if type(layer).__name__ == "Conv2D"]
    if not convolutions:
        return Hint("step", "the network has no convolution.")
    height, width = convolutions[-1].output.shape[1:3]
    if (height, width) != (16, 16):
        number = "fewer" if height < 16 else "more"
        padding = any(layer.padding != "same" for layer in convolutions)
        advice = (
            'give each convolution padding="same"'
            if padding
            else f"use {number} pooling layers before it"
        )
        return Hint(
            "shape",
            f"the last convolution gives maps of {height}×{width}, not of 16×16: {advice}.",
        )
    last = network.layers[-1]
    activation = getattr(getattr(last, "activation", None), "__name__", "no activation function")
    if network.output_shape != (None, 1) or activation != "sigmoid":
        return Hint(
            "step",
            "the network should end in one number with a sigmoid: "
            f'Dense(1, activation="sigmoid"). This one ends in {network.output_shape[1:]} with '
            f"{activation}.",
        )
    if network.count_params() > LARGEST:
        return Hint(
            "value",
            f"it has {network.count_params():,} parameters, more than {LARGEST:,}: most of them "
            "lie in the layer with the largest number in summary().",
        )
    return None


CHECKS: dict[str, Check] = {
    "new_weight": new_weight,
    "horizontal": horizontal,
    "count": parameters,
    "smaller": smaller,
}
