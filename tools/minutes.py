"""How long the episodes take to teach, computed from what stands in them.

``python -m tools.minutes`` prints, for each episode and extra, the words of prose, the lines of
visible code, the median length of a sentence, and the minutes of teaching and of exercises beside
those that its front block states. It ends with an error where the two differ, or where an episode
is longer than it may be.
"""

import math
import re
import statistics
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import jupytext
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.colon_fence import colon_fence_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin

from tools.notebooks import sources

WORDS_A_MINUTE = 130
LINES_A_MINUTE = 6
PAUSES = Fraction(12, 10)  # questions, and waiting for cells
STEP = 5  # teaching is rounded up to the next five minutes
LIMITS = {"01": 40, "02": 65, "03": 70}
LIMIT, EXTRA_LIMIT = 75, 60

STATED = re.compile(r"\*\*Teaching:\*\* (\d+) min · \*\*Exercises:\*\* (\d+) min")
EXERCISE = re.compile(r"^:{3,}\{exercise\} *(.*)$", re.MULTILINE)
OPTION = re.compile(r"^:([\w-]+):(.*)$")
TITLED = ("admonition", "exercise", "note", "tip", "warning", "dropdown", "hint")
MARKDOWN = MarkdownIt().use(colon_fence_plugin).use(dollarmath_plugin)


class Block(NamedTuple):
    """One heading, paragraph, entry of a list or cell of a table that a reader reads.

    ``text`` has all of it, ``plain`` leaves out code and formulas, ``bold`` lists what is bold.
    """

    kind: str
    text: str
    plain: str
    bold: tuple[str, ...] = ()


class Minutes(NamedTuple):
    """What an episode takes; ``sentence`` is the median of the words in a sentence."""

    words: int
    lines: int
    sentence: float
    teaching: int
    exercises: int
    stated: tuple[int, int] | None
    limit: int

    @property
    def complaint(self) -> str:
        """What is wrong with the minutes, or an empty text."""
        if self.stated is None:
            return "its front block states no minutes"
        if self.stated != (self.teaching, self.exercises):
            return f"its front block should state {self.teaching} and {self.exercises} min"
        if self.teaching + self.exercises > self.limit:
            return f"it is longer than {self.limit} min"
        return ""


def cells(source: Path | str) -> list:
    """Return the cells of an episode's MyST source, given as a path or as its text."""
    text = source.read_text("utf-8") if isinstance(source, Path) else source
    return jupytext.reads(text, fmt="md:myst").cells


def is_hidden(cell) -> bool:
    """Tell whether a code cell's source is collapsed where learners read it."""
    tags = {"hide-cell", "hide-input", "remove-cell", "remove-input"}
    jupyter = cell.metadata.get("jupyter", {})
    return bool(tags & set(cell.metadata.get("tags", []))) or bool(jupyter.get("source_hidden"))


def blocks(text: str, solutions: bool = False) -> Iterator[Block]:
    """Yield what a reader reads of a Markdown text, in its order.

    Left out are fences and options of directives, alternative texts, addresses of links and,
    unless they are asked for, solutions, which are collapsed.
    """
    kind = "prose"
    for token in MARKDOWN.parse(text):
        if token.type == "heading_open":
            kind = "heading"
        elif token.type in ("td_open", "th_open"):
            kind = "table"
        elif token.type in ("heading_close", "td_close", "th_close"):
            kind = "prose"
        elif token.type == "inline":
            yield _inline(kind, token)
        elif token.type in ("fence", "colon_fence", "code_block"):
            directive = re.match(r"\{([\w-]+)\} *(.*)", token.info.strip())
            if directive is None:
                yield Block("code", token.content, "")
            elif directive[1] != "solution" or solutions:
                if directive[1] in TITLED and directive[2]:
                    yield from (
                        block._replace(kind="heading") for block in blocks(directive[2].strip())
                    )
                yield from blocks(_without_options(token.content), solutions)
        elif token.type == "math_block":
            yield Block("formula", token.content, "")
        elif token.type == "html_block":
            words = re.sub(r"<[^>]*>", " ", token.content)
            yield Block("prose", words, words)


