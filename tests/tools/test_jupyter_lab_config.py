"""Who starts JupyterLab as root is told why not, in one sentence."""

import os
import runpy
import sys

import pytest
from support import ROOT


def test_root_is_refused_in_one_sentence(monkeypatch, capsys):
    monkeypatch.setattr(os, "geteuid", lambda: 0, raising=False)
    monkeypatch.setattr(sys, "argv", ["jupyter-lab"])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(str(ROOT / "tools" / "jupyter_lab_config.py"))
    assert stopped.value.code == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("JupyterLab does not start as root")
    assert said.err.count("\n") == 1
    assert "--allow-root in a container" in said.err
