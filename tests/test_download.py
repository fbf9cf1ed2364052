"""Downloading, against a server of our own on this computer."""

import errno
import hashlib
import io
import os
import signal
import stat
import subprocess
import sys
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import pytest

from conftest import ROOT, is_one_sentence, make_image
from helpers import data, download


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
        archive.writestr(f"{top}.DS_Store", b"")
        for name, content in extra:
            archive.writestr(name, content)
    return file.getvalue()


class Handler(BaseHTTPRequestHandler):
    """Answer one request after the other as the server's plan says; the last goes for the rest."""

    def do_GET(self):
        server = self.server
        asked = self.headers.get("Range")
        server.ranges.append(asked)
        deed = server.plan.pop(0) if len(server.plan) > 1 else server.plan[0]
        if deed.isdigit():
            self.send_error(int(deed))
            return
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and server.resumes else 0
        body = server.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if deed == "break":
            body = body[: len(body) // 2]
        if deed in ("slow", "stall"):
            for place in range(0, len(body), 1000):
                self.wfile.write(body[place : place + 1000])
                time.sleep(0.02 if deed == "slow" else 5)
        else:
            self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):  # the other side has gone: that is what is tested
        pass


@pytest.fixture
def server():
    server = Server(("127.0.0.1", 0), Handler)
    server.content, server.plan, server.ranges, server.resumes = make_archive(), ["well"], [], True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def request(server, folder, **other):
    """Give the arguments of a download from the test's server."""
    return {
        "url": f"http://127.0.0.1:{server.server_port}/chest_xrays.zip",
        "sha256": hashlib.sha256(server.content).hexdigest(),
        "size": len(server.content),
        "destination": folder,
        "per_class": 3,
        "timeout": 2,
        "pause": 0.01,
    } | other


def fetch(server, folder, **other):
    return download.fetch(**request(server, folder, **other))


def assert_whole(folder):
    """The images are in place, as they were packed, and nothing else is."""
    assert sorted(p.name for p in folder.iterdir()) == ["chest_xrays"]
    xrays = data.find(folder)
    assert xrays.labels == (0, 0, 0, 1, 1, 1)
    for path, seed in zip(xrays.files, (0, 1, 2, 10, 11, 12), strict=True):
        assert (data.read_image(path) == make_image(seed)).all()


def assert_refused(server, folder, problem, **other):
    with pytest.raises(data.DataError, match=problem) as error:
        fetch(server, folder, **other)
    assert is_one_sentence(error)
    assert not (folder / "chest_xrays").exists()


def test_the_pinned_address():
    assert download.URL.startswith("https://github.com/carpentries-incubator/")
    assert "b8120b05451347660dabd1a3729e72e083e5256b" in download.URL
    assert download.BYTES == 166_486_464
    assert len(download.SHA256) == 64


def test_whole_and_again(server, tmp_path, capsys):
    folder = tmp_path / "downloads"
    assert fetch(server, folder) == folder / "chest_xrays"
    assert_whole(folder)
    assert "Downloading: 100%" in capsys.readouterr().err
    before = sorted((p, p.stat().st_mtime_ns) for p in folder.rglob("*"))
    assert fetch(server, folder) == folder / "chest_xrays"
    assert sorted((p, p.stat().st_mtime_ns) for p in folder.rglob("*")) == before
    assert len(server.ranges) == 1
    if os.name == "posix":  # others on this computer may read them
        assert stat.S_IMODE((folder / "chest_xrays").stat().st_mode) & 0o055 == 0o055


def test_class_folders_are_found_wherever_they_are(server, tmp_path):
    for number, top in enumerate(("", "some/where/else/")):
        server.content = make_archive(top=top)
        fetch(server, tmp_path / str(number))
        assert_whole(tmp_path / str(number))


def test_slow(server, tmp_path):
    server.plan = ["slow"]
    fetch(server, tmp_path)
    assert_whole(tmp_path)


@pytest.mark.parametrize("resumes", [True, False])
def test_a_connection_that_breaks_off_goes_on(server, tmp_path, resumes):
    server.plan, server.resumes = ["break", "break", "well"], resumes
    server.content = make_archive(extra=[("chest_xrays/README", os.urandom(300_000))])
    fetch(server, tmp_path / "downloads")
    assert_whole(tmp_path / "downloads")
    starts = [int(asked.strip("bytes=-")) for asked in server.ranges[1:]]
    assert 50_000 < starts[0] <= len(server.content) // 2
    assert (starts[1] > starts[0]) == resumes


