"""What an episode writes out when it teaches it gives the same result as what is used later."""

import warnings
from pathlib import Path

import cv2
import numpy as np
import pytest
from cells import cell_with, inline

from helpers import data, images, metrics
from helpers.paths import BUNDLED_DATA

KERNELS = {
    "edges": np.array([[-1, 0, 1]] * 3, np.float32),
    "blur": np.full((3, 3), 1 / 9, np.float32),
    "lopsided": np.arange(9, dtype=np.float32).reshape(3, 3) - 2,  # a flipped kernel would show
}


@pytest.fixture(scope="module")
def models():
    """Import the module that imports TensorFlow, once."""
    from helpers import models

    return models


@pytest.fixture(scope="module")
def network(models):
    models.set_seeds(3)
    return models.build_lesson_model()


@pytest.fixture(scope="module")
def xrays():
    return data.load(data.find_dataset(BUNDLED_DATA), 64)[0][[100, 120, 140]]


def dataset(labels):
    """Return a data set of files that nobody opens."""
    files = tuple(Path(f"{k}.png") for k in range(len(labels)))
    return data.Dataset("made up", Path(), files, tuple(labels), None, None, False)


# --- Episodes 2 and 3 -----------------------------------------------------------------------


def test_standardise_of_episode_2():
    (standardise,) = inline("02", "standardise")
    image = np.random.default_rng(1).integers(0, 256, (40, 50), np.uint8)
    np.testing.assert_allclose(standardise(image), images.standardise(image), atol=1e-5)
    for constant in (standardise, images.standardise):
        with pytest.raises(ValueError):
            constant(np.full((40, 50), 7, np.uint8))


