"""Every method keeps the contract, looks where the network looks, and agrees with its library."""

import warnings

import numpy as np
import pytest
from scipy.ndimage import zoom

from helpers import explain, models
from helpers.models import keras, tf


@pytest.fixture(scope="module")
def images():
    """Noise, with a bright square that is elsewhere in each image."""
    rng = np.random.default_rng(0)
    images = rng.normal(0, 0.1, (3, 64, 64, 1)).astype("float32")
    for k, image in enumerate(images):
        image[8 + 8 * (k % 3) : 24 + 8 * (k % 3), 6 * k : 16 + 6 * k] += 3
    return images


@pytest.fixture(scope="module")
def model():
    """A network that answers by the bright squares alone: convolution, pooling, one sigmoid."""
    models.set_seeds(0)
    inputs = keras.Input((64, 64, 1))
    x = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="first")(inputs)
    x = keras.layers.AveragePooling2D(4)(x)
    x = keras.layers.Conv2D(4, 3, padding="same", name="second")(x)
    x = keras.layers.Activation("relu", name="last")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(x))
    blur = np.zeros((3, 3, 1, 4), "float32")
    blur[:, :, 0, 0], blur[1, 1, 0, 1] = 1 / 9, 1
    model.get_layer("first").set_weights([blur, np.array([-1, -1, 0, 0], "float32")])
    mix = np.zeros((3, 3, 4, 4), "float32")
    mix[1, 1, 0, 0] = mix[1, 1, 1, 1] = 1
    mix[1, 1, 0, 2] = -1  # this map answers to everything but the square
    model.get_layer("second").set_weights([mix, np.array([0, 0, 0.5, 0], "float32")])
    model.layers[-1].set_weights([np.array([[30], [30], [-9], [0]], "float32"), np.zeros(1)])
    return model


@pytest.mark.parametrize("name", explain.METHODS | explain.CONTROLS)
@pytest.mark.parametrize("label", [0, 1])
def test_contract(name, label, model, images):
    methods = explain.METHODS | explain.CONTROLS
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        maps = methods[name](model, images, label=label)
    assert maps.shape == (3, 64, 64)
    assert maps.dtype == np.float32
    assert maps.min() >= 0 and maps.max() <= 1


@pytest.mark.parametrize("name", explain.METHODS)
def test_no_chatter(name, model, images, capfd):
    explain.METHODS[name](model, images[:2])
    assert capfd.readouterr() == ("", "")


# Rectified backpropagation does not ask which ReLU was open, so it may point anywhere.
@pytest.mark.parametrize("name", sorted(explain.METHODS.keys() - {"Rectified backpropagation"}))
def test_the_map_is_hot_where_the_network_looks(name, model, images):
    maps = explain.METHODS[name](model, images)
    for one, image in zip(maps, images[..., 0], strict=True):
        y, x = np.unravel_index(one.argmax(), one.shape)
        near = image[max(y - 3, 0) : y + 4, max(x - 3, 0) : x + 4]
        assert near.max() > 2, f"{name} points to ({y}, {x})"


@pytest.mark.parametrize("name", explain.METHODS)
def test_batches_change_nothing(name, model, images, monkeypatch):
    whole = explain.METHODS[name](model, images)
    monkeypatch.setattr(explain, "BATCH_SIZE", 2)
    np.testing.assert_allclose(explain.METHODS[name](model, images), whole, atol=1e-4)


@pytest.mark.parametrize("name", explain.METHODS)
def test_the_network_is_left_as_it_was(name, model, images):
    before = model.predict(images, verbose=0)
    explain.METHODS[name](model, images)
    np.testing.assert_array_equal(model.predict(images, verbose=0), before)
    assert model.layers[-1].activation is keras.activations.sigmoid


def test_logit_model_gives_the_log_odds(model, images):
    probability = model.predict(images, verbose=0)
    logit = explain.logit_model(model).predict(images, verbose=0)
    np.testing.assert_allclose(1 / (1 + np.exp(-logit)), probability, atol=1e-6)


@pytest.mark.parametrize("swap", [False, True])
def test_two_outputs_share_the_probability(swap, model, images):
    probability = model.predict(images, verbose=0)[:, 0]
    both = explain.two_outputs(model, swap=swap).predict(images, verbose=0)
    softmax = np.exp(both) / np.exp(both).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(softmax[:, 1], 1 - probability if swap else probability, atol=1e-6)


