"""Any file in place of a saved network: the network, or one sentence and the pre-trained one."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from damage import damaged, memory, on_disk
from hypothesis import given
from hypothesis import strategies as st
from support import is_one_sentence, lazily

from helpers.images import DataError

models = lazily("helpers.models")


@cache
def saved():
    """Return the bytes of a small saved network, those of the text beside it, and its weights."""
    models.set_seeds(1)
    inputs = models.keras.Input((64, 64, 1))
    x = models.layers.Conv2D(2, 3, activation="relu")(inputs)
    x = models.layers.GlobalAveragePooling2D()(x)
    network = models.keras.Model(inputs, models.layers.Dense(1, activation="sigmoid")(x))
    with TemporaryDirectory() as folder:
        path = Path(folder, "best_model.keras")
        models.save(network, path, "X-rays")
        beside = path.with_suffix(".json").read_bytes()
        return path.read_bytes(), beside, network.get_weights()


@given(data=st.data())
def test_a_damaged_network_is_itself_or_the_pretrained_one_is_offered(data):
    network, about, weights = saved()
    content = data.draw(damaged(network, least=1))
    text = data.draw(st.sampled_from([about, None]) | damaged(about))
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = Path(folder, "best_model.keras")
        path.write_bytes(content)
        if text is not None:
            path.with_suffix(".json").write_bytes(text)
        patch.setattr(models, "work_folder", lambda: Path(folder))
        patch.setattr(models, "load_pretrained", lambda: (None, "The bundled network."))
        before, used = on_disk(Path(folder)), memory()
        try:
            loaded, _ = models.load(path)
        except DataError as error:
            assert is_one_sentence(error) and "best_model.keras" in str(error)
            _, sentence = models.load_trained()
            assert "bundled" in sentence and "best_model.keras" in sentence
        else:
            for one, other in zip(loaded.get_weights(), weights, strict=True):
                np.testing.assert_array_equal(one, other)
        assert on_disk(Path(folder)) == before
        assert memory() - used < 1.5e9
