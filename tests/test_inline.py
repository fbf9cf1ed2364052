"""What an episode writes out when it teaches it gives the same result as the helper used later."""

from pathlib import Path

import numpy as np
import pytest
from cells import inline

from helpers import data

ROOT = Path(__file__).resolve().parents[1]


def dataset(labels, patients=None):
    """Return a data set of files that nobody opens."""
    files = tuple(Path(f"{k}.png") for k in range(len(labels)))
    return data.Dataset("made up", Path(), files, tuple(labels), patients, None, False)


# --- Episode 2 ------------------------------------------------------------------------------


def test_standardise_of_episode_2_is_the_helper():
    (standardise,) = inline("02", "standardise")
    image = np.random.default_rng(1).integers(0, 256, (40, 50), np.uint8)
    np.testing.assert_allclose(standardise(image), data.standardise(image), atol=1e-5)
    for constant in (standardise, data.standardise):
        with pytest.raises(ValueError):
            constant(np.full((40, 50), 7, np.uint8))


# --- Episode 3 ------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [700, 200, 121])
def test_simple_split_of_episode_3_is_the_helpers_where_patients_are_unknown(count):
    from sklearn.model_selection import train_test_split

    (three_parts,) = inline("03", "three_parts", train_test_split=train_test_split)
    labels = np.repeat([0, 1], [count // 2, count - count // 2])
    for taught, helper in zip(three_parts(labels), data.split(dataset(labels)), strict=True):
        assert sorted(taught) == list(helper)


def test_split_by_patient_of_episode_3_is_the_helpers():
    from sklearn.model_selection import StratifiedGroupKFold

    (keep,) = inline("03", "keep_a_seventh", StratifiedGroupKFold=StratifiedGroupKFold)
    bundled = data.find(ROOT / "data")
    patients, labels = np.array(bundled.patients), np.array(bundled.labels)
    rest, test = keep(patients, labels)
    inner, kept = keep(patients[rest], labels[rest])
    for taught, helper in zip((rest[inner], rest[kept], test), data.split(bundled), strict=True):
        assert sorted(taught) == list(helper)


def test_naive_split_of_episode_3_leaks_and_the_split_by_patient_does_not():
    """Episode 3 counts leaked patients on the bundled X-rays: there must be some to count."""
    from sklearn.model_selection import train_test_split

    (three_parts,) = inline("03", "three_parts", train_test_split=train_test_split)
    bundled = data.find(ROOT / "data")
    patients = np.array(bundled.patients)

    def leaked(train, test):
        return set(patients[train]) & set(patients[test])

    train, validation, test = three_parts(np.array(bundled.labels))
    assert len(leaked(train, test)) > 3
    train, validation, test = data.split(bundled)
    assert not leaked(train, test) and not leaked(train, validation)
    assert not leaked(validation, test)


# --- Episode 4 ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def models():
    """Import the module that imports TensorFlow, once."""
    from helpers import models

    return models


def assert_same_network(taught, helper, rate):
    """Assert equal layers, this rate of dropout in both, and equal answers with equal weights."""
    assert [w.shape for w in taught.weights] == [w.shape for w in helper.weights]
    assert [type(a) for a in taught.layers] == [type(b) for b in helper.layers]
    for model in (taught, helper):
        assert [layer.rate for layer in model.layers if hasattr(layer, "rate")] == [rate]
    taught.set_weights(helper.get_weights())
    shape = (2, *helper.input_shape[1:])
    images = np.random.default_rng(2).normal(size=shape).astype(np.float32)
    answers = [model.predict(images, verbose=0) for model in (taught, helper)]
    np.testing.assert_allclose(*answers, atol=1e-6)


@pytest.mark.parametrize("shape, rate", [((256, 256, 1), 0.6), ((128, 128, 3), 0.2)])
def test_network_of_episode_4_is_the_helpers(models, shape, rate):
    (build,) = inline("04", "build_model", keras=models.keras, layers=models.layers)
    assert_same_network(build(shape, rate), models.build_model(shape, rate), rate)


def test_reference_network_is_the_one_specified(models):
    (build,) = inline("04", "build_model", keras=models.keras, layers=models.layers)
    for model in (build(), models.build_model()):
        assert model.input_shape == (None, 256, 256, 1)
        assert model.count_params() == 54_627


# --- Episode 5 ------------------------------------------------------------------------------


@pytest.mark.parametrize("shape, rate", [((64, 64, 1), 0.3), ((128, 128, 1), 0.1)])
def test_network_of_episode_5_is_the_helpers(models, shape, rate):
    (build,) = inline("05", "build_lesson_model", keras=models.keras, layers=models.layers)
    assert_same_network(build(shape, rate), models.build_lesson_model(shape, rate), rate)


def test_network_mended_step_by_step_in_episode_5_is_the_lessons_without_dropout(models):
    images = np.zeros((1, 64, 64, 1), np.float32)
    (build,) = inline("05", "build", keras=models.keras, layers=models.layers, images=images)
    mended, helper = build(True, True), models.build_lesson_model()
    assert [w.shape for w in mended.weights] == [w.shape for w in helper.weights]


def test_fit_of_episode_5_is_the_helpers_train(models):
    rng = np.random.default_rng(0)
    labels = np.arange(48) % 2
    images = rng.normal(size=(48, 64, 64, 1)).astype(np.float32) + labels[:, None, None, None]
    known, train = (images[:12], labels[:12]), np.arange(12, 48)
    given = {"keras": models.keras, "models": models, "images": images, "labels": labels}
    (fit,) = inline("05", "fit", known=known, train=train, **given)
    curves, weights = [], []
    for how in ("taught", "helper"):
        models.set_seeds(4)
        model = models.build_lesson_model()
        if how == "taught":
            curves.append(fit(model, epochs=3, augmented=True, falling=True))
        else:
            curves.append(
                models.train(model, images[train], labels[train], known, epochs=3, verbose=False)
            )
        weights.append(model.get_weights())
    for name in ("loss", "val_loss"):
        np.testing.assert_allclose(curves[0][name], curves[1][name], rtol=1e-5)
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_baselines_of_episode_5_are_the_helpers():
    from sklearn.dummy import DummyClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import SVC

    from helpers import evaluation

    images = np.random.default_rng(0).normal(size=(20, 64, 64, 1)).astype(np.float32)
    machines = {c.__name__: c for c in (DummyClassifier, LogisticRegression, SVC)}
    _, small, taught = inline("05", "blocks", "small", "baselines", images=images, **machines)
    np.testing.assert_allclose(small, evaluation.shrink(images), atol=1e-6)
    helpers = evaluation.baselines()
    assert list(taught) == list(helpers)
    for name, machine in taught.items():
        assert type(machine) is type(helpers[name])
        assert machine.get_params() == helpers[name].get_params()


def test_interval_of_episode_5_is_the_helpers():
    from scipy.stats import binomtest

    from helpers import evaluation

    (share,) = inline("05", "share", binomtest=binomtest)
    for right, total in [(0, 5), (17, 20), (105, 105)]:
        low, high = evaluation.wilson_interval(right, total)
        assert share(right, total) == f"{right / total:.2f} ({low:.2f} to {high:.2f})"
