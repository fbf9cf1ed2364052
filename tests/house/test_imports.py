"""Who may call whom: one direction, no circles, and TensorFlow only where it is needed."""

import ast
import graphlib
import io
import subprocess
import sys
import tokenize

import pytest
from repository import CODE_ROOMS, imports, modules, read
from support import ROOT

LINES_OF_CODE = 1000
MAY_IMPORT = {
    "helpers": (),
    "simulator": ("helpers.images",),
    "exercises": ("helpers", "simulator"),
    "tools": ("helpers", "simulator"),
}
USES_TENSORFLOW = {"helpers.models", "helpers.explain", "helpers.sanity"}
LAYOUT = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)


def lines_of_code(source):
    """Count lines without docstrings, comments and blank lines."""
    docstrings, code = set(), set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Module, ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(
            node
        ):
            docstrings |= {*range(node.body[0].lineno, node.body[0].end_lineno + 1)}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in (*LAYOUT, tokenize.ENDMARKER):
            code |= {*range(token.start[0], token.end[0] + 1)}
    return len(code - docstrings)


def test_no_modules_import_each_other_in_a_circle():
    graph = {name: imports(name) & modules().keys() for name in modules()}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" -> ".join(reversed(error.args[1])))


def test_a_room_imports_only_what_lies_below_it():
    rooms = {*CODE_ROOMS, "tests", "unittest", "pytest"}
    for room, allowed in MAY_IMPORT.items():
        for name in [name for name in modules() if name.split(".")[0] == room]:
            for other in [each for each in imports(name) if each.split(".")[0] in rooms]:
                below = any(f"{other}.".startswith(f"{each}.") for each in (room, *allowed))
                assert below, f"{name} imports {other}"


def test_helpers_stay_thin():
    helpers = {name: path for name, path in modules().items() if name.split(".")[0] == "helpers"}
    lines = {name: lines_of_code(read(path)) for name, path in helpers.items()}
    assert len(lines) > 5
    assert sum(lines.values()) <= LINES_OF_CODE, lines


def test_looking_at_data_and_exercises_loads_no_tensorflow():
    light = [
        name
        for name in modules()
        if name.split(".")[0] in ("helpers", "exercises", "simulator")
        and name not in USES_TENSORFLOW
        and not name.endswith("__main__")
    ]
    code = f"import sys, {', '.join(light)}; print({{'tensorflow', 'keras'}} & {{*sys.modules}})"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert result.stdout.strip() == "set()", result.stderr
