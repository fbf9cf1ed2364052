"""The benchmark of explanations runs from the command line and writes what it promises."""

import json
import sys

import numpy as np
import pytest

from benchmarks import explanations
from helpers import explain


@pytest.fixture
def quick(monkeypatch):
    """Keep to one method and two controls."""
    monkeypatch.setattr(explain, "METHODS", {"Grad-CAM": explain.METHODS["Grad-CAM"]})


def command(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["benchmarks.explanations", *map(str, arguments)])
    explanations.main()


def test_one_json_object_a_line_for_every_method(quick, monkeypatch, tmp_path, capsys):
    report = tmp_path / "report.jsonl"
    command(monkeypatch, "--json", report)
    rows = [json.loads(line) for line in report.read_text().splitlines()]
    assert [row["method"] for row in rows] == ["Grad-CAM", *explain.CONTROLS]
    for row in rows:
        for name in ("pointing_game", "share_inside", "share_of_area", "iou"):
            assert 0 <= row[name] <= 1, name
        assert -1 <= row["sanity_similarity"] <= 1
        assert row["seconds"] > 0
    cam, *controls = rows
    assert all(row["sanity_similarity"] == 1 for row in controls)
    assert cam["sanity_similarity"] < 0.95
    assert cam["pointing_game_interval"][0] > max(
        row["pointing_game_interval"][1] for row in controls
    )
    assert "| Grad-CAM |" in capsys.readouterr().out


def test_data_without_outlines_are_refused(quick, make_data, monkeypatch, tmp_path):
    folder = make_data("a", images=12, outlines=False)
    with pytest.raises(SystemExit, match="too few in a"):
        command(monkeypatch, "--json", tmp_path / "report.jsonl", "--data", folder)
    assert not (tmp_path / "report.jsonl").exists()


def test_the_planted_shortcut_is_tested_with_the_marker_moved_removed_and_pasted(monkeypatch):
    monkeypatch.setattr(explanations, "EPOCHS", 1)
    monkeypatch.setattr(explanations, "MARKER_METHODS", ("Grad-CAM++",))
    results = explanations.planted(count=8, seeds=1)
    assert list(results) == ["biased", "cured", "unbiased"]
    for row in results.values():
        assert {"as in training", "marker moved", "marker removed"} < set(row)
        assert "false alarms, marker of the ill pasted on" in row
        assert np.isfinite(list(row.values())).all()
