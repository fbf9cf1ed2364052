"""The pages of the lesson: complete, linked, readable without network, solutions closed."""

import json
import re
import shutil
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote, unquote, urldefrag, urlsplit

import pytest
from bs4 import BeautifulSoup

from tools import pages as tool

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
EXTRAS = sorted((ROOT / "notebooks" / "extras").glob("*.ipynb"))


def page_of(notebook: Path, folder: Path) -> Path:
    return folder / notebook.relative_to(ROOT).with_suffix(".html")


def cells(notebook: Path, kind: str) -> list[dict]:
    found = json.loads(notebook.read_text("utf-8"))["cells"]
    return [cell for cell in found if cell["cell_type"] == kind]


def prose(notebook: Path) -> str:
    return "\n\n".join("".join(cell["source"]) for cell in cells(notebook, "markdown"))


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site").resolve() / "pages"
    assert tool.build(folder) == 0, "see the warnings of Sphinx above"
    return folder


@pytest.fixture(scope="session")
def pages(site) -> dict[Path, BeautifulSoup]:
    found = [path for path in site.rglob("*.html") if "_static" not in path.parts]
    return {path: BeautifulSoup(path.read_text("utf-8"), "html.parser") for path in found}


def test_all_notebooks_are_listed_and_follow_each_other(site, pages):
    start = site / "index.html"
    assert pages[start].html["lang"] == "en-GB"
    assert pages[start].h1.find(string=True).startswith("Neural networks for chest X-rays — and")
    links = [link["href"] for link in pages[start].select("article .toctree-wrapper a")]
    listed = [(site / link).resolve() for link in links]
    assert listed[: len(NOTEBOOKS)] == [page_of(each, site) for each in NOTEBOOKS]
    extras = listed[len(NOTEBOOKS) : len(NOTEBOOKS) + len(EXTRAS)]
    assert set(extras) == {page_of(each, site) for each in EXTRAS}
    written = [ROOT / "README.md", *(ROOT / "guide").rglob("*.md")]
    assert {page_of(each, site) for each in written} <= set(listed), "a page that nobody finds"
    walk = [start, *listed]
    for before, after in pairwise(walk):
        onward = pages[before].select_one(".related-pages a.next-page")["href"]
        back = pages[after].select_one(".related-pages a.prev-page")["href"]
        assert (before.parent / onward).resolve() == after, f"{before.name} leads to {onward}"
        assert (after.parent / back).resolve() == before, f"{after.name} leads back to {back}"


def test_the_home_page_begins_with_a_picture_and_stays_light(site, pages):
    page = pages[site / "index.html"]
    picture = page.article.img
    assert "simulated X-ray" in picture["alt"]
    file = (site / picture["src"]).resolve()
    assert file.read_bytes().startswith(b"\x89PNG")
    assert page.article.h2.find_previous("img") is picture  # before the first heading
    named = [tag.get("src") or tag.get("href") for tag in page.select("img, script, link")]
    files = {(site / urldefrag(name)[0].split("?")[0]).resolve() for name in named if name}
    weight = sum(path.stat().st_size for path in files if path.is_file())
    assert (site / "index.html").stat().st_size + weight < 1_500_000


def test_links_and_pictures_lead_to_something(site, pages):
    broken = []
    for path, page in pages.items():
        where = [tag[name] for name in ("src", "href") for tag in page.find_all(**{name: True})]
        for target in where:
            if urlsplit(target).scheme in ("data", "http", "https", "mailto"):
                continue
            file, anchor = urldefrag(target)
            goal = (path.parent / unquote(urlsplit(file).path)).resolve() if file else path
            exists = goal.is_file() and goal.is_relative_to(site)
            if exists and anchor and goal.suffix == ".html":
                exists = pages[goal].find(id=unquote(anchor)) is not None
            if not exists:
                broken.append(f"{path.name}: {target}")
    for path in site.rglob("*.css"):
        for target in re.findall(r"url\(['\"]?([^'\")]+)", path.read_text("utf-8")):
            if not target.startswith(("data:", "#", "http")):
                goal = path.parent / target.split("?")[0].split("#")[0]
                broken += [] if goal.is_file() else [f"{path.name}: {target}"]
    assert not broken


