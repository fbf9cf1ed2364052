"""Who is on image number ``index``: the class, the patient, the file's name."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .draws import stream


@dataclass(frozen=True)
class Visit:
    """One image's place in the series."""

    index: int
    effusion: bool
    person: int  # number that the body is drawn from
    patient: str  # four digits, in the file's name
    image: int  # 0, 1, 2: which of the patient's images

    @property
    def stem(self) -> str:
        """Name of the file without its ending."""
        return f"sim{self.patient}_{self.image}"


def visit(seed: int, index: int, prevalence: float = 0.5) -> Visit:
    """Say who is on image ``index``; it does not depend on how many images are made.

    The classes take turns so that the first ``count`` images hold
    ``floor(count * prevalence)`` effusions. Within a class, the images are dealt out to
    patients who get one, two or three each.
    """
    before = math.floor(index * prevalence + 1e-9)
    effusion = math.floor((index + 1) * prevalence + 1e-9) > before
    rank = before if effusion else index - before
    dice = stream("patients", seed, int(effusion)).random(rank + 1)
    last = np.cumsum(np.where(dice < 0.55, 1, np.where(dice < 0.8, 2, 3)))
    turn = int(np.searchsorted(last, rank, side="right"))
    image = rank - (int(last[turn - 1]) if turn else 0)
    person = 2 * turn + int(effusion)
    # The number in the name is shuffled (3877 has no factor in common with 9999), so that it
    # says nothing about the class.
    number = 1 + (person * 3877 + 1234 + 77 * seed) % 9999 + 9999 * (person // 9999)
    return Visit(index, effusion, person, f"{number:04d}", image)
