"""Where things lie: the lesson's folder, its data, and the folder for what learners make."""

import os
from pathlib import Path

from helpers.images import DataError

ROOT = Path(__file__).resolve().parent.parent
BUNDLED_DATA = ROOT / "data"
DOWNLOADS = ROOT / "data" / "downloads"
PRETRAINED = ROOT / "data" / "models" / "best_model.keras"


def work_folder() -> Path:
    """Return the folder for what learners make, and make it if need be.

    Returns
    -------
    pathlib.Path
        ``CHEST_XRAYS_WORK`` where that environment variable is set (a relative one counts from
        the lesson's folder), else ``work`` in the lesson's folder.

    Raises
    ------
    DataError
        If it cannot be made.
    """
    folder = ROOT / os.path.expanduser(os.environ.get("CHEST_XRAYS_WORK") or "work")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"{folder} cannot be the work folder ({error.strerror}): set CHEST_XRAYS_WORK to a "
            "folder in which you may write."
        ) from error
    return folder
