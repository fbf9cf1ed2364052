"""What episode 8 writes out gives the same as what is used later."""

import numpy as np
from cells import cell_with, inline

from helpers import metrics


def test_deletion_by_hand_is_that_of_the_helper():
    rng = np.random.default_rng(0)
    image, saliency = rng.normal(size=(64, 64, 1)), np.round(rng.normal(size=(64, 64)), 1)
    space = {"np": np, "images": image[np.newaxis], "surest": 0, "verify": lambda *_: None}
    space["saliency"] = {"Grad-CAM": saliency[np.newaxis]}
    exec(cell_with("08", "ranks = "), space)
    exec(cell_with("08", "inserted = np.where"), space)
    seen = []

    def predict(batch):
        seen.append(batch[0])
        return batch.sum(axis=(1, 2, 3))

    metrics.deletion_insertion(predict, image[np.newaxis], saliency[np.newaxis], steps=4)
    np.testing.assert_array_equal(space["deleted"], seen[2].astype(float))
    np.testing.assert_array_equal(space["inserted"], seen[3].astype(float))


def test_the_pointing_game_of_the_solution_is_the_helper_s():
    maps, masks = inline("08", "tiny_maps", "tiny_masks")
    space = {"np": np, "tiny_maps": maps, "tiny_masks": masks, "verify": lambda *_: None}
    exec(cell_with("08", "hit_rate = np.mean"), space)
    used = metrics.pointing_game(maps[:, np.newaxis], masks[:, np.newaxis])
    assert space["hit_rate"] == used.mean()
