"""The pre-trained network belongs to the code that makes it."""

from repository import modules, own_modules
from support import ROOT

from tools import pretrain, recipes


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
    first = recipes.recipe(pretrain.MADE_WITH, tmp_path)
    changed = tmp_path / "helpers" / "images.py"
    changed.write_text('def build():  # the same\n    """Say so."""\n\n    return 1\n')
    assert recipes.recipe(pretrain.MADE_WITH, tmp_path) == first
    changed.write_text("def build():\n    return 2\n")
    assert recipes.recipe(pretrain.MADE_WITH, tmp_path) != first


def test_the_network_that_comes_with_the_lesson_is_made_by_this_code():
    current = recipes.is_current(pretrain.RECIPE, pretrain.MADE_WITH)
    assert current, "run `python -m tools.pretrain`, then `make notebooks`"