def test_500_then_well(server, tmp_path):
    server.plan = ["500", "503", "well"]
    fetch(server, tmp_path / "downloads")
    assert_whole(tmp_path / "downloads")


def test_500_for_ever(server, tmp_path):
    server.plan = ["500"]
    assert_refused(server, tmp_path, "answers '500 Internal Server Error'")
    assert len(server.ranges) == download.TRIES


def test_404_is_not_tried_again(server, tmp_path):
    server.plan = ["404"]
    assert_refused(server, tmp_path, "answers '404 Not Found'")
    assert len(server.ranges) == 1


def test_no_network(server, tmp_path):
    assert_refused(server, tmp_path, "check the network", url="http://127.0.0.1:9/x.zip")


def test_a_server_that_falls_silent(server, tmp_path):
    server.plan = ["stall"]
    assert_refused(server, tmp_path, "check the network", timeout=0.2)


def test_truncated_on_the_server(server, tmp_path):
    asked = request(server, tmp_path)
    server.content = server.content[:-1000]
    with pytest.raises(data.DataError, match=r"has [\d,]+ of [\d,]+ bytes") as error:
        download.fetch(**asked)
    assert is_one_sentence(error)
    assert not (tmp_path / "chest_xrays").exists()


def test_more_than_expected(server, tmp_path):
    assert_refused(server, tmp_path, "more than", size=len(server.content) - 1000)


@pytest.mark.parametrize("resumes", [True, False])
def test_wrong_sum_starts_afresh_next_time(server, tmp_path, resumes):
    server.resumes = resumes
    asked, whole = request(server, tmp_path / "downloads"), server.content
    server.content = whole[:500] + b"\0" * 10 + whole[510:]
    with pytest.raises(data.DataError, match="check sum") as error:
        download.fetch(**asked)
    assert is_one_sentence(error)
    assert not (tmp_path / "downloads" / "chest_xrays").exists()
    server.content = whole
    download.fetch(**asked)
    assert_whole(tmp_path / "downloads")
    assert server.ranges == [None, None]


def test_what_is_left_over_is_longer_than_what_the_server_has(server, tmp_path):
    part = tmp_path / "downloads" / "unfinished" / "chest_xrays.zip.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(bytes(len(server.content) + 5))
    fetch(server, tmp_path / "downloads")
    assert_whole(tmp_path / "downloads")
    assert server.ranges == [None]


def with_link():
    file = io.BytesIO(make_archive())
    with zipfile.ZipFile(file, "a") as archive:
        link = zipfile.ZipInfo("chest_xrays/normal/link.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    return file.getvalue()


HARMFUL = {
    "above": make_archive(extra=[("../outside.png", b"x")]),
    "above, further in": make_archive(extra=[("chest_xrays/normal/../../../outside.png", b"x")]),
    "absolute": make_archive(extra=[("/tmp/normal/outside.png", b"x")]),
    "windows": make_archive(extra=[("C:\\normal\\outside.png", b"x")]),
    "backslashes": make_archive(extra=[("..\\..\\normal\\outside.png", b"x")]),
    "link": with_link(),
}


@pytest.mark.parametrize("kind", HARMFUL)
def test_an_archive_that_writes_outside_is_refused(server, tmp_path, kind):
    server.content = HARMFUL[kind]
    folder = tmp_path / "a" / "b"
    assert_refused(server, folder, "wants to write outside its folder")
    assert not list(tmp_path.rglob("outside*"))
    assert not list(tmp_path.rglob("*.png"))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (make_archive(top="other").replace(b"normal", b"narmol"), "0 images in 'normal'"),
        (make_archive(images=2), "2 images in 'normal' and 2 in 'effusion' instead of 3"),
        (make_archive(images=4), "4 images in 'normal' and 4 in 'effusion' instead of 3"),
        (b"this is no archive", "damaged"),
    ],
)
def test_an_archive_without_the_class_folders_is_refused(server, tmp_path, content, problem):
    server.content = content
    assert_refused(server, tmp_path, problem)
    assert not list(tmp_path.rglob("*.png"))


