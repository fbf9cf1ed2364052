"""A network and X-rays for the tests that hold what episodes write out to the helpers."""

import pytest
from support import lazily

from helpers import data
from helpers.paths import BUNDLED_DATA

models = lazily("helpers.models")


@pytest.fixture(scope="module")
def network():
    """Build the lesson's network with random weights."""
    models.set_seeds(3)
    return models.build_lesson_model()


@pytest.fixture(scope="module")
def xrays():
    """Load three of the bundled X-rays."""
    return data.load(data.find_dataset(BUNDLED_DATA), 64)[0][[100, 120, 140]]
