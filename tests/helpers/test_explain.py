"""Every method keeps the contract, looks where the network looks, and agrees with its library."""

import dataclasses
import re
import warnings

import numpy as np
import pytest
from scipy.ndimage import zoom
from support import lazily

from helpers import data, metrics, plots
from helpers.paths import BUNDLED_DATA

models = lazily("helpers.models")
explain = lazily("helpers.explain")


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
    inputs = models.keras.Input((64, 64, 1))
    x = models.keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="first")(inputs)
    x = models.keras.layers.AveragePooling2D(4)(x)
    x = models.keras.layers.Conv2D(4, 3, padding="same", name="second")(x)
    x = models.keras.layers.Activation("relu", name="last")(x)
    x = models.keras.layers.GlobalAveragePooling2D()(x)
    model = models.keras.Model(inputs, models.keras.layers.Dense(1, activation="sigmoid")(x))
    blur = np.zeros((3, 3, 1, 4), "float32")
    blur[:, :, 0, 0], blur[1, 1, 0, 1] = 1 / 9, 1
    model.get_layer("first").set_weights([blur, np.array([-1, -1, 0, 0], "float32")])
    mix = np.zeros((3, 3, 4, 4), "float32")
    mix[1, 1, 0, 0] = mix[1, 1, 1, 1] = 1
    mix[1, 1, 0, 2] = -1  # this map answers to everything but the square
    model.get_layer("second").set_weights([mix, np.array([0, 0, 0.5, 0], "float32")])
    model.layers[-1].set_weights([np.array([[30], [30], [-9], [0]], "float32"), np.zeros(1)])
    return model


def methods():
    """Return all methods and controls by name."""
    return explain.METHODS | explain.CONTROLS


