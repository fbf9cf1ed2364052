"""Slow faults of the download and of the chooser: every point, two processes, a small real disk."""

import functools
import hashlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support import ROOT, is_one_sentence, make_image, write_png

from helpers.data import find_dataset
from tools import fetch, nih


def neighbour(name):
    """Read what tests/tools/test_NAME.py has: its server, its archive, its code for children."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tests" / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


downloading, choosing = neighbour("test_fetch"), neighbour("test_nih")
server, collection = downloading.server, choosing.collection  # fixtures
pytestmark = pytest.mark.slow
posix = pytest.mark.skipif(os.name == "nt", reason="there is no fork")


@posix
def test_a_download_killed_at_every_point(server, tmp_path):
    given = (downloading.request(server, tmp_path), 1, str(tmp_path))
    command = [sys.executable, "-c", downloading.KILLED, repr(given)]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    deeds, ends = answer.stdout.split(maxsplit=1)
    assert ends == f"{{{-signal.SIGKILL}}}\n"
    for point in range(1, int(deeds) + 1):
        folder = tmp_path / f"1-{point}"
        if (folder / "chest_xrays").exists():
            assert len(find_dataset(folder / "chest_xrays")) == 6
        fetch.fetch(**downloading.request(server, folder))
        downloading.assert_whole(folder)


@posix
def test_a_choice_interrupted_and_killed_at_every_point(collection):
    names = {"images": "nih", "entries": "entries.csv", "boxes": "boxes.csv"}
    arguments = [word for name in names for word in (f"--{name}", str(collection / names[name]))]
    arguments += ["--count", "2", "--size", "32"]
    given = (arguments, 1, str(collection))
    command = [sys.executable, "-c", choosing.ENDED, repr(given)]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    deeds, ends = answer.stdout.split(maxsplit=1)
    assert ends == "{130} {-9}\n"
    whole = choosing.content(collection / "0-0")
    for point in range(1, int(deeds) + 1):
        assert not list(collection.glob(f"0-{point}.*"))
        for folder in (collection / f"0-{point}", collection / f"1-{point}"):
            assert folder.exists() or nih.main([*arguments, "--out", str(folder)]) == 0
            assert choosing.content(folder) == whole


def command_of(arguments):
    code = (
        "import functools, sys; from tools import fetch;"
        f"fetch.fetch = functools.partial(fetch.fetch, **{arguments!r});"
        "sys.exit(fetch.main([]))"
    )
    return [sys.executable, "-c", code]


def test_five_downloads_at_once(server, tmp_path):
    server.plan = ["pause"]
    command = command_of(downloading.request(server, tmp_path))
    start = functools.partial(
        subprocess.Popen, command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    first = start()
    assert server.half_way.wait(60)
    for other in [start() for _ in range(4)]:
        _, said = other.communicate(timeout=120)
        assert other.returncode == 1
        assert is_one_sentence(said.decode())
        assert b"Another download" in said
    server.go_on.set()
    first.communicate(timeout=120)
    assert first.returncode == 0
    downloading.assert_whole(tmp_path)
    assert server.asked == 1


def test_a_killed_download_locks_nobody_out(server, tmp_path):
    server.plan = ["stall"]
    process = subprocess.Popen(
        command_of(downloading.request(server, tmp_path)), cwd=ROOT, stderr=subprocess.DEVNULL
    )
    assert server.half_way.wait(60)
    process.kill()
    process.wait(60)
    server.go_on.set()
    server.plan = ["well"]
    fetch.fetch(**downloading.request(server, tmp_path))
    downloading.assert_whole(tmp_path)


@pytest.fixture
def small_disk(tmp_path):
    """Mount a disk of so many kilobytes; only root may."""
    mounted = []

    def mount(kilobytes):
        folder = tmp_path / f"disk of {kilobytes}"
        folder.mkdir()
        options = ["-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
        if not shutil.which("mount") or subprocess.run(["mount", *options]).returncode:
            pytest.skip("a disk can be mounted here by nobody, or by root alone")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)


def images_below(folder):
    return [path for path in Path(folder).rglob("*.png") if path.is_file()]


@pytest.mark.parametrize("kilobytes", [8, 24, 32, 40])
def test_a_full_disk_while_downloading(kilobytes, server, small_disk, tmp_path):
    server.content = downloading.make_archive()
    disk = small_disk(kilobytes)
    asked = downloading.request(server, disk / "downloads")
    asked["sha256"] = hashlib.sha256(server.content).hexdigest()
    downloading.assert_refused(r"cannot be written \(no space left", **asked)
    assert not images_below(disk)
    subprocess.run(["mount", "-o", "remount,size=4m", str(disk)], check=True)
    fetch.fetch(**asked)
    downloading.assert_whole(disk / "downloads")


@pytest.mark.parametrize("kilobytes", [8, 32, 80])
def test_a_full_disk_while_choosing(kilobytes, collection, small_disk):
    disk = small_disk(kilobytes)
    out = disk / "out"
    with pytest.raises(nih.DataError, match=r"out cannot be written \(no space left") as error:
        nih.choose(collection / "nih", collection / "entries.csv", out, count=8, size=128)
    assert is_one_sentence(error)
    assert list(disk.iterdir()) == []
    subprocess.run(["mount", "-o", "remount,size=4m", str(disk)], check=True)
    chosen = nih.choose(collection / "nih", collection / "entries.csv", out, count=8, size=128)
    assert len(find_dataset(chosen)) == 16


def test_a_disk_of_its_own_cannot_be_replaced(collection, small_disk):
    disk = small_disk(4000)
    with pytest.raises(nih.DataError, match="or a whole disk: name a new folder") as error:
        nih.choose(collection / "nih", collection / "entries.csv", disk, count=8, size=64)
    assert is_one_sentence(error)


def test_a_disk_that_may_only_be_read(server, collection, small_disk):
    disk = small_disk(4000)
    fetch.fetch(**downloading.request(server, disk / "whole"))
    (disk / "whole" / "unfinished").mkdir()
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    assert fetch.fetch(**downloading.request(server, disk / "whole"))
    downloading.assert_refused(
        r"\(read-only file system\)", **downloading.request(server, disk / "other")
    )
    with pytest.raises(nih.DataError, match="read-only file system") as error:
        nih.choose(collection / "nih", collection / "entries.csv", disk / "out", count=8, size=64)
    assert is_one_sentence(error)


def test_a_choice_of_many_duplicates(tmp_path):
    rows = ["Image Index,Finding Labels,Patient ID,View Position"]
    for patient in range(400):
        name = f"{patient:08}_000.png"
        rows.append(f"{name},{('No Finding', 'Effusion')[patient % 2]},{patient},PA")
        for copy in range(3):
            write_png(tmp_path / "nih" / f"copy {copy}" / name, make_image(patient, 64))
    (tmp_path / "entries.csv").write_text("\n".join(rows))
    chosen = nih.choose(tmp_path / "nih", tmp_path / "entries.csv", tmp_path / "out", None, 200, 64)
    assert len(find_dataset(chosen)) == 400
