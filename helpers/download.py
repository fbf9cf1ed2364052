"""Download the real chest X-rays of the lesson: ``python -m helpers.data fetch``.

The archive is published with the Carpentries Incubator lesson "Introduction to artificial neural
networks in Python"; the images come from the NIH Clinical Center.
"""

import os
import shutil
import stat
import sys
import tempfile
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from helpers.data import CLASSES, ROOT, find
from helpers.images import ENDINGS, DataError

# Pinned to a commit, so that the file behind it cannot change.
URL = (
    "https://github.com/carpentries-incubator/machine-learning-neural-python/raw/"
    "b8120b05451347660dabd1a3729e72e083e5256b/episodes/data/chest_xrays.zip"
)
BYTES = 166_486_464
SHA256 = "8055ffb330a7722a9c2926933d24b8c2a660bfe8a201a95810404ae7b5577a05"
PER_CLASS = 350
DESTINATION = ROOT / "data" / "downloads"
MOST_UNPACKED = 2_000_000_000  # bytes; 700 images of 512 x 512 need less than a tenth
TRIES = 4


def fetch(
    url: str = URL,
    sha256: str = SHA256,
    size: int = BYTES,
    destination: str | Path = DESTINATION,
    per_class: int = PER_CLASS,
    timeout: float = 30,
    pause: float = 2,
) -> Path:
    """Download, check and unpack the X-rays; do nothing if they are there already.

    Everything unfinished stays in ``destination/unfinished``. The images appear in their place
    in one step, once all of them are there. An interrupted download is continued.

    Parameters
    ----------
    url
        Address of a ZIP archive with the two class folders.
    sha256, size
        Its check sum and its number of bytes.
    destination
        Folder in which ``chest_xrays`` is to appear.
    per_class
        How many images each class folder must hold.
    timeout
        Seconds to wait for an answer.
    pause
        Seconds before the second try; it doubles before each further one.

    Returns
    -------
    pathlib.Path
        The folder that holds ``normal`` and ``effusion``.

    Raises
    ------
    DataError
        If the X-rays cannot be had; the message says why and what to do.
    """
    destination = Path(destination)
    final = destination / "chest_xrays"
    if final.exists():
        counts = find(final).labels
        if any(counts.count(label) != per_class for label in (0, 1)):
            raise DataError(
                f"{final} holds other files than were downloaded: move that folder away and run "
                "this again."
            )
        return final
    unfinished = destination / "unfinished"
    try:
        unfinished.mkdir(parents=True, exist_ok=True)
        for left in unfinished.glob("tmp*"):  # of a run that was stopped
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        if shutil.disk_usage(unfinished).free < 2 * size:
            raise DataError(
                f"The disk of {destination} is nearly full: free {2 * size / 1e6:.0f} MB and run "
                "this again."
            )
        archive = _download(url, sha256, size, unfinished, timeout, pause)
        _unpack(archive, unfinished, final, per_class)
        shutil.rmtree(unfinished, ignore_errors=True)
    except OSError as error:
        raise DataError(
            f"{destination} cannot be written ({error.strerror}): make room there or allow "
            "writing, and run this again."
        ) from error
    return final


def _download(url: str, sha256: str, size: int, folder: Path, timeout: float, pause: float) -> Path:
    """Download the archive with pooch, which compares the check sum; try again if need be."""
    import pooch
    import requests

    pooch.get_logger().setLevel("WARNING")
    part = folder / "chest_xrays.zip.part"

    def download(url: str, output: str, _: object) -> None:
        _continue_download(url, part, size, timeout)
        os.replace(part, output)

    for attempt in range(TRIES):
        try:
            return Path(pooch.retrieve(url, sha256, "chest_xrays.zip", folder, downloader=download))
        except requests.HTTPError as error:
            answer = f"{error.response.status_code} {error.response.reason}".strip()
            problem = f"The server answers '{answer}' for {url}"
            if error.response.status_code < 500:
                raise DataError(
                    f"{problem}: look in the lesson's README for a newer address."
                ) from error
        except requests.RequestException:
            problem = f"The connection to {url} fails or breaks off"
        except DataError:
            raise
        except ValueError as error:  # of pooch, which has taken the file away
            raise DataError(
                f"The archive from {url} has another check sum than expected, so it was not "
                "used: run this again, and if that does not help, tell the authors of the lesson."
            ) from error
        if attempt < TRIES - 1:
            time.sleep(pause * 2**attempt)
    raise DataError(f"{problem}: check the network and run this again; it goes on from there.")


