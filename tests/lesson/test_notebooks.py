"""Every episode is whole: source and notebook in step, outputs, exercises, alternative text."""

import re
from html.parser import HTMLParser
from pathlib import Path

import jupytext
import nbformat
from support import ROOT

from tools.minutes import is_hidden

SOURCES = sorted((ROOT / "episodes").rglob("*.md"))
EPISODES = [path for path in SOURCES if re.match(r"\d\d-", path.name)]
KINDS = {"Predict", "Explain", "Discuss", "Code", "Fix", "Change"}
LINES = 12  # of code in a cell
# What may be printed differently on another machine, cell by cell, and why (see CONTRIBUTING.md).
NOT_COMPARED = {
    "05-training": "figures of networks trained in the notebook differ between processors",
    "06-explainability": "accuracies of networks trained in the notebook",
    "07-evaluation": "figures of networks trained in the notebook",
    "08-testing-explanations": "scores of maps, whose last digits differ between processors",
    "09-shortcuts": "figures of networks trained in the notebook",
    "more-classes": "accuracies of networks trained in the notebook",
}


def notebook_of(source: Path) -> Path:
    relative = source.relative_to(ROOT / "episodes").with_suffix(".ipynb")
    return ROOT / "notebooks" / relative


def read(source: Path) -> nbformat.NotebookNode:
    return nbformat.read(notebook_of(source), as_version=4)


def tags(cell) -> list[str]:
    return cell.metadata.get("tags", [])


def printed(cell) -> str:
    return "".join(output.get("text", "") for output in cell.get("outputs", []))


