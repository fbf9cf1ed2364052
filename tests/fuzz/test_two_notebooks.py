"""Two notebooks that run at the same time, with one work folder between them."""

import os
import subprocess
import sys

import pytest
from support import ROOT, lazily

models = lazily("helpers.models")
pytestmark = pytest.mark.slow


def executed(name, work):
    notebook = next((ROOT / "notebooks").glob(f"{name}-*.ipynb"))
    places = {"CHEST_XRAYS": str(ROOT / "data"), "CHEST_XRAYS_WORK": str(work)}
    return subprocess.Popen(
        [sys.executable, "-m", "jupyter", "execute", str(notebook)],
        env=os.environ | places,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.parametrize("names", [("05", "05"), ("05", "06"), ("02", "05")])
def test_two_notebooks_at_once_share_a_work_folder(names, tmp_path):
    both = [executed(name, tmp_path) for name in names]
    for run in both:
        said = run.communicate()[0]
        assert run.returncode == 0, said[-2000:]
    assert "simulated chest X-rays" in models.load(tmp_path / "best_model.keras")[1]
    assert not list(tmp_path.glob(".*.part*"))
