"""The minutes of an episode follow from its words, lines and exercises, and are stated as such."""

import re

import pytest
from support import ROOT

from tools import minutes

HEADER = """---
jupytext:
  text_representation:
    format_name: myst
    extension: .md
kernelspec:
  display_name: Python 3
  name: python3
---

"""
EPISODE = (
    HEADER
    + """# 1. Five words, as one sees

:::{admonition} In this episode
:class: tip

**Teaching:** 5 min · **Exercises:** 3 min
:::

One sentence has `five` words. The next [has](https://example.org/a/long/address) four.

<img src="figure.png" alt="None of these words is read by those who see.">

:::{figure} figures/one.svg
:alt: Nor is this sentence.

A caption counts.
:::

- An entry
- Another entry, $x^2$

::::{exercise} Predict: what happens? (3 min)
:label: ex-1-1

:::{note}
Nested words count.
:::
::::

:::{solution} ex-1-1
:class: dropdown

Nobody needs to read this sentence.
:::

```{code-cell} ipython3
a = 1

b = 2  # two
```

```{code-cell} ipython3
:tags: [attempt]

c = None
```

```{code-cell} ipython3
---
jupyter:
  outputs_hidden: true
  source_hidden: true
tags: [solution, hide-cell]
---
# Solution
c = 3
```
"""
)
STATES = re.compile(
    r"\| [^|]*\| \[[\w-]+\]\(notebooks/([\w/-]+)\.ipynb\)[^|]* \| (\d+) \+ (\d+) min \|"
)


def test_words_that_are_read_and_lines_that_are_seen_are_counted():
    measured = minutes.measure(EPISODE)
    # heading, title, minutes, sentences, caption, list, exercise and what is in it
    assert measured.words == 6 + 3 + 6 + 5 + 4 + 3 + 2 + 3 + 5 + 3
    assert measured.lines == 3
    assert measured.exercises == 3
    assert measured.stated == (5, 3)
    assert measured.complaint == ""


def test_headings_and_titles_of_papers_are_no_sentences():
    text = HEADER + "# A heading that is long\n\nOne two three. One two? One!\n"
    assert minutes.measure(text).sentence == 2
    text += "\n+++\n\n:::{admonition} References\n- A title of a paper. Journal. 2018.\n:::\n"
    assert minutes.measure(text).sentence == 2


@pytest.mark.parametrize(("words", "lines", "teaching"), [
    (0, 0, 0), (1, 0, 5), (541, 0, 5), (542, 0, 10), (0, 25, 5), (0, 26, 10), (1300, 60, 25),
])  # fmt: skip
def test_teaching_is_rounded_up_to_five_minutes(words, lines, teaching):
    code = "```{code-cell} ipython3\n" + "x = 1\n" * lines + "```\n" if lines else ""
    assert minutes.measure(HEADER + "word " * words + "\n\n" + code).teaching == teaching


def test_minutes_that_are_stated_wrongly_or_too_many_are_said():
    wrong = EPISODE.replace("**Teaching:** 5", "**Teaching:** 10")
    assert minutes.measure(wrong).complaint == "its front block should state 5 and 3 min"
    assert minutes.measure(EPISODE, limit=7).complaint == "it is longer than 7 min"
    without = EPISODE.replace("**Teaching:**", "Teaching:")
    assert minutes.measure(without).complaint == "its front block states no minutes"
    with pytest.raises(SystemExit, match="what happens"):
        minutes.measure(EPISODE.replace(" (3 min)", ""))


def test_the_table_ends_with_an_error_where_something_differs(monkeypatch, capsys):
    monkeypatch.setattr(minutes, "all_minutes", lambda: {"01-one": minutes.measure(EPISODE)})
    minutes.main()
    assert "| 01-one | 40 | 3 | 3 | 5 | 3 | 8 of 75 | 5 + 3 |" in capsys.readouterr().out
    short = {"01-one": minutes.measure(EPISODE, limit=7)}
    monkeypatch.setattr(minutes, "all_minutes", lambda: short)
    with pytest.raises(SystemExit, match="01-one: it is longer than 7 min"):
        minutes.main()


def test_every_episode_states_its_minutes_and_keeps_to_them(subtests):
    for name, took in minutes.all_minutes().items():
        with subtests.test(name):
            assert not took.complaint, f"{took}"


def test_every_sentence_is_short(subtests):
    for name, took in minutes.all_minutes().items():
        with subtests.test(name):
            assert 0 < took.sentence <= 16


def test_readme_states_the_same_minutes():
    stated = {}
    for name, teaching, exercises in STATES.findall((ROOT / "README.md").read_text("utf-8")):
        stated[name] = int(teaching), int(exercises)
    assert stated == {name: took.stated for name, took in minutes.all_minutes().items()}
