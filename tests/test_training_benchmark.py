"""The training benchmark runs from the command line, and its recipes are the ones it names."""

import json

import numpy as np
import pytest
from cells import inline

from benchmarks import training


def test_recipes_run_and_write_one_json_object_a_line(make_data, tmp_path, capsys):
    folder, test_folder = make_data("a", images=20), make_data("b", images=5)
    report = tmp_path / "report.jsonl"
    arguments = ["--data", str(folder), "--test-data", str(test_folder), "--seeds", "2"]
    arguments += ["--recipes", "svm,majority", "--json", str(report)]
    assert training.main(arguments) == 0
    rows = [json.loads(line) for line in report.read_text().splitlines()]
    assert [(row["recipe"], row["seed"]) for row in rows] == [
        ("svm", 0), ("svm", 1), ("majority", 0), ("majority", 1)
    ]  # fmt: skip
    assert {"recipe", "seed", "fit_s", "peak_rss_mb", "accuracy", "auc"} <= set(rows[0])
    assert all(0 < row["peak_rss_mb"] < 2000 and row["fit_s"] >= 0 for row in rows)
    assert rows[2]["accuracy"] == rows[2]["auc"] == 0.5
    shown = capsys.readouterr().out
    assert "| svm | 2 |" in shown
    assert "plain loop with OpenCV" in shown and "helpers.data.load, warm" in shown


def test_lesson_recipe_tests_on_the_test_part_if_there_is_no_test_data(make_data):
    row = training.run("lesson", 0, str(make_data("a", images=30)), None)
    assert row["recipe"] == "lesson" and 0 <= row["auc"] <= 1


def test_resplit_tests_each_seed_on_another_part(make_data, monkeypatch, capsys):
    folder, seen = str(make_data("a", images=30)), []

    def look(images, labels, train, validation, seed):
        seen.append((set(train), set(validation)))
        assert not seen[-1][0] & seen[-1][1]
        return lambda x: np.zeros(len(x)), 0.0

    monkeypatch.setitem(training.RECIPES, "svm", (32, look))
    for seed in (0, 1):
        training.run("svm", seed, folder, None)
        training.run("svm", seed, folder, None, resplit=True)
    same, first, again, second = seen
    assert same == again and first != second


def test_table_gives_the_share_of_the_reference_and_the_worst(capsys):
    row = {"seed": 0, "fit_s": 2.0, "peak_rss_mb": 500, "accuracy": 0.8, "auc": 0.9, "cpu_s": 4.0}
    worse = row | {"seed": 1, "accuracy": 0.7, "auc": 0.6}
    rows = [{"recipe": "lesson", **r, "cpu_s": 2.0} for r in (row, worse, row)]
    training.print_recipes([*rows, {"recipe": "reference", **row}])
    shown = capsys.readouterr().out
    assert "share of reference's" in shown
    assert "| lesson | 3 | 0.50 | 2.0 | 500 | 0.800, 0.700 | 0.900, 0.600 |" in shown


def test_reference_recipe_is_the_published_one(make_data, monkeypatch):
    from helpers import models

    seen = {}

    def fit(self, batches, **options):
        seen.update(options, shape=self.input_shape, batch=next(iter(batches))[0].shape[0])
        seen["rate"] = float(self.optimizer.learning_rate)
        options["callbacks"][0].set_model(self)
        options["callbacks"][0].on_epoch_end(0, {"val_loss": 1.0})

    monkeypatch.setattr(models.keras.Model, "fit", fit)
    images = np.zeros((40, 256, 256, 1), np.float32)
    labels = np.arange(40) % 2
    training.reference(images, labels, np.arange(36), np.arange(36, 40), seed=0)
    assert seen["steps_per_epoch"] == 15 and seen["epochs"] == 10
    assert seen["shape"] == (None, 256, 256, 1) and seen["batch"] == 32
    assert seen["rate"] == pytest.approx(1e-3)


def test_mistakes_on_the_command_line_are_explained(make_data, tmp_path, capsys):
    with pytest.raises(SystemExit):
        training.main(["--data", str(make_data("a")), "--recipes", "svmm"])
    assert "svmm" in capsys.readouterr().err
    assert training.main(["--data", str(tmp_path / "nowhere")]) == 1
    assert capsys.readouterr().err.strip()


def test_steps_of_episode_5_end_in_its_network(make_data, monkeypatch):
    """The networks of the benchmark's steps are those that the episode builds."""
    from helpers import data, models

    xrays = data.find(make_data("a", images=20))
    images, labels = data.load(xrays, 64)
    (build,) = inline("05", "build", keras=models.keras, layers=models.layers, images=images)
    seen = []
    train = models.train

    def look(model, *arguments, **options):
        seen.append(model)
        return train(model, *arguments, **options | {"epochs": 1})

    monkeypatch.setattr(models, "train", look)
    for name in ("smaller", "batch-normalisation", "place"):
        size, fit = training.RECIPES[name]
        predict, _ = fit(images, labels, np.arange(30), np.arange(30, 40), seed=0)
        assert size == 64 and predict(images[:3]).shape == (3,)
    for model, (normalise, place) in zip(
        seen, [(False, False), (True, False), (True, True)], strict=True
    ):
        taught = build(normalise, place)
        assert [w.shape for w in model.weights] == [w.shape for w in taught.weights]
        assert [type(a) for a in model.layers] == [type(b) for b in taught.layers]
