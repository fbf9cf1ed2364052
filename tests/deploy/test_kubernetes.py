"""The values and the image for Kubernetes fit the chart, the measurements and the one server."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml
from repository import files, read
from support import ROOT

from benchmarks import class_size

FOLDER = "deploy/kubernetes"
SCHEMA = Path(os.environ.get("Z2JH") or ROOT / "../shared/z2jh") / "values.schema.json"
VALUES = yaml.safe_load(read(f"{FOLDER}/values.yaml"))
README = read(f"{FOLDER}/README.md")
DOCKERFILE = read(f"{FOLDER}/Dockerfile")


def merged(values, more):
    """Put one set of values over another, as Helm does."""
    if not (isinstance(values, dict) and isinstance(more, dict)):
        return more
    both = {name: merged(values.get(name), more[name]) for name in more}
    return {**values, **both}


def test_the_chart_accepts_the_values():
    if not SCHEMA.exists():
        pytest.skip("needs the chart's schema: set Z2JH to its folder")
    schema = jsonschema.Draft7Validator(json.loads(SCHEMA.read_text("utf-8")))
    (mine,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    for values in (VALUES, merged(VALUES, yaml.safe_load(mine))):
        wrong = [
            f"{'.'.join(map(str, error.path))}: {error.message}"
            for error in schema.iter_errors(values)
            # What the chart asks of its own values, Helm adds before it looks at ours
            if error.validator != "required" or "extraFiles" in error.path
        ]
        assert not wrong, "\n".join(wrong)


def test_the_yaml_is_tidy():
    rules = ["--strict", "--config-file", "deploy/.yamllint.yml"]
    ours = [name for name in files() if re.match(r"deploy/.*\.ya?ml$", name)]
    command = [sys.executable, "-m", "yamllint", *rules, *ours]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_is_guaranteed_is_what_was_measured():
    learner = VALUES["singleuser"]
    assert learner["memory"] == {
        "guarantee": f"{class_size.MEMORY:g}G",
        "limit": f"{class_size.LIMIT:g}G",
    }
    assert learner["cpu"]["guarantee"] == class_size.PROCESSORS
    for profile in learner["profileList"][1:]:
        more = profile["kubespawner_override"]
        assert float(more["mem_guarantee"].removesuffix("G")) > class_size.MEMORY
        assert float(more["mem_limit"].removesuffix("G")) > class_size.LIMIT
    assert 750 * class_size.MEMORY < class_size.PEAK < 900 * class_size.MEMORY
    assert f"MEMORY={class_size.LIMIT:g}G" in read("deploy/one-server/class.env")


def test_learners_that_fit_a_machine():
    assert class_size.learners_on(2, 4) < class_size.learners_on(2, 8)
    assert class_size.learners_on(4, 1000) == 14  # the processors decide ...
    assert class_size.learners_on(1000, 12) == 10  # ... or the memory
    assert class_size.learners_on(1, 1) == 0
    for learners in range(1, 100):
        processors, memory = class_size.needed_for(learners)
        assert class_size.learners_on(processors, memory) >= learners
        assert class_size.learners_on(processors - 1, memory) < learners
        assert class_size.learners_on(processors, memory - 1) < learners


def test_the_page_says_what_is_computed():
    assert class_size.tables() in README
    assert f"guaranteed {class_size.MEMORY:g} GB" in README
    assert f"takes {class_size.PEAK} MB" in README
    assert f"up to {class_size.LIMIT:g} GB" in README
    assert f"keeps {class_size.SYSTEM:g} GB, {100 * class_size.SHARE:g} % of" in README


def test_the_measurements_are_those_of_the_benchmarks():
    page = read("benchmarks/README.md")
    rows = re.findall(r"^\| (\d\d-[\w-]+) \|.*\| (\d+) \| \d+ \|$", page, re.M)
    assert {name: int(private) for name, private in rows} == class_size.KERNEL
    assert {*class_size.KERNEL} == {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert f"A server takes {class_size.SERVER} MB besides" in page


def test_a_class_at_work_takes_no_more_than_is_kept_free():
    page = read("benchmarks/README.md").split("## A class on one server")[1]
    largest = re.findall(
        r"^\| memory of (a learner|hub|proxy|[\w-]+), MB \|.* (\d+) \|$", page, re.M
    )
    of_learners = [int(peak) for name, peak in largest if name == "a learner"]
    assert of_learners == [*class_size.LEARNER.values()]
    assert max(of_learners) < 1000 * class_size.MEMORY
    tables = [text.split("| memory of all")[0] for text in page.split("| memory of a learner")[1:]]
    sums = [sum(map(int, re.findall(r"\| (\d+) \|$", text, re.M)[1:])) for text in tables]
    assert max(sums) == class_size.HUB < 500


def test_the_image_is_pinned_and_not_root():
    assert re.findall(r"^FROM (.*)$", DOCKERFILE, re.M) == re.findall(
        r"^FROM (\S+:\d+\.\d+\.\d+\S*)$", DOCKERFILE, re.M
    )
    users = re.findall(r"^USER (\S+)$", DOCKERFILE, re.M)
    assert users[-1:] == [str(VALUES["singleuser"]["uid"])] != ["0"]
    assert f"--uid {users[-1]} " in DOCKERFILE
    for line in re.findall(r"pip install (.*?)(?: \\)?$", DOCKERFILE, re.M):
        assert line.startswith(("--require-hashes -r ", "--no-deps --no-build-isolation")), line
    assert "data/downloads" in read(f"{FOLDER}/Dockerfile.dockerignore").splitlines()


def test_the_image_holds_all_that_a_learners_server_needs(tmp_path):
    lesson = tmp_path / "lesson"
    lesson.mkdir()
    for sources, target in re.findall(r"^COPY (.+) (\S+)$", DOCKERFILE, re.M):
        for source in sources.split():
            if (ROOT / source).is_dir():
                hidden = shutil.ignore_patterns("downloads", "__pycache__", ".ipynb_checkpoints")
                shutil.copytree(ROOT / source, lesson / target, ignore=hidden)
            else:
                shutil.copy(ROOT / source, lesson / target)
    try_it = (
        "import exercises, helpers, runpy, sys; from helpers import data\n"
        "assert all(m.__file__.startswith(sys.argv[1]) for m in (exercises, helpers))\n"
        "print(data.find_dataset()); runpy.run_module('tools.copies', run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", try_it, str(lesson)],
        cwd=lesson,
        env={**os.environ, "PYTHONPATH": str(lesson), "CHEST_XRAYS_WORK": str(tmp_path / "work")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "200 images" in done.stdout
    assert (tmp_path / "work" / "notebooks" / "09-shortcuts.ipynb").exists()
    packages = re.search(r"packages = \[(.*?)\]", (lesson / "pyproject.toml").read_text())[1]
    assert all((lesson / name.strip(' "')).is_dir() for name in packages.split(","))


@pytest.mark.hub
def test_cluster_and_server_are_set_up_alike(load):
    one, cluster = load(), VALUES["hub"]
    for name, value in cluster["config"]["ClassLogin"].items():
        assert one.ClassLogin[name] == value, name
    for name, value in cluster["config"]["JupyterHub"].items():
        if name != "authenticator_class":
            assert one.JupyterHub[name] == value, name
    (instructor, _) = one.JupyterHub.load_roles
    assert cluster["loadRoles"]["instructor"]["scopes"] == instructor["scopes"]
    assert cluster["config"]["KubeSpawner"]["args"][1:] == one.Spawner.args[1:]
    learner = VALUES["singleuser"]
    assert learner["defaultUrl"] == one.Spawner.default_url
    assert learner["extraEnv"].items() <= one.Spawner.environment.items()
    assert f"--timeout={VALUES['cull']['timeout']}" in one.JupyterHub.services[0]["command"]
    assert cluster["allowNamedServers"] is one.JupyterHub.allow_named_servers is False
