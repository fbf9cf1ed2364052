"""What JupyterLab saves is whole, or as it was."""

import errno
import os
import sys

import nbformat
import pytest
from tornado.web import HTTPError

from tools.saving import WholeFiles


@pytest.fixture
def files(tmp_path):
    return WholeFiles(root_dir=str(tmp_path))


def names(folder):
    return sorted(each.name for each in folder.iterdir())


def test_a_file_is_written_and_written_again(files, tmp_path):
    path = tmp_path / "notes.txt"
    for text in ("first\nline", "ä second"):
        with files.atomic_writing(str(path)) as file:
            file.write(text)
        assert path.read_bytes() == text.encode()
    with files.atomic_writing(str(path), text=False) as file:
        file.write(b"\x00\r\n")
    assert path.read_bytes() == b"\x00\r\n" and names(tmp_path) == ["notes.txt"]


@pytest.mark.parametrize("length", [10, 100_000])
def test_a_full_disk_leaves_the_old_file(length, files, tmp_path, monkeypatch):
    path = tmp_path / "notes.txt"
    path.write_text("old")

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)  # the last step at which it can be found out
    with pytest.raises(OSError, match="No space"), files.atomic_writing(str(path)) as file:
        file.write("x" * length)
    assert path.read_text() == "old" and names(tmp_path) == ["notes.txt"]


def test_until_the_new_file_is_whole_there_is_the_old_one(files, tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("old")
    with files.atomic_writing(str(path)) as file:
        file.write("half")
        file.flush()
        assert path.read_text() == "old"  # a kill would leave it
    assert path.read_text() == "half"


@pytest.mark.skipif(sys.platform == "win32", reason="links and modes are another matter there")
def test_a_link_stays_one_and_a_private_file_private(files, tmp_path):
    path, link = tmp_path / "notes.txt", tmp_path / "link.txt"
    path.write_text("old")
    path.chmod(0o600)
    link.symlink_to(path)
    with files.atomic_writing(str(link)) as file:
        file.write("new")
    assert link.is_symlink() and path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600


async def save(files, path, model):
    await files.save(model, path)
    return await files.get(path)


def test_jupyterlab_saves_and_opens_notebooks(files, tmp_path):
    import asyncio

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x = 1")])
    model = {"type": "notebook", "content": notebook}
    opened = asyncio.run(save(files, "a.ipynb", model))
    assert opened["content"]["cells"][0]["source"] == "x = 1"
    with pytest.raises(HTTPError):
        asyncio.run(save(files, "missing/a.ipynb", model))
    assert nbformat.read(tmp_path / "a.ipynb", as_version=4).cells[0].source == "x = 1"
