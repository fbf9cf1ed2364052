"""What episode 5 writes out when it teaches it gives the same result as what is used later."""

import numpy as np
import pytest
from cells import inline
from support import lazily

from helpers import metrics

models = lazily("helpers.models")

RNG = np.random.default_rng(0)
LABELS = np.arange(36) % 2
IMAGES = RNG.normal(size=(36, 64, 64, 1)).astype(np.float32) + LABELS[:, None, None, None]
VALIDATION, TRAIN = np.arange(12), np.arange(12, 36)  # one batch, so that its order is no matter
KNOWN = (IMAGES[VALIDATION], LABELS[VALIDATION])


def taught(models, *names):
    """Return these functions of the episode, which see the images above."""
    given = {"keras": models.keras, "layers": models.layers, "models": models}
    given |= {"images": IMAGES, "labels": LABELS, "train": TRAIN, "validation": VALIDATION}
    return inline("05", *names, known=KNOWN, mean_interval=metrics.mean_interval, **given)


def test_baselines_are_those_of_the_benchmark():
    from sklearn.dummy import DummyClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import SVC

    from benchmarks import training

    machines = {c.__name__: c for c in (DummyClassifier, LogisticRegression, SVC)}
    (baselines,) = inline("05", "baselines", **machines)
    for one, other in zip(baselines.values(), training.baselines().values(), strict=True):
        assert type(one) is type(other)
        assert one.get_params() == other.get_params()


def test_interval_of_a_proportion_is_wilsons():
    from scipy.stats import binomtest

    (proportion,) = inline("05", "proportion", binomtest=binomtest)
    for right, total in [(0, 5), (17, 20), (105, 105)]:
        value, low, high = proportion(np.arange(total) < right)
        assert value == right / total
        assert (low, high) == pytest.approx(metrics.wilson_interval(right, total))


def test_build_without_a_change_is_the_reference_network():
    build = taught(models, "head", "build")[-1]
    network, reference = build(), models.build_model((64, 64, 1))
    rates = [
        [layer.rate for layer in each.layers if "dropout" in layer.name]
        for each in (network, reference)
    ]
    assert rates[0] == rates[1]
    network.set_weights(reference.get_weights())
    predicted = [models.predict(each, IMAGES) for each in (network, reference)]
    np.testing.assert_allclose(*predicted, atol=1e-6)
    assert build(poolings=4).layers[1].get_config()["filters"] == 8
    pooled = [sum("pooling2d" in layer.name for layer in build(poolings=n).layers) for n in (4, 6)]
    assert pooled == [5, 7]  # the last one takes the mean of each map
    normalised = build(normalise=True).layers
    assert sum("batch_normalization" in layer.name for layer in normalised) == 7


def test_fit_is_the_training_and_starts_anew_each_time():
    names = ("say", "progress", "restart", "fit", "judge")
    _, _, restart, fit, judge = taught(models, *names)
    network = models.build_lesson_model(dropout_rate=0.0)
    network.compile("adamw", "binary_crossentropy")
    curves = [fit(network, rate=rate, epochs=3) for rate in (0.05, 0.002, 0.002)]
    assert curves[1] == curves[2] != curves[0]

    used = models.build_lesson_model(dropout_rate=0.0)
    used.compile("adamw", "binary_crossentropy")
    restart(used, 0.002)
    how = {"epochs": 3, "augmented": False, "cosine_decay": False, "verbose": False}
    history = models.train(used, IMAGES[TRAIN], LABELS[TRAIN], KNOWN, **how)
    for name in ("loss", "val_loss"):
        np.testing.assert_allclose(curves[2][name], history[name], rtol=1e-4)
    predicted = models.predict(used, KNOWN[0])
    np.testing.assert_allclose(models.predict(network, KNOWN[0]), predicted, atol=1e-3)
    loss = models.keras.losses.binary_crossentropy(KNOWN[1].astype("float32"), predicted)
    value, low, high = judge(used)
    assert low <= value <= high
    assert value == pytest.approx(float(loss), rel=1e-3)


def test_a_stopped_fit_ends_without_an_error_and_leaves_curves(capsys, monkeypatch):
    names = ("say", "progress", "restart", "fit")
    fit = taught(models, *names)[-1]
    network = models.build_lesson_model()
    network.compile("adamw", "binary_crossentropy")

    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(network, "fit", stop)
    curves = fit(network)
    assert "stopped" in capsys.readouterr().out
    assert [len(curves[name]) for name in ("loss", "val_loss")] == [1, 1]
