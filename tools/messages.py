"""List every error sentence of the lesson in ``guide/error-messages.md``.

``python -m tools.messages`` reads them from the code. What stands in braces is filled in when the
error occurs, such as the name of a file.
"""

import ast
from pathlib import Path

from tools.notebooks import write_beside

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("helpers", "exercises", "simulator", "tools")
ERRORS = ("DataError", "SimulatorError", "SystemExit", "ValueError")
PAGE = ROOT / "guide" / "error-messages.md"
HEAD = """# Error messages

Every sentence with which the lesson says that something is wrong, by the module that says it.
What stands in braces is filled in, such as the name of a file.
This page is made by `python -m tools.messages`: do not edit it.
"""


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


def page() -> str:
    """Return the page, as Markdown."""
    lines = [HEAD]
    for room in ROOMS:
        for path in sorted((ROOT / room).glob("*.py")):
            if found := messages(path.read_text(encoding="utf-8")):
                lines += [f"\n## {room}/{path.name}\n\n", *(f"- `` {text} ``\n" for text in found)]
    return "".join(lines)


def main() -> None:
    """Write the page."""
    write_beside(PAGE, page())


if __name__ == "__main__":
    main()
