"""Simulator of frontal chest X-rays with and without pleural effusion.

``simulate`` makes a data folder, ``simulate_one`` a single image with its truth in memory.

Read the modules in the order of the beam: patients (who is on which image), body (anatomy as
thickness maps), pleura (fluid), devices, film (from thickness to grey levels), picture (all of it
for one image), series (a folder of them).
"""

import os
import signal
import sys

if sys.argv[:1] == ["-m"] and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    # `python -m simulator` takes a while to import what follows, with nothing to tidy up yet.
    STOPPED = b"python -m simulator: stopped before the end.\n"
    signal.signal(signal.SIGINT, lambda *_: (os.write(2, STOPPED), os._exit(130)))

from .devices import BIT, CORNERS, KINDS
from .picture import FINDINGS, Picture, SimulatorError, simulate_one
from .series import simulate

__all__ = [
    "BIT", "CORNERS", "FINDINGS", "KINDS", "Picture", "SimulatorError", "simulate", "simulate_one",
]  # fmt: skip
