"""Download the real chest X-rays of the lesson: ``python -m tools.fetch``.

The archive is published with the Carpentries Incubator lesson "Introduction to artificial neural
networks in Python"; the images come from the NIH Clinical Center.
"""

import argparse
import errno
import os
import shutil
import sys
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

import filelock
import pooch
import requests
from tqdm import tqdm

from helpers.data import CLASSES, Dataset, find_dataset
from helpers.images import ENDINGS, DataError
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
REDIRECTS = 5
PATIENCE = 30  # seconds without a byte
CHUNK = 1 << 16  # bytes
LATER = (408, 425)  # a server in trouble, as from 500 on
NEWER = (404, 410)  # the archive has gone
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def fetch(
    url: str = URL,
    sha256: str = SHA256,
    destination: str | Path = DOWNLOADS,
    per_class: int = PER_CLASS,
) -> Path:
    """Download, check and unpack the X-rays; do nothing if they are there already.

    Everything unfinished stays in ``destination/unfinished``. The images appear in their place
    in one step, once all of them are there. One process works there at a time: it holds
    ``destination/.lock``, which the system lets go of when the process ends, however it ends.

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
    try:
        # All there and nothing left over: then nothing is written, not even a lock.
        if not final.exists() or unfinished.exists():
            destination.mkdir(parents=True, exist_ok=True)
            with filelock.FileLock(destination / ".lock").acquire(timeout=0):
                if not final.exists():
                    _obtain(url, sha256, unfinished, final, per_class)
                shutil.rmtree(unfinished, ignore_errors=True)
    except filelock.Timeout as error:
        raise DataError(
            f"Another download into {destination} is running: wait until it has ended."
        ) from error
    except OSError as error:
        why = (error.strerror or "permission denied").lower()  # pooch gives a text, no number
        if error.errno in NO_ROOM:
            raise DataError(
                f"{destination} cannot be written ({why}): make room for "
                f"{2 * BYTES / 1e6:.0f} MB and run this again."
            ) from error
        if not final.exists():  # else only what an earlier run left over cannot be taken away
            raise DataError(
                f"{destination} cannot be written ({why}): make sure that you may write there, or "
                "copy the lesson to a folder of your own, and run this again."
            ) from error
    if _complete(final, per_class) is None:
        raise DataError(
            f"{final} holds other files than were downloaded: move that folder away and run "
            "this again."
        )
    return final


def _obtain(url: str, sha256: str, unfinished: Path, final: Path, per_class: int) -> None:
    """Download, unpack, compare and move into place; only for the one who holds the lock."""
    unfinished.mkdir(exist_ok=True)
    for left in unfinished.glob("tmp*"):  # of a run that was stopped
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    archive = _download(url, sha256, unfinished)
    with tempfile.TemporaryDirectory(dir=unfinished, ignore_cleanup_errors=True) as temporary:
        unpacked = Path(temporary, "unpacked")
        try:
            with zipfile.ZipFile(archive) as opened:
                listed = _sizes((info.filename, info.file_size) for info in opened.infolist())
                opened.extractall(unpacked)  # never writes outside the folder given
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
            raise DataError(
                f"The archive from {url} cannot be unpacked, so it was not used: tell the authors "
                "of the lesson."
            ) from error
        made = _complete(unpacked, per_class)
        if len(listed) != len(dict(listed)) or made is None:
            raise DataError(
                f"The archive from {url} does not hold {per_class} images of different names in "
                "each of 'normal' and 'effusion', so it was not used: tell the authors of the "
                "lesson."
            )
        if listed != _sizes((path.as_posix(), path.stat().st_size) for path in made.files):
            raise DataError(
                f"The images in {unfinished} are not as the archive lists them, so they were not "
                "used: let no other program change that folder and run this again."
            )
        os.replace(made.files[0].parent.parent, final)


def _sizes(files: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    """Return class, name and size of the images among some files, sorted.

    Names are as a computer sees them that tells neither letter cases nor ways to write an accent
    apart: what is one file there, in whichever folders, must not be two in the archive.
    """
    kept = []
    for name, size in files:
        path = PurePosixPath(unicodedata.normalize("NFC", name).casefold())
        visible = not path.name.startswith(".")
        if path.parent.name in CLASSES and path.suffix in ENDINGS and visible:
            kept.append((f"{path.parent.name}/{path.name}", size))
    return sorted(kept)


def _complete(folder: Path, per_class: int) -> Dataset | None:
    """Find the images of both classes, in another folder or not; None if they are not all there."""
    try:
        found = find_dataset(folder)
    except DataError:
        return None
    counts = [found.labels.count(label) for label in range(len(CLASSES))]
    return found if set(counts) == {per_class} else None


class _Circle(Exception):
    """The server sends the download from one address to another; pooch need not try again."""


class _Bar(tqdm):
    """A progress bar that says nothing when it is forgotten half made, as after Ctrl+C."""

    def __del__(self) -> None:
        pass


def _get(url: str, output: str, _: pooch.Pooch) -> None:
    """Download into a file, as pooch wants it done, with few redirects and a progress bar."""
    with requests.Session() as session:
        session.max_redirects = REDIRECTS
        try:
            response = session.get(url, stream=True, timeout=PATIENCE)
        except requests.TooManyRedirects as error:
            raise _Circle from error
        response.raise_for_status()
        length = response.headers.get("content-length", "")
        total = int(length) if length.isdecimal() else None
        bar = None
        try:
            with open(output, "wb") as file:
                bar = _Bar(total=total, ncols=79, ascii=os.name == "nt", unit="B", unit_scale=True)
                for chunk in response.iter_content(CHUNK):
                    file.write(chunk)
                    bar.update(len(chunk))
        finally:  # the next words start in a new line
            bar.close() if bar is not None else print(file=sys.stderr)


def _download(url: str, sha256: str, folder: Path) -> Path:
    """Download the archive with pooch, which compares the check sum and tries again."""
    pooch.get_logger().setLevel("WARNING")  # the progress bar says enough
    store = pooch.create(
        folder, "", registry={ARCHIVE: sha256}, urls={ARCHIVE: url}, retry_if_failed=RETRIES
    )
    try:
        return Path(store.fetch(ARCHIVE, downloader=_get))
    except requests.HTTPError as error:
        status = getattr(error.response, "status_code", 0)
        if status == 429:
            advice = "too many have asked it, so wait some minutes and run this again"
        elif status in LATER or status >= 500:
            advice = "run this again later"
        elif status in NEWER:
            advice = "look in the README of the lesson for a newer address"
        else:
            advice = "try again in another network, without a proxy or filter"
        problem = f"The server refuses the download (error {status}): {advice}."
        raise DataError(problem) from error
    except _Circle as error:
        raise DataError(
            f"The server sends the download from {url} to ever more addresses: try again in "
            "another network, without a log-in page, a proxy or filter."
        ) from error
    except requests.RequestException as error:
        raise DataError(
            f"The connection to {url} fails or breaks off: check the network and run this again."
        ) from error
    except ValueError as error:  # of pooch, which has taken the file away
        raise DataError(
            f"The archive from {url} has another check sum than expected, so it was not used: run "
            "this again, and if that does not help, tell the authors of the lesson."
        ) from error


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
        folder = fetch()
    except DataError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted: run this again to get the X-rays.", file=sys.stderr)
        return 130
    print(
        "The real chest X-rays, provided by the NIH Clinical Center "
        f"(https://nihcc.app.box.com/v/ChestXray-NIHCC), are in {folder}."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
