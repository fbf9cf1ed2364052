"""Take the lesson's packages to a place without a network, such as a room, on a USB stick.

``python -m tools.wheels collect DIR``  downloads them into a folder; with ``--platform`` and
                                      ``--python-version`` for other computers than this one
``python -m tools.wheels install DIR``  installs them from there, and then the lesson itself

pip compares every file with the hashes in requirements.txt, both times. Only Python's own library
is imported at the top, as in tools.check_setup, so that ``install`` runs where everything else is
missing.
"""

from __future__ import annotations  # so that an older Python reaches the line that names it

import argparse
import hashlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from tools.check_setup import NEWEST, OLDEST

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
# uv is what `make` installs with: where it is there, `make lab` asks no network for anything.
REQUIREMENTS = ("requirements.txt", "requirements-uv.txt")
STAMPS = ("uv.stamp", "lesson.stamp")  # in this order: `make` compares their times
MICROS = (0, 99)  # of Python 3.x.0 and 3.x.99: some packages differ between releases such as these
KINDS = (".whl", ".tar.gz", ".zip")
SOURCE_ONLY = "lime"  # pure Python, published without a wheel: pip makes one while it installs
# What markers such as `sys_platform == 'win32'` ask for, and which wheels fit. pip takes the first
# that does, so those for the oldest systems come first: they run on newer ones as well.
PLATFORMS: dict[str, tuple[dict[str, str], list[str]]] = {
    "linux": (
        {"sys_platform": "linux", "os_name": "posix", "platform_machine": "x86_64"},
        ["manylinux2014_x86_64", *(f"manylinux_2_{minor}_x86_64" for minor in range(5, 29))],
    ),
    "macos": (
        {"sys_platform": "darwin", "os_name": "posix", "platform_machine": "arm64"},
        [f"macosx_{major}_0_arm64" for major in (12, 13, 14)],
    ),
    "windows": (
        {"sys_platform": "win32", "os_name": "nt", "platform_machine": "AMD64"},
        ["win_amd64"],
    ),
}


def blocks(root: Path = ROOT) -> list[str]:
    """Read what is asked for: one text for each package, with its marker and its hashes.

    Parameters
    ----------
    root
        The lesson's folder.
    """
    found = []
    for name in REQUIREMENTS:
        text = (root / name).read_text(encoding="utf-8").replace("\\\n", " ")
        found += [line for line in text.splitlines() if line and not line.startswith("#")]
    return found


def known_hashes(root: Path = ROOT) -> set[str]:
    """Read the SHA-256 check sums of all files that may be installed, for any computer."""
    return set(re.findall(r"--hash=sha256:([0-9a-f]{64})", " ".join(blocks(root))))


def needed(asked: Iterable[str], version: str, markers: dict[str, str]) -> list[str]:
    """Return what a computer needs, without markers: pip would compare them with this computer.

    Parameters
    ----------
    asked
        What ``blocks`` returned.
    version
        Of Python, in full, such as "3.12.0".
    markers
        What is to differ from this computer, as in ``PLATFORMS``.

    Raises
    ------
    SystemExit
        If the package that reads markers is missing.
    """
    try:
        from packaging.requirements import Requirement
    except ImportError:
        raise SystemExit(
            "Collecting needs the package 'packaging': run it with the Python of the installed "
            "lesson, which has it."
        ) from None
    short = version.rpartition(".")[0]
    environment = {**markers, "python_full_version": version, "python_version": short}
    taken = []
    for line in asked:
        pinned, _, hashes = line.partition(" --hash")
        requirement = Requirement(pinned.strip())
        if requirement.marker is None or requirement.marker.evaluate(environment):
            taken.append(f"{requirement.name}{requirement.specifier} --hash{hashes}")
    return taken


