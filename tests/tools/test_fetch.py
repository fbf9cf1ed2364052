"""Downloading, against a server of our own on this computer."""

import errno
import functools
import gc
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
import filelock
import pooch
import pytest
import tqdm
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
            archive.writestr(name, name)  # no two alike
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
        if deed == "circle":
            self.send_response(302)
            self.send_header("Location", f"/{server.asked}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = server.content
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if deed == "well":
            self.wfile.write(body)
            return
        self.wfile.write(body[: len(body) // 2])
        if deed in ("stall", "pause"):
            server.half_way.set()
            server.go_on.wait(60)
        if deed == "pause":
            self.wfile.write(body[len(body) // 2 :])

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


def visible(folder):
    return [path.name for path in folder.iterdir() if path.name != ".lock"]


def assert_whole(folder):
    """The images are in place, as they were packed, and nothing else that is seen is."""
    assert visible(folder) == ["chest_xrays"]
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
        assert visible(folder) == ["chest_xrays"]
        if os.name == "posix":  # others on this computer may read them
            assert stat.S_IMODE((folder / "chest_xrays").stat().st_mode) & 0o055 == 0o055


def test_trouble_that_passes(server, tmp_path):
    server.plan = ["500", "break", "404", "well"]
    fetch.fetch(**request(server, tmp_path / "downloads"))
    assert_whole(tmp_path / "downloads")
    assert server.asked == 4


def test_trouble_that_stays(server, tmp_path, monkeypatch):
    folder = tmp_path / "downloads"
    monkeypatch.setattr(fetch, "PATIENCE", 0.2)  # seconds
    for deed, problem in (
        ("404", r"refuses the download \(error 404\): look in the README"),
        ("410", r"refuses the download \(error 410\): look in the README"),
        ("429", r"refuses the download \(error 429\): .* wait some minutes"),
        ("500", r"refuses the download \(error 500\): run this again later"),
        ("403", r"refuses the download \(error 403\): try again in another network"),
        ("416", r"refuses the download \(error 416\): try again in another network"),
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


def test_a_server_that_sends_from_one_address_to_the_next_is_soon_left(server, tmp_path):
    server.plan = ["circle"] * 2 + ["well"]
    fetch.fetch(**request(server, tmp_path / "well"))
    assert_whole(tmp_path / "well")
    server.plan, server.asked = ["circle"], 0
    assert_refused("ever more addresses: try", **request(server, tmp_path / "downloads"))
    assert server.asked == 1 + fetch.REDIRECTS


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
            assert_refused("does not hold 3 images", **request(server, folder))
        assert not list(tmp_path.rglob("*outside*")), name


def test_an_archive_with_other_images_is_refused(server, tmp_path):
    for content in (
        make_archive().replace(b"normal", b"narmol"),
        make_archive(images=2),
        make_archive(images=4),
        make_archive(images=2, extra=["elsewhere/normal/normal_2.png"]),
        make_archive(extra=["elsewhere/normal/normal_2.png"]),
        make_archive(2, extra=["chest_xrays/normal/NORMAL_0.png", "chest_xrays/effusion/e.png"]),
    ):
        server.content = content
        folder = tmp_path / "downloads"
        assert_refused("does not hold 3 images of different names", **request(server, folder))


def test_what_was_not_unpacked_whole_is_refused(server, tmp_path, monkeypatch):
    unpack = zipfile.ZipFile.extractall
    spoil = {
        "shorter": lambda path: path.write_bytes(path.read_bytes()[:-1]),
        "another": lambda path: path.rename(path.with_name("normal_9.png")),
    }
    for name, deed in spoil.items():

        def spoilt(archive, target, deed=deed):
            unpack(archive, target)
            deed(target / "chest_xrays" / "normal" / "normal_1.png")

        with monkeypatch.context() as patch:
            patch.setattr(zipfile.ZipFile, "extractall", spoilt)
            assert_refused("not as the archive lists", **request(server, tmp_path / name))
    server.content = b"not an archive"
    assert_refused("cannot be unpacked", **request(server, tmp_path / "downloads"))


def test_two_at_once(server, tmp_path):
    folder = tmp_path / "downloads"
    server.plan = ["pause"]
    first = threading.Thread(target=fetch.fetch, kwargs=request(server, folder))
    first.start()
    assert server.half_way.wait(60)
    with pytest.raises(DataError, match=f"Another download into {folder} is running") as error:
        fetch.fetch(**request(server, folder))
    assert is_one_sentence(error)
    server.go_on.set()
    first.join()
    assert_whole(folder)
    assert server.asked == 1


def test_a_full_disk(server, tmp_path, monkeypatch):
    folder = tmp_path / "downloads"

    def fill_while_downloading(url, output, *_):
        Path(output).write_bytes(server.content[:1000])
        raise OSError(errno.ENOSPC, "No space left on device")

    def fill_while_unpacking(archive, target):
        archive.extract("chest_xrays/normal/normal_0.png", target)
        raise OSError(errno.ENOSPC, "No space left on device")

    for place, name, fill in (
        (fetch, "_get", fill_while_downloading),
        (zipfile.ZipFile, "extractall", fill_while_unpacking),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(place, name, fill)
            assert_refused(
                r"cannot be written \(no space left.* make room for 333 MB",
                **request(server, folder),
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


def test_a_copy_of_the_lesson_that_may_only_be_read(server, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    whole = tmp_path / "whole"
    fetch.fetch(**request(server, whole))
    (whole / "unfinished").mkdir()  # of a run that was stopped at its very end
    with monkeypatch.context() as patch:
        patch.setattr(filelock.FileLock, "acquire", refuse)
        assert_refused(
            r"cannot be written \(read-only file system\): .* copy the lesson to a folder of your",
            **request(server, tmp_path / "downloads"),
        )
        assert fetch.fetch(**request(server, whole)) == whole / "chest_xrays"
    assert fetch.fetch(**request(server, whole)) == whole / "chest_xrays"
    assert_whole(whole)


def test_a_changed_folder_is_not_touched(server, tmp_path):
    fetch.fetch(**request(server, tmp_path / "downloads"))
    normal = tmp_path / "downloads" / "chest_xrays" / "normal"
    (normal / "normal_1.png").unlink()
    with pytest.raises(DataError, match="other files than were downloaded") as error:
        fetch.fetch(**request(server, tmp_path / "downloads"))
    assert is_one_sentence(error)
    assert len(list(normal.iterdir())) == 2


@pytest.mark.parametrize("moment", ["_get_free_pos", "refresh", "update"])
def test_interrupted_while_the_bar_is_drawn(moment, server, tmp_path, capsys, monkeypatch):
    do = getattr(tqdm.tqdm, moment)

    def interrupt(*arguments, **options):
        if moment != "_get_free_pos":  # half way through making the bar, before it has a place
            do(*arguments, **options)
        raise KeyboardInterrupt

    ignored = []
    monkeypatch.setattr(sys, "unraisablehook", ignored.append)
    monkeypatch.setattr(tqdm.tqdm, moment, interrupt)
    asked = request(server, tmp_path / "downloads")
    monkeypatch.setattr(fetch, "fetch", functools.partial(fetch.fetch, **asked))
    assert fetch.main([]) == 130
    gc.collect()
    assert not ignored
    *bars, last = filter(None, capsys.readouterr().err.splitlines())
    assert last == "Interrupted: run this again to get the X-rays."
    assert all("B/s]" in line for line in bars)
    assert not list((tmp_path / "downloads").rglob("tmp*"))


KILLED = """
import functools, sys
sys.path.insert(0, "tests")
import deeds
from tools import fetch

arguments, step, folder = eval(sys.argv[1])

def work(place):
    fetch.fetch(**arguments | {"destination": place})

print(*deeds.ends(work, folder, step))
"""


@pytest.mark.skipif(os.name == "nt", reason="there is no fork")
def test_killed_anywhere_it_leaves_nothing_half_done_and_runs_again(server, tmp_path):
    step = 4
    given = (request(server, tmp_path), step, str(tmp_path))
    command = [sys.executable, "-c", KILLED, repr(given)]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    deeds, ends = answer.stdout.split(maxsplit=1)
    assert int(deeds) > 20
    assert ends == f"{{{-signal.SIGKILL}}}\n"
    for point in range(1, int(deeds) + 1, step):
        folder = tmp_path / f"1-{point}"
        if (folder / "chest_xrays").exists():
            assert sum(path.suffix == ".png" for path in folder.glob("chest_xrays/*/*")) == 6
        fetch.fetch(**request(server, folder))
        assert_whole(folder)


@pytest.mark.skipif(os.name == "nt", reason="there is no such limit")
def test_a_disk_with_room_for_half(server, tmp_path):
    code = (
        "import resource; from tools import fetch; from helpers.images import DataError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5000, -1))\n"
        f"try: fetch.fetch(**{request(server, tmp_path)!r})\n"
        "except DataError as error: print(error)"
    )
    command = [sys.executable, "-c", code]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert is_one_sentence(answer.stdout)
    assert "cannot be written (file too large): make room for 333 MB" in answer.stdout
    assert not list(tmp_path.rglob("tmp*"))
    fetch.fetch(**request(server, tmp_path))
    assert_whole(tmp_path)


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
