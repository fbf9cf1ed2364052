"""Simulator of frontal chest X-rays with and without pleural effusion.

``simulate`` makes a data folder, ``simulate_one`` a single image with its truth in memory.

Read the modules in the order of the beam: patients (who is on which image), body (anatomy as
thickness maps), pleura (fluid), devices, film (from thickness to grey levels), picture (all of it
for one image), series (a folder of them).
"""

from .devices import BIT, CORNERS, KINDS
from .picture import FINDINGS, Picture, SimulatorError, simulate_one
from .series import simulate

__all__ = [
    "BIT", "CORNERS", "FINDINGS", "KINDS", "Picture", "SimulatorError", "simulate", "simulate_one",
]  # fmt: skip