def test_score_cam_weights_maps_by_the_answer_to_what_they_mask(model, images):
    """The library alone, on a single output, would weight every map by 1 (softmax of one)."""
    maps = keras.Model(model.inputs, model.get_layer("last").output).predict(images, verbose=0)
    masks = zoom(maps, (1, 4, 4, 1), order=1, mode="nearest")
    low, high = (f(masks, axis=(1, 2), keepdims=True) for f in (np.min, np.max))
    masks = (masks - low) / (high - low + 1e-7)
    answers = [model.predict(images * masks[..., k : k + 1], verbose=0)[:, 0] for k in range(4)]
    heat = np.maximum(np.einsum("nhwc,cn->nhw", maps, np.array(answers)), 0)
    expected = explain.rescale(heat, (64, 64))
    deaf = explain.rescale(np.maximum(maps.sum(axis=-1), 0), (64, 64))
    np.testing.assert_allclose(explain.score_cam(model, images), expected, atol=1e-3)
    assert np.abs(expected - deaf).max() > 0.05


def test_vanilla_gradient_is_the_library_s_saliency(model, images):
    from tf_keras_vis.saliency import Saliency

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        library = Saliency(explain.logit_model(model))(
            lambda outputs: outputs[:, 0], tf.constant(images)
        )
    np.testing.assert_allclose(explain.vanilla_gradient(model, images), library, atol=1e-4)


def test_grad_cam_is_the_formula_of_its_paper(model, images):
    logit = explain.logit_model(model)
    both = keras.Model(logit.inputs, [logit.get_layer("last").output, logit.output])
    with tf.GradientTape() as tape:
        maps, answer = both([tf.constant(images)])
    weights = tape.gradient(answer, maps).numpy().mean(axis=(1, 2))
    heat = np.maximum(np.einsum("nhwc,nc->nhw", maps.numpy(), weights), 0)
    np.testing.assert_allclose(
        explain.grad_cam(model, images), explain.rescale(heat, (64, 64)), atol=1e-4
    )


def test_explaining_normal_is_explaining_minus_the_logit(model, images):
    minus = keras.models.clone_model(model)
    minus.set_weights([*model.get_weights()[:-2], *(-w for w in model.get_weights()[-2:])])
    for name, method in explain.METHODS.items():
        if name in ("SHAP", "LIME"):  # estimates: they differ by a sample's worth
            continue
        np.testing.assert_allclose(
            method(model, images, label=0), method(minus, images), atol=1e-4, err_msg=name
        )


def test_rescale_keeps_places_and_constant_maps():
    maps = np.zeros((2, 8, 8))
    maps[0, 2, 5] = 7
    big = explain.rescale(maps, (64, 64))
    y, x = np.unravel_index(big[0].argmax(), (64, 64))
    assert 16 <= y < 24 and 40 <= x < 48
    centre = np.array(np.nonzero(big[0] > 0.5)).mean(axis=1)
    np.testing.assert_allclose(centre, [19.5, 43.5], atol=0.5)
    assert (big[1] == 0).all()


def test_a_network_without_maps_is_refused():
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten()])
    with pytest.raises(ValueError, match="no convolution"):
        explain.last_maps_layer(model)


def test_lime_explains_the_logit(model, images):
    """Where the network is certain, the probability no longer moves, but the logit does."""
    certain = keras.models.clone_model(model)
    *others, bias = model.get_weights()
    certain.set_weights([*others, bias + 60])
    assert np.all(certain.predict(images, verbose=0) == 1)
    np.testing.assert_allclose(
        explain.lime(certain, images), explain.lime(model, images), atol=0.02
    )


@pytest.mark.parametrize(
    "name, forward, backward",
    [
        ("Vanilla gradient", 1, 1),
        ("SmoothGrad", 30, 30),
        ("Guided backpropagation", 1, 1),
        ("Grad-CAM", 1, 1),
        ("Score-CAM", 1 + 4, 0),  # the network has four last maps
        ("LIME", 150, 0),
        ("Edge filter", 0, 0),
    ],
)
def test_passes_are_counted_and_the_maps_stay_the_same(name, forward, backward, model, images):
    method = (explain.METHODS | explain.CONTROLS)[name]
    maps, *passes = explain.count_passes(method, model, images)
    np.testing.assert_allclose(maps, method(model, images), atol=1e-4)
    assert passes[1] == backward
    assert abs(passes[0] - forward) <= 1  # some run the image itself once more
