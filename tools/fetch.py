"""Download the real chest X-rays of the lesson: ``python -m tools.fetch``.

The archive is published with the Carpentries Incubator lesson "Introduction to artificial neural
networks in Python"; the images come from the NIH Clinical Center.
"""

import argparse
import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pooch
import requests

from helpers.data import CLASSES, find_dataset
from helpers.images import DataError
from helpers.paths import DOWNLOADS

# Pinned to a commit, so that the file behind it cannot change.
URL = (
    "https://github.com/carpentries-incubator/machine-learning-neural-python/raw/"
    "b8120b05451347660dabd1a3729e72e083e5256b/episodes/data/chest_xrays.zip"
)
BYTES = 166_486_464
SHA256 = "8055ffb330a7722a9c2926933d24b8c2a660bfe8a201a95810404ae7b5577a05"
PER_CLASS = 350
ARCHIVE = "chest_xrays.zip"
RETRIES = 3


def fetch(
    url: str = URL,
    sha256: str = SHA256,
    destination: str | Path = DOWNLOADS,
    per_class: int = PER_CLASS,
) -> Path:
    """Download, check and unpack the X-rays; do nothing if they are there already.

    Everything unfinished stays in ``destination/unfinished``. The images appear in their place
    in one step, once all of them are there.

    Parameters
    ----------
    url
        Address of a ZIP archive with the two class folders, in another folder or not.
    sha256
        Its check sum.
    destination
        Folder in which ``chest_xrays`` is to appear.
    per_class
        How many images each class folder must hold.

    Returns
    -------
    pathlib.Path
        The folder that holds ``normal`` and ``effusion``.

    Raises
    ------
    DataError
        If the X-rays cannot be had; the message says why and what to do.
    """
    destination = Path(destination).absolute()
    final, unfinished = destination / "chest_xrays", destination / "unfinished"
    if final.exists():
        if not _is_complete(final, per_class):
            raise DataError(
                f"{final} holds other files than were downloaded: move that folder away and run "
                "this again."
            )
        return final
    try:
        unfinished.mkdir(parents=True, exist_ok=True)
        for left in unfinished.glob("tmp*"):  # of a run that was stopped
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        archive = _download(url, sha256, unfinished)
        with tempfile.TemporaryDirectory(dir=unfinished, ignore_cleanup_errors=True) as temporary:
            unpacked = Path(temporary, "unpacked")
            with zipfile.ZipFile(archive) as opened:
                opened.extractall(unpacked)  # never writes outside the folder given
            if not _is_complete(unpacked, per_class):
                raise DataError(
                    f"The archive from {url} does not hold {per_class} images in each of 'normal' "
                    "and 'effusion', so it was not used: tell the authors of the lesson."
                )
            os.replace(find_dataset(unpacked).files[0].parent.parent, final)
        shutil.rmtree(unfinished, ignore_errors=True)
        return final
    except OSError as error:
        why = error.strerror or "permission denied"  # pooch gives a text in place of a number
    # Not raised above: the progress bar ends its line only once the first error is forgotten.
    raise DataError(
        f"{destination} cannot be written ({why}): make sure that you may write there and that "
        f"{2 * BYTES / 1e6:.0f} MB are free, and run this again."
    )


def _is_complete(folder: Path, per_class: int) -> bool:
    """Tell if a folder holds the images of both classes, in another folder or not."""
    try:
        labels = find_dataset(folder).labels
    except DataError:
        return False
    return all(labels.count(label) == per_class for label in range(len(CLASSES)))


def _download(url: str, sha256: str, folder: Path) -> Path:
    """Download the archive with pooch, which compares the check sum and tries again."""
    pooch.get_logger().setLevel("WARNING")  # the progress bar says enough
    store = pooch.create(
        folder, "", registry={ARCHIVE: sha256}, urls={ARCHIVE: url}, retry_if_failed=RETRIES
    )
    downloader = pooch.HTTPDownloader(progressbar=True, chunk_size=1 << 16)
    try:
        return Path(store.fetch(ARCHIVE, downloader=downloader))
    except requests.HTTPError as error:
        problem = (
            f"The server refuses the download ({error}): run this again later, or look in the "
            "README of the lesson for a newer address."
        )
    except requests.RequestException:
        problem = (
            f"The connection to {url} fails or breaks off: check the network and run this again."
        )
    except ValueError:  # of pooch, which has taken the file away
        problem = (
            f"The archive from {url} has another check sum than expected, so it was not used: run "
            "this again, and if that does not help, tell the authors of the lesson."
        )
    raise DataError(problem)  # only here, for the sake of the progress bar, as in fetch


def main(arguments: Sequence[str]) -> int:
    """Download the X-rays and say where they are.

    Parameters
    ----------
    arguments
        The command line without its first word; only ``--help`` is known.

    Returns
    -------
    int
        The exit code: 0, 1 if the X-rays cannot be had, 130 after Ctrl+C.
    """
    parser = argparse.ArgumentParser(
        prog="python -m tools.fetch",
        description=f"Download the {2 * PER_CLASS} real chest X-rays of the lesson "
        f"({BYTES / 1e6:.0f} MB) from {URL}.",
    )
    parser.parse_args(arguments)
    try:
        folder: Path | None = fetch()
    except DataError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        folder = None
    if folder is None:
        print("Interrupted: run this again to get the X-rays.", file=sys.stderr)
        return 130
    print(
        "The real chest X-rays, provided by the NIH Clinical Center "
        f"(https://nihcc.app.box.com/v/ChestXray-NIHCC), are in {folder}."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
