"""Where things lie."""

import pytest
from support import is_one_sentence

from helpers import paths
from helpers.images import DataError


def test_work_folder(monkeypatch, tmp_path):
    assert paths.work_folder() == tmp_path / "work"
    assert paths.work_folder().is_dir()
    monkeypatch.setattr(paths, "ROOT", tmp_path / "lesson")
    monkeypatch.setenv("CHEST_XRAYS_WORK", "mine")
    assert paths.work_folder() == tmp_path / "lesson" / "mine"
    monkeypatch.setenv("CHEST_XRAYS_WORK", "")  # empty: as if it were not set
    assert paths.work_folder() == tmp_path / "lesson" / "work"
    monkeypatch.delenv("CHEST_XRAYS_WORK")
    assert paths.work_folder() == tmp_path / "lesson" / "work"
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CHEST_XRAYS_WORK", str(tmp_path / "file" / "work"))
    with pytest.raises(DataError, match="set CHEST_XRAYS_WORK") as error:
        paths.work_folder()
    assert is_one_sentence(error)


def test_a_home_of_nobody_is_a_folder_like_any_other(monkeypatch, tmp_path):
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    monkeypatch.setenv("CHEST_XRAYS_WORK", "~nobody-of-that-name/x")
    assert paths.work_folder() == tmp_path / "~nobody-of-that-name" / "x"
    monkeypatch.setenv("CHEST_XRAYS_WORK", "x" * 300)
    with pytest.raises(DataError, match="set CHEST_XRAYS_WORK") as error:
        paths.work_folder()
    assert is_one_sentence(error)
