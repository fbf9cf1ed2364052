"""What a class loses when something is killed or full: nothing that was saved, and others go on.

The tests share a hub of their own, since they do it harm. Each says how long it took until all went
on (``pytest -rP`` shows it), and none asks for a time: that depends on the machine.
"""

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import time

import nbformat
import psutil
import pytest
import requests

from benchmarks.classroom import Failure, connect
from tools import hub as hubs

pytestmark = pytest.mark.hub
FIRST = "notebooks/01-introduction.ipynb"
LIMIT = 240  # seconds, after which what is waited for will not come
TRAIN = """
import numpy as np
from helpers import models
images = np.random.default_rng(0).random((32, 64, 64, 1), "float32")
labels = np.arange(32) % 2
models.train(models.build_lesson_model(), images, labels, (images, labels), epochs=100_000,
             patience=None, path="trained.keras")
"""
LOAD = """
from helpers import models
print(models.load("trained.keras")[0].name)
"""


@pytest.fixture(scope="module")
def hub():
    with hubs.running() as started:
        yield started


@pytest.fixture(scope="module")
def learners(hub):
    return {name: hubs.log_in(hub, name, f"password of {name}", hub.pass_phrase)
            for name in ("ana", "ben")}  # fmt: skip


@pytest.fixture
def both(hub, learners):
    """Return the sessions of ana and ben, whose servers run; a kernel of ben knows a number."""
    for name, session in learners.items():
        hubs.open_server(hub, session, name)
    assert run(hub, learners, "ben", "number = 41") == ""
    return learners


def run(hub, learners, name, source):
    """Run a cell in the kernel of a learner's first notebook; return what it printed."""

    async def cell():
        kernel = await connect(hub, name, learners[name], FIRST)
        outputs, _ = await kernel.run(source)
        kernel.socket.close()
        return "".join(each.get("text", each["output_type"]) for each in outputs)

    return asyncio.run(asyncio.wait_for(cell(), LIMIT))


def goes_on(hub, learners):
    """Is ben's kernel still the one that he had?"""
    try:
        return run(hub, learners, "ben", "print(number + 1)") == "42\n"
    except (TimeoutError, Failure, OSError, requests.RequestException):
        return False


def until(what, *arguments):
    """Wait until this is true, or fail; return the seconds."""
    start = time.monotonic()
    while not what(*arguments):
        assert time.monotonic() < start + LIMIT, what.__name__
        time.sleep(0.2)
    return time.monotonic() - start


def process(hub, part, name=""):
    """Return the one process whose command has this part, of this learner if one is named."""
    home = hub.state / "homes" / name if name else hub.state
    (found,) = [
        each
        for each in hubs.processes(home)
        if part in each.cmdline() and (name or each.cwd() == str(hub.state))
    ]
    return found


def contents(hub, learners, name, notebook=None):
    """Open a learner's first notebook, or save it; return the answer."""
    changes = {"type": "notebook", "content": notebook} if notebook else {}
    return hubs.contents(hub, learners[name], name, FIRST, **changes)


def write(hub, learners, name, text):
    """Write a text into the first cell of a learner's first notebook, and save it."""
    notebook = contents(hub, learners, name).json()["content"]
    notebook["cells"][0]["source"] = text
    return contents(hub, learners, name, notebook)


def written(hub, learners, name):
    return contents(hub, learners, name).json()["content"]["cells"][0]["source"]


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "ended"])
def test_without_the_hub_kernels_go_on_and_a_new_hub_finds_them(end, hub, both):
    old = process(hub, "jupyterhub")
    os.kill(old.pid, end)
    old.wait(LIMIT)
    server = process(hub, "jupyterhub.singleuser", "ben")
    start = time.monotonic()
    hubs.start(hub)  # as systemd does: Restart=always
    until(goes_on, hub, both)
    print(f"all go on after {time.monotonic() - start:.0f} s")
    assert process(hub, "jupyterhub.singleuser", "ben") == server
    assert written(hub, both, "ana")
    home = f"{hub.address}/hub/home"
    assert both["ben"].get(home, timeout=60).url == home  # no new log-in
    hubs.log_in(hub, "ben", "password of ben")
    assert goes_on(hub, both)


def test_while_the_hub_is_away_who_works_goes_on(hub, both):
    process(hub, "jupyterhub").kill()
    assert goes_on(hub, both) and write(hub, both, "ben", "written without a hub").ok
    hubs.start(hub)
    until(goes_on, hub, both)
    assert written(hub, both, "ben") == "written without a hub"


