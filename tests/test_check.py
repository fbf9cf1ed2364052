"""The check of the set-up."""

import subprocess
import sys

import pytest

from conftest import ROOT
from helpers import check

PROJECT = """
[project]
name = "x"
dependencies = [
    "numpy",
    "scikit-learn>=1,<3",
    "nowhere-to-be-found==1.0 ; sys_platform == 'amiga'",
    "tqdm==4.0  # why",
]
"""
failing_imports = check._failing_imports
INSTALLED = {"numpy": "2.4.6", "scikit-learn": "1.9.1", "tqdm": "4.70.1"}


@pytest.fixture
def lesson(tmp_path, monkeypatch):
    """Make the files that say what is needed, on a computer where all is as it should be."""
    (tmp_path / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    pins = [f"{name}=={version}" for name, version in INSTALLED.items()]
    pins += ["    # via nothing", "-e .", "other==9 ; sys_platform == 'amiga'", "tqdm==1 ; '1'>'2'"]
    (tmp_path / "requirements.txt").write_text("# made\n" + "\n".join(pins) + "\n")
    installed = dict(INSTALLED)
    monkeypatch.setattr(check, "_installed", lambda name: installed.get(name, ""))
    monkeypatch.setattr(check, "_failing_imports", lambda names: {})
    return tmp_path, installed


def lines(capsys):
    return {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line}


def test_all_is_well(lesson, capsys):
    folder, _ = lesson
    assert check.main(folder) == 0
    printed = lines(capsys)
    for name in ("python", *INSTALLED):
        assert printed[name].endswith(" ok"), name
    assert {"disk", "Data:"} < printed.keys()
    assert "nowhere-to-be-found" not in printed


def test_a_missing_package(lesson, capsys):
    folder, installed = lesson
    del installed["scikit-learn"]
    assert check.main(folder) == 1
    line = lines(capsys)["scikit-learn"]
    assert "MISSING" in line
    assert line.endswith(f'run: "{sys.executable}" -m pip install "scikit-learn==1.9.1"')


def test_another_version(lesson, capsys):
    folder, installed = lesson
    installed["numpy"] = "2.4.9"
    assert check.main(folder) == 0
    assert "2.4.6" in lines(capsys)["numpy"]
    installed["numpy"] = "1.26.4"
    assert check.main(folder) == 1
    line = lines(capsys)["numpy"]
    assert "1.26.4" in line
    assert "OTHER" in line
    assert line.endswith('-m pip install "numpy==2.4.6"')


def test_packages_that_do_not_import(lesson, capsys, tmp_path, monkeypatch):
    folder, _ = lesson
    monkeypatch.setattr(check, "_failing_imports", failing_imports)
    (tmp_path / "tqdm.py").write_text("raise ImportError('DLL load failed\\nmore')")
    (tmp_path / "sklearn.py").write_text("import os; os._exit(3)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert check.main(folder) == 1
    printed = lines(capsys)
    assert "BROKEN     (ImportError DLL load failed)" in printed["tqdm"]
    assert "BROKEN     (it ends Python)" in printed["scikit-learn"]
    assert "--force-reinstall" in printed["tqdm"]
    assert printed["numpy"].endswith(" ok")


@pytest.mark.parametrize(("oldest", "newest"), [((3, 99), (3, 99)), ((3, 5), (3, 5))])
def test_another_python(lesson, capsys, monkeypatch, oldest, newest):
    monkeypatch.setattr(check, "OLDEST", oldest)
    monkeypatch.setattr(check, "NEWEST", newest)
    assert check.main(lesson[0]) == 1
    line = lines(capsys)["python"]
    assert f"install Python {oldest[0]}.{oldest[1]} to " in line


def test_data_that_cannot_be_used(lesson, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("CHEST_XRAYS", str(tmp_path / "nowhere"))
    assert check.main(lesson[0]) == 1
    assert "nowhere cannot be read" in lines(capsys)["Data:"]


def test_little_memory_and_disk_are_said(lesson, capsys, monkeypatch):
    monkeypatch.setattr(check, "_free_memory", lambda: 0.5)
    usage = type("Usage", (), {"free": 1e8})
    monkeypatch.setattr(check.shutil, "disk_usage", lambda _: usage)
    assert check.main(lesson[0]) == 0
    printed = lines(capsys)
    assert "LITTLE" in printed["memory"]
    assert "LITTLE" in printed["disk"]


def test_it_runs_where_nothing_is_installed():
    answer = subprocess.run(
        [sys.executable, "-S", "-m", "helpers.check"], cwd=ROOT, capture_output=True, text=True
    )
    assert answer.returncode == 1
    assert answer.stderr == ""
    printed = {line.split()[0]: line for line in answer.stdout.splitlines() if line}
    for name in ("numpy", "keras", "scikit-learn", "jupyterlab"):
        assert "MISSING" in printed[name]
        assert "-m pip install" in printed[name]
    assert printed["Data:"] == "Data: not checked before numpy is there"


def test_the_lesson_s_own_list_names_what_is_needed():
    wanted = check.wanted_packages()
    assert {"numpy", "keras", "opencv-python-headless", "scikit-learn", "pooch"} < wanted.keys()
    assert len({"tensorflow", "tensorflow-cpu"} & wanted.keys()) == 1
    assert all(wanted.values())
