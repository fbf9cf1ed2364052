"""The lesson speaks the field's language, in whole words, and defines each term once."""

import ast
import html
import io
import re
import tokenize
from functools import cache
from urllib.parse import unquote

import nbformat
from support import ROOT

from tools.minutes import blocks, cells
from tools.notebooks import notebook_of, sources

SOURCES = sources(extras=True)
EPISODES = sources()
GLOSSARY = ROOT / "guide" / "glossary.md"
REFERENCES = ROOT / "guide" / "references.bib"

# What the lesson does not say, what it says in its place, and sentences in which it may.
NOT_SAID = [
    (r"head start", "pre-training, fine-tuning", ""),
    (r"(has|have) learnt from simulated", "pre-trained network", ""),
    (r"networks? (says?|answers)|network(s|['’]s|s['’])? (own )?answers?", "prediction", ""),
    (r"answers? (of|from|by) (a|an|the|this|that|each|every|both|our) network", "prediction", ""),
    (r"called (an )?effusions?\b", "predicted class", r"is called (an? )?(pleural )?effusion"),
    (r"truth", "labels, ground truth", r"ground[- ]truth"),
    (r"(a|the|this|its|their|each|same|larger?|small|high) shares?", "fraction", ""),
    (r"shares? (of|inside)", "fraction, proportion", ""),
    (r"outlines?", "ground-truth mask",
     r"\bdr(a|e)w|\b(lungs?|line|red|yellow|white|blue|dashed)\b"),
    (r"multiply, add|(add and )?bend(s|ing)?|bent", "non-linear activation function",
     r"\b(ribs?|rays?|lungs?|diaphragm|arms?|curves?|jet|colour maps?|edges)\b"),
    (r"(keep|keeps|kept|lose|loses|lost) the place", "spatial information", ""),
    (r"pull(s|ed|ing)?", "gradient", r"\b(lungs?|heart|collapse[ds]?|mediastinum)\b"),
    (r"mend(s|ed|ing)?|cures?|cured", "fix, improve, better data", ""),
    (r"belt|conveyor", "input pipeline", ""),
    (r"(network|layer|weight)s?\b.{0,30}\b(forget|forgets|forgot|forgotten)", "randomised", ""),
    (r"(forget|forgets|forgot|forgotten)\b.{0,30}\b(down|layers?|weights?)", "randomised", ""),
    (r"turnstiles?", "counts forward and backward passes", ""),
    (r"of the ill|the ill", "goes with effusion", ""),
    (r"knows? nothing", "control, chance level", ""),
    (r"at (its|their) word", "calibrated", ""),
    (r"rectified backpropagation", "DeconvNet", ""),
    (r"(training|validation|test) parts?|exams?|to choose with", "set",
     r"\bvalidation set to choose"),
    (r"luck|lucky|luckily|unlucky", "random seed, variation between runs", ""),
    (r"as (it is|they are),? and mirrored|shown twice", "test-time augmentation", ""),
    (r"things that go with (the )?(disease|illness)", "confounder", ""),
    (r"too dull|ballast|in disguise|star witness", "say it plainly", ""),
    (r"just|simply|obviously|easy|easily", "(nothing)", r"\beasily mistaken"),
    (r"\w+n['’]t|\w+['’](re|ve|ll|d|m)", "(the whole words)", ""),
    (r"(it|that|this|there|here|what|how|where|who|let|he|she)['’]s", "(the whole words)", ""),
]  # fmt: skip
NOT_SAID = [
    (
        re.compile(rf"\b({said})(?!\w)", re.IGNORECASE),
        instead,
        allowed and re.compile(allowed, re.I),
    )
    for said, instead, allowed in NOT_SAID
]