def collect(
    folder: Path,
    platforms: Sequence[str | None] = (None,),
    versions: Sequence[str] = (),
    root: Path = ROOT,
) -> None:
    """Download all packages into a folder; what is there already is not downloaded again.

    Parameters
    ----------
    folder
        New or not; files for several computers may lie in one folder.
    platforms
        Names in ``PLATFORMS``, or None for a computer like this one.
    versions
        Of Python, such as "3.12"; without any, that of the running one.
    root
        The lesson's folder.

    Raises
    ------
    SystemExit
        If the packages cannot be had or the folder cannot be written; the message says why.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SystemExit(
            f"{folder} cannot be written ({error.strerror}): name another folder."
        ) from error
    asked = blocks(root)
    for platform in platforms:
        markers, tags = PLATFORMS[platform] if platform else ({}, [])
        for version in versions or [f"{sys.version_info[0]}.{sys.version_info[1]}"]:
            what = f"{platform or 'this system'}, Python {version}"
            print(f"Collecting for {what} ...", flush=True)
            releases = [f"{version}.{micro}" for micro in MICROS]
            lists = {"\n".join(needed(asked, release, markers)): release for release in releases}
            for text, release in lists.items():  # one list, mostly
                if _download(text, folder, release, tags):
                    raise SystemExit(
                        f"The packages for {what} are not complete (see above): check the network "
                        "and the room on the disk, and run this again."
                    )
    sizes = [path.stat().st_size for path in _packages(folder)]
    print(f"{folder} holds {len(sizes)} files, {sum(sizes) / 1e6:.0f} MB.")
    print(f"To install them without a network: python -m tools.wheels install {folder}")


def _download(text: str, folder: Path, version: str, tags: list[str]) -> int:
    """Let pip download what a text asks for, for some Python and systems; return its exit code."""
    options = ["--python-version", version, "--implementation", "cp"]
    for tag in tags:
        options += ["--platform", tag]
    with tempfile.TemporaryDirectory() as temporary:
        asked = Path(temporary, "requirements.txt")
        asked.write_text(text + "\n", encoding="utf-8")
        kinds = ["--only-binary", ":all:", "--no-binary", SOURCE_ONLY]
        checks = ["--no-deps", "--require-hashes", "--requirement", str(asked)]
        return _pip(sys.executable, "download", *checks, *kinds, *options, "--dest", str(folder))


def _pip(python: str, *arguments: str) -> int:
    """Run the pip of a Python, which prints what it does; return its exit code."""
    command = [python, "-m", "pip", *arguments, "--disable-pip-version-check"]
    return subprocess.run(command, check=False).returncode


def _packages(folder: Path) -> list[Path]:
    """List the packages in a folder; not the hidden files that some systems put beside them."""
    files = (path for path in folder.iterdir() if not path.name.startswith("."))
    return sorted(path for path in files if path.name.endswith(KINDS))


def damaged(packages: Iterable[Path], known: set[str]) -> list[str]:
    """Return the names of files that are not among those that requirements.txt lists.

    Parameters
    ----------
    packages
        Files.
    known
        What ``known_hashes`` returned.
    """
    names = []
    for path in packages:
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() not in known:
                names.append(path.name)
    return names


def environment() -> str:
    """Return the Python to install into: the running one if it is in an environment, else .venv's.

    conda's "base" does not count: it is there for conda itself.

    Raises
    ------
    SystemExit
        If ``.venv`` cannot be made.
    """
    in_conda = os.environ.get("CONDA_PREFIX") == sys.prefix
    in_conda = in_conda and os.environ.get("CONDA_DEFAULT_ENV") != "base"
    if sys.prefix != sys.base_prefix or in_conda:
        return sys.executable
    python = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        print(f"Making {VENV} ...", flush=True)
        command = [sys.executable, "-m", "venv", str(VENV)]
        if subprocess.run(command, check=False).returncode:
            raise SystemExit(
                f"{VENV} cannot be made (see above): install Python with venv and pip, such as the "
                "one of python.org."
            )
    return str(python)


def install(folder: Path, root: Path = ROOT) -> None:
    """Install the packages in a folder and then the lesson, without any network.

    Parameters
    ----------
    folder
        What ``collect`` has filled.
    root
        The lesson's folder.

    Raises
    ------
    SystemExit
        If Python is too old or too new, or a file is missing or damaged; the message says what.
    """
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        raise SystemExit(
            f"This is Python {version}, but the lesson needs 3.11, 3.12 or 3.13: install one of "
            "them and run this with it."
        )
    folder = Path(os.path.abspath(folder))
    packages = _packages(folder) if folder.is_dir() else []
    if not packages:
        raise SystemExit(f"{folder} holds no packages: name the folder that `collect` has filled.")
    print("Comparing the files with requirements.txt ...", flush=True)
    if wrong := damaged(packages, known_hashes(root)):
        raise SystemExit(
            f"{wrong[0]} in {folder} is damaged, or not of this version of the lesson: delete it "
            "and run `collect` again."
        )
    python = environment()
    print("Installing, which takes some minutes ...", flush=True)
    source = ["--no-index", "--find-links", str(folder)]
    asked = [part for name in REQUIREMENTS for part in ("--requirement", str(root / name))]
    if _pip(python, "install", *source, "--no-deps", "--require-hashes", *asked):
        system = {"darwin": "macos", "win32": "windows"}.get(sys.platform, sys.platform)
        raise SystemExit(
            f"{folder} does not hold all that this computer needs (see above): collect it for "
            f"{system} and Python {version}."
        )
    lesson = ["--no-index", "--no-deps", "--no-build-isolation", "--editable", str(root)]
    if _pip(python, "install", *lesson):
        raise SystemExit(f"The lesson in {root} cannot be installed (see above): copy it again.")
    if Path(python).is_relative_to(VENV):
        for name in STAMPS:  # so that `make` knows, and does not ask the network
            (VENV / name).touch()
    print(f'The lesson is installed. To check it: "{python}" -m tools.check_setup')


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line.

    Parameters
    ----------
    arguments
        Without the first word; those of the running program if None.
    """
    parser = argparse.ArgumentParser(prog="python -m tools.wheels")
    commands = parser.add_subparsers(dest="command", required=True)
    collecting = commands.add_parser("collect", help="download all packages into a folder")
    collecting.add_argument("folder", type=Path, metavar="DIR")
    collecting.add_argument(
        "--platform", nargs="+", choices=sorted(PLATFORMS), help="of the learners (this one)"
    )
    have = [f"3.{minor}" for minor in range(OLDEST[1], NEWEST[1] + 1)]
    collecting.add_argument(
        "--python-version", nargs="+", choices=have, help="of the learners (the running one)"
    )
    installing = commands.add_parser("install", help="install from that folder")
    installing.add_argument("folder", type=Path, metavar="DIR")
    options = parser.parse_args(arguments)
    if options.command == "install":
        install(options.folder)
    else:
        collect(options.folder, options.platform or (None,), options.python_version or ())


if __name__ == "__main__":
    main()
