"""Know which code made a network, so that it is made anew when that code has changed.

A recipe is a check sum of code without its comments, docstrings and layout. It is noted in a file
beside what was made.
"""

import ast
import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from helpers.paths import ROOT

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef)


def recipe(made_with: Sequence[str], root: Path = ROOT) -> str:
    """Return the check sum of the code in these files, patterns such as ``simulator/*.py``."""
    files = [path for pattern in made_with for path in sorted(root.glob(pattern))]
    parsed = hashlib.sha256()
    for path in files:
        tree = ast.parse(path.read_text("utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
                del node.body[0]
        parsed.update(ast.dump(tree).encode())
    return parsed.hexdigest()


def is_current(noted: Path, made_with: Sequence[str]) -> bool:
    """Tell if what the note stands for is made by the code as it is now."""
    return noted.exists() and noted.read_text("utf-8").strip() == recipe(made_with)


def bring_up_to_date(
    what: str, noted: Path, made_with: Sequence[str], make: Callable[[], None]
) -> None:
    """Make something, and note the recipe, unless it is made by this very code.

    Parameters
    ----------
    what
        Its name in what is printed, such as "pre-trained network".
    noted
        The file with the recipe.
    made_with
        As for ``recipe``.
    make
        Called without arguments; takes minutes.
    """
    if is_current(noted, made_with):
        print(f"The {what} is up to date.")
        return
    print(f"The code behind the {what} has changed: training it again (minutes) ...")
    make()
    part = noted.with_name(f"{noted.name}.part")
    part.write_text(recipe(made_with) + "\n", encoding="utf-8")
    os.replace(part, noted)
