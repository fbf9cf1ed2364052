"""Downloading, against a server of our own on this computer."""

import errno
import functools
import hashlib
import io
import os
import re
import signal
import stat
import subprocess
import sys
import threading
import types
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import pooch
import pytest
from support import ROOT, is_one_sentence, make_image

from helpers.images import DataError, read_image
from tools import fetch


def make_archive(images=3, top="chest_xrays/", extra=()):
    """Pack a small archive like the real one; returns its bytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for label, name in enumerate(("normal", "effusion")):
            archive.writestr(f"{top}{name}/", b"")
            for index in range(images):
                image = make_image(10 * label + index)
                content = cv2.imencode(".png", image)[1].tobytes()
                archive.writestr(f"{top}{name}/{name}_{index}.png", content)
        archive.writestr(f"__MACOSX/{top}normal/._normal_0.png", b"")
        for name in extra:
            archive.writestr(name, b"x")
    return file.getvalue()


class Handler(BaseHTTPRequestHandler):
    """Answer one request after the other as the server's plan says; the last goes for the rest."""

    def do_GET(self):
        server = self.server
        server.asked += 1
        deed = server.plan.pop(0) if len(server.plan) > 1 else server.plan[0]
        if deed.isdigit():
            self.send_error(int(deed))
            return
        body = server.content
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if deed == "well":
            self.wfile.write(body)
            return
        self.wfile.write(body[: len(body) // 2])
        if deed == "stall":
            server.half_way.set()
            server.go_on.wait(60)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):  # the other side has gone: that is what is tested
        pass


@pytest.fixture
def server(monkeypatch):
    # pooch waits 1, 2 and 3 seconds before it tries again
    monkeypatch.setattr(pooch.core, "time", types.SimpleNamespace(sleep=lambda _: None))
    server = Server(("127.0.0.1", 0), Handler)
    server.content, server.plan, server.asked = make_archive(), ["well"], 0
    server.half_way, server.go_on = threading.Event(), threading.Event()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.go_on.set()
    server.shutdown()
    server.server_close()
    thread.join()


def request(server, folder, **other):
    """Give the arguments of a download from the test's server."""
    return {
        "url": f"http://127.0.0.1:{server.server_port}/chest_xrays.zip",
        "sha256": hashlib.sha256(server.content).hexdigest(),
        "destination": str(folder),
        "per_class": 3,
    } | other


def assert_whole(folder):
    """The images are in place, as they were packed, and nothing else is."""
    assert [path.name for path in folder.iterdir()] == ["chest_xrays"]
    for label, name in enumerate(("normal", "effusion")):
        files = sorted((folder / "chest_xrays" / name).iterdir())
        assert [path.name for path in files] == [f"{name}_{index}.png" for index in range(3)]
        for index, path in enumerate(files):
            assert (read_image(path) == make_image(10 * label + index)).all()


def assert_refused(problem, **arguments):
    """It ends in one sentence, with no image in place and nothing half done left behind."""
    with pytest.raises(DataError, match=problem) as error:
        fetch.fetch(**arguments)
    assert is_one_sentence(error)
    assert not list(Path(arguments["destination"]).rglob("*.png"))
    assert not list(Path(arguments["destination"]).rglob("tmp*"))


def test_the_address_is_pinned():
    assert re.search(r"/raw/[0-9a-f]{40}/.*\.zip$", fetch.URL)
    assert re.fullmatch("[0-9a-f]{64}", fetch.SHA256)


def test_whole_and_again(server, tmp_path, capsys):
    folder = tmp_path / "downloads"
    assert fetch.fetch(**request(server, folder)) == folder / "chest_xrays"
    assert_whole(folder)
    assert "100%" in capsys.readouterr().err
    before = sorted((p, p.stat().st_mtime_ns) for p in folder.rglob("*"))
    assert fetch.fetch(**request(server, folder)) == folder / "chest_xrays"
    assert sorted((p, p.stat().st_mtime_ns) for p in folder.rglob("*")) == before
    assert server.asked == 1


def test_class_folders_are_found_under_any_other_folder(server, tmp_path):
    for top in ("", "elsewhere/"):
        server.content = make_archive(top=top)
        folder = tmp_path / f"downloads {len(top)}"
        fetch.fetch(**request(server, folder))
        assert (folder / "chest_xrays" / "normal" / "normal_2.png").exists()
        assert (folder / "chest_xrays" / "effusion" / "effusion_0.png").exists()
        assert [path.name for path in folder.iterdir()] == ["chest_xrays"]
        if os.name == "posix":  # others on this computer may read them
            assert stat.S_IMODE((folder / "chest_xrays").stat().st_mode) & 0o055 == 0o055


def test_trouble_that_passes(server, tmp_path):
    server.plan = ["500", "break", "404", "well"]
    fetch.fetch(**request(server, tmp_path / "downloads"))
    assert_whole(tmp_path / "downloads")
    assert server.asked == 4


def test_trouble_that_stays(server, tmp_path, monkeypatch):
    folder = tmp_path / "downloads"
    monkeypatch.setattr(pooch.downloaders, "DEFAULT_TIMEOUT", 0.2)  # seconds
    for deed, problem in (
        ("404", r"refuses the download \(404 .*README"),
        ("500", r"refuses the download \(500 .*later"),
        ("break", "breaks off: check the network"),
        ("stall", "breaks off: check the network"),
    ):
        server.plan, server.asked = [deed], 0
        assert_refused(problem, **request(server, folder))
        assert server.asked == 1 + fetch.RETRIES
    assert_refused(
        "fails or breaks off: check the network",
        **request(server, folder, url="http://127.0.0.1:9/x.zip"),
    )
    server.plan = ["well"]
    fetch.fetch(**request(server, folder))
    assert_whole(folder)


def test_another_check_sum_is_refused_until_the_archive_is_the_right_one(server, tmp_path):
    asked, whole = request(server, tmp_path / "downloads"), server.content
    for content in (whole[:500] + b"\0" * 10 + whole[510:], whole[:-1000], whole + b"more"):
        server.content = content
        assert_refused("another check sum", **asked)
    server.content = whole
    left = tmp_path / "downloads" / "unfinished" / "chest_xrays.zip"
    left.write_bytes(whole[:-1000])  # it is not used either
    fetch.fetch(**asked)
    assert_whole(tmp_path / "downloads")


def test_a_hostile_archive_writes_nothing_outside(server, tmp_path):
    for number, (name, found) in enumerate(
        {
            "../outside.png": True,  # unpacked beside the class folders, and taken away
            f"{tmp_path}/outside.png": True,
            "C:\\outside.png": True,
            "..\\..\\outside.png": True,
            "chest_xrays/normal/../../../outside.png": False,  # one image too many
            "../chest_xrays/effusion/outside.png": False,
        }.items()
    ):
        server.content = make_archive(extra=[name])
        folder = tmp_path / str(number) / "downloads"
        if found:
            fetch.fetch(**request(server, folder))
            assert_whole(folder)
        else:
            assert_refused("does not hold 3 images in each", **request(server, folder))
        assert not list(tmp_path.rglob("*outside*")), name


def test_an_archive_with_other_images_is_refused(server, tmp_path):
    for content in (
        make_archive().replace(b"normal", b"narmol"),
        make_archive(images=2),
        make_archive(images=4),
        make_archive(images=2, extra=["elsewhere/normal/normal_2.png"]),
    ):
        server.content = content
        assert_refused("does not hold 3 images in each", **request(server, tmp_path / "downloads"))


def test_a_full_disk(server, tmp_path, monkeypatch):
    folder = tmp_path / "downloads"

    def fill_while_downloading(_, url, output, *__):
        Path(output).write_bytes(server.content[:1000])
        raise OSError(errno.ENOSPC, "No space left on device")

    def fill_while_unpacking(archive, target):
        archive.extract("chest_xrays/normal/normal_0.png", target)
        raise OSError(errno.ENOSPC, "No space left on device")

    for place, name, fill in (
        (pooch.HTTPDownloader, "__call__", fill_while_downloading),
        (zipfile.ZipFile, "extractall", fill_while_unpacking),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(place, name, fill)
            assert_refused(
                r"cannot be written \(No space left.* 333 MB are free", **request(server, folder)
            )
    fetch.fetch(**request(server, folder))
    assert_whole(folder)
    assert server.asked == 1  # the archive was there already


def test_a_folder_that_may_not_be_written(server, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    assert_refused(r"cannot be written \(", **request(server, tmp_path / "file" / "downloads"))

    def refuse(**_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(pooch.utils.tempfile, "NamedTemporaryFile", refuse)
    assert_refused(r"cannot be written \(permission", **request(server, tmp_path / "downloads"))
    assert server.asked == 0


def test_a_changed_folder_is_not_touched(server, tmp_path):
    fetch.fetch(**request(server, tmp_path / "downloads"))
    normal = tmp_path / "downloads" / "chest_xrays" / "normal"
    (normal / "normal_1.png").unlink()
    with pytest.raises(DataError, match="other files than were downloaded") as error:
        fetch.fetch(**request(server, tmp_path / "downloads"))
    assert is_one_sentence(error)
    assert len(list(normal.iterdir())) == 2


def test_the_command_interrupted_killed_and_run_again(server, tmp_path, capsys, monkeypatch):
    folder = tmp_path / "downloads"
    code = (
        "import functools, sys; from tools import fetch;"
        f"fetch.fetch = functools.partial(fetch.fetch, **{request(server, folder)!r});"
        "sys.exit(fetch.main([]))"
    )

    def run(end=None):
        """Run the command, and end it half way by a signal; returns exit code and its prints."""
        process = subprocess.Popen(
            [sys.executable, "-c", code], cwd=ROOT, stdout=-1, stderr=-1, text=True
        )
        if end is not None:
            assert server.half_way.wait(60)
            server.half_way.clear()
            process.send_signal(end)
        printed, complained = process.communicate(timeout=60)
        # the bar is drawn again and again in one line
        said = [line for line in complained.splitlines() if line and "B/s]" not in line]
        return process.returncode, printed, said

    server.plan = ["stall"]
    if os.name == "posix":
        assert run(signal.SIGINT) == (130, "", ["Interrupted: run this again to get the X-rays."])
        assert not list(folder.rglob("tmp*"))
    exit_code, printed, _ = run(signal.SIGTERM if os.name == "nt" else signal.SIGKILL)
    assert exit_code != 0
    assert printed == ""
    assert list((folder / "unfinished").glob("tmp*"))
    assert not (folder / "chest_xrays").exists()
    half = folder / "unfinished" / "tmpleft" / "unpacked" / "normal"  # of a killed unpacking
    half.mkdir(parents=True)

    monkeypatch.setattr(fetch, "fetch", functools.partial(fetch.fetch, **request(server, folder)))
    server.plan = ["break"]
    assert fetch.main([]) == 1
    *bars, last = capsys.readouterr().err.splitlines()
    assert "B/s]" in bars[-1]
    assert is_one_sentence(last)
    assert "B/s]" not in last
    assert not list(folder.rglob("tmp*"))

    server.plan = ["well"]
    exit_code, printed, said = run()
    assert (exit_code, said) == (0, [])
    assert is_one_sentence(printed)
    assert str(folder / "chest_xrays") in printed
    assert_whole(folder)
