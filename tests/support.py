"""What several tests share: small X-rays, and what a good error message looks like."""

import importlib
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parent.parent


def make_image(seed, height=64, width=None):
    """Draw soft random shapes, uint8 (height, width), the same for the same seed."""
    noise = np.random.default_rng(seed).random((height, width or height), np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 3)
    return cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


def write_png(path, image):
    """Write an array as a PNG file, with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", image)[1].tobytes())
    return path


def is_one_sentence(error):
    """Tell if a message is one sentence on one line."""
    text = str(error.value if hasattr(error, "value") else error).strip()
    return text.endswith(".") and ". " not in text and "\n" not in text


class lazily:
    """A module that is imported when it is first used.

    Each process that runs tests reads all files of tests, but only one of them runs those that
    need TensorFlow, and no other should spend the time to import it. (A module of
    ``importlib.util.LazyLoader`` would not do: pytest asks everything in a file for its
    ``_mock_name``, and so has it loaded at once.)
    """

    __slots__ = ("_name",)

    def __init__(self, name):
        object.__setattr__(self, "_name", name)

    @property
    def __dict__(self):  # where monkeypatch looks for what it has to restore
        return vars(importlib.import_module(self._name))

    def __getattr__(self, attribute):
        if attribute.startswith("_"):
            raise AttributeError(attribute)
        return getattr(importlib.import_module(self._name), attribute)

    def __setattr__(self, attribute, value):
        setattr(importlib.import_module(self._name), attribute, value)

    def __delattr__(self, attribute):
        delattr(importlib.import_module(self._name), attribute)
