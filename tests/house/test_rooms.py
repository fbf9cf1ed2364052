"""The layout is the one that the texts describe, and they name nothing that is not there."""

import ast
import importlib.util
import re
import tomllib

from repository import CODE_ROOMS, files, modules, read
from support import ROOT

ROOMS = {
    *CODE_ROOMS,
    "episodes",
    "notebooks",
    "data",
    "guide",
    "site",
    "tests",
    "deploy",
    ".github",
}
# Texts that say how things are done. CHANGELOG.md also tells of what there was, and the error
# messages are quotations.
TEXTS = [
    name
    for name in files()
    if re.match(
        r"(?!CHANGELOG|episodes/|site/|guide/error-messages)([^/]+/)*[^/]+\.md$|\.github/.*\.(md|yml)$",
        name,
    )
] + ["environment.yml", "Makefile", ".ci/run", ".pre-commit-config.yaml", "postBuild"]
# What is there only after something was run, on another machine (an absolute path), or stands for a
# name of the reader's choice
MADE = re.compile(
    r"/|(\.venv|build|work|data/downloads|outlines|normal|effusion|manifest\.csv|secret\.yaml)(/|$)|.*(NN|DIR|FILE|[*<{$~])"
)
PATH = re.compile(r"[\w.~-]*/[\w./~-]*|[\w-]+\.(?:py|md|toml|txt|yml|yaml|cfg|cff|ipynb|csv|keras)")


def code_of(name):
    """Return the pieces of a text that are code: between backticks, indented, or all of it."""
    if not name.endswith(".md"):
        return [line for line in read(name).splitlines() if not line.lstrip().startswith("#")]
    blocks = re.findall(r"^```[\s\S]*?^```|^    .*$", read(name), re.MULTILINE)
    return [*blocks, *re.findall(r"`([^`\n]+)`", read(name))]


def test_every_room_has_its_folder_and_its_tests():
    rooms = {name.split("/")[0] for name in files() if "/" in name}
    assert rooms >= ROOMS
    packages = tomllib.loads(read("pyproject.toml"))["tool"]["setuptools"]["packages"]
    assert {*packages} == {*CODE_ROOMS} == {m.split("/")[0] for m in modules().values()}
    assert not [name for name in files() if name.startswith("data/") and name.endswith(".py")]
    tests = {name.split("/")[1] for name in files() if re.match(r"tests/.*/test_\w+\.py", name)}
    assert tests == {*CODE_ROOMS, "site", "lesson", "house", "fuzz", "browser", "deploy"}
    assert not [name for name in files() if re.match(r"tests/(.*/)?__init__\.py|tests/test_", name)]
    for room in sorted(ROOMS - {".github"}):
        assert f"`{room}/`" in read("README.md"), f"README.md says nothing of {room}/"


def test_commands_in_texts_can_be_run():
    targets = {*re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE)}
    for name in TEXTS:
        for code in code_of(name):
            for target in re.findall(r"\bmake ([a-z][a-z-]*)", code):
                assert target in targets, f"{name}: make {target}"
            for module in re.findall(r"(?:python\S*|PYTHON\)|RUN\)) -m ([\w.]+)", code):
                ours = module.split(".")[0] in CODE_ROOMS
                there = module in modules() if ours else importlib.util.find_spec(module)
                assert there or module == "pip", f"{name}: python -m {module}"
            for lock in re.findall(r"-r (requirements\S*\.txt)", code):
                assert lock in files(), f"{name}: -r {lock}"


def names_in(module):
    """Return what a module defines or imports at its top level."""
    found = set()
    for node in ast.parse(read(modules()[module])).body:
        found.add(getattr(node, "name", None))
        found |= {getattr(target, "id", None) for target in getattr(node, "targets", [])}
        found |= {alias.asname or alias.name for alias in getattr(node, "names", [])}
    return found


def test_texts_name_only_what_is_there():
    dotted = re.compile(rf"`(?:python -m )?((?:{'|'.join(CODE_ROOMS)})(?:\.[A-Za-z_]\w*)+)")
    for name in [each for each in files() if each in TEXTS or each.startswith("episodes/")]:
        if not name.endswith(".md"):
            continue
        folder = (ROOT / name).parent
        text = re.sub(r"^```[\s\S]*?^```", "", read(name), flags=re.MULTILINE)
        prose = re.sub(r"`[^`\n]+`", "", text)
        for link in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", prose):
            assert (folder / link).exists(), f"{name}: {link}"
        for word in re.findall(r"`([^`\s]+)`", text) if name in TEXTS else []:
            if PATH.fullmatch(word) and not MADE.match(word):
                assert (ROOT / word).exists() or (folder / word).exists(), f"{name}: {word}"
        for word in dotted.findall(text):
            module, _, inside = word.rpartition(".")
            if word not in modules() and not (ROOT / word).is_file():
                while module and module not in modules():
                    module, _, inside = module.rpartition(".")
                assert module and inside in names_in(module), f"{name}: {word}"
