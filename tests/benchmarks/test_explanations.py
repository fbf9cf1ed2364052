"""The benchmark of explanations runs from the command line and writes what it promises."""

import json
import sys

import numpy as np
import pytest
from support import lazily

from helpers import data

explain = lazily("helpers.explain")
explanations = lazily("benchmarks.explanations")
models = lazily("helpers.models")


def command(monkeypatch, *arguments):
    """Run the command with one method and the controls."""
    monkeypatch.setattr(explain, "METHODS", {"Grad-CAM": explain.METHODS["Grad-CAM"]})
    monkeypatch.setattr(explanations, "seconds", lambda call, runs=0: len(call()))  # once will do
    monkeypatch.setattr(sys, "argv", ["benchmarks.explanations", *map(str, arguments)])
    explanations.main()


def test_one_json_object_a_line_for_every_method(monkeypatch, tmp_path, capsys):
    report = tmp_path / "report.jsonl"
    command(monkeypatch, "--json", report)
    rows = [json.loads(line) for line in report.read_text().splitlines()]
    assert [row["method"] for row in rows] == ["Grad-CAM", *explain.CONTROLS]
    for row in rows:
        for name in ("pointing_game", "relevance_mass_accuracy", "area_fraction", "top_k_iou"):
            assert 0 <= row[name] <= 1, name
        assert row["seconds"] > 0 and row["seconds_one_by_one"] > 0
    cam, *controls = rows
    for name in ("randomised_structural_similarity", "randomised_rank_correlation"):
        assert all(row[name] == 1 for row in controls)  # they ignore the weights
        assert cam[name] < 0.95
    best = max(row["pointing_game_interval"][1] for row in controls)
    assert cam["pointing_game_interval"][0] > best
    for line in capsys.readouterr().out.splitlines():
        assert line.count("|") in (0, 9)  # all rows of the table have eight columns


def test_data_without_masks_are_refused(make_data, monkeypatch, tmp_path):
    folder = make_data("a", images=12, masks=False)
    with pytest.raises(SystemExit, match="too few in a"):
        command(monkeypatch, "--json", tmp_path / "report.jsonl", "--data", folder)
    assert not (tmp_path / "report.jsonl").exists()


def test_the_planted_shortcut_is_tested_with_the_marker_moved_and_removed(monkeypatch, capsys):
    monkeypatch.setattr(explanations, "EPOCHS", 1)
    monkeypatch.setattr(explanations, "MARKER_METHODS", ("Grad-CAM++",))
    results = explanations.planted(count=8, seeds=1)
    assert list(results) == ["biased", "balanced", "no markers"]
    for row in results.values():
        assert list(row) == [
            "as in training",
            "marker moved",
            "marker removed",
            "false positive rate",
            "false positive rate, marker of effusion",
            "Grad-CAM++: saliency on the marker / its area",
        ]
        assert np.isfinite(list(row.values())).all()
    explanations.print_planted(results)
    assert "| | biased | balanced | no markers |" in capsys.readouterr().out


def test_methods_cost_what_they_state_and_are_left_alone_by_counting():
    model, _ = models.load_pretrained()
    images = data.load_second_batch()[0].images[:2]
    for name, method in (explain.METHODS | explain.CONTROLS).items():
        maps, *passes = explanations.count_passes(method, model, images)
        forward, backward = explain.PASSES[name]
        assert passes[1] == backward, name
        # Score-CAM's first pass ends at the feature maps; SHAP's background passes once in a call.
        beside = {"Score-CAM": -1, "SHAP": 40 / len(images)}
        assert passes[0] == forward + beside.get(name, 0), name
        if explain.FAMILIES[name] != "perturbation" and name not in ("SHAP", "Score-CAM"):
            alone = method(model, images)
            near = 1e-3 * np.abs(alone).max()
            np.testing.assert_allclose(maps, alone, atol=near, err_msg=name)
