"""Build the pages of the lesson from what the notebooks have stored; nothing is executed.

``python -m tools.pages [FOLDER]`` fills build/site/, or the folder given; open index.html in it.
It needs Sphinx and more, which learners do not; requirements-test.txt has them. The playground
needs TensorFlow.js besides (``npm ci --ignore-scripts``); without it, its page says so.
"""

import argparse
import base64
import json
import re
import shutil
import sys
import tempfile
from pathlib import Path

from tools import copies, playground

ROOT = Path(__file__).resolve().parents[1]
# Sphinx wants all its sources in one folder. There they lie as they do here, so that links from
# notebooks to figures and to each other hold; the pages written in site/ come on top.
SOURCES = [
    "notebooks/*.ipynb",
    "notebooks/extras/*.ipynb",
    "episodes/figures/*",
    "guide/**/*.*",
    "*.md",
    ".github/SUPPORT.md",
    "benchmarks/README.md",
    "data/README.md",
    "deploy/*/README.md",
    "CITATION.cff",
    "LICENSE*",
]

# The picture of the home page: the output of this notebook whose alternative text begins so
PICTURE = "08-testing-explanations", "One simulated X-ray with effusion under thirteen maps"


def stored_picture(notebook: str, alt: str) -> bytes:
    """Return a picture that a notebook has stored, as the bytes of a PNG.

    Parameters
    ----------
    notebook
        Its name, without the ending.
    alt
        How the alternative text of the picture begins.

    Raises
    ------
    SystemExit
        If the notebook has no such picture.
    """
    cells = json.loads((ROOT / "notebooks" / f"{notebook}.ipynb").read_text("utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    pages = ["".join(output.get("data", {}).get("text/html", "")) for output in outputs]
    found = re.search(f'<img alt="{re.escape(alt)}[^>]*base64,([^"]+)"', "".join(pages))
    if found is None:
        raise SystemExit(f"{notebook} has stored no picture of {alt}: run make notebooks.")
    return base64.b64decode(found[1])


def gather(folder: Path) -> None:
    """Copy all sources of the pages into a folder."""
    found = {path: path.relative_to(ROOT) for each in SOURCES for path in ROOT.glob(each)}
    written = ROOT / "site"
    found |= {path: path.relative_to(written) for path in written.rglob("*.md")}
    for path, place in found.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, folder / place)
    (folder / "home.png").write_bytes(stored_picture(*PICTURE))


def build(folder: Path) -> int:
    """Build the pages into a folder, in place of what it holds.

    Parameters
    ----------
    folder
        Stays as it is if anything goes wrong.

    Returns
    -------
    int
        0, or Sphinx's exit status; a warning is a failure too.

    Raises
    ------
    SystemExit
        If Sphinx is not installed, or if the folder holds something other than pages.
    """
    try:
        from sphinx.cmd.build import build_main
    except ImportError:
        raise SystemExit(
            "Sphinx, which builds the pages, is not installed. "
            "Install it: pip install -r requirements-test.txt"
        ) from None
    if folder.exists() and any(folder.iterdir()) and not (folder / "searchindex.js").exists():
        raise SystemExit(f"{folder} holds something other than these pages: choose another folder.")
    with tempfile.TemporaryDirectory() as name:
        sources, doctrees, pages = (Path(name, part) for part in ("lesson", "doctrees", "pages"))
        gather(sources)
        options = ["--quiet", "--fail-on-warning", "--keep-going"]
        folders = ["-c", str(ROOT / "site"), "-d", str(doctrees), str(sources), str(pages)]
        if status := build_main([*options, *folders]):
            return status
        for notebook in (sources / "notebooks").rglob("*.ipynb"):
            copies.copy(notebook, pages / notebook.relative_to(sources))
        playground.write(pages / "playground")
        if folder.exists():
            shutil.rmtree(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(pages, folder)
    return 0


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.pages", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "build" / "site")
    folder = parser.parse_args().folder
    if status := build(folder):
        sys.exit(status)
    if not playground.has_libraries():
        print(playground.WITHOUT)
    print(f"The pages are built. Open {folder / 'index.html'} in a browser.")


if __name__ == "__main__":
    main()
