"""A name that is not defined, and the stop button, end a cell with a sentence, not a traceback."""

import os
import re
import sys
import tempfile
from types import SimpleNamespace

import pytest
from jupyter_client.manager import start_new_kernel
from support import ROOT

from exercises.stops import ABOVE, LEFT_OUT, STOPPED

CONFIG = ROOT / "tools" / "jupyter_lab_config.py"


class Kernel:
    """A learner's kernel, in which cells are run one after the other."""

    def __init__(self, environment):
        environment = {**os.environ, **environment}
        self.manager, self.client = start_new_kernel(cwd=str(ROOT / "notebooks"), env=environment)

    def run(self, code, when_printed=None):
        """Run a cell; return what it says as an error, and its status."""
        said, done = [], []

        def hear(message):
            if message["msg_type"] == "stream" and when_printed and not done:
                done.append(when_printed())
            if message["msg_type"] == "error":
                said.append("\n".join(message["content"]["traceback"]))

        reply = self.client.execute_interactive(code, timeout=120, output_hook=hear)
        assert len(said) == (reply["content"]["status"] == "error")
        return re.sub(r"\x1b\[[\d;]*m", "", said[0]) if said else ""

    def close(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


def lab_environment(monkeypatch, **given):
    """Return the variables that `make lab` sets for its kernels."""
    work = tempfile.TemporaryDirectory()  # for the copies of the notebooks
    monkeypatch.setattr(os, "environ", {**given, "CHEST_XRAYS_WORK": work.name})
    monkeypatch.setattr(sys, "argv", ["jupyter-lab", "--allow-root"])
    settings = SimpleNamespace(**{
        name: SimpleNamespace() for name in ("ServerApp", "LabApp", "KernelManager")
    })  # fmt: skip
    source = CONFIG.read_text("utf-8")
    exec(source, {"get_config": lambda: settings, "__file__": str(CONFIG)})
    changed = dict(os.environ)
    monkeypatch.undo()
    work.cleanup()
    del changed["CHEST_XRAYS_WORK"]
    return changed


@pytest.fixture(scope="module")
def lab():
    """Return a kernel of `make lab`, in which nothing was imported yet."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        environment = lab_environment(monkeypatch)
    kernel = Kernel(environment)
    yield kernel
    kernel.close()


def test_a_new_kernel_has_no_variables_but_the_learners(lab):
    assert lab.run("assert not {'exercises', 'contextlib'} & {*globals()}") == ""


def test_a_name_that_is_not_defined_is_said_with_its_line_and_what_to_run(lab):
    said = lab.run('print("begun")\ncheck("batch", batch, images)')
    assert said == (
        'NameError: check is not defined.\n    line 2: check("batch", batch, images)\n' + ABOVE
    )
    assert "Run All Above Selected Cell" in ABOVE


def test_a_typing_mistake_is_seen_and_a_similar_name_offered(lab):
    said = lab.run("images = [1]\n\ndef total():\n    return sum(imges)\n\ntotal()")
    assert said.startswith(
        "NameError: imges is not defined. Did you mean images?\n    line 4: return sum(imges)\n"
    )


def test_other_errors_keep_their_traceback(lab):
    assert "Traceback" in lab.run("1 / 0")
    local = "def late():\n    print(value)\n    value = 1\n\nlate()"
    assert "UnboundLocalError" in lab.run(local)
    library = "import types\nm = types.ModuleType('m')\nexec('def f(): return no', vars(m))\nm.f()"
    assert "Traceback" in lab.run(library)


def test_an_exercise_that_was_left_out_is_named_where_its_answer_is_needed(lab):
    assert lab.run("grey_range = None\nsure_normal = None") == ""
    assert lab.run("low, high = grey_range") == (
        "TypeError: grey_range is None, since its exercise is not done.\n"
        "    line 1: low, high = grey_range\n" + LEFT_OUT
    )
    far = "import numpy as np\nchosen = np.array([1, sure_normal])\n[5, 6][chosen]"
    assert lab.run(far).startswith("TypeError: sure_normal is None")
    # None in another variable is a mistake of another kind.
    assert "Traceback" in lab.run("own = None\nown + 1")
    assert "Traceback" in lab.run("grey_range = (0, 1)\nint('x')")


@pytest.mark.skipif(os.name == "nt", reason="a kernel is interrupted in another way")
def test_the_stop_button_leaves_one_line_and_the_next_cell_runs(lab):
    long = "import time\nfor _ in range(600):\n    print('.', flush=True)\n    time.sleep(0.1)"
    assert lab.run(long, when_printed=lab.manager.interrupt_kernel) == STOPPED
    assert lab.run("images") == ""


def test_importing_the_exercises_does_the_same_elsewhere():
    kernel = Kernel({"PYTHONSTARTUP": ""})
    try:
        assert "Traceback" in kernel.run("batch")
        assert kernel.run("from exercises import check\nbatch").endswith(ABOVE)
    finally:
        kernel.close()


def test_a_startup_file_of_the_learner_is_kept(monkeypatch):
    assert lab_environment(monkeypatch, PYTHONSTARTUP="my.py")["PYTHONSTARTUP"] == "my.py"
