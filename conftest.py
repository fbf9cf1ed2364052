"""How tests are run: what notebooks see, and how the work is shared out between processes."""

import importlib.util
import os
import re
import signal
from functools import cache
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).parent
# These need requirements-extras.txt: `make test-extras` installs it and runs them.
NEED_TORCH = ["notebooks/extras/pytorch.ipynb", "notebooks/extras/photograph-pytorch.ipynb"]
HAVE_TORCH = importlib.util.find_spec("torch") and importlib.util.find_spec("captum")
collect_ignore = [] if HAVE_TORCH else NEED_TORCH

# The tests that import TensorFlow, together: importing it takes longer than most of them.
TENSORFLOW = "tests with TensorFlow"
LOADS_TENSORFLOW = re.compile(r"\b(tensorflow|keras|models|explain|sanity)\b")
# How long each of these takes, as a multiple of importing TensorFlow once, from
# `python -m benchmarks.tests`. Only the order matters: what takes longest is begun first.
LENGTHS = {
    TENSORFLOW: 12,
    "08-testing-explanations": 7,
    "05-training": 6,
    "more-classes": 5,
    "09-shortcuts": 4.5,
    "07-evaluation": 4,
    "test_simulator": 3,
    "perturbing": 3,
    "06-explainability": 2.5,
    "photograph": 1.7,
    "03-data-preparation": 1.7,
    "04-neural-networks": 1.7,
    "test_fetch": 1.4,
    "test_types": 1.3,
    "02-visualisation": 1,
    "01-introduction": 0.8,
}
NEW_NOTEBOOK = 4


# In the background of a script Ctrl+C is ignored, also by what is started: tests need it.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# `make test` tries the same 200 cases of a property each time, `make fuzz` thousands of new ones.
hypothesis.settings.register_profile(
    "test",
    max_examples=200,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)
hypothesis.settings.register_profile(
    "fuzz",
    hypothesis.settings.get_profile("test"),
    max_examples=int(os.environ.get("FUZZ_CASES", 5000)),
    derandomize=False,
    print_blob=True,
    deadline=10_000,  # milliseconds
)
hypothesis.settings.load_profile("test")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Set what the kernel will see, before nbval starts it: the bundled X-rays, no other's work."""
    if item.path.suffix == ".ipynb":
        work = item.config._tmp_path_factory.getbasetemp() / f"work-{item.path.stem}"
        os.environ["CHEST_XRAYS"] = str(ROOT / "data")
        os.environ["CHEST_XRAYS_WORK"] = str(work)
        os.environ["KERAS_HOME"] = f"{work}-keras"  # weights in a developer's cache do not count


@cache
def unit_of(nodeid: str) -> str:
    """Return what one process must run as a whole: a file, or all tests that import TensorFlow."""
    file = nodeid.split("::")[0]
    if file.endswith(".py") and LOADS_TENSORFLOW.search((ROOT / file).read_text("utf-8")):
        return TENSORFLOW
    return file


def length_of(nodeid: str) -> float:
    """Return about how long a test's unit takes, as a multiple of importing TensorFlow."""
    unit = unit_of(nodeid)
    return LENGTHS.get(Path(unit).stem, NEW_NOTEBOOK if unit.endswith(".ipynb") else 0)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    """Put the longest first, so that no process is left with a long one when the others end."""
    if hasattr(config, "workerinput"):  # one of several processes
        items.sort(key=lambda item: -length_of(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Give each process one unit after the other, in this order."""
    from xdist.scheduler import LoadScopeScheduling

    class ByUnit(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return unit_of(nodeid)

    config.option.loadscopereorder = False  # not by the number of tests, which says little
    return ByUnit(config, log)
