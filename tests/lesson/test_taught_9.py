"""What episode 9 writes out gives the same result as what makes its candidates."""

import numpy as np
import pytest
from cells import inline

from helpers import data, metrics
from simulator import shortcut


@pytest.fixture(scope="module")
def images():
    return data.load_second_batch()[0].images[:12]


def test_markers_are_pasted_as_by_the_simulator(images):
    (add_markers,) = inline("09", "add_markers", shortcut=shortcut)
    corners = np.array(["lower left", "lower right"] * 6)
    ours = add_markers(images, corners)
    theirs = shortcut.paste(images, shortcut.draw_markers(corners))
    np.testing.assert_array_equal(ours, theirs)


def test_the_proportion_has_the_interval_of_the_helpers():
    (proportion,) = inline("09", "proportion", metrics=metrics)
    correct = np.array([True] * 17 + [False] * 3)
    assert proportion(correct) == (0.85, *metrics.wilson_interval(17, 20))
