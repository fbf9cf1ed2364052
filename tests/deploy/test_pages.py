"""The pages of deploy/ say which of their commands are tried, and `make hub` is one of them."""

import os
import re
import signal
import subprocess
import sys

import pytest
import requests
from repository import files, read
from support import ROOT

from tools import hub as hubs

BLOCK = re.compile(r"^(<!-- not tested here -->\n)?```bash\n(.*?)^```", re.M | re.S)


def test_every_command_is_tried_or_marked():
    pages = [name for name in files() if re.match(r"deploy/.*\.md$", name)]
    tried = [code for name in pages for mark, code in BLOCK.findall(read(name)) if not mark]
    assert tried == ["make hub\n"]
    for name in pages:
        assert read(name).count("*Not tested here*") == read(name).count("<!-- not tested here")


@pytest.mark.hub
def test_make_hub_prints_what_opens_it_and_ctrl_c_leaves_nothing():
    assert re.search(r"^hub: .*\n\t\$\(RUN\) -m tools\.hub$", read("Makefile"), re.M)
    port, _ = hubs.free_ports()
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "tools.hub"],
        cwd=ROOT,
        env={**os.environ, "CLASS_PORT": str(port), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    said = []
    while "Ctrl+C" not in "".join(said[-1:]):
        line = process.stdout.readline()
        assert line, "".join(said)
        said.append(line)
    printed = dict(re.findall(r"^(ana|ben|chi) +(\S+)$", "".join(said), re.M))
    assert [*printed] == [*hubs.LEARNERS]
    (pass_phrase,) = re.findall(r"pass phrase: (\S+)$", "".join(said), re.M)
    (state,) = {
        hub.cwd()
        for hub in hubs.psutil.Process(process.pid).children()
        if "jupyterhub" in hub.cmdline()
    }
    hub = hubs.Hub(f"http://127.0.0.1:{port}", hubs.Path(state), pass_phrase, "")
    for name, password in printed.items():
        assert hubs.log_in(hub, name, password)
    hubs.log_in(hub, "dora", "password of dora", pass_phrase)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    assert not os.path.exists(state) and not hubs.processes(hub.state)
    with pytest.raises(requests.ConnectionError):
        requests.get(hub.address, timeout=10)
