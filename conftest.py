"""Notebook tests: each notebook runs on the bundled X-rays, with nothing of any other's work."""

import importlib.util
import os
from pathlib import Path

import pytest

BUNDLED = Path(__file__).parent / "data"
# These need requirements-extras.txt: `make test-extras` installs it and runs them.
NEED_TORCH = ["notebooks/extras/pytorch.ipynb", "notebooks/extras/photograph-pytorch.ipynb"]
HAVE_TORCH = importlib.util.find_spec("torch") and importlib.util.find_spec("captum")
collect_ignore = [] if HAVE_TORCH else NEED_TORCH


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Set what the kernel will see, before nbval starts it."""
    if item.path.suffix == ".ipynb":
        work = item.config._tmp_path_factory.getbasetemp() / f"work-{item.path.stem}"
        os.environ["CHEST_XRAYS"] = str(BUNDLED)
        os.environ["CHEST_XRAYS_WORK"] = str(work)
        os.environ["KERAS_HOME"] = f"{work}-keras"  # weights in a developer's cache do not count
