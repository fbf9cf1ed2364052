"""Randomising a network forgets it from the top down and leaves the original alone."""

import numpy as np
import pytest
from support import lazily

models, sanity = lazily("helpers.models"), lazily("helpers.sanity")


@pytest.fixture(scope="module")
def model():
    models.set_seeds(1)
    model = models.build_lesson_model()
    model.set_weights([w + 0.01 for w in model.get_weights()])
    return model


def test_layers_are_forgotten_from_the_top(model):
    before = [w.copy() for w in model.get_weights()]
    steps = list(sanity.randomise_from_top(model))
    kinds = (models.keras.layers.Conv2D, models.keras.layers.Dense)
    trained = [layer.name for layer in model.layers if isinstance(layer, kinds)]
    assert [name for name, _ in steps] == trained[::-1]
    for forgotten, (_, copy) in enumerate(steps, 1):
        for index, name in enumerate(trained):
            kernel = copy.layers[[layer.name for layer in model.layers].index(name)].get_weights()
            same = np.array_equal(kernel[0], model.get_layer(name).get_weights()[0])
            assert same == (index < len(trained) - forgotten), name
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_the_same_seed_forgets_the_same_way(model):
    first, second = (list(sanity.randomise_from_top(model, seed=3))[-1][1] for _ in range(2))
    for one, other in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
