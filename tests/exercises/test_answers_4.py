"""Answers to the exercises of episode 4; test_any_answer.py gives them to their checks."""

import numpy as np

EDGES = np.array([[-1, 0, 1]] * 3)
PROBABILITY = 1 / (1 + np.exp(0.6))
GRADIENT = (PROBABILITY - 1) * 1.2
NEW = -0.5 - 0.5 * GRADIENT


def named(kind, **settings):
    """Return an object of a class of this name."""
    return type(kind, (), settings)()


def convolution(side, padding="same"):
    return named("Conv2D", output=named("Output", shape=(None, side, side, 8)), padding=padding)


def network(side=16, inputs=64, units=1, activation="sigmoid", count=50_000, padding="same"):
    """Return what looks like a Keras network that ends in a dense layer."""
    last = named("Dense", activation=type(activation, (), {}))
    return named(
        "Functional",
        input_shape=(None, inputs, inputs, 1),
        output_shape=(None, units),
        layers=[named("InputLayer"), convolution(64), convolution(side, padding), last],
        count_params=lambda self: count,
        get_config=lambda self: {},
    )


GIVEN = {"new_weight": (), "horizontal": (), "count": (5, 12, 20), "smaller": ()}
RIGHT = {
    "new_weight": [NEW, np.float32(NEW), np.array(NEW), -0.113, -0.1127],
    "horizontal": [EDGES.T, -EDGES.T, EDGES.T.astype(np.float32), EDGES.T * 0.5],
    "count": [6020, np.int32(6020), 6020.0],
    "smaller": [network(), network(count=60_000)],
}
FREQUENT = {
    "new_weight": [
        (-0.5 + 0.5 * GRADIENT, "sign", "subtracted"),
        (-0.5 - GRADIENT, "step", "learning rate"),
        (-0.5 - 0.5 * (PROBABILITY - 1), "step", "input is missing"),
        (-0.5 - 0.5 * (-0.6 - 1) * 1.2, "quantity", "sigmoid"),
        (-0.5 - 0.5 * PROBABILITY * 1.2, "step", "label is missing"),
        (GRADIENT, "quantity", "not yet updated"),
        (-0.5 * GRADIENT, "step", "add it to the old weight"),
        (PROBABILITY, "quantity", "probability"),
        (-0.5, "value", "too small"),
        ([NEW], "list", "list"),
    ],
    "horizontal": [
        (np.eye(3), "value", "sum to 0"),
        (EDGES, "place", "rows"),
        (EDGES + EDGES.T, "value", "columns"),
        (EDGES.T.tolist(), "list", "np.array"),
        (np.zeros((3, 3)), "place", "rows"),
        (np.zeros((3, 4)), "shape", "shape"),
    ],
    "count": [
        (6000, "step", "bias"),
        (6001, "step", "not one for all"),
        (520, "step", "channels"),
        (301, "step", "one filter"),
        (1220, "step", "height and a width"),
    ],
    "smaller": [
        (network(inputs=256), "shape", "(64, 64, 1)"),
        (network(side=4), "shape", "fewer pooling"),
        (network(side=64), "shape", "more pooling"),
        (network(side=14, padding="valid"), "shape", 'padding="same"'),
        (network(units=2), "step", "one number"),
        (network(activation="linear"), "step", "linear"),
        (network(count=120_000), "value", "120,000"),
        (convolution(16), "type", "network"),
        ([network()], "list", "list"),
        (7, "type", "network"),
    ],
}