def test_headings_say_how_deep_they_are(pages):
    for path, page in pages.items():
        for heading in page.find_all(role="heading"):
            assert heading.has_attr("aria-level"), f"{path.name}: {heading}"


def test_pages_ask_no_other_host_for_anything(site, pages):
    asked = []
    elsewhere = re.compile(r"^\s*(https?:)?//", re.IGNORECASE)
    loads = re.compile(r"(?:url\(|@import)\s*['\"]?\s*(?:https?:)?//[^'\")]*", re.IGNORECASE)
    for path, page in pages.items():
        for tag in page.find_all(True):
            for name in ("src", "srcset", "poster", "data", "action", "href"):
                if name == "href" and tag.name == "a":
                    continue  # a link asks only when a reader follows it
                if elsewhere.match(tag.get(name, "")):
                    asked.append(f"{path.name}: <{tag.name} {name}={tag[name]}>")
            asked += loads.findall(tag.get("style", ""))
        for tag in page.find_all(["script", "style"]):
            asked += re.findall(r"['\"(](?:https?:)?//[^'\")]+", tag.get_text())
    for path in [*site.rglob("*.css"), *site.rglob("*.svg")]:
        asked += loads.findall(path.read_text("utf-8"))
    assert not asked


def test_bold_terms_lead_to_the_glossary(site, pages):
    glossary, linked = pages[site / "guide" / "glossary.html"], 0
    for notebook in NOTEBOOKS + EXTRAS:
        for bold in pages[page_of(notebook, site)].article.find_all("strong"):
            if bold.find_parent("a") is None:
                assert bold.get_text() in ("Teaching:", "Exercises:", "Questions", "Objectives")
                continue
            name = bold.find_parent("a")["href"].partition("glossary.html#")[2]
            explained = glossary.find(id=name).strong.get_text().casefold()
            assert bold.get_text().casefold().startswith(explained[:-2]), (notebook.name, name)
            linked += 1
    assert linked > 150


def test_pages_show_text_formulas_and_pictures_as_meant(site, pages):
    for notebook in NOTEBOOKS + EXTRAS:
        page = pages[page_of(notebook, site)]
        article = page.article
        shown = {picture.get("alt") for picture in article.find_all("img")}
        for cell in cells(notebook, "code"):
            for output in cell["outputs"]:
                stored = BeautifulSoup(
                    "".join(output.get("data", {}).get("text/html", "")), "html.parser"
                )
                for picture in stored.find_all("img"):
                    assert picture["alt"] in shown, f"{notebook.name} lost: {picture['alt'][:60]}"
        for name in re.findall(r"figures/([\w-]+)\.\w+", prose(notebook)):
            assert article.find("img", src=re.compile(name)), f"{notebook.name} lost {name}"
        formulas = re.findall(r"\$\$.+?\$\$|\$.+?\$", prose(notebook), re.DOTALL)
        assert len(article.find_all("math")) == len(formulas), notebook.name
        for code in article.find_all(["pre", "code", "math"]):
            code.extract()
        raw = re.findall(r":::.*|\{[a-z-]+\}|\$\$|:label:|:class:|\\[a-z]+\{", article.get_text())
        assert not raw, f"{notebook.name} shows {raw}"


def test_solutions_are_closed_and_exercises_are_not(site, pages):
    for notebook in NOTEBOOKS + EXTRAS:
        page = pages[page_of(notebook, site)]
        closed = page.select("details.solution")
        assert len(closed) == len(re.findall(r"^:+\{solution\}", prose(notebook), re.MULTILINE))
        tags = [cell["metadata"].get("tags", []) for cell in cells(notebook, "code")]
        hidden = page.select("div.cell details.hide")
        assert len(hidden) == sum("hide-cell" in each for each in tags), notebook.name
        assert not [each for each in closed + hidden if each.has_attr("open")]
        assert all(each.summary.get_text(strip=True) for each in closed + hidden)
        for tag in ("attempt", "check"):
            visible = [
                each for each in page.select(f".tag_{tag}") if not each.find_parent("details")
            ]
            assert len(visible) == sum(tag in each for each in tags), f"{notebook.name}: {tag}"
        exercises = [each.p.get_text() for each in page.select("div.exercise")]
        assert len(exercises) == len(re.findall(r"^:+\{exercise\}", prose(notebook), re.MULTILINE))
        for number, title in enumerate(exercises, 1):
            assert re.fullmatch(rf"Exercise {number} – \w[\w ]*: .+ \(\d+ min\)", title)


