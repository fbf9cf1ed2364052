"""The pre-trained network belongs to the code that makes it."""

from repository import imports, modules
from support import ROOT

from tools import pretrain


def own_modules(name):
    """Return the modules of this repository that a module needs, itself included."""
    found, left = set(), {name}
    while left:
        found |= left
        left = {other for each in left for other in imports(each)} & modules().keys() - found
    return found


def test_the_recipe_counts_all_code_that_makes_the_network():
    counted = {path for pattern in pretrain.MADE_WITH for path in ROOT.glob(pattern)}
    used = {ROOT / modules()[name] for name in own_modules("tools.pretrain")}
    assert ROOT / "helpers" / "images.py" in used  # found through others
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