class Images(HTMLParser):
    """Collect the attributes of all <img> tags."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag == "img":
            self.found.append(dict(attrs))


def test_there_are_nine_episodes_with_a_notebook_each():
    assert [path.name[:2] for path in EPISODES] == [f"0{number}" for number in range(1, 10)]
    found = (ROOT / "notebooks").rglob("*.ipynb")
    notebooks = {path for path in found if path.parent.name != ".ipynb_checkpoints"}
    assert {notebook_of(path) for path in SOURCES} == notebooks


def test_source_and_notebook_say_the_same(subtests):
    for source in SOURCES:
        with subtests.test(source.stem):
            from_notebook = jupytext.writes(read(source), fmt="md:myst")
            header = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
            body, expected = (header.sub("", t) for t in (source.read_text("utf-8"), from_notebook))
            assert body == expected, f"{source.name} and its notebook differ: run `make notebooks`"


def test_notebook_was_executed_top_to_bottom(subtests):
    for source in SOURCES:
        with subtests.test(source.stem):
            code = [
                cell
                for cell in read(source).cells
                if cell.cell_type == "code" and cell.source.strip()
            ]
            assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
            for cell in code:
                assert not any(output.output_type == "error" for output in cell.outputs), (
                    cell.source
                )
                if "print(" in cell.source or "show(" in cell.source or "check(" in cell.source:
                    shown = re.search(r"^(print|show\w*|check)\(", cell.source, re.MULTILINE)
                    assert cell.outputs or not shown, f"no output stored for:\n{cell.source}"


def test_nothing_unwanted_is_stored(subtests):
    for source in SOURCES:
        with subtests.test(source.stem):
            text = notebook_of(source).read_text("utf-8")
            assert "stderr" not in {
                o.get("name") for c in read(source).cells for o in c.get("outputs", [])
            }
            assert str(ROOT) not in text
            assert not re.search(r"/home/|/root/|/tmp/|/Users/", text)


def test_every_figure_has_alternative_text(subtests):
    for source in SOURCES:
        with subtests.test(source.stem):
            for cell in read(source).cells:
                for output in cell.get("outputs", []):
                    shown = output.get("data", {})
                    pictures = {kind for kind in shown if kind.startswith("image/")}
                    assert not pictures, (
                        f"end the cell with show(alt), not plt.show():\n{cell.source}"
                    )
                    for image in Images(str(shown.get("text/html", ""))).found:
                        assert len(image.get("alt", "")) > 20, cell.source
                if cell.cell_type == "markdown":
                    assert "![](" not in cell.source
                    for image in Images(cell.source).found:
                        assert len(image.get("alt", "")) > 20, cell.source
                    for figure in re.findall(
                        r":::\{(?:figure|image)\}.*?:::", cell.source, re.DOTALL
                    ):
                        assert re.search(r"^:alt: .{20,}", figure, re.MULTILINE), figure


def test_every_exercise_has_a_solution(subtests):
    for source in SOURCES:
        with subtests.test(source.stem):
            cells = read(source).cells
            text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
            labels = re.findall(r":::+\{exercise\}.*?\n:label: (\S+)", text)
            solved = re.findall(r":::+\{solution\} (\S+)\n:class: dropdown", text)
            assert len(labels) >= 2, source.name
            assert text.count("{exercise}") == len(labels)
            assert sorted(labels) == sorted(solved)
            assert len(set(labels)) == len(labels)


def test_every_coding_exercise_has_attempt_check_and_solution(subtests):
    for source in SOURCES:
        with subtests.test(source.stem):
            cells = read(source).cells
            kinds = [t for cell in cells for t in tags(cell)]
            kinds = [t for t in kinds if t in ("attempt", "check", "solution")]
            assert kinds == ["attempt", "check", "solution"] * (len(kinds) // 3)
            text = "\n".join(cell.source for cell in cells)
            exercises = re.findall(r"\{exercise\} (\w+)[^:\n]*: .*\(\d+ min\)$", text, re.MULTILINE)
            assert len(exercises) == text.count("{exercise}")
            assert {*exercises} <= KINDS
            assert len(kinds) // 3 >= sum(kind in ("Code", "Fix") for kind in exercises)
            for cell in cells:
                if "check" in tags(cell):
                    # A line to correct is there from the beginning, and wrong.
                    assert printed(cell).startswith(("No answer yet", "Not yet")), cell.source


def test_a_solution_shows_what_it_computes_and_never_a_verdict(subtests):
    """Who runs all cells reads none under an answer of their own; verify() stops at a wrong one."""
    for source in SOURCES:
        with subtests.test(source.stem):
            cells = read(source).cells
            solutions = [cell for cell in cells if "solution" in tags(cell)]
            for cell in solutions:
                assert "hide-cell" in tags(cell)
                hidden = cell.metadata["jupyter"]  # the stored output would give the answer away
                assert hidden["source_hidden"] and hidden["outputs_hidden"]
                assert not re.search(r"^\s*check\(", cell.source, re.MULTILINE), cell.source
                assert not re.search("Right:|Not yet:", printed(cell)), cell.source
            called = {}
            for function, tag in (("check", "check"), ("verify", "solution")):
                code = "\n".join(cell.source for cell in cells if tag in tags(cell))
                called[tag] = re.findall(rf'^\s*{function}\("(\w+)"', code, re.MULTILINE)
            assert called["solution"] == called["check"]


def test_the_first_line_of_a_hidden_cell_gives_nothing_away(subtests):
    """JupyterLab shows it where the cell is collapsed."""
    for source in SOURCES:
        with subtests.test(source.stem):
            for cell in read(source).cells:
                if cell.cell_type == "code" and is_hidden(cell):
                    assert re.match(r"# [A-Z][A-Za-z ]+\n", cell.source), cell.source
                    assert "solution" not in tags(cell) or cell.source.startswith("# Solution\n")


def test_episode_has_its_blocks(subtests):
    for source in EPISODES:
        with subtests.test(source.stem):
            cells = read(source).cells
            assert re.match(rf"# {int(source.name[:2])}\. ", cells[0].source)
            front, references, end = (cells[place].source for place in (1, -2, -1))
            assert "{admonition} References" in references
            for part in ("{admonition} In this episode", "**Teaching:**", "**Exercises:**"):
                assert part in front
            questions, objectives = front.split("**Questions**")[1].split("**Objectives**")
            assert re.search(r"^- .*\?$", questions, re.MULTILINE)
            assert "{admonition} Key points" in end
            count = [len(re.findall(r"^- ", block, re.MULTILINE)) for block in (objectives, end)]
            assert count[0] == count[1], "one key point for each objective"


def test_cells_are_short(subtests):
    for source in SOURCES:
        with subtests.test(source.stem):
            for cell in read(source).cells:
                if cell.cell_type == "code":
                    lines = [line for line in cell.source.splitlines() if line.strip()]
                    # the first and the last line of a solution are not part of it
                    assert len(lines) <= LINES + 2 * ("solution" in tags(cell)), cell.source


def test_outputs_are_left_out_of_the_comparison_only_where_named(subtests):
    for source in SOURCES:
        with subtests.test(source.stem):
            ignored = [c for c in read(source).cells if "nbval-ignore-output" in tags(c)]
            assert not ignored or source.stem in NOT_COMPARED
            assert not [c for c in read(source).cells if "nbval-skip" in tags(c)]


def test_first_output_names_the_data(subtests):
    for source in EPISODES:
        with subtests.test(source.stem):
            code = [cell for cell in read(source).cells if cell.cell_type == "code"]
            first = next(cell for cell in code if cell.outputs)
            assert re.match(r"Data: .*\d+ images", first.outputs[0].text)
