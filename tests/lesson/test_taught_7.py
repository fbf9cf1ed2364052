"""What episode 7 counts in its cells gives the same result as the function that does it later."""

import numpy as np
import pytest
from cells import cell_with, code_cells, inline
from sklearn.metrics import (
    brier_score_loss,
    precision_recall_curve,
    precision_score,
    roc_auc_score,
    roc_curve,
)

from helpers import metrics

RNG = np.random.default_rng(7)
LABELS = RNG.integers(0, 2, 400)
# Rounded, so that some predictions are equal.
PROBABILITY = (1 / (1 + np.exp(-RNG.normal(2 * LABELS - 1, 1.2)))).round(2).astype(np.float32)


def run(part, **given):
    """Run the one cell in which this text stands; return all variables."""
    space = {"np": np, "metrics": metrics, "labels": LABELS, "probability": PROBABILITY, **given}
    exec(compile(cell_with("07", part), part, "exec"), space)
    return space


def test_proportion_is_the_fraction_with_its_wilson_interval():
    (proportion,) = inline("07", "proportion", metrics=metrics)
    assert proportion(LABELS == 1) == (
        LABELS.mean(),
        *metrics.wilson_interval(LABELS.sum(), len(LABELS)),
    )


def test_rates_that_are_counted_lie_on_the_roc_curve():
    (rates,) = inline("07", "rates")
    false_alarms, found, thresholds = roc_curve(LABELS, PROBABILITY, drop_intermediate=False)
    for x, y, threshold in zip(false_alarms, found, thresholds, strict=True):
        np.testing.assert_allclose(rates(threshold, PROBABILITY, LABELS), (y, 1 - x), atol=1e-12)


def test_auc_that_is_counted_is_that_of_the_helper_and_of_scikit_learn(capsys):
    space = run("won / pairs")
    counted = space["won"] / space["pairs"]
    assert counted == pytest.approx(space["auc"])
    assert counted == pytest.approx(roc_auc_score(LABELS, PROBABILITY))


def test_the_threshold_for_screening_is_the_highest_that_finds_nine_in_ten():
    choose, rates = inline("07", "choose", "rates")
    effusions = PROBABILITY[LABELS == 1]
    candidates = [t for t in np.unique(effusions) if (effusions >= t).mean() >= 0.9]
    assert choose(PROBABILITY, LABELS) == max(candidates)
    assert rates(choose(PROBABILITY, LABELS), PROBABILITY, LABELS)[0] >= 0.9


def test_predictive_value_that_is_counted_is_precision():
    """At the prevalence of the labels themselves, scikit-learn counts the same."""
    rates, proportion = inline("07", "rates", "proportion", metrics=metrics)
    predicted = PROBABILITY >= 0.4
    sensitivity, specificity = rates(0.4, PROBABILITY, LABELS)
    found, alarms = LABELS.mean() * sensitivity, (1 - LABELS.mean()) * (1 - specificity)
    assert found / (found + alarms) == pytest.approx(precision_score(LABELS, predicted))
    # In the bus, the cell's count is the precision of weighted X-rays.
    space = run("people, prevalence", screening=0.4, rates=rates, proportion=proportion)
    false_alarms = space["healthy"] * (1 - space["specificity"])
    weights = np.where(LABELS == 1, 0.02 / LABELS.mean(), 0.98 / (1 - LABELS.mean()))
    assert space["found"] / (space["found"] + false_alarms) == pytest.approx(
        precision_score(LABELS, predicted, sample_weight=weights)
    )


def test_weight_49_makes_of_one_half_a_prevalence_of_2_percent():
    labels = np.repeat([0, 1], 50)
    weights = np.where(labels == 0, 49, 1)
    precision, recall, _ = precision_recall_curve(labels, np.zeros(100), sample_weight=weights)
    assert (recall[0], precision[0]) == (1, pytest.approx(0.02))
    assert '("2 in 100 ill", 49)' in cell_with("07", "sample_weight=weights")


def test_squared_distance_is_the_brier_score(capsys):
    space = run("Brier score {brier:.3f} (")
    assert space["brier"] == pytest.approx(brier_score_loss(LABELS, PROBABILITY), abs=1e-6)


def test_scaling_by_one_changes_nothing_and_the_order_always_stays():
    (scale,) = inline("07", "scale")
    np.testing.assert_allclose(scale(PROBABILITY, 1), PROBABILITY, atol=1e-6)
    for temperature in (0.5, 3):
        scaled = scale(PROBABILITY, temperature)
        assert roc_auc_score(LABELS, scaled) == pytest.approx(roc_auc_score(LABELS, PROBABILITY))
        assert (abs(scaled - 0.5) > abs(PROBABILITY - 0.5)).any() == (temperature < 1)


def test_a_temperature_that_was_applied_is_found(capsys):
    (scale,) = inline("07", "scale")
    truth = RNG.uniform(size=20_000)
    labels = (RNG.uniform(size=20_000) < truth).astype(int)
    too_sure = scale(truth, 0.5)

    class Validation:
        pass

    Validation.labels = labels
    space = run(
        "minimize_scalar(",
        scale=scale,
        brier=0.0,
        validation=Validation,
        validation_probability=too_sure,
    )
    assert space["temperature"] == pytest.approx(2, rel=0.1)


def test_no_cell_is_longer_than_twelve_lines():
    assert max(len(source.splitlines()) for source in code_cells("07")) <= 15
    assert all(
        sum(bool(line.strip()) for line in source.splitlines()) <= 12 for source in code_cells("07")
    )


@pytest.mark.parametrize("learners", [None, (4, 5, 3, 5), (7, 10, 0, 0)])
def test_slider_shows_what_is_counted(learners, monkeypatch, capsys):
    from exercises import widgets
    from helpers import plots

    shown = []
    monkeypatch.setattr(plots, "display", lambda picture: shown.append(picture.data))
    monkeypatch.setattr(widgets, "somebody_is_there", lambda: False)
    (rates,) = inline("07", "rates")
    widgets.threshold_on_roc(LABELS, PROBABILITY, start=30, learners=learners)
    sensitivity, specificity = rates(0.3, PROBABILITY, LABELS)
    assert f"sensitivity {sensitivity:.2f}, specificity {specificity:.2f}" in shown[0]
    assert ("your guesses" in shown[0]) == bool(learners)


def test_the_class_is_one_figure_with_a_point_for_each_learner(monkeypatch):
    import matplotlib.pyplot as plt

    from exercises import widgets
    from helpers import plots

    figures, texts = [], []
    monkeypatch.setattr(
        plots, "show", lambda alt, figure: (texts.append(alt), figures.append(figure))
    )
    monkeypatch.setattr(widgets, "somebody_is_there", lambda: False)
    everybody = [(4, 5, 3, 5), (2, 5, 5, 5), (4, 5, 3, 5)]
    widgets.threshold_on_roc(LABELS, PROBABILITY, learners=(4, 5, 3, 5), everybody=everybody)
    curve = figures[0].axes[1]
    alone = [line for line in curve.lines if line.get_alpha()]
    places = {(round(line.get_xdata()[0], 3), line.get_ydata()[0]): line for line in alone}
    assert {*places} == {(0.4, 0.8), (0.0, 0.4)}
    assert places[0.4, 0.8].get_markersize() > places[0.0, 0.4].get_markersize()  # two learners
    words = {text.get_text(): text.xy for text in curve.texts}
    assert words["class"] == pytest.approx((4 / 15, 10 / 15)) and words["you"] == (0.4, 0.8)
    assert "3 points of a class" in texts[0] and "your guesses" in texts[0]
    plt.close(figures[0])