def test_two_images_of_one_name_are_refused(server, tmp_path):
    extra = [("elsewhere/normal/normal_0.png", b"x")]
    server.content = make_archive(images=2, extra=extra)
    assert_refused(server, tmp_path, "3 images in 'normal' and 2")


def test_a_bomb_is_refused(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "MOST_UNPACKED", 1000)
    assert_refused(server, tmp_path, "far too many bytes")


def test_a_full_disk_is_said(server, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        usage = type("Usage", (), {"free": 10})
        patch.setattr(download.shutil, "disk_usage", lambda _: usage)
        assert_refused(server, tmp_path, "nearly full")
        assert server.ranges == []

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(download.shutil, "copyfileobj", full)
        assert_refused(server, tmp_path, "cannot be written .No space left on device")
    fetch(server, tmp_path)  # the archive is there already
    assert len(server.ranges) == 1


def test_a_folder_that_cannot_be_made(server, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(data.DataError, match="cannot be written") as error:
        fetch(server, tmp_path / "file" / "downloads")
    assert is_one_sentence(error)


def test_a_changed_folder_is_not_touched(server, tmp_path):
    fetch(server, tmp_path / "downloads")
    normal = tmp_path / "downloads" / "chest_xrays" / "normal"
    (normal / "normal_1.png").unlink()
    with pytest.raises(data.DataError, match="other files than were downloaded") as error:
        fetch(server, tmp_path / "downloads")
    assert is_one_sentence(error)
    assert len(list(normal.iterdir())) == 2


def start_fetch(server, folder):
    """Download in another process, which can be killed."""
    code = f"from helpers import download; download.fetch(**{request(server, str(folder))!r})"
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.DEVNULL)


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
@pytest.mark.parametrize("resumes", [True, False])
def test_killed_half_way_and_run_again(server, tmp_path, resumes):
    folder = tmp_path / "downloads"
    server.plan, server.resumes = ["slow", "well"], resumes
    server.content = make_archive(extra=[("chest_xrays/README", os.urandom(300_000))])
    process = start_fetch(server, folder)
    part = folder / "unfinished" / "chest_xrays.zip.part"
    end = time.monotonic() + 20
    while not (part.exists() and part.stat().st_size) and time.monotonic() < end:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert 0 < part.stat().st_size < len(server.content)
    assert not (folder / "chest_xrays").exists()
    left = folder / "unfinished" / "tmpleft" / "chest_xrays" / "normal"  # of a killed unpacking
    left.mkdir(parents=True)
    (left / "half.png").write_bytes(b"half")
    fetch(server, folder)
    assert server.ranges[1].startswith("bytes=")
    assert_whole(folder)


def test_nothing_is_in_place_before_all_is(server, tmp_path, monkeypatch):
    original, seen = download.shutil.copyfileobj, []

    def copy(source, file):
        original(source, file)
        seen.append((tmp_path / "chest_xrays").exists())

    monkeypatch.setattr(download.shutil, "copyfileobj", copy)
    move, moved = os.replace, []
    monkeypatch.setattr(download.os, "replace", lambda a, b: (moved.append(b), move(a, b)))
    fetch(server, tmp_path)
    assert seen == [False] * 6
    assert moved[-1] == tmp_path / "chest_xrays"


def test_what_stopped_runs_leave_does_not_pile_up(server, tmp_path):
    server.plan = ["404"]
    (tmp_path / "unfinished" / "tmpabc" / "chest_xrays").mkdir(parents=True)
    (tmp_path / "unfinished" / "tmpdef").write_bytes(b"half")
    assert_refused(server, tmp_path, "404")
    assert list((tmp_path / "unfinished").iterdir()) == []


def test_the_command(server, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "downloads"
    monkeypatch.setattr(download, "DESTINATION", folder)
    whole = download.fetch
    monkeypatch.setattr(download, "fetch", lambda: whole(**request(server, folder)))
    server.plan = ["404", "well"]
    assert data.main(["fetch"]) == 1
    assert "404 Not Found" in capsys.readouterr().err
    assert data.main(["fetch"]) == 0
    assert "The X-rays are downloaded." in capsys.readouterr().out
    assert data.main(["fetch"]) == 0
    printed = capsys.readouterr().out
    assert "The X-rays are there already." in printed
    assert "6 images: 3 normal, 3 effusion" in printed
    assert data.main(["fetch", "more"]) == 2
