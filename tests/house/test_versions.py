"""One version everywhere, and every package that is installed pinned with its hashes."""

import re
import tomllib

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from repository import files, read
from support import ROOT

PROJECT = tomllib.loads(read("pyproject.toml"))
HOOKS = yaml.safe_load(read(".pre-commit-config.yaml"))
LOCKED = {
    "requirements.txt": PROJECT["project"]["dependencies"],
    "requirements-test.txt": [
        *PROJECT["project"]["dependencies"],
        *PROJECT["project"]["optional-dependencies"]["site"],
        *PROJECT["project"]["optional-dependencies"]["test"],
    ],
    "requirements-uv.txt": PROJECT["dependency-groups"]["uv"],
    "requirements-extras.txt": PROJECT["dependency-groups"]["pytorch"],
    "requirements-browser.txt": PROJECT["dependency-groups"]["browser"],
    "requirements-hub.txt": PROJECT["dependency-groups"]["hub"],
}
# Written in two parts, so that this file does not name them itself
REGISTRIES = [
    f"{name}.{end}"
    for name, end in [
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("anaconda", "org"),
        ("download.pytorch", "org"),
        ("proxy.golang", "org"),
    ]
]


def pins(lock):
    """Return the versions that a lock file pins, by name; there may be one for each Python."""
    found = {}
    for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", read(lock), re.MULTILINE):
        found.setdefault(canonicalize_name(name), set()).add(version)
    return found


def test_the_version_is_the_same_everywhere():
    citation, changes = yaml.safe_load(read("CITATION.cff")), read("CHANGELOG.md")
    newest = re.search(r"^## (.*)$", changes, re.MULTILINE)[1]
    heading = re.fullmatch(r"(\d[\w.]*), (unreleased|\d{4}-\d\d-\d\d)", newest)
    assert heading, f'CHANGELOG.md: "## {newest}" is not a version and "unreleased" or a date'
    assert heading[1] == citation["version"] == PROJECT["project"]["version"]
    assert heading[2] == str(citation.get("date-released", "unreleased"))


def test_every_requirement_has_a_hash():
    for lock in LOCKED:
        entries = re.split(r"\n(?=\S)", re.sub(r"^#.*\n", "", read(lock), flags=re.MULTILINE))
        for entry in filter(str.strip, entries):
            assert re.match(r"[\w.-]+==\S+ .*\\\n +--hash=sha256:[0-9a-f]{64}", entry), entry
    assert {*LOCKED} == {name for name in files() if re.match(r"requirements.*\.txt$", name)}


def test_locks_hold_what_the_project_asks_for():
    for lock, wanted in LOCKED.items():
        for requirement in map(Requirement, wanted):
            if requirement.name != PROJECT["project"]["name"]:
                versions = pins(lock).get(canonicalize_name(requirement.name), set())
                assert versions, f"{lock} lacks {requirement.name}: run `make requirements`"
                for version in versions:
                    assert requirement.specifier.contains(version, prereleases=True), requirement
    learners, testers = pins("requirements.txt"), pins("requirements-test.txt")
    assert {name: testers.get(name) for name in learners} == learners


def test_what_is_pinned_twice_is_pinned_alike():
    pinned = {name: versions for lock in LOCKED for name, versions in pins(lock).items()}
    hooks = [hook for repo in HOOKS["repos"] for hook in repo["hooks"]]
    for requirement in [each for hook in hooks for each in hook.get("additional_dependencies", [])]:
        name, version = requirement.split("==")
        assert pinned[name] == {version}, f".pre-commit-config.yaml: {requirement}"
    (torch,) = re.findall(r"^TORCH := torch==([\d.]+)$", read("Makefile"), re.MULTILINE)
    for name in [name for name in files() if name.endswith((".md", ".txt", ".yml"))]:
        assert {*re.findall(r"\btorch==([\d.]+\d)", read(name))} <= {torch}, name


def test_no_file_names_a_package_registry():
    hosts = re.compile("|".join(map(re.escape, REGISTRIES)).encode())
    for name in files():
        assert not hosts.search((ROOT / name).read_bytes()), name