# Terms that every reader of the field knows, and that a learner must be able to look up.
REQUIRED = """
    pre-training, fine-tuning, transfer learning, label, ground-truth mask, accuracy, sensitivity,
    specificity, relevance mass accuracy, activation function, gradient, calibrated, training set,
    validation set, test set, random seed, test-time augmentation, confounder, domain shift,
    spurious correlation, hyperparameter, generalisation, regularisation, overfitting, prevalence,
    class imbalance, positive predictive value, confidence interval, bootstrap, faithfulness,
    plausibility, sensitivity analysis, attribution, baseline, superpixel, logit, receptive field,
    feature map, kernel, tensor, input pipeline, shortcut
"""
LABELS = ("Teaching:", "Exercises:", "Questions", "Objectives", "Needs:")


def sentences(text):
    return re.split(r"(?<=[.!?:;])\s+|\n+", text)


def slips(text):
    """Yield what a text says and should not, with what to say in its place."""
    for sentence in sentences(text):
        for said, instead, allowed in NOT_SAID:
            found = said.search(sentence)
            if found and not (allowed and allowed.search(sentence)):
                yield f"{found[0]!r} in {' '.join(sentence.split())!r}; better: {instead}"


def texts_of_code(code):
    """Return the texts and comments of a cell: titles, labels, alternative texts, messages."""
    tree = ast.parse(code)
    named = {id(node.slice) for node in ast.walk(tree) if isinstance(node, ast.Subscript)}
    found = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in named
    ]
    tokens = tokenize.generate_tokens(io.StringIO(code).readline)
    return [*found, *(token.string for token in tokens if token.type == tokenize.COMMENT)]


def texts_of_outputs(source):
    """Return what the cells of the notebook print, and the alternative texts of their figures."""
    path = notebook_of(source)
    if not path.exists():
        return []
    found = []
    for cell in nbformat.read(path, as_version=4).cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            found += [output.get("text", ""), str(data.get("text/plain", ""))]
            found += map(
                html.unescape, re.findall(r'alt="([^"]*)"', str(data.get("text/html", "")))
            )
    return found


@cache
def texts_of(source):
    """Return all that a reader reads of an episode: prose, figures, code's texts, outputs."""
    found = texts_of_outputs(source)
    for cell in cells(source):
        if cell.cell_type == "code":
            found += texts_of_code(cell.source)
        else:
            found += [block.plain for block in blocks(cell.source, solutions=True)]
            found += re.findall(r"^:alt: (.*)$|alt=\"([^\"]*)\"", cell.source, re.MULTILINE)
    return [text if isinstance(text, str) else "".join(text) for text in found]


def bold_terms(source):
    """Return what an episode prints in bold, as the glossary would list it."""
    found = []
    for cell in cells(source):
        if cell.cell_type == "markdown":
            for block in blocks(cell.source, solutions=True):
                found += [term for term in block.bold if term.strip() not in LABELS]
    return [as_entry(term) for term in found]


def as_entry(term):
    """Return a term without capitals and the ending of its plural."""
    term = " ".join(term.casefold().split())
    plural = re.search(r"(?:(?<=ss)es|(?<=[^aius])s)$", term)
    return term[: plural.start()] if plural else term


def glossary():
    """Return the glossary's terms, each with where it is defined, in their order."""
    text = GLOSSARY.read_text("utf-8")
    entry = r"^- \*\*(.+?)\*\* \((?:episode (\d)|extra ([\w-]+))\): (.+)$"
    found = re.findall(entry, text, re.MULTILINE)
    assert len(found) == len(re.findall(r"^- ", text, re.MULTILINE)), "an entry of another form"
    return [(term, number or extra, definition) for term, number, extra, definition in found]


def works(text):
    """Return what a text links by its DOI or its number at arXiv, in lower case."""
    found = re.findall(r"https://(?:doi\.org|arxiv\.org/abs)/([^\s)>]+)", text)
    return {unquote(work).lower().removeprefix("10.48550/arxiv.") for work in found}


def test_slips_are_found_and_the_field_is_not_disturbed():
    for text in [
        "It's here.", "We don't.", "The network’s answer is no.", "Simply run it.", "an easy task",
        "The share inside the fluid", "A test part", "By luck.", "the truth is hidden",
        "The outline of the fluid counts.",
    ]:  # fmt: skip
        assert len(list(slips(text))) >= 1, text
    for text in [
        "The network's weights share one scale.", "ground truth", "a ground-truth mask",
        "The red outline is drawn around the fluid.", "The adjusted learning rate", "easier",
        "This is called pleural effusion.", "Adam’s steps", "Its own parts",
    ]:  # fmt: skip
        assert not list(slips(text)), text


