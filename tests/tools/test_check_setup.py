"""The check of the set-up."""

import errno
import subprocess
import sys
import tomllib

import pytest
from support import ROOT, is_one_sentence

from helpers import paths
from tools import check_setup

PROJECT = """
[project]
name = "x"
dependencies = [
    "numpy",
    "Scikit_Learn>=1,<3",
    "nowhere-to-be-found==1.0 ; sys_platform == 'amiga'",
    "tqdm>=4",
]
"""
PINS = """# made
numpy==2.4.6 ; sys_platform != 'amiga'
    # via nothing
-e .
other==9 ; sys_platform == 'amiga'
scikit-learn==1.9.1  # why
tqdm==1 ; sys_platform == 'amiga'
tqdm==4
"""
PINS_WITH_HASHES = """# made
numpy==2.4.6 ; sys_platform != 'amiga' \\
    --hash=sha256:0123 \\
    --hash=sha256:4567
other==9 ; sys_platform == 'amiga' \\
    --hash=sha256:89ab
scikit-learn==1.9.1 --hash=sha256:89ab
    # via nothing
tqdm==4 \\
    --hash=sha256:cdef
"""
INSTALLED = {"numpy": "2.4.6", "scikit-learn": "1.9.1", "tqdm": "4.0.0"}
failing_imports = check_setup._failing_imports