def _without_options(content: str) -> str:
    lines = content.splitlines()
    while lines and OPTION.match(lines[0]):
        del lines[0]
    return "\n".join(lines)


def _inline(kind: str, token: Token) -> Block:
    text, plain, bold, within = [], [], [], False
    for child in token.children or []:
        if child.type == "strong_open":
            within = True
            bold.append("")
        elif child.type == "strong_close":
            within = False
        elif child.type in ("softbreak", "hardbreak"):
            text.append(" ")
            plain.append(" ")
        elif child.type in ("text", "code_inline", "math_inline"):
            text.append(child.content)
            plain.append(child.content if child.type == "text" else "…")
            if within:
                bold[-1] += child.content
    return Block(kind, "".join(text), "".join(plain), tuple(bold))


def sentences(block: Block) -> list[str]:
    """Return the sentences of a paragraph or of an entry of a list; of a heading or table none."""
    if block.kind != "prose":
        return []
    found = re.split(r"(?<=[.!?])[\"')\]’”]*\s+", block.text.strip())
    return [sentence for sentence in found if count(sentence)]


def count(text: str) -> int:
    """Return how many words a text has; a dash or a plus sign alone is none."""
    return sum(bool(re.search(r"\w", word)) for word in text.split())


def measure(source: Path | str, limit: int = LIMIT) -> Minutes:
    """Count the words and lines of an episode, and compute its minutes.

    Parameters
    ----------
    source
        The path of a MyST source, or its text.
    limit
        The longest that it may take, in minutes.
    """
    words, lines, stated, exercises = 0, 0, None, 0
    lengths: list[int] = []
    for cell in cells(source):
        if cell.cell_type == "code":
            if not is_hidden(cell):
                lines += sum(bool(line.strip()) for line in cell.source.splitlines())
            continue
        for block in blocks(cell.source):
            words += count(block.text)
            if "{admonition} References" not in cell.source:  # titles of papers are no sentences
                lengths += [count(sentence) for sentence in sentences(block)]
        if found := STATED.search(cell.source):
            stated = stated or (int(found[1]), int(found[2]))
        for title in EXERCISE.findall(cell.source):
            minutes = re.search(r"\((\d+) min\)$", title.strip())
            if minutes is None:
                raise SystemExit(f"This exercise does not end with its minutes: {title!r}.")
            exercises += int(minutes[1])
    taught = (Fraction(words, WORDS_A_MINUTE) + Fraction(lines, LINES_A_MINUTE)) * PAUSES
    return Minutes(
        words,
        lines,
        statistics.median(lengths) if lengths else 0,
        STEP * math.ceil(taught / STEP),
        exercises,
        stated,
        limit,
    )


def all_minutes() -> dict[str, Minutes]:
    """Return the minutes of every episode and extra by its path in ``episodes/``, without .md."""
    found = {}
    for source in sources(extras=True):
        extra = source.parent.name == "extras"
        limit = EXTRA_LIMIT if extra else LIMITS.get(source.name[:2], LIMIT)
        found[f"extras/{source.stem}" if extra else source.stem] = measure(source, limit)
    return found


def main() -> None:
    """Print the table; exit with 1 where an episode states or takes something else."""
    print(
        "| episode | words | lines | words in a sentence | teaching | exercises | sum | stated |\n"
        "|---|---|---|---|---|---|---|---|"
    )
    complaints = []
    for name, took in all_minutes().items():
        stated = "–" if took.stated is None else f"{took.stated[0]} + {took.stated[1]}"
        print(
            f"| {name} | {took.words} | {took.lines} | {took.sentence:g} | {took.teaching} | "
            f"{took.exercises} | {took.teaching + took.exercises} of {took.limit} | {stated} |"
        )
        if took.complaint:
            complaints.append(f"{name}: {took.complaint}")
    if complaints:
        raise SystemExit("\n" + "\n".join(complaints))


if __name__ == "__main__":
    main()