def test_a_term_and_its_plural_are_one_entry():
    terms = ["Classes", "Feature  maps", "bias", "axis", "class", "focus"]
    assert [*map(as_entry, terms)] == ["class", "feature map", "bias", "axis", "class", "focus"]


def test_texts_of_code_are_read_with_their_comments():
    code = 'x = table["truth"]  # luck\nprint(f"{x:.2f} exam")\n'
    assert [text for text in texts_of_code(code) if list(slips(text))] == [" exam", "# luck"]


def test_no_episode_says_what_nobody_can_look_up(subtests):
    for source in SOURCES:
        with subtests.test(source.stem):
            found = [slip for text in texts_of(source) for slip in slips(text)]
            assert not found, "\n" + "\n".join(found)


def test_no_hint_says_what_nobody_can_look_up(subtests):
    for module in sorted((ROOT / "exercises").glob("*.py")):
        with subtests.test(module.stem):
            words = texts_of_code(module.read_text("utf-8"))
            assert not [slip for text in words for slip in slips(text)]


def test_no_drawing_says_what_nobody_can_look_up(subtests):
    for figure in sorted((ROOT / "episodes" / "figures").glob("*.*")):
        if figure.suffix not in (".svg", ".py"):  # pictures are drawn by the latter
            continue
        with subtests.test(figure.name):
            text = figure.read_text("utf-8")
            words = re.findall(r">([^<>]*\w[^<>]*)</", text)
            words = texts_of_code(text) if figure.suffix == ".py" else map(html.unescape, words)
            assert not [slip for each in words for slip in slips(each)]


def test_every_bold_term_is_in_the_glossary_and_defined_in_one_place(subtests):
    """An extra may repeat a term of an episode, since it is read without them."""
    places = {as_entry(term): place for term, place, _ in glossary()}
    for source in SOURCES:
        extra = source.parent.name == "extras"
        place = source.stem if extra else str(int(source.stem[:2]))
        bold = bold_terms(source)
        with subtests.test(source.stem):
            here = {term for term, where in places.items() if where == place}
            elsewhere = {*bold} - ({*places} if extra else here)
            assert not elsewhere, {
                term: places.get(term, "not in the glossary") for term in elsewhere
            }
            assert not here - {*bold}, f"not in bold: {here - {*bold}}"
            twice = {term for term in bold if bold.count(term) > 1}
            assert not twice, f"more than once: {twice}"


def test_the_glossary_is_in_order_and_has_each_term_once():
    terms = [term for term, _, _ in glossary()]
    assert terms == sorted(terms, key=str.casefold)
    assert len({as_entry(term) for term in terms}) == len(terms)
    for term, _, definition in glossary():
        assert definition.endswith("."), term
        assert not list(slips(definition)), term
    required = {as_entry(term) for term in REQUIRED.replace("\n", " ").split(",")}
    missing = required - {as_entry(term) for term in terms}
    assert not missing, missing


def test_references_of_the_episodes_and_of_the_list_are_the_same():
    cited = {
        work
        for source in SOURCES
        for cell in cells(source)
        if cell.cell_type == "markdown"
        for work in works(cell.source)
    }
    listed = REFERENCES.read_text("utf-8")
    fields = re.findall(r"^  (?:doi|eprint) = \{(.*)\},$", listed, re.MULTILINE)
    assert sorted(cited) == sorted(field.lower() for field in fields)
    keys = re.findall(r"^@\w+\{([\w:-]+),$", listed, re.MULTILINE)
    assert keys == sorted(set(keys))
    for entry in listed.split("\n@")[1:]:
        assert entry.count("{") == entry.count("}"), entry
        for field in ("author", "title", "year"):
            assert re.search(rf"^  {field} = ", entry, re.MULTILINE), entry
