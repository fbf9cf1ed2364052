"""What episodes 1 and 2 write out gives the same result as what is used later."""

import numpy as np
import pytest
from cells import inline

from helpers import images
from simulator import simulate_one


def test_the_law_of_episode_1_is_the_one_of_the_simulator():
    (arriving,) = inline(
        "01", "arriving", attenuation={"air": 0.0, "soft tissue": 0.2, "bone": 0.6}
    )
    ways = [[("air", 30)], [("soft tissue", 3)], [("soft tissue", 14), ("bone", 4)]]
    expected = [1, np.exp(-0.6), np.exp(-5.2)]
    np.testing.assert_allclose([arriving(way) for way in ways], expected)
    stages = simulate_one(seed=3, index=39).stages
    # Where only soft tissue is crossed, the logarithm of what is transmitted falls with its depth.
    soft = (stages["bone"] == 0) & (stages["lung"] == 0) & (stages["fluid"] == 0)
    soft &= (stages["devices"] == 0) & (stages["body"] > 1)
    depth, passed = stages["body"][soft], np.log(stages["transmitted"][soft])
    assert np.corrcoef(depth, passed)[0, 1] < -0.95


def test_standardise_of_episode_2():
    (standardise,) = inline("02", "standardise")
    image = np.random.default_rng(1).integers(0, 256, (40, 50), np.uint8)
    np.testing.assert_allclose(standardise(image), images.standardise(image), atol=1e-5)
    for constant in (standardise, images.standardise):
        with pytest.raises(ValueError):
            constant(np.full((40, 50), 7, np.uint8))


def test_area_interpolation_of_episode_2_is_a_mean():
    picture = np.random.default_rng(2).integers(0, 256, (512, 512), np.uint8)
    means = picture.reshape(64, 8, 64, 8).mean(axis=(1, 3))
    assert np.abs(images.resize(picture, 64) - means).max() <= 0.5
