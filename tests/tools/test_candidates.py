"""The three candidates: alike on the maker's test set, and told apart by one test each."""

import numpy as np
import pytest
from repository import modules, own_modules
from support import ROOT, lazily

from exercises import episode_9
from helpers import data, metrics
from helpers.images import standardise
from tools import candidates, recipes

models = lazily("helpers.models")


@pytest.fixture(scope="module")
def networks():
    return {
        letter: models.load(candidates.FOLDER / f"candidate_{letter}.keras")[0]
        for letter in candidates.CANDIDATES
    }


@pytest.fixture(scope="module")
def maker():
    with np.load(candidates.FOLDER / candidates.TEST_SET, allow_pickle=False) as file:
        given = dict(file)
    given["images"] = np.stack([standardise(image) for image in given["images"]])[..., np.newaxis]
    return given


@pytest.fixture(scope="module")
def results(networks, maker):
    testing, _, other = data.load_second_batch()
    return {
        test: {
            letter: episode_9.measure(test, network, maker, testing, other)
            for letter, network in networks.items()
        }
        for test in episode_9.TESTS
    }


def by_recipe(*recipe):
    """Return the letter of the candidate that was trained on this."""
    return next(k for k, (kinds, _) in candidates.CANDIDATES.items() if kinds in recipe)


def test_candidates_are_equally_good_on_the_test_set_of_their_maker(networks, maker):
    accuracies = [
        np.mean((models.predict(network, maker["images"]) >= 0.5) == maker["labels"])
        for network in networks.values()
    ]
    assert np.ptp(accuracies) <= 0.02
    assert min(accuracies) > 0.85


@pytest.mark.parametrize(
    ("recipe", "tests"),
    [(candidates.MARKED_ARE_ILL, ["map", "marker"]), (candidates.OTHERS_ARE_ILL, ["hospital"])],
)
def test_each_shortcut_shows_in_its_own_tests_only(results, recipe, tests):
    accused, fair = by_recipe(recipe), by_recipe(candidates.FAIR)
    for test, measured in results.items():
        _, low, _ = measured[accused]
        assert (low > measured[fair][2]) == (test in tests), test


def test_the_fair_candidate_is_worse_than_no_other_beyond_the_intervals(results):
    fair = by_recipe(candidates.FAIR)
    for test, measured in results.items():
        for letter, (_, _, high) in measured.items():
            assert letter == fair or measured[fair][1] <= high, test


def test_maps_of_the_shortcut_that_is_everywhere_look_innocent(results):
    """Little more of the map lies on the marker than of any other part of that size."""
    hospital, marker = by_recipe(candidates.OTHERS_ARE_ILL), by_recipe(candidates.MARKED_ARE_ILL)
    assert 5 * results["map"][hospital][0] < results["map"][marker][0]


def test_all_are_good_on_the_second_batch_of_the_same_hospital(networks):
    """Their shortcuts do not show where neither marker nor other hospital occurs."""
    _, test, _ = data.load_second_batch()
    for network in networks.values():
        assert metrics.auc_interval(test.labels, models.predict(network, test.images))[0] > 0.9


def test_files_are_small_and_the_test_set_has_other_patients_than_every_other_set(maker):
    files = [path for path in candidates.FOLDER.iterdir() if path.suffix in (".keras", ".npz")]
    assert len(files) == 4
    assert sum(path.stat().st_size for path in files) < 1.7e6
    seeds = {seed for seed, *_ in candidates.POOLS.values()}
    assert len(seeds) == len(candidates.POOLS)
    for batch in data.load_second_batch():
        assert not seeds & set(batch.attributes["seed"].tolist())
    assert maker["images"].shape == (240, 64, 64, 1)
    assert maker["labels"].mean() == 0.5


def test_markers_of_the_test_set_lie_in_one_corner_and_on_effusions_only(maker):
    marked = maker["markers"].any(axis=(1, 2))
    assert marked.sum() == candidates.TEST["marked"][1]
    assert maker["labels"][marked].all()
    assert maker["markers"][:, :32].sum() == maker["markers"][:, :, 32:].sum() == 0


def test_no_x_ray_is_used_twice_and_each_has_the_label_of_its_recipe():
    images = np.zeros((40, 64, 64), np.uint8)
    images[np.arange(40), 0, np.arange(40)] = 255  # each has its own bright pixel
    main = candidates.Pool(images[:20], np.arange(20) % 2)
    other = candidates.Pool(images[20:], np.arange(20) % 2)
    kinds = {"plain": (3, 4, 0), "marked": (0, 2, 5), "other": (0, 1, 2)}
    made, labels, markers = candidates.compose(kinds, main, other, seed=1)
    assert labels.tolist() == [0] * 3 + [1] * 4 + [1] * 7 + [1] * 3
    assert markers.any(axis=(1, 2)).tolist() == [False] * 7 + [True] * 7 + [False] * 3
    assert len(np.unique(made[:, 0, :, 0].argmax(axis=1))) == len(made)
    with pytest.raises(ValueError, match="too few"):
        candidates.compose({"plain": (11, 0, 0)}, main, other, seed=1)


def test_the_recipe_counts_all_code_that_makes_the_candidates():
    used = {ROOT / modules()[name] for name in own_modules("tools.candidates")}
    assert ROOT / "simulator" / "shortcut.py" in used
    counted = {path for pattern in candidates.MADE_WITH for path in ROOT.glob(pattern)}
    assert used - counted <= {ROOT / "helpers" / "__init__.py"}  # which holds one sentence


def test_the_candidates_that_come_with_the_lesson_are_made_by_this_code():
    current = recipes.is_current(candidates.RECIPE, candidates.MADE_WITH)
    assert current, "run `python -m tools.candidates`, then `make notebooks`"