@pytest.fixture
def lesson(tmp_path, monkeypatch):
    """Make the files that say what is needed, on a computer where all is as it should be."""
    (tmp_path / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    (tmp_path / "requirements.txt").write_text(PINS, encoding="utf-8")
    installed = dict(INSTALLED)
    monkeypatch.setattr(check_setup, "_installed", lambda name: installed.get(name, ""))
    monkeypatch.setattr(check_setup, "_failing_imports", lambda names: {})
    return tmp_path, installed


def lines(capsys):
    return {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line}


def test_all_is_well_with_and_without_hashes(lesson, capsys):
    folder, _ = lesson
    for pins in (PINS, PINS_WITH_HASHES):
        (folder / "requirements.txt").write_text(pins, encoding="utf-8")
        wanted = {"numpy": "2.4.6", "scikit-learn": "1.9.1", "tqdm": "4"}
        assert check_setup.wanted_packages(folder) == wanted
        assert check_setup.main(folder) == 0
        printed = lines(capsys)
        for name in ("python", *INSTALLED):
            assert printed[name].endswith(" ok"), name
        assert {"disk", "Data:"} < printed.keys()
        assert "nowhere-to-be-found" not in printed
        assert printed["You"] == "You are ready."


def test_a_missing_package(lesson, capsys):
    folder, installed = lesson
    del installed["scikit-learn"]
    assert check_setup.main(folder) == 1
    printed = lines(capsys)
    line = printed["scikit-learn"]
    assert "MISSING" in line
    assert line.endswith(f'run: "{sys.executable}" -m pip install "scikit-learn==1.9.1"')
    assert printed["You"] == "You are not ready yet: see above what to do about scikit-learn."


def test_versions_are_compared_as_numbers(lesson, capsys):
    folder, installed = lesson
    for version in ("2.4.6", "2.4.6.0", "2.4.06", "2.4.6+cpu"):  # all the same to pip
        installed["numpy"] = version
        assert check_setup.main(folder) == 0, version
        assert lines(capsys)["numpy"].endswith(" ok"), version
    for version in ("2.4.9", "2.4", "2.04.1", "2.4rc1"):  # another, but close enough
        installed["numpy"] = version
        assert check_setup.main(folder) == 0, version
        line = lines(capsys)["numpy"]
        assert " ok  the lesson is tested with 2.4.6;" in line, version
    for version in ("1.26.4", "2.40.6", "2", "2.5rc1"):
        installed["numpy"] = version
        assert check_setup.main(folder) == 1, version
        printed = lines(capsys)
        assert f"{version} " in printed["numpy"]
        assert " OTHER " in printed["numpy"]
        assert printed["numpy"].endswith('-m pip install "numpy==2.4.6"')
        assert printed["You"].endswith("what to do about numpy.")


def test_packages_that_do_not_import(lesson, capsys, tmp_path, monkeypatch):
    folder, _ = lesson
    monkeypatch.setattr(check_setup, "_failing_imports", failing_imports)
    (tmp_path / "tqdm.py").write_text("raise ImportError('DLL load failed\\nmore')")
    (tmp_path / "sklearn.py").write_text("import os; os._exit(3)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert check_setup.main(folder) == 1
    printed = lines(capsys)
    assert "BROKEN     (ImportError DLL load failed)" in printed["tqdm"]
    assert "BROKEN     (it ends Python)" in printed["scikit-learn"]
    assert "--force-reinstall" in printed["tqdm"]
    assert printed["numpy"].endswith(" ok")
    assert printed["You"].endswith("what to do about scikit-learn, tqdm.")


def test_another_python(lesson, capsys, monkeypatch):
    for version in ((3, 99), (3, 5)):
        monkeypatch.setattr(check_setup, "OLDEST", version)
        monkeypatch.setattr(check_setup, "NEWEST", version)
        assert check_setup.main(lesson[0]) == 1
        printed = lines(capsys)
        assert f"install Python 3.{version[1]} to 3.{version[1]} from" in printed["python"]
        assert printed["You"].endswith("what to do about python.")


def test_data_that_cannot_be_used(lesson, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("CHEST_XRAYS", str(tmp_path / "nowhere"))
    assert check_setup.main(lesson[0]) == 1
    printed = lines(capsys)
    assert "nowhere cannot be read" in printed["Data:"]
    assert printed["You"].endswith("what to do about data.")


def test_a_work_folder_that_cannot_be_made_or_written(lesson, capsys, monkeypatch, tmp_path):
    assert check_setup.main(lesson[0]) == 0
    assert lines(capsys)["Work:"] == f"Work: kept in {tmp_path / 'work'}"
    assert list((tmp_path / "work").iterdir()) == []

    def read_only(**_):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(check_setup.tempfile, "TemporaryFile", read_only)
    assert check_setup.main(lesson[0]) == 1
    printed = lines(capsys)
    assert f"{tmp_path / 'work'} cannot be written (Read-only file system)" in printed["Work:"]
    assert "set CHEST_XRAYS_WORK" in printed["Work:"] and is_one_sentence(printed["Work:"])
    assert printed["You"].endswith("what to do about work.")

    monkeypatch.setattr(paths.Path, "mkdir", lambda *_, **__: read_only())
    assert check_setup.main(lesson[0]) == 1
    printed = lines(capsys)
    assert "cannot be the work folder (Read-only file system)" in printed["Work:"]
    assert "set CHEST_XRAYS_WORK" in printed["Work:"]


def test_little_memory_and_disk_are_said(lesson, capsys, monkeypatch):
    monkeypatch.setattr(check_setup, "_free_memory", lambda: 0.5)
    usage = type("Usage", (), {"free": 1e8})
    monkeypatch.setattr(check_setup.shutil, "disk_usage", lambda _: usage)
    assert check_setup.main(lesson[0]) == 0
    printed = lines(capsys)
    assert "LITTLE" in printed["memory"]
    assert "LITTLE" in printed["disk"]


def test_it_runs_where_nothing_is_installed():
    answer = subprocess.run(
        [sys.executable, "-S", "-m", "tools.check_setup"], cwd=ROOT, capture_output=True, text=True
    )
    assert answer.returncode == 1
    assert answer.stderr == ""
    printed = {line.split()[0]: line for line in answer.stdout.splitlines() if line}
    assert "MISSING" in printed["packages"]
    assert f'-m pip install -r "{ROOT / "requirements.txt"}"' in printed["packages"]
    assert printed["You"] == "You are not ready yet: see above what to do about packages."


def test_the_lesson_s_own_lists_name_what_is_needed():
    wanted = check_setup.wanted_packages()
    assert {"numpy", "keras", "opencv-python-headless", "scikit-learn", "pooch"} < wanted.keys()
    assert len({"tensorflow", "tensorflow-cpu"} & wanted.keys()) == 1
    assert all(wanted.values())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    oldest, newest = check_setup.OLDEST, check_setup.NEWEST
    above = f"{newest[0]}.{newest[1] + 1}"
    assert project["requires-python"] == f">={oldest[0]}.{oldest[1]},<{above}"
