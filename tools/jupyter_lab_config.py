"""How `make lab` starts JupyterLab: on this machine only, with a token, and without questions.

Learners work on copies of the notebooks, which are made or renewed here.
"""

import os
import sys
from pathlib import Path

from helpers.paths import work_folder
from tools import copies, saving

ROOT = Path(__file__).resolve().parents[1]

if hasattr(os, "geteuid") and os.geteuid() == 0 and "--allow-root" not in sys.argv:
    print(
        "JupyterLab does not start as root, since a cell could then change anything on this "
        "computer: use another account, or add --allow-root in a container.",
        file=sys.stderr,
    )
    sys.exit(1)
if copies.main():
    sys.exit(1)
opened = work_folder()

c = get_config()  # noqa: F821
c.ServerApp.ip = "127.0.0.1"
c.ServerApp.root_dir = str(opened)
c.ServerApp.contents_manager_class = saving.WholeFiles  # a full disk costs nothing
c.LabApp.default_url = "/lab/tree/notebooks/01-introduction.ipynb"
# With jupytext's own extension, saving a notebook would change the episode's source as well.
c.ServerApp.jpserver_extensions = {"jupyterlab_jupytext": False}
c.LabApp.news_url = None
settings = ROOT / "tools" / "lab_settings"
c.LabApp.app_settings_dir = str(settings)  # overrides.json: no news, either
c.LabApp.custom_css = True  # custom.css
c.ServerApp.tornado_settings = {"static_custom_path": [str(settings)]}
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
if os.name != "nt":  # kernels talk through files of this user alone, which Windows does not have
    c.KernelManager.transport = "ipc"
# From its first cell on, a kernel says in words what stopped a cell. Who has a file of their own in
# this variable keeps it: then the first `import exercises` does the same.
os.environ.setdefault("PYTHONSTARTUP", str(ROOT / "exercises" / "startup.py"))
