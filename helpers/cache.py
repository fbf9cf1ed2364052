"""Keep small images from one notebook to the next, so that files are decoded once.

The cache can only save time: whatever is wrong with it, the images are read from their files.
"""

import hashlib
import os
import tempfile
import time
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from helpers.images import DataError, short_name

VERSION = 1  # raise when the cached pixels would come out differently
ENTRIES = 8  # data sets and sizes that are kept


def place(work_folder: Callable[[], Path], files: Sequence[Path], size: int) -> Path | None:
    """Name the cache file of these images at this size, as they are now.

    Parameters
    ----------
    work_folder
        Returns the folder in which the cache lies.
    files
        The images.
    size
        Pixels of each side.

    Returns
    -------
    Path or None
        Another one as soon as a file is added, removed or changed; None without a work folder.

    Raises
    ------
    DataError
        If an image has gone.
    """
    folder = hashlib.sha256(str(files[0].parent.parent).encode(errors="surrogateescape"))
    content = hashlib.sha256(f"{VERSION} {size}".encode())
    for path in files:
        try:
            stat = path.stat()
        except OSError as error:
            raise DataError(
                f"{short_name(path)} has gone: put it back or find the data again."
            ) from error
        content.update(repr((short_name(path), stat.st_size, stat.st_mtime_ns)).encode())
    name = f"{folder.hexdigest()[:16]}-{size}-{content.hexdigest()[:24]}.npz"
    try:
        return work_folder() / "cache" / name
    except DataError:
        return None


def read(path: Path | None, shape: tuple[int, ...]) -> np.ndarray | None:
    """Read small images, uint8 of this shape; None if they are not there, or not whole."""
    if path is None:
        return None
    try:
        with np.load(path, allow_pickle=False) as stored:
            small = stored["small"]  # the archive's own check sum is compared here
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    return small if small.shape == shape and small.dtype == np.uint8 else None


def write(path: Path | None, small: np.ndarray) -> None:
    """Write small images in one step; a failure only costs time next time."""
    if path is None:
        return
    temporary = None
    try:
        path.parent.mkdir(exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
            temporary = Path(file.name)
            np.savez(file, small=small)
        os.replace(temporary, path)
        # Of one folder and size only the newest is of use; of the others keep a few.
        same = path.name.rsplit("-", 1)[0]
        entries = list(path.parent.glob("*.npz"))
        entries.sort(key=lambda p: p.stat().st_mtime_ns, reverse=True)
        stale = [p for p in entries if p.name.startswith(same) and p != path]
        left = [p for p in path.parent.glob("*.part") if time.time() - p.stat().st_mtime > 3600]
        for old in {*stale, *left, *entries[ENTRIES:]}:
            old.unlink(missing_ok=True)
    except OSError:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