def test_simple_split_of_episode_3_is_the_one_where_patients_are_unknown():
    from sklearn.model_selection import train_test_split

    (three_parts,) = inline("03", "three_parts", train_test_split=train_test_split)
    for count in (700, 200, 121):
        labels = np.repeat([0, 1], [count // 2, count - count // 2])
        used = data.split(dataset(labels))
        for taught, helper in zip(three_parts(labels), used, strict=True):
            assert sorted(taught) == list(helper)


def test_split_by_patient_of_episode_3_and_the_leak_that_it_ends():
    from sklearn.model_selection import StratifiedGroupKFold, train_test_split

    keep, three_parts = inline(
        "03",
        "keep_a_seventh",
        "three_parts",
        StratifiedGroupKFold=StratifiedGroupKFold,
        train_test_split=train_test_split,
    )
    bundled = data.find_dataset(BUNDLED_DATA)
    patients, labels = np.array(bundled.patients), np.array(bundled.labels)
    rest, test = keep(patients, labels)
    inner, kept = keep(patients[rest], labels[rest])
    parts = (rest[inner], rest[kept], test)
    for taught, helper in zip(parts, data.split(bundled), strict=True):
        assert sorted(taught) == list(helper)

    def leaked(one, other):
        return set(patients[one]) & set(patients[other])

    train, _, test = three_parts(labels)
    assert len(leaked(train, test)) > 3  # the episode has some to count
    train, validation, test = parts
    assert not leaked(train, test) | leaked(train, validation) | leaked(validation, test)


def test_augmentation_and_pipeline_of_episode_3_are_those_of_the_training(models):
    rng = np.random.default_rng(0)
    pictures, labels = rng.normal(size=(70, 32, 32, 1)).astype("float32"), np.arange(70) % 2
    batches = []
    for which in ("taught", "used"):
        models.set_seeds(7)
        given = {"Sequential": models.keras.Sequential, "layers": models.layers, "tf": models.tf}
        names = ("augmentation", "augment_batch", "pipeline")
        pipeline = inline("03", *names, **given)[-1] if which == "taught" else models.pipeline
        models.set_seeds(7)
        batches.append([[np.array(part) for part in pair] for pair in pipeline(pictures, labels)])
    taught, used = (inline("03", "augmentation", **given)[0], models.augmentation())
    kept = [[layer.get_config() for layer in augment.layers] for augment in (taught, used)]
    for one, other in zip(*kept, strict=True):
        changed = {key for key in one if one[key] != other[key]}
        assert changed <= {"name", "seed"}, changed
    for one, other in zip(*batches, strict=True):
        assert one[0].shape == other[0].shape and one[1].shape == other[1].shape
    in_order = [np.concatenate([pair[1] for pair in pairs]) for pairs in batches]
    np.testing.assert_array_equal(*in_order)  # shuffled and batched alike


# --- Episode 4 ------------------------------------------------------------------------------


def test_convolution_of_episode_4_is_that_of_opencv_and_keras(models):
    convolve, kernel = inline("04", "convolve", "kernel")
    image = np.random.default_rng(3).normal(size=(31, 47)).astype(np.float32)
    for name, weights in KERNELS.items():
        by_hand = convolve(image, weights)
        opencv = cv2.filter2D(image, -1, weights)[1:-1, 1:-1]
        layer = models.layers.Conv2D(1, 3, padding="valid", use_bias=False)
        layer.build((None, *image.shape, 1))
        layer.set_weights([weights.reshape(3, 3, 1, 1)])
        keras = np.array(layer(image[np.newaxis, :, :, np.newaxis]))[0, :, :, 0]
        assert by_hand.shape == (29, 45), name
        np.testing.assert_allclose(opencv, by_hand, atol=1e-4, err_msg=name)
        np.testing.assert_allclose(keras, by_hand, atol=1e-4, err_msg=name)
    step = np.repeat([[0, 0, 0, 0, 10, 10, 10, 10]], 6, axis=0)
    edges = convolve(step, kernel)  # the episode's kernel finds the edge, and nothing beside it
    assert (edges[:, 2:4] == 30).all()
    assert (np.delete(edges, [2, 3], axis=1) == 0).all()


def test_pooling_and_receptive_field_of_episode_4_are_those_of_keras(models):
    small, pooled = inline("04", "small", "pooled")
    by_keras = models.layers.MaxPooling2D(2)(small.reshape(1, 4, 4, 1).astype(np.float32))
    assert np.array_equal(np.array(by_keras)[0, :, :, 0], pooled)
    model = models.build_model()
    convolutions = [layer for layer in model.layers if isinstance(layer, models.layers.Conv2D)]
    for layer in convolutions:  # with weights of one, every pixel in the field counts
        layer.set_weights([np.ones_like(layer.get_weights()[0]), layer.get_weights()[1]])
    third = models.keras.Model(model.inputs, convolutions[2].output)
    field = jump = 1
    for size, step in [(3, 1), (2, 2), (3, 1), (2, 2), (3, 1)]:
        field += (size - 1) * jump
        jump *= step
    touched = np.zeros((56, 256, 256, 1), np.float32)
    for place in range(56):
        touched[place, :, 100 + place, 0] = 1
    seen = np.array(third.predict(touched, verbose=0))[:, 32, 32].max(axis=-1) > 0
    assert seen.sum() == field


def assert_same_network(taught, helper):
    """Assert equal layers and settings, and equal predictions with equal weights."""
    assert [w.shape for w in taught.weights] == [w.shape for w in helper.weights]
    settings = ("rate", "momentum", "strides", "pool_size", "padding", "activation")
    for one, other in zip(taught.layers, helper.layers, strict=True):
        assert type(one) is type(other)
        for name in settings:
            assert getattr(one, name, None) == getattr(other, name, None), (one.name, name)
    taught.set_weights(helper.get_weights())
    shape = (2, *helper.input_shape[1:])
    pictures = np.random.default_rng(2).normal(size=shape).astype(np.float32)
    predicted = [np.array(model(pictures, training=False)) for model in (taught, helper)]
    np.testing.assert_allclose(*predicted, atol=1e-6)


def test_networks_of_episodes_4_and_5(models):
    given = {"keras": models.keras, "layers": models.layers}
    for episode, name in [("04", "build_model"), ("05", "build_lesson_model")]:
        (build,) = inline(episode, name, **given)
        assert_same_network(build(), getattr(models, name)())
        shape = (128, 128, 3)
        assert_same_network(build(shape, 0.2), getattr(models, name)(shape, 0.2))


# --- Episode 5 ------------------------------------------------------------------------------


def test_steps_of_episode_5_end_in_the_lessons_network_without_dropout(models, monkeypatch):
    from benchmarks import training

    pictures, labels = np.zeros((20, 64, 64, 1), np.float32), np.arange(20) % 2
    given = {"keras": models.keras, "layers": models.layers, "images": pictures}
    (build,) = inline("05", "build", **given)
    trained = []
    monkeypatch.setattr(models, "train", lambda model, *_, **how: trained.append((model, how)))
    for name in ("smaller", "batch-normalisation", "flatten"):
        training.RECIPES[name][1](pictures, labels, np.arange(16), np.arange(16, 20), seed=0)
    steps = [(False, False), (True, False), (True, True)]
    for (used, how), step in zip(trained, steps, strict=True):
        taught = build(*step)
        without_dropout = [layer for layer in used.layers if "dropout" not in layer.name]
        assert [w.shape for w in used.weights] == [w.shape for w in taught.weights]
        assert [type(a) for a in without_dropout] == [type(b) for b in taught.layers]
        assert how == {"augmented": False, "cosine_decay": False, "verbose": False}


def test_fit_of_episode_5_is_the_training(models):
    rng = np.random.default_rng(0)
    labels = np.arange(48) % 2
    pictures = rng.normal(size=(48, 64, 64, 1)).astype(np.float32) + labels[:, None, None, None]
    known, train = (pictures[:12], labels[:12]), np.arange(12, 48)
    given = {"keras": models.keras, "models": models, "images": pictures, "labels": labels}
    (fit,) = inline("05", "fit", known=known, train=train, **given)
    curves, weights = [], []
    for how in ("taught", "used"):
        models.set_seeds(4)
        model = models.build_lesson_model()
        if how == "taught":
            curves.append(fit(model, epochs=2, augmented=True, cosine_decay=True))
        else:
            curves.append(
                models.train(model, pictures[train], labels[train], known, epochs=2, verbose=False)
            )
        weights.append(model.get_weights())
    for name in ("loss", "val_loss"):
        np.testing.assert_allclose(curves[0][name], curves[1][name], rtol=1e-5)
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_baselines_and_interval_of_episode_5():
    from scipy.stats import binomtest
    from sklearn.dummy import DummyClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import SVC

    from benchmarks import training

    machines = {c.__name__: c for c in (DummyClassifier, LogisticRegression, SVC)}
    taught, share = inline("05", "baselines", "share", binomtest=binomtest, **machines)
    used = training.baselines()
    assert list(taught) == list(used)
    for name, machine in taught.items():
        assert type(machine) is type(used[name])
        assert machine.get_params() == used[name].get_params()
    for right, total in [(0, 5), (17, 20), (105, 105)]:
        low, high = metrics.wilson_interval(right, total)
        assert share(right, total) == f"{right / total:.2f} ({low:.2f} to {high:.2f})"


# --- Episode 6 ------------------------------------------------------------------------------


def test_gradient_smoothgrad_and_grad_cam_of_episode_6(models, network, xrays):
    from helpers import explain

    space = {
        "np": np,
        "explain": explain,
        "model": network,
        "images": xrays,
        "sure_effusion": 1,
        "probability": models.predict(network, xrays),
    }
    for part in ("import tensorflow as tf", "same = np.allclose", "vanilla =", "smooth ="):
        exec(cell_with("06", part), space)
    exec(cell_with("06", "heat = tf.nn.relu"), space)
    exec(cell_with("06", "by_hand = explain.enlarge").split("figure, axes")[0], space)
    for taught, used in [
        (space["vanilla"], explain.vanilla_gradient(network, xrays[[1]])[0]),
        (space["smooth"], explain.smooth_grad(network, xrays[[1]])[0]),
    ]:
        np.testing.assert_allclose(taught, used / used.max(), atol=2e-3)
    used = explain.grad_cam(network, xrays[[1]])[0]
    np.testing.assert_allclose(space["by_hand"], used, atol=1e-3 * used.max())


def test_fraction_inside_the_mask_of_episode_6():
    saliency, mask = inline("06", "tiny_map", "tiny_mask")
    space = {"tiny_map": saliency, "tiny_mask": mask, "check": lambda *_: None}
    exec(cell_with("06", "tiny_map[tiny_mask].sum()"), space)
    used = metrics.relevance_mass_accuracy(saliency[np.newaxis], mask[np.newaxis])
    assert used == pytest.approx([space["share"]])


# --- Extras ---------------------------------------------------------------------------------


@pytest.fixture
def ask(network):
    from helpers import explain

    logit = explain.logit_model(network)
    return lambda batch: logit.predict_on_batch(batch.astype("float32"))[:, 0]


def test_occlusion_and_lime_written_by_hand(network, xrays, ask):
    from skimage.segmentation import slic
    from sklearn.linear_model import Ridge
    from sklearn.metrics import pairwise_distances

    from helpers import explain

    given = {"size": 64, "grey": np.zeros((64, 64, 1)), "answer": ask}
    (occlude,) = inline("extras/perturbing", "occlude", **given)
    for side in (8, 16):
        by_hand = np.array([occlude(image, side) for image in xrays])
        used = explain.occlusion(network, xrays, patch=side / 64, step=side / 64)
        np.testing.assert_allclose(by_hand, used, atol=1e-3 * np.abs(used).max())

    given |= {"slic": slic, "Ridge": Ridge, "pairwise_distances": pairwise_distances}
    lime, pieces = inline("extras/perturbing", "lime", "slic_pieces", **given)
    by_hand = lime(xrays[0], pieces(xrays[0]), samples=400)
    used = explain.lime(network, xrays[:1])[0]
    np.testing.assert_allclose(by_hand, used, atol=0.02 * np.abs(used).max())


def test_deep_shap_of_the_extra(network, xrays, ask):
    import shap

    from helpers import explain

    given = {"shap": shap, "warnings": warnings, "logit": explain.logit_model(network)}
    background = explain.bundled_background(64)[:20]
    (by_hand,) = inline("extras/perturbing", "shap_deep", background=background, **given)
    used = explain.deep_shap(network, xrays, background=background)
    np.testing.assert_allclose(by_hand(xrays), used, atol=1e-3 * np.abs(used).max())


def test_lime_by_hand_finds_the_pieces_that_matter():
    from sklearn.linear_model import Ridge
    from sklearn.metrics import pairwise_distances

    def corner(batch):  # a network that looks at one place only
        return batch[:, 40:48, 8:16].mean(axis=(1, 2, 3))

    given = {"Ridge": Ridge, "pairwise_distances": pairwise_distances, "answer": corner}
    squares, lime = inline(
        "extras/perturbing", "squares", "lime", size=64, grey=np.zeros((64, 64, 1)), **given
    )
    bright = np.ones((64, 64, 1), "float32")
    found = lime(bright, squares(bright))
    assert found[44, 12] == found.max() > 0.5
    assert np.abs(np.delete(np.unique(found), -1)).max() < 0.1
    same = lime(bright, squares(bright), cover=bright)  # nothing changes, nothing is found
    np.testing.assert_allclose(same, 0, atol=1e-6)


def test_pass_counter_written_by_hand_counts_like_the_helpers(models, network, xrays):
    from helpers import explain

    (counter,) = inline("extras/perturbing", "PassCounter", keras=models.keras, tf=models.tf)
    inputs = models.keras.Input((64, 64, 1))
    counted = models.keras.Model(inputs, network(counter()(inputs)))
    before = network.predict_on_batch(xrays)
    for times in (1, 2):
        np.testing.assert_array_equal(counted.predict_on_batch(xrays), before)
        assert counter.passed == 3 * times
    explain.PassCounter.passed = {"forward": 0, "backward": 0}
    helpers = models.keras.Model(inputs, network(explain.PassCounter()(inputs)))
    np.testing.assert_array_equal(helpers.predict_on_batch(xrays), before)
    assert explain.PassCounter.passed["forward"] == 3


def test_maps_of_a_class_sum_to_its_logit_and_are_grad_cam(models, xrays):
    from helpers import explain
    from helpers.models import keras, tf

    models.set_seeds(4)
    (build,) = inline("extras/more-classes", "build", models=models, keras=keras)
    logit = explain.logit_model(build(4, "softmax"))
    last = explain.last_conv_layer(logit)
    both = keras.Model(logit.inputs, [last.output, logit.output])
    (class_maps,) = inline("extras/more-classes", "class_maps", tf=tf, both_outputs=both)
    averaged, placed = class_maps(xrays, label=3)
    logits = logit.predict_on_batch(xrays)[:, 3]
    np.testing.assert_allclose(placed.sum(axis=(1, 2)), logits, atol=1e-3)  # the bias is still 0

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from tf_keras_vis.gradcam import Gradcam

        library = Gradcam(logit, clone=False)(
            lambda outputs: outputs[:, 3],
            tf.convert_to_tensor(xrays),
            penultimate_layer=last,
            seek_penultimate_conv_layer=False,
            expand_cam=False,
            normalize_cam=False,
        )
    by_hand = np.maximum(averaged, 0)
    np.testing.assert_allclose(by_hand, library, atol=1e-3 * by_hand.max())
