"""The playground's network with a shortcut: it follows the marker, whatever the patient has."""

import numpy as np
from repository import modules, own_modules
from support import ROOT, lazily

from helpers import data
from tools import recipes, shortcut_network

models = lazily("helpers.models")


def test_exchanged_markers_turn_its_predictions_round():
    network, about = models.load(shortcut_network.NETWORK)
    assert "marker" in about
    testing, _, _ = data.load_second_batch()
    accuracy = []
    for corners in [("lower right", "lower left"), ("lower left", "lower right")]:
        images = shortcut_network.mark(testing.images, testing.labels, corners)
        accuracy.append(np.mean((models.predict(network, images) >= 0.5) == testing.labels))
    assert accuracy[0] > 0.9
    assert accuracy[1] < 0.2


def test_its_file_is_small():
    assert shortcut_network.NETWORK.stat().st_size < 300_000


def test_the_recipe_counts_all_code_that_makes_the_network():
    used = {ROOT / modules()[name] for name in own_modules("tools.shortcut_network")}
    assert ROOT / "simulator" / "shortcut.py" in used
    counted = {path for pattern in shortcut_network.MADE_WITH for path in ROOT.glob(pattern)}
    assert used - counted <= {ROOT / "helpers" / "__init__.py"}  # which holds one sentence


def test_the_network_that_comes_with_the_lesson_is_made_by_this_code():
    current = recipes.is_current(shortcut_network.RECIPE, shortcut_network.MADE_WITH)
    assert current, "run `python -m tools.shortcut_network`"
