"""Sanity checks of explanations: a map should change when the weights are randomised.

After Adebayo et al., Sanity Checks for Saliency Maps, NeurIPS 2018.
"""

from collections.abc import Iterator

from helpers.models import keras


def randomise_from_top(
    model: keras.Model, seed: int = 0, into: keras.Model | None = None
) -> Iterator[tuple[str, keras.Model]]:
    """Draw the weights anew, layer by layer from the output down ("cascading randomisation").

    Parameters
    ----------
    model : keras.Model
        It is left as it is.
    seed : int
        The same seed gives the same random weights.
    into : keras.Model, optional
        A copy of the model whose weights are replaced, such as the one of the seed before: then
        what :mod:`helpers.explain` has compiled for it serves again.

    Yields
    ------
    name : str
        The convolution or dense layer that has just lost its weights.
    randomised : keras.Model
        A copy of the model in which this layer and all above it have random weights: always the
        same copy, so explain it before the next step.
    """
    keras.utils.set_random_seed(seed)
    fresh = keras.models.clone_model(model)  # new weights, drawn like those before training
    randomised = into or keras.models.clone_model(model)
    randomised.set_weights(model.get_weights())
    for new, layer in zip(fresh.layers[::-1], randomised.layers[::-1], strict=True):
        layer.set_weights(new.get_weights())
        if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense):
            yield layer.name, randomised
