"""The training benchmark runs from the command line, and its recipes are the ones it names."""

import json
import os

import numpy as np
import pytest

from benchmarks import training


@pytest.fixture
def here(monkeypatch):
    """Run in this process what the benchmark runs in one of its own, which takes longer."""
    monkeypatch.setattr(training, "alone", lambda function, *given: function(*given))


def test_what_is_measured_runs_in_a_process_of_its_own():
    assert training.alone(os.getpid) != os.getpid()


def test_recipes_run_and_write_one_json_object_a_line(make_data, tmp_path, here, capsys):
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
    assert all(row["peak_rss_mb"] > 0 and row["fit_s"] >= 0 for row in rows)
    assert rows[2]["accuracy"] == rows[2]["auc"] == 0.5
    shown = capsys.readouterr().out
    assert "| svm | 2 |" in shown
    assert "plain loop with OpenCV" in shown and "| helpers.data.load |" in shown


def test_lesson_recipe_tests_on_the_test_part_if_there_is_no_test_data(make_data, monkeypatch):
    from helpers import models

    train = models.train
    monkeypatch.setattr(models, "train", lambda *a, **how: train(*a, **how | {"epochs": 1}))
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


def test_table_compares_with_the_reference_and_gives_the_worst(capsys):
    row = {"seed": 0, "fit_s": 2.0, "peak_rss_mb": 500, "accuracy": 0.8, "auc": 0.9, "cpu_s": 4.0}
    worse = row | {"seed": 1, "accuracy": 0.7, "auc": 0.6}
    rows = [{"recipe": "lesson", **r, "cpu_s": 2.0} for r in (row, worse, row)]
    training.print_recipes([*rows, {"recipe": "reference", **row}])
    shown = capsys.readouterr().out
    assert "CPU, relative to reference's" in shown
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