@pytest.fixture(scope="module")
def explained(model, images):
    """Explain the images by every method and control, once for all tests."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return {name: method(model, images) for name, method in methods().items()}


def test_every_method_keeps_the_contract_quietly(model, images, capfd):
    before = model.predict(images, verbose=0)
    for name, method in methods().items():
        for target in (0, 1):
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                saliency = method(model, images[:2], target=target)
            assert saliency.shape == (2, 64, 64) and saliency.dtype == np.float32, name
            assert np.isfinite(saliency).all(), name
            assert (saliency.min() < 0) <= (name in explain.SIGNED), name
    assert capfd.readouterr() == ("", "")
    np.testing.assert_array_equal(model.predict(images, verbose=0), before)
    assert model.layers[-1].activation is models.keras.activations.sigmoid


def test_the_map_of_an_image_depends_on_no_other_image(model, images, explained):
    """Alone, or in a batch of five in another order: the same map, by every method."""
    five = np.concatenate([images[[2, 0]], images[:2] + 0.5, images[[1]]])
    for name, method in methods().items():
        together = method(model, five)
        near = {"rtol": 0, "atol": 2e-3 * np.abs(explained[name]).max(), "err_msg": name}
        for place, image in [(1, 0), (4, 1), (0, 2)]:
            np.testing.assert_allclose(together[place], explained[name][image], **near)
        np.testing.assert_allclose(method(model, images[[2]])[0], explained[name][2], **near)


def test_batches_change_nothing(model, images, explained, monkeypatch):
    monkeypatch.setattr(explain, "BATCH_SIZE", 2)
    for name in ("SmoothGrad", "Guided backpropagation", "Grad-CAM"):
        near = 1e-4 * explained[name].max()
        np.testing.assert_allclose(methods()[name](model, images), explained[name], atol=near)


def test_the_map_is_largest_where_the_network_looks(images, explained):
    # DeconvNet does not ask which ReLU was open, so it may point anywhere.
    for name in explain.METHODS.keys() - {"DeconvNet"}:
        for one, image in zip(explained[name], images[..., 0], strict=True):
            y, x = np.unravel_index(one.argmax(), one.shape)
            near = image[max(y - 3, 0) : y + 4, max(x - 3, 0) : x + 4]
            assert near.max() > 2, f"{name} points to ({y}, {x})"


def test_lime_hardly_depends_on_its_seed_and_shap_has_none():
    model, _ = models.load_pretrained()
    xrays = data.find_dataset(BUNDLED_DATA)
    test = [index for index in data.split(xrays)[2] if xrays.labels[index]][:6]
    files = tuple(xrays.files[index] for index in test)
    few = dataclasses.replace(xrays, files=files, labels=(1,) * len(files))
    images, _ = data.load(few, models.INPUT_SIZE)
    one, other = (explain.lime(model, images, seed=seed) for seed in (1, 2))
    assert metrics.rank_correlation(one, other).mean() > 0.9
    one = explain.deep_shap(model, images)
    np.random.seed(5)  # noqa: NPY002 - what ran before must not matter
    np.testing.assert_array_equal(explain.deep_shap(model, images), one)


def test_shap_adds_up_and_comes_with_a_background_of_training_images(model, images, explained):
    bundled = data.find_dataset(BUNDLED_DATA)
    background = explain.bundled_background(64)
    assert background.shape == (40, 64, 64, 1)
    train = data.load(bundled, 64)[0][data.split(bundled)[0]]
    assert all((train == image).all(axis=(1, 2, 3)).any() for image in background)
    grey = explain.deep_shap(model, images, background=np.zeros_like(images))
    logit = explain.logit_model(model)
    for maps, others in [(explained["SHAP"], background), (grey, np.zeros_like(images))]:
        expected = logit.predict(images, verbose=0)[:, 0] - logit.predict(others, verbose=0).mean()
        np.testing.assert_allclose(maps.sum(axis=(1, 2)), expected, rtol=0.01)


def test_nan_is_an_error_that_names_the_method(model, images):
    spoilt = images[:1].copy()
    spoilt[0, 5, 5] = np.nan
    broken = models.keras.models.clone_model(model)
    broken.set_weights([*model.get_weights()[:-1], np.array([np.nan])])
    for name in explain.METHODS:
        with pytest.raises(ValueError, match=rf"^{re.escape(name)} was given images that hold NaN"):
            methods()[name](model, spoilt)
    for name in ("Score-CAM", "Occlusion"):  # the others do not use the last bias
        with pytest.raises(ValueError, match=f"^{name} gives NaN"):
            methods()[name](broken, images[:1])


def test_occlusion_covers_every_pixel_whatever_the_step(model, images):
    for patch, step in [(0.1, 0.2), (0.3, 0.25), (0.05, 1.0)]:
        saliency = explain.occlusion(model, images[:1], patch=patch, step=step)
        assert np.isfinite(saliency).all() and np.ptp(saliency) > 0
    touched = explain.occlusion(model, 3 * np.ones_like(images[:1]), patch=0.1, step=0.2)
    assert (touched != 0).mean() > 0.9  # covering any part of an even bright image tells


def test_logit_model_gives_the_log_odds(model, images):
    probability = model.predict(images, verbose=0)
    logit = explain.logit_model(model).predict(images, verbose=0)
    np.testing.assert_allclose(1 / (1 + np.exp(-logit)), probability, atol=1e-6)


def test_two_outputs_share_the_probability(model, images):
    probability = model.predict(images, verbose=0)[:, 0]
    for swap in (False, True):
        both = explain.two_outputs(model, swap=swap).predict(images, verbose=0)
        softmax = np.exp(both) / np.exp(both).sum(axis=1, keepdims=True)
        expected = 1 - probability if swap else probability
        np.testing.assert_allclose(softmax[:, 1], expected, atol=1e-6)


def test_score_cam_weights_maps_by_the_prediction_for_what_they_mask(model, images, explained):
    """The library alone, on a single output, would weight every map by 1 (softmax of one)."""
    maps = models.keras.Model(model.inputs, model.get_layer("last").output).predict(
        images, verbose=0
    )
    masks = zoom(maps, (1, 4, 4, 1), order=1, mode="nearest")
    low, high = (f(masks, axis=(1, 2), keepdims=True) for f in (np.min, np.max))
    masks = (masks - low) / (high - low + 1e-7)
    answers = [model.predict(images * masks[..., k : k + 1], verbose=0)[:, 0] for k in range(4)]
    expected = np.maximum(np.einsum("nhwc,cn->nhw", maps, np.array(answers)), 0)
    expected = explain.enlarge(expected.astype("float32"), (64, 64))
    deaf = explain.enlarge(np.maximum(maps.sum(axis=-1), 0), (64, 64))
    np.testing.assert_allclose(explained["Score-CAM"], expected, rtol=1e-3, atol=1e-3)
    assert np.abs(expected - deaf).max() > 0.05


def test_vanilla_gradient_is_the_library_s_saliency(model, images, explained):
    from tf_keras_vis.saliency import Saliency

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        library = Saliency(explain.logit_model(model))(
            lambda outputs: outputs[:, 0], models.tf.constant(images), normalize_map=False
        )
    np.testing.assert_allclose(explained["Vanilla gradient"], library, atol=1e-4)


def test_grad_cam_is_the_formula_of_its_paper(model, images, explained):
    logit = explain.logit_model(model)
    both = models.keras.Model(logit.inputs, [logit.get_layer("last").output, logit.output])
    with models.tf.GradientTape() as tape:
        maps, answer = both([models.tf.constant(images)])
    weights = tape.gradient(answer, maps).numpy().mean(axis=(1, 2))
    heat = np.maximum(np.einsum("nhwc,nc->nhw", maps.numpy(), weights), 0)
    expected = explain.enlarge(heat, (64, 64))
    np.testing.assert_allclose(explained["Grad-CAM"], expected, atol=1e-4 * expected.max())


def test_integrated_gradients_add_up_to_the_difference_of_the_logits(model, images, explained):
    logit = explain.logit_model(model).predict(np.concatenate([images, images * 0]), verbose=0)
    total = explained["Integrated gradients"].sum(axis=(1, 2))
    np.testing.assert_allclose(total, logit[:3, 0] - logit[3:, 0], rtol=0.05)


def test_explaining_normal_is_explaining_minus_the_logit(model, images):
    minus = models.keras.models.clone_model(model)
    minus.set_weights([*model.get_weights()[:-2], *(-w for w in model.get_weights()[-2:])])
    for name, method in explain.METHODS.items():
        normal, mirrored = method(model, images[:1], target=0), method(minus, images[:1])
        near = 1e-3 * np.abs(mirrored).max()
        np.testing.assert_allclose(normal, mirrored, atol=near, err_msg=name)


def test_enlarge_keeps_places():
    maps = np.zeros((2, 8, 8), np.float32)
    maps[0, 2, 5] = 7
    big = explain.enlarge(maps, (64, 64))
    y, x = np.unravel_index(big[0].argmax(), (64, 64))
    assert 16 <= y < 24 and 40 <= x < 48
    centre = np.array(np.nonzero(big[0] > 3)).mean(axis=1)
    np.testing.assert_allclose(centre, [19.5, 43.5], atol=0.5)
    assert (big[1] == 0).all()


def test_a_network_without_maps_is_refused():
    model = models.keras.Sequential([models.keras.Input((8, 8, 1)), models.keras.layers.Flatten()])
    with pytest.raises(ValueError, match="no convolution"):
        explain.last_conv_layer(model)


def test_lime_explains_the_logit(model, images, explained):
    """Where the network is certain, the probability no longer moves, but the logit does."""
    certain = models.keras.models.clone_model(model)
    *others, bias = model.get_weights()
    certain.set_weights([*others, bias + 60])
    assert np.all(certain.predict(images, verbose=0) == 1)
    near = 0.02 * explained["LIME"].max()
    np.testing.assert_allclose(explain.lime(certain, images), explained["LIME"], atol=near)


def test_every_method_states_its_family_and_what_it_costs(explained):
    names = explained.keys()
    assert explain.PASSES.keys() == explain.FAMILIES.keys() == names
    assert set(explain.FAMILIES.values()) < set(plots.STYLES)
    controls = {name for name in names if explain.FAMILIES[name] == "control"}
    assert controls == explain.CONTROLS.keys()
    assert all(explain.PASSES[name] == (0, 0) for name in controls)


def test_new_weights_in_the_same_network_count(model, images, explained):
    """The gradient is compiled once for a network, and follows its weights."""
    copy = models.keras.models.clone_model(model)
    for name in ("Vanilla gradient", "Integrated gradients"):
        methods()[name](copy, images)
        copy.set_weights(model.get_weights())
        near = 1e-4 * np.abs(explained[name]).max()
        np.testing.assert_allclose(methods()[name](copy, images), explained[name], atol=near)
        copy.set_weights([weights * 0 for weights in model.get_weights()])
        assert not methods()[name](copy, images).any()
