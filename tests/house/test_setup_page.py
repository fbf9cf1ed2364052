"""The commands of guide/setup.md, typed as they stand there, each way into a new copy."""

import os
import re
import shutil
import signal
import subprocess

import pytest
from repository import files, read
from support import ROOT

PAGE = read("guide/setup.md")
BLOCK = re.compile(
    r"^(<!-- not tested here -->\n)?```(bash|powershell|text)\n(.*?)^```", re.M | re.S
)
NEW_COPY = ("python3 -m venv", "python3 -m tools.wheels install")  # each begins a way of its own
ADDRESSES = ("PIP_INDEX_URL", "UV_INDEX_URL", "HTTPS_PROXY", "HTTP_PROXY")
NOWHERE = "http://127.0.0.1:9"


def commands():
    """Return all blocks of commands that are not marked, in order."""
    return [code for mark, kind, code in BLOCK.findall(PAGE) if kind == "bash" and not mark]


@pytest.fixture(scope="module")
def new_copy(tmp_path_factory):
    """Return a function that makes a new copy of the lesson, as it is here."""

    def new_copy():
        copy = tmp_path_factory.mktemp("setup") / "lesson"
        subprocess.run(["git", "clone", "--quiet", ROOT, copy], check=True)
        for name in files():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
        return copy

    return new_copy


def environment(**more):
    """Return what a learner's terminal has: nothing of this test's Python."""
    ours = (
        "VIRTUAL_ENV",
        "PYTHONPATH",
        "PYTHONHOME",
        "CHEST_XRAYS",
        "CHEST_XRAYS_WORK",
        "MAKEFLAGS",
    )
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    paths = kept["PATH"].split(os.pathsep)
    kept["PATH"] = os.pathsep.join(path for path in paths if ".venv" not in path)
    return kept | {"BROWSER": "true"} | more  # "true" is a program that does nothing


def run(code, folder, **more):
    """Type commands into a shell; return what they print."""
    done = subprocess.run(
        ["bash", "-euc", code],
        cwd=folder,
        env=environment(**more),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, f"{code}\n{done.stdout}"
    return done.stdout


def open_lab(code, folder):
    """Type a command that opens JupyterLab, until it names its address."""
    if os.geteuid() == 0:  # who is refused, but for this option
        code = run(f"make -n {code.split()[1]}", folder) if code.startswith("make") else code
        code = f"{code.strip()} --allow-root"
    server = subprocess.Popen(
        ["bash", "-euc", code],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    said = []
    try:
        for line in server.stdout:
            said.append(line)
            if re.search(r"http://127\.0\.0\.1:\d+/lab\S*token=\w+", line):
                return
        pytest.fail(f"{code}\n{''.join(said)}")
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


@pytest.mark.setup
def test_every_command_of_the_page_works(new_copy):
    packages = str(new_copy().parent / "packages")
    with_make, folder, tried = new_copy(), None, []
    for code in commands():
        code = re.sub(r"\bDIR\b", packages, code)
        if code.startswith(NEW_COPY):
            folder = new_copy()
        if code.startswith("cd "):
            run(code, with_make.parent)
        elif "lab" in code.split():
            open_lab(code, with_make if code.startswith("make") else folder)
        elif code.startswith("make"):
            said = run(code, with_make)
            assert "check-setup" not in code or "You are ready." in said
        else:
            more = {}
            if "--no-index" in code or "wheels install" in code:
                more = dict.fromkeys(ADDRESSES, NOWHERE)
            if code.startswith("python -m"):  # in a terminal of JupyterLab
                more["PATH"] = f"{folder / '.venv' / 'bin'}:{environment()['PATH']}"
            said = run(code, folder or with_make, **more)
            assert "check_setup" not in code or "You are ready." in said
        tried.append(code)
    assert len(tried) > 10


def test_what_is_not_tested_says_so_to_readers():
    marks = PAGE.count("<!-- not tested here -->")
    assert marks == len(re.findall(r"^\*Not tested here\* \(.+\):$", PAGE, re.M))
    for mark, kind, code in BLOCK.findall(PAGE):
        assert mark or kind != "powershell", f"a test cannot type this here: {code}"
