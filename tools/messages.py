"""Compare the error sentences of the code with ``guide/error-messages.md``, which explains them.

``python -m tools.messages`` prints those that the page lacks, and those that nothing says any more.
What stands in braces is filled in when the error occurs, such as the name of a file.
"""

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("helpers", "exercises", "simulator", "tools")
ERRORS = ("DataError", "SimulatorError", "SystemExit", "ValueError")
PAGE = ROOT / "guide" / "error-messages.md"


def template(node: ast.expr) -> str | None:
    """Return the text of a string, with what is filled in as ``{expression}``; else None."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if not isinstance(node, ast.JoinedStr):
        return None
    parts = []
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            parts.append("{" + ast.unparse(part.value) + "}")
        else:
            assert isinstance(part, ast.Constant)
            parts.append(str(part.value))
    return "".join(parts)


def messages(source: str) -> list[str]:
    """Return the error sentences of a module, in the order of the code.

    Parameters
    ----------
    source
        Its code. A sentence stands where the error is made, or in a variable of that name.
    """
    tree = ast.parse(source)
    calls = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", None) in ERRORS
        and len(node.args) == 1
    ]
    names = {node.args[0].id for node in calls if isinstance(node.args[0], ast.Name)}
    texts = [(node.lineno, node.args[0]) for node in calls]
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) in names:
            texts.append((node.lineno, node.value))
    found = [template(text) for _, text in sorted(texts, key=lambda pair: pair[0])]
    sentences = [" ".join(text.split()) for text in found if text and text.strip()]
    # A word for programmers, without a full stop, becomes part of another sentence.
    return [text for text in dict.fromkeys(sentences) if text.endswith(".") or ": " in text]


def said() -> dict[str, list[str]]:
    """Return the sentences of each module, such as ``helpers/data.py``, in alphabetical order."""
    paths = [path for room in ROOMS for path in sorted((ROOT / room).glob("*.py"))]
    found = {f"{path.parent.name}/{path.name}": messages(path.read_text("utf-8")) for path in paths}
    return {module: sorted(sentences) for module, sentences in found.items() if sentences}


def explained(page: str) -> dict[str, list[str]]:
    """Return the sentences of a page: a heading for each module, then rows of a table."""
    found: dict[str, list[str]] = {}
    for line in page.splitlines():
        if line.startswith("## "):
            found[line[3:].strip()] = []
        elif row := re.match(r"\| `` (.+) `` \| [^|]+ \| [^|]+ \|$", line):
            found[list(found)[-1]].append(row[1])
    return {module: sorted(sentences) for module, sentences in found.items() if sentences}


def main() -> int:
    """Print what differs; return 1 if something does."""
    code, page = said(), explained(PAGE.read_text("utf-8"))
    for module in [*code, *(page.keys() - code)]:
        there, here = page.get(module, []), code.get(module, [])
        for text in [each for each in here if each not in there]:
            print(f"{module}: not explained: {text}")
        for text in [each for each in there if each not in here]:
            print(f"{module}: never said: {text}")
    return int(code != page)


if __name__ == "__main__":
    sys.exit(main())