def _continue_download(url: str, part: Path, size: int, timeout: float) -> None:
    """Download into ``part``, from where an earlier try stopped if the server can do that."""
    import requests
    from tqdm import tqdm

    have = part.stat().st_size if part.exists() else 0
    if have >= size:  # too long, or whole but never checked: begin again
        have = 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with requests.get(url, headers=headers, stream=True, timeout=timeout) as answer:
        if answer.status_code == 416:  # the server has less than is here already
            part.unlink()
        answer.raise_for_status()
        if answer.status_code != 206:
            have = 0
        with (
            part.open("ab" if have else "wb") as file,
            tqdm(total=size, initial=have, unit="B", unit_scale=True, desc="Downloading") as bar,
        ):
            for chunk in answer.iter_content(1 << 16):
                file.write(chunk)
                bar.update(len(chunk))
                have += len(chunk)
                if have > size:
                    break
    if have != size:
        part.unlink()
        found = f"more than the expected {size:,}" if have > size else f"{have:,} of {size:,}"
        raise DataError(
            f"The archive from {url} has {found} bytes, so it was not used: run this again, and if "
            "that does not help, tell the authors of the lesson."
        )


def _unpack(archive: Path, folder: Path, final: Path, per_class: int) -> None:
    """Unpack the two class folders of an archive and move them into place in one step."""
    problem = f"The archive {archive.name}"
    advice = "nothing was unpacked; tell the authors of the lesson."
    temporary = Path(tempfile.mkdtemp(dir=folder))
    try:
        with zipfile.ZipFile(archive) as opened:
            images = _class_members(opened.infolist(), problem, advice)
            counts = [len(images[name]) for name in CLASSES]
            if counts != [per_class] * len(CLASSES):
                raise DataError(
                    f"{problem} holds {counts[0]} images in 'normal' and {counts[1]} in 'effusion' "
                    f"instead of {per_class} each: {advice}"
                )
            for name, members in images.items():
                target = temporary / "chest_xrays" / name
                target.mkdir(parents=True)
                for member in members:
                    # Only the last part of the name is used, so nothing can land elsewhere.
                    path = target / PurePosixPath(member.filename).name
                    with opened.open(member) as source, path.open("wb") as file:
                        shutil.copyfileobj(source, file)
        os.replace(temporary / "chest_xrays", final)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise DataError(f"{problem} is damaged ({error}): {advice}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _class_members(
    members: Sequence[zipfile.ZipInfo], problem: str, advice: str
) -> dict[str, list[zipfile.ZipInfo]]:
    """List the images of each class in an archive, refusing one that means harm."""
    if sum(member.file_size for member in members) > MOST_UNPACKED:
        raise DataError(f"{problem} would unpack to far too many bytes: {advice}")
    images: dict[str, list[zipfile.ZipInfo]] = {name: [] for name in CLASSES}
    for member in members:
        path = PurePosixPath(member.filename.replace("\\", "/"))
        outside = path.is_absolute() or ".." in path.parts or ":" in path.parts[0]
        if outside or stat.S_ISLNK(member.external_attr >> 16):
            raise DataError(
                f"{problem} wants to write outside its folder ({member.filename}): {advice}"
            )
        visible = not any(part.startswith((".", "__MACOSX")) for part in path.parts)
        folder = path.parent.name.lower()
        if visible and folder in images and path.suffix.lower() in ENDINGS:
            images[folder].append(member)
    return images


def main(arguments: Sequence[str]) -> int:
    """Download the X-rays and say where they are; return the exit code."""
    if arguments:
        print("Usage: python -m helpers.data fetch", file=sys.stderr)
        return 2
    there = (DESTINATION / "chest_xrays").exists()
    try:
        folder = fetch()
    except KeyboardInterrupt:
        print("\nInterrupted: run this again, it goes on from there.", file=sys.stderr)
        return 130
    print("The X-rays are there already." if there else "The X-rays are downloaded.")
    print(find(folder))
    print(
        "Their images come from the NIH Clinical Center: https://nihcc.app.box.com/v/ChestXray-NIHCC"
    )
    return 0
