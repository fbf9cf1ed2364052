"""The pre-trained network belongs to the code that makes it."""

import ast

from support import ROOT

from tools import pretrain


def own_modules(path):
    """Return the files of this repository that a module imports, and what those import."""
    found, left = set(), [path]
    while left:
        file = left.pop()
        if file in found:
            continue
        found.add(file)
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                package = file.parent.name + "." if node.level else ""
                base = package + (node.module or "")
                names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
            for name in names:
                place = ROOT.joinpath(*name.strip(".").split("."))
                for candidate in (place.with_suffix(".py"), place / "__init__.py"):
                    if candidate.is_file():
                        left.append(candidate)
    return found


def test_the_recipe_counts_all_code_that_makes_the_network():
    counted = {path for pattern in pretrain.MADE_WITH for path in ROOT.glob(pattern)}
    used = own_modules(ROOT / "tools" / "pretrain.py")
    assert used - counted <= {ROOT / "helpers" / "__init__.py"}  # which holds one sentence


def test_the_recipe_notices_code_and_passes_over_comments_and_layout(tmp_path, monkeypatch):
    for pattern in pretrain.MADE_WITH:
        path = tmp_path / pattern.replace("*", "body")
        path.parent.mkdir(exist_ok=True)
        path.write_text("def build():\n    return 1\n")
    first = pretrain.recipe(tmp_path)
    changed = tmp_path / "helpers" / "images.py"
    changed.write_text('def build():  # the same\n    """Say so."""\n\n    return 1\n')
    assert pretrain.recipe(tmp_path) == first
    changed.write_text("def build():\n    return 2\n")
    assert pretrain.recipe(tmp_path) != first


def test_the_network_that_comes_with_the_lesson_is_made_by_this_code():
    assert pretrain.is_current(), "run `python -m tools.pretrain`, then `make notebooks`"
