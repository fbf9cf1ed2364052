"""How Sphinx makes pages of the notebooks; ``python -m tools.pages`` runs it.

The pages show what the notebooks have stored: nothing is executed, and nothing is fetched from
the network, neither when the pages are built nor when they are read.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # for lesson_pages, the extension beside this file

project = "Neural networks for chest X-rays — and how to check what they look at"
copyright = "2026 the authors of this lesson. Text and figures: CC BY 4.0. Code: MIT"
language = "en_GB"
extensions = ["myst_nb", "lesson_pages"]

# Once the lesson has a public address on GitHub: "owner/name". Each notebook's page then has links
# that open it in Colab and in Binder.
repository = ""

# What the episodes use beyond plain Markdown, as JupyterLab shows it: ":::{note}" and "$x$"
myst_enable_extensions = ["colon_fence", "dollarmath", "tasklist"]
myst_heading_anchors = 3  # so that pages of the guide can link to headings

nb_execution_mode = "off"
nb_merge_streams = True
# These scripts would come from another host, and widgets are only alive in a notebook.
nb_ipywidgets_js: dict[str, dict[str, str]] = {}
nb_code_prompt_show = "Show the code and its output"
nb_code_prompt_hide = "Hide the code and its output"

html_theme = "furo"
html_title = project
html_math_renderer = "mathml"  # of lesson_pages
html_static_path = ["static"]
html_css_files = ["lesson.css"]
html_js_files = ["scrollable.js"]
html_copy_source = False  # tools.pages puts the notebooks beside their pages, without outputs
html_show_search_summary = False  # a page opened from a folder may not read other pages
html_use_index = False  # there are no terms to list
html_show_sphinx = False
