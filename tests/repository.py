"""The files of the repository, for tests that hold them to each other."""

import ast
import re
import subprocess
from functools import cache

from support import ROOT

CODE_ROOMS = ("helpers", "exercises", "simulator", "tools", "benchmarks")


@cache
def files():
    """Return the paths of all files that are tracked or could be, relative to the root."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout
    return sorted({name for name in listed.splitlines() if (ROOT / name).is_file()})


@cache
def read(name):
    """Return the text of a file, whose path is relative to the root."""
    return (ROOT / name).read_text("utf-8")


@cache
def modules():
    """Return the path of every module of the code rooms by its dotted name."""
    found = {}
    for name in files():
        if name.endswith(".py") and name.split("/")[0] in CODE_ROOMS:
            found[re.sub(r"\.__init__$", "", name.removesuffix(".py").replace("/", "."))] = name
    return found


def imports(name):
    """Return the dotted names that a module imports anywhere, in functions too."""
    tree, found = ast.parse(read(modules()[name])), set()
    package = name if modules()[name].endswith("__init__.py") else name.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            origin = ".".join([*(above if node.level else []), *filter(None, [node.module])])
            for alias in node.names:
                module = f"{origin}.{alias.name}"
                found.add(module if module in modules() else origin)
    return found


def own_modules(name):
    """Return the modules of this repository that a module needs, itself included."""
    found, left = set(), {name}
    while left:
        found |= left
        left = {other for each in left for other in imports(each)} & modules().keys() - found
    return found
