"""Answers to the exercise of episode 1; test_any_answer.py gives them to its check."""

import numpy as np


class File:
    """An image file of some size; its path is not needed."""

    def __init__(self, size):
        self.st_size = size

    def stat(self):
        return self


FILES = (File(20_000_000), File(30_000_000))

GIVEN = {"megabytes": (FILES,)}
RIGHT = {"megabytes": [50.0, 50, np.float32(50), np.array(50.0), 50.3]}
FREQUENT = {
    "megabytes": [
        (50_000_000, "unit", "in bytes"),
        (50_000, "unit", "in kilobytes"),
        (50e6 / 2**20, "unit", "1024"),
        (30, "value", "all the files"),
    ]
}