def test_another_proxy_takes_the_place_of_one_that_was_killed(hub, both):
    (old,) = [each for each in hubs.processes(hub.state) if "node" in each.cmdline()[0]]
    old.kill()
    print(f"all go on after {until(goes_on, hub, both):.0f} s")
    assert not old.is_running()
    assert written(hub, both, "ana")


def test_a_server_that_was_killed_is_started_again_with_what_was_saved(hub, both):
    assert write(hub, both, "ana", "what ana wrote").ok
    assert run(hub, both, "ana", "number = 1") == ""
    old = process(hub, "jupyterhub.singleuser", "ana")
    kernels = old.children()
    assert kernels
    old.kill()
    assert goes_on(hub, both)
    start = time.monotonic()
    hubs.open_server(hub, both["ana"], "ana", within=LIMIT)
    print(f"ana goes on after {time.monotonic() - start:.0f} s")
    assert written(hub, both, "ana") == "what ana wrote"
    assert run(hub, both, "ana", "print('number' in globals())") == "False\n"  # this is lost
    assert goes_on(hub, both)
    psutil.wait_procs(kernels, timeout=LIMIT)
    assert not [each for each in kernels if each.is_running()]  # nobody could reach them


def test_a_kernel_that_was_killed_starts_again_and_the_trained_network_is_whole(hub, both):
    assert write(hub, both, "ana", "what ana wrote").ok
    trained = hub.state / "homes" / "ana" / "work" / "notebooks" / "trained.keras"
    trained.unlink(missing_ok=True)

    async def train():
        kernel = await connect(hub, "ana", both["ana"], FIRST)
        training = asyncio.create_task(kernel.run(TRAIN))
        start = time.monotonic()
        while not trained.exists():
            assert not training.done(), training.result()
            assert time.monotonic() < start + LIMIT
            await asyncio.sleep(0.1)
        (killed,) = process(hub, "jupyterhub.singleuser", "ana").children()
        killed.kill()
        start = time.monotonic()
        with pytest.raises(Failure, match="the kernel ended"):
            await training
        kernel.socket.close()
        return start

    start = asyncio.run(asyncio.wait_for(train(), LIMIT))
    assert goes_on(hub, both)
    assert run(hub, both, "ana", "print('number' in globals())") == "False\n"
    print(f"ana goes on after {time.monotonic() - start:.0f} s")
    assert run(hub, both, "ana", LOAD) == "lesson\n"
    assert written(hub, both, "ana") == "what ana wrote"


@pytest.fixture
def small_home(hub):
    """Give dora a home of 64 MB: a file system of its own, as quotas would be."""
    home = hub.state / "homes" / "dora"
    home.mkdir(mode=0o700, parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m,mode=700", "tmpfs", home]
    if os.geteuid() or not shutil.which("mount") or subprocess.run(mount).returncode:
        pytest.skip("needs the right to mount a file system")
    yield home
    hubs.end(home)  # dora's server: nobody would find it once its folder is gone
    subprocess.run(["umount", home], check=True)


def test_a_full_home_is_said_in_words_and_keeps_what_was_saved(hub, both, small_home):
    learners = {**both, "dora": hubs.log_in(hub, "dora", "password of dora", hub.pass_phrase)}
    hubs.open_server(hub, learners["dora"], "dora")
    assert write(hub, learners, "dora", "what dora wrote").ok
    notebook = contents(hub, learners, "dora").json()["content"]
    on_disk = small_home / "work" / FIRST
    saved = on_disk.read_bytes()
    filler = small_home / "work" / "filler"
    with pytest.raises(OSError, match="No space left"), filler.open("wb", 0) as file:
        while True:
            file.write(bytes(4096))
    for length in (10, 4096, 100_000, 1_000_000):
        notebook["cells"][0]["source"] = "x" * length
        answer = contents(hub, learners, "dora", notebook)
        assert answer.status_code == 500
        assert re.search("No space left|disk is full", answer.json()["message"])
        assert on_disk.read_bytes() == saved
    assert write(hub, learners, "ana", "what ana wrote, too").ok
    assert goes_on(hub, learners)
    # Dora makes room as one does in JupyterLab, and goes on
    headers = hubs.from_page(learners["dora"], "/user/dora/")
    address = f"{hub.address}/user/dora/api/contents/filler"
    deleted = learners["dora"].delete(address, headers=headers, timeout=60)
    assert deleted.ok, deleted.text
    assert shutil.disk_usage(small_home).free > 10_000_000  # it is not in a bin that nobody sees
    assert write(hub, learners, "dora", "more of dora").ok
    assert written(hub, learners, "dora") == "more of dora"
    nbformat.validate(json.loads(on_disk.read_text("utf-8")))
