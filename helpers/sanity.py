"""Sanity checks of explanations: a map should change when the weights are randomised.

After Adebayo et al., Sanity Checks for Saliency Maps, NeurIPS 2018.
"""

from collections.abc import Iterator

from helpers.models import keras


def randomise_from_top(model: keras.Model, seed: int = 0) -> Iterator[tuple[str, keras.Model]]:
    """Draw the weights anew, layer by layer from the output down ("cascading randomisation").

    Parameters
    ----------
    model : keras.Model
        It is left as it is.
    seed : int
        The same seed gives the same random weights.

    Yields
    ------
    name : str
        The convolution or dense layer that has just lost its weights.
    randomised : keras.Model
        A copy of the model in which this layer and all above it have random weights.
    """
    keras.utils.set_random_seed(seed)
    fresh = keras.models.clone_model(model)  # new weights, drawn like those before training
    current = keras.models.clone_model(model)
    current.set_weights(model.get_weights())
    for position in reversed(range(len(model.layers))):
        current.layers[position].set_weights(fresh.layers[position].get_weights())
        layer = model.layers[position]
        if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense):
            randomised = keras.models.clone_model(current)
            randomised.set_weights(current.get_weights())
            yield layer.name, randomised
