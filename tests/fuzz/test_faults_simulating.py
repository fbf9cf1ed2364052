"""Slow faults of the simulator: it is killed at many points, disks are full, two run at once."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
from support import ROOT

pytestmark = pytest.mark.slow
LONGEST = 2.0  # seconds after which the last kill comes: the run is busy by then


def command(out, count=60, processes=2, size=64):
    return [sys.executable, "-m", "simulator", "--out", str(out), "--count", str(count),
            "--size", str(size), "--processes", str(processes)]  # fmt: skip


def launch(out, **options):
    return subprocess.Popen(command(out, **options), cwd=ROOT, start_new_session=True, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip


def finish(out, **options):
    return subprocess.run(command(out, **options), cwd=ROOT, capture_output=True, text=True)


def everything(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return what 60 X-rays are, for comparison."""
    out = tmp_path_factory.mktemp("whole") / "out"
    assert finish(out).returncode == 0
    return everything(out)


@pytest.mark.parametrize(
    "by, group", [("SIGKILL", False), ("SIGTERM", False), ("SIGTERM", True), ("SIGHUP", True),
                  ("SIGINT", True), ("SIGINT", False)]
)  # fmt: skip
@pytest.mark.parametrize("point", range(20))
def test_killed_at_twenty_points(tmp_path, whole, by, group, point):
    out = tmp_path / "out"
    assert finish(out, count=3, processes=1).returncode == 0
    before = everything(out)
    run = launch(out)
    time.sleep(0.05 + LONGEST * point / 20)
    children = []
    with contextlib.suppress(psutil.NoSuchProcess):
        children = psutil.Process(run.pid).children(recursive=True)
    with contextlib.suppress(ProcessLookupError):
        (os.killpg if group else os.kill)(run.pid, getattr(signal, by))
    run.wait(60)
    assert not psutil.wait_procs(children, timeout=20)[1], "workers still run"
    said = run.stderr.read()
    assert everything(out) in (before, whole)
    if by == "SIGINT" and run.returncode != 0 and (point or run.returncode == 130):
        assert run.returncode == 130 and len(said.strip().splitlines()) == 1, said
    if by != "SIGKILL" and run.returncode >= 0:
        assert [p.name for p in tmp_path.iterdir()] == ["out"]
    again = finish(out, count=2, processes=1)
    assert again.returncode == 0, again.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


KILLED_AT = """
import os, pathlib, signal, sys
from simulator import series
def wrap(owner, name, at):
    real, calls = getattr(owner, name), []
    def wrapped(*args, **options):
        calls.append(1)
        if len(calls) == at and sys.argv[4] == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*args, **options)
        if len(calls) == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    setattr(owner, name, wrapped)
place, name = sys.argv[2].split(".")
owners = {"Path": pathlib.Path, "series": series, "shutil": series.shutil}
wrap(owners[place], name, int(sys.argv[3]))
series.simulate(sys.argv[1], 4, size=64, processes=1, progress=False)
"""
STEPS = [("Path.mkdir", 1), ("Path.mkdir", 3), ("Path.write_bytes", 1), ("Path.write_bytes", 6),
         ("series.write_tables", 1), ("Path.write_text", 1), ("Path.write_text", 2),
         ("series.put_in_place", 1), ("Path.rename", 1), ("Path.rename", 2),
         ("shutil.rmtree", 1), ("shutil.rmtree", 2), ("Path.unlink", 1)]  # fmt: skip


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step, at", STEPS)
def test_killed_at_each_step(tmp_path, step, at, when):
    out, model = tmp_path / "x" / "out", tmp_path / "model"
    assert finish(model, count=4, processes=1).returncode == 0
    assert finish(out, count=3, processes=1).returncode == 0
    before = everything(out)
    args = [sys.executable, "-c", KILLED_AT, str(out), step, str(at), when]
    run = subprocess.run(args, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == -signal.SIGKILL, run.stderr
    aside = out.parent / ".out.simulator" / "old"
    there = everything(out) if out.exists() else everything(aside)
    assert there in (before, everything(model))
    # What comes next is refused, and still tidies up.
    if out.exists():
        mine = out / "lungs" / "mine.png"
        mine.write_text("precious")
        assert finish(out, count=2, processes=1).returncode == 2
        assert mine.read_text() == "precious"
        assert [p.name for p in out.parent.iterdir()] == ["out"]
        mine.unlink()
    again = finish(out, count=2, processes=1)
    assert again.returncode == 0, again.stderr
    assert [p.name for p in out.parent.iterdir()] == ["out"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")
@pytest.mark.parametrize("kilobytes", [8, 64, 200, 400])
def test_full_disk(tmp_path, kilobytes):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no right to mount")
    try:
        out = disk / "out"
        assert finish(out, count=3, processes=1).returncode == 0
        before = everything(out)
        fill = os.statvfs(disk).f_bavail * 4096 - kilobytes * 1024
        (disk / "fill").write_bytes(bytes(fill))
        run = finish(out, count=60)
        assert run.returncode == 2 and run.stderr.count("\n") == 1, run.stderr
        assert "No space left" in run.stderr
        assert everything(out) == before
        assert sorted(p.name for p in disk.iterdir()) == ["fill", "out"]
        (disk / "fill").unlink()
        assert finish(out, count=2, processes=1).returncode == 0
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("later", [0.0, 0.3, 0.7, 1.2])
@pytest.mark.parametrize("earlier", [False, True])
def test_two_at_once(tmp_path, whole, later, earlier):
    out = tmp_path / "out"
    if earlier:
        assert finish(out, count=2, processes=1).returncode == 0
    first = launch(out)
    time.sleep(later)
    second = launch(out)
    said = [run.communicate(timeout=120)[1] for run in (first, second)]
    codes = [first.returncode, second.returncode]
    assert 0 in codes and set(codes) <= {0, 2}
    for code, text in zip(codes, said, strict=True):
        assert text.count("\n") == (code != 0) and (code == 0 or "another run" in text), text
    assert everything(out) == whole
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_kernel_that_is_killed_takes_its_workers_along():
    code = """
import sys, time
from simulator import shortcut
planting = shortcut.start({"a": (400, 1, "any", "any")})
print("begun", flush=True)
time.sleep(60)
"""
    run = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    run.stdout.readline()
    time.sleep(1.5)
    children = psutil.Process(run.pid).children(recursive=True)
    run.kill()
    run.wait()
    assert children and not psutil.wait_procs(children, timeout=60)[1]
    run.stdout.close()


def test_a_stopped_cell_can_be_run_again():
    """As a kernel is interrupted: the whole group gets SIGINT, at any time."""
    code = """
import sys
from simulator import shortcut
planting = shortcut.start({"a": (40, 1, "any", "any")})
print("begun", flush=True)
stopped = 0
while True:
    try:
        made = planting.result()
        break
    except KeyboardInterrupt:
        stopped += 1
print(len(made["a"].labels), stopped, flush=True)
"""
    pipe = subprocess.PIPE
    run = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        start_new_session=True,
        text=True,
        stdout=pipe,
        stderr=pipe,
    )
    run.stdout.readline()
    for _ in range(10):
        time.sleep(0.15)
        os.killpg(run.pid, signal.SIGINT)
    said, errors = run.communicate(timeout=120)
    count, stopped = map(int, said.split())
    assert (count, run.returncode, errors) == (40, 0, "") and stopped > 3
