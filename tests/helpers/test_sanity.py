"""Weights are randomised from the top down, and the original is left alone."""

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


def weights_of(model):
    return [weights.copy() for weights in model.get_weights()]


def test_layers_are_randomised_from_the_top(model):
    before = weights_of(model)
    kinds = (models.keras.layers.Conv2D, models.keras.layers.Dense)
    trained = [layer.name for layer in model.layers if isinstance(layer, kinds)]
    names = []
    for done, (name, copy) in enumerate(sanity.randomise_from_top(model), 1):
        names.append(name)
        for place, one in enumerate(trained):
            position = [layer.name for layer in model.layers].index(one)
            kernel = copy.layers[position].get_weights()[0]
            same = np.array_equal(kernel, model.get_layer(one).get_weights()[0])
            assert same == (place < len(trained) - done), one
    assert names == trained[::-1]
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_the_same_seed_draws_the_same_weights_into_the_same_copy_or_a_new_one(model):
    copy = models.keras.models.clone_model(model)
    ends = []
    for seed, into in [(3, None), (4, copy), (3, copy)]:
        *_, (_, randomised) = sanity.randomise_from_top(model, seed, into)
        assert into is None or randomised is copy
        ends.append(np.concatenate([one.ravel() for one in weights_of(randomised)]))
    np.testing.assert_array_equal(ends[0], ends[2])
    assert not np.allclose(ends[0], ends[1])