def test_a_failed_build_leaves_the_folder_as_it_was(tmp_path, monkeypatch, capfd):
    shutil.copytree(ROOT / "site", tmp_path / "site")
    wrong = "# Lesson\n\n![A drawing](lost.png)\n\n:::{solution} ex-0-1\nOf what?\n:::\n"
    (tmp_path / "site" / "index.md").write_text(wrong, "utf-8")
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    monkeypatch.setattr(tool, "stored_picture", lambda *_: b"")
    folder = tmp_path / "pages"
    folder.mkdir()
    (folder / "searchindex.js").write_text("pages of yesterday", "utf-8")
    assert tool.build(folder) != 0
    warnings = capfd.readouterr().err
    assert "lost.png" in warnings and "ex-0-1" in warnings
    assert [path.name for path in folder.iterdir()] == ["searchindex.js"]

    (folder / "searchindex.js").rename(folder / "my work.txt")
    with pytest.raises(SystemExit, match="choose another folder"):
        tool.build(folder)
    assert [path.name for path in folder.iterdir()] == ["my work.txt"]


def test_with_a_public_address_notebooks_open_in_colab_and_binder(tmp_path, monkeypatch):
    shutil.copytree(ROOT / "site", tmp_path / "site")
    (tmp_path / "site" / "playground" / "index.md").unlink()
    settings = tmp_path / "site" / "conf.py"
    text = settings.read_text("utf-8")
    settings.write_text(text.replace('repository = ""', 'repository = "ana/lesson"'), "utf-8")
    index = "# Lesson\n\n```{toctree}\nnotebooks/extras/perturbing\nguide/setup\n```\n"
    (tmp_path / "site" / "index.md").write_text(index, "utf-8")
    (tmp_path / "guide").mkdir()
    (tmp_path / "guide" / "setup.md").write_text("# Setup\n", "utf-8")
    (tmp_path / "notebooks" / "extras").mkdir(parents=True)
    trial = {"cells": [{"cell_type": "markdown", "id": "a", "metadata": {}, "source": "# Trial"}]}
    trial |= {"metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    file = tmp_path / "notebooks" / "extras" / "perturbing.ipynb"
    file.write_text(json.dumps(trial), "utf-8")
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    monkeypatch.setattr(tool, "stored_picture", lambda *_: b"")
    assert tool.build(tmp_path / "pages") == 0
    page = tmp_path / "pages" / "notebooks" / "extras" / "perturbing.html"
    shown = BeautifulSoup(page.read_text("utf-8"), "html.parser").select(".ways-in a")
    ways = {each.get_text(): each["href"] for each in shown}
    assert (page.parent / ways.pop("Download this notebook")).is_file()
    assert (page.parent / ways.pop("What it needs to run")).resolve().is_file()
    path = "notebooks/extras/perturbing.ipynb"
    assert ways == {
        "Open in Colab": f"https://colab.research.google.com/github/ana/lesson/blob/main/{path}",
        "Open in Binder": "https://mybinder.org/v2/gh/ana/lesson/main?urlpath="
        + quote(f"lab/tree/work/{path}", safe=""),
    }


def test_without_a_public_address_there_are_no_such_links(site, pages):
    for notebook in NOTEBOOKS + EXTRAS:
        shown = [each.get_text() for each in pages[page_of(notebook, site)].select(".ways-in a")]
        assert shown == ["Download this notebook", "What it needs to run"]
        file = page_of(notebook, site).with_suffix(".ipynb")
        stored = json.loads(file.read_text("utf-8"))
        assert not [cell for cell in stored["cells"] if cell.get("outputs")]
