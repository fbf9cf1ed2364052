"""A Sphinx extension: exercises, closed solutions, terms and formulas as HTML, without scripts.

Exercises are numbered anew on each page. Solutions become ``<details>``, closed until a reader
opens them. Bold terms lead to the glossary. Formulas become MathML, which browsers draw by
themselves: Sphinx's usual way, MathJax, comes from another host. (The extension sphinx-exercise
counts exercises over all pages, leaves solutions open, and brings a second theme along.)
"""

import re
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.parsers.rst.directives.admonitions import Admonition, BaseAdmonition
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.writers.html5 import HTML5Translator


class Exercise(Admonition, SphinxDirective):
    """A box with a number, a title and a label: ``:::{exercise} Code: a title (2 min)``."""

    option_spec: ClassVar = {"label": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        """Put a number before the title."""
        number = self.env.new_serialno("exercise") + 1
        self.arguments[0] = f"Exercise {number} – {self.arguments[0]}"
        if "label" in self.options:
            self.options["name"] = self.options.pop("label")
        self.options["class"] = ["exercise"]
        return super().run()


class solution(nodes.Admonition, nodes.Element):
    """What stays closed until a reader opens it."""


class Solution(BaseAdmonition):
    """The solution of the exercise with this label: ``:::{solution} ex-1-2``."""

    node_class = solution
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Find the exercise, which comes first on the same page."""
        if self.arguments[0] not in self.state.document.nameids:
            raise self.error(f"No exercise before this solution has the label {self.arguments[0]}.")
        self.options["class"] = ["solution"]
        return super().run()


def open_solution(translator: HTML5Translator, node: solution) -> None:
    """Begin a solution."""
    translator.body.append(translator.starttag(node, "details", CLASS="admonition"))
    translator.body.append('<summary class="admonition-title">Solution</summary>\n')


def close_solution(translator: HTML5Translator, node: solution) -> None:
    """End a solution."""
    translator.body.append("</details>\n")


def inline_math(translator: HTML5Translator, node: nodes.math) -> None:
    """Write a formula within a line."""
    translator.body.append(convert(node.astext()))
    raise nodes.SkipNode


def display_math(translator: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula on a line of its own."""
    translator.body.append(convert(node.astext(), display="block"))
    raise nodes.SkipNode


GLOSSARY = "guide/glossary"
SETUP = "guide/setup"


def entry(term: str) -> str:
    """Return how a term is called in an address: one name for a term and its plural."""
    words = re.sub(r"\W+", "-", term.casefold()).strip("-")
    return re.sub(r"(?:(?<=ss)es|(?<=[^aius])s)$", "", words)


def link_terms(app: Sphinx, document: nodes.document, page: str) -> None:
    """Give each entry of the glossary an address, and lead bold terms of notebooks there."""
    file = Path(app.srcdir, f"{GLOSSARY}.md")
    if page == GLOSSARY:
        for item in document.findall(nodes.list_item):
            term = item.next_node(nodes.strong)
            item["ids"].append(f"term-{entry(term.astext())}")
    elif page.startswith("notebooks/") and file.exists():
        terms = re.findall(r"^- \*\*(.+?)\*\*", file.read_text("utf-8"), re.MULTILINE)
        known = {entry(term) for term in terms}
        for bold in list(document.findall(nodes.strong)):
            if (name := entry(bold.astext())) in known:
                address = app.builder.get_relative_uri(page, GLOSSARY) + f"#term-{name}"
                link = nodes.reference(refuri=address, internal=True, classes=["term"])
                bold.replace_self(link)
                link += bold


def add_ways_in(app: Sphinx, document: nodes.document, page: str) -> None:
    """Offer each notebook as a file below its title, and in Colab and Binder if they can get it."""
    if not page.startswith("notebooks/"):
        return
    file = f"{page}.ipynb"
    ways = {"Download this notebook": Path(file).name}
    if repository := app.config.repository:
        ways["Open in Colab"] = (
            f"https://colab.research.google.com/github/{repository}/blob/main/{file}"
        )
        path = quote(f"lab/tree/work/{file}", safe="")  # a copy, which postBuild makes
        ways["Open in Binder"] = f"https://mybinder.org/v2/gh/{repository}/main?urlpath={path}"
    setup = app.builder.get_relative_uri(page, SETUP)
    ways["What it needs to run"] = setup
    shown = nodes.paragraph(classes=["ways-in"])
    for name, address in ways.items():
        shown += nodes.reference("", name, refuri=address, internal=address == setup)
        shown += nodes.Text(" ")
    title = next(document.findall(nodes.title))
    title.parent.insert(title.parent.index(title) + 1, shown)


def complete_html(
    app: Sphinx, page: str, template: str, context: dict[str, Any], tree: nodes.document | None
) -> None:
    """Put right what Sphinx, MyST-NB and the theme leave unclear to a screen reader."""
    for part in {"body", "furo_navigation_tree"} & context.keys():
        text = context[part].replace('role="heading">', 'role="heading" aria-level="2">')
        text = text.replace(' aria-label="Toggle hidden content"', "")  # the words inside say more
        box = '<input class="task-list-item-checkbox"'
        context[part] = text.replace(box, f'{box} aria-hidden="true"')  # to tick on paper


def setup(app: Sphinx) -> dict[str, bool]:
    """Register all this with Sphinx."""
    app.add_directive("exercise", Exercise)
    app.add_directive("solution", Solution)
    app.add_node(solution, html=(open_solution, close_solution))
    app.add_config_value("repository", "", "html", str)
    app.connect("doctree-resolved", link_terms)
    app.connect("doctree-resolved", add_ways_in)
    app.connect("html-page-context", complete_html, priority=900)  # after the theme's own
    app.add_html_math_renderer("mathml", (inline_math, None), (display_math, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
