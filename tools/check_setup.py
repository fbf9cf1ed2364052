"""Check the set-up of this computer: ``python -m tools.check_setup``.

Only Python's own library is imported at the top, so that it runs where everything else is missing.
"""

from __future__ import annotations  # so that an older Python reaches the line that names it

import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST, NEWEST = (3, 11), (3, 13)
LEAST_MEMORY, LEAST_DISK = 3, 1  # GB; training an episode takes about 2
MODULES = {  # where the name to import is not the name to install
    "opencv-python-headless": "cv2",
    "pillow": "PIL",
    "scikit-image": "skimage",
    "scikit-learn": "sklearn",
    "tensorflow-cpu": "tensorflow",
}
# Imports one module after the other in a Python of its own, since a bad one may end it.
IMPORTER = """
import importlib, sys
for name in sys.argv[1:]:
    print("trying", name, flush=True)
    try:
        importlib.import_module(name)
        print("works", name, flush=True)
    except BaseException as error:
        print("fails", name, type(error).__name__, str(error).split(chr(10))[0], flush=True)
"""


def _for_this_computer(lines: Iterable[str]) -> dict[str, str]:
    """Read what is asked for on this computer: package name to version, empty if not exact."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    wanted: dict[str, str] = {}
    for line in lines:
        # A line may end in a remark, or go on with "\" and hashes of the package's files.
        text = re.split(r"(?:^|\s)[#-]|\\", line)[0].strip()
        if text:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate():
                _, exact, version = str(requirement.specifier).rpartition("==")
                wanted[canonicalize_name(requirement.name)] = version if exact else ""
    return wanted


def wanted_packages(root: Path = ROOT) -> dict[str, str]:
    """Read what the notebooks use from pyproject.toml and the versions from requirements.txt.

    Parameters
    ----------
    root
        The lesson's folder.

    Returns
    -------
    dict
        Package name to pinned version, for this computer.
    """
    import tomllib

    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = (root / "requirements.txt").read_text(encoding="utf-8")
    pins = _for_this_computer(text.splitlines())
    direct = _for_this_computer(project["dependencies"])
    return {name: pins.get(name, version) for name, version in direct.items()}


def _installed(name: str) -> str:
    """Find the version of an installed package; empty if it is missing."""
    # The large build of TensorFlow does all that the small one does.
    for candidate in (name, "tensorflow") if name == "tensorflow-cpu" else (name,):
        try:
            return importlib.metadata.version(candidate)
        except importlib.metadata.PackageNotFoundError:
            continue
    return ""


def _failing_imports(names: list[str]) -> dict[str, str]:
    """Import packages in another process; return those that fail, with the reason."""
    modules = {MODULES.get(name, name.replace("-", "_")): name for name in names}
    command = [sys.executable, "-c", IMPORTER]
    failing: dict[str, str] = {}
    left = list(modules)
    while left:
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        answer = subprocess.run(
            [*command, *left], capture_output=True, text=True, check=False, env=environment
        ).stdout
        lines = [line.split(" ", 2) for line in answer.splitlines()]
        done = {line[1] for line in lines if line[0] in ("works", "fails")}
        failing |= {modules[line[1]]: line[2] for line in lines if line[0] == "fails"}
        left = [module for module in left if module not in done]
        if left:  # importing the first of them has ended that Python
            failing[modules[left.pop(0)]] = "it ends Python"
    return failing


def check_packages(wanted: dict[str, str]) -> tuple[list[str], list[str]]:
    """Compare what is installed with what the lesson needs.

    Parameters
    ----------
    wanted
        Package name to pinned version, as ``wanted_packages`` returns it.

    Returns
    -------
    lines : list of str
        One line a package.
    bad : list of str
        Names of those that are missing, do not import, or differ in more than the last number.
    """
    from packaging.specifiers import SpecifierSet
    from packaging.version import Version

    versions = {name: _installed(name) for name in wanted}
    failing = _failing_imports([name for name, version in versions.items() if version])
    lines, bad = [], []
    for name, pin in wanted.items():
        version = versions[name]
        exact = f"{name}=={pin}" if pin else name
        fix = f'"{sys.executable}" -m pip install "{exact}"'
        if not version:
            state = f"MISSING    run: {fix}"
        elif name in failing:
            fix = fix.replace(" install ", " install --force-reinstall ")
            state = f"BROKEN     ({failing[name]}) run: {fix}"
        elif pin and not SpecifierSet(f"=={pin}").contains(version, prereleases=True):
            found, tested = Version(version), Version(pin)
            close = (found.major, found.minor) == (tested.major, tested.minor)
            state = f"{'ok' if close else 'OTHER'}  the lesson is tested with {pin}; run: {fix}"
        else:
            state = "ok"
        lines.append(f"{name:24} {version or '-':10} {state}")
        if not state.startswith("ok"):
            bad.append(name)
    return lines, bad


def _free_memory() -> float | None:
    """Return the free memory in GB, or all memory where free memory is not told, or None."""
    try:
        text = Path("/proc/meminfo").read_text(encoding="ascii")
        return float(text.split("MemAvailable:")[1].split()[0]) / 1e6
    except (OSError, IndexError):
        try:
            return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
        except (AttributeError, OSError, ValueError):
            return None


def _check_data() -> bool:
    """Print which X-rays the lesson will use; tell if they can be used."""
    from helpers.data import DataError, find_dataset

    try:
        print(find_dataset())
    except DataError as error:
        print(f"Data: {error}")
        return False
    return True


def _check_work() -> bool:
    """Print where learners' own work will be kept; tell if it can be written there."""
    from helpers.paths import DataError, work_folder

    try:
        folder = work_folder()
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(1_000_000))  # about a network; a disk or a quota may be full
    except DataError as error:
        print(f"Work: {error}")
        return False
    except OSError as error:
        print(
            f"Work: {folder} cannot be written ({error.strerror}): make room there, or set "
            "CHEST_XRAYS_WORK to a folder in which you may write."
        )
        return False
    print(f"Work: kept in {folder}")
    return True


def main(root: Path = ROOT) -> int:
    """Print one line for each thing checked, and at the end if the lesson will run.

    Parameters
    ----------
    root
        The lesson's folder.

    Returns
    -------
    int
        The exit code: 0 if the lesson will run, else 1.
    """
    fits = OLDEST <= sys.version_info[:2] <= NEWEST
    bad = [] if fits else ["python"]
    needed = f"{OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]}"
    fix = f"OTHER  install Python {needed} from python.org or conda and make .venv with it"
    print(f"{'python':24} {platform.python_version():10} {'ok' if fits else fix}")

    if sys.version_info[:2] < OLDEST:
        pass  # the files that say what else is needed cannot be read
    elif importlib.util.find_spec("packaging") is None:  # it comes with the lesson's packages
        fix = f'"{sys.executable}" -m pip install -r "{root / "requirements.txt"}"'
        print(f"{'packages':24} {'-':10} MISSING    run: {fix}")
        bad.append("packages")
    else:
        print("importing all packages takes some seconds ...", flush=True)
        lines, bad_packages = check_packages(wanted_packages(root))
        print("\n".join(lines))
        bad += bad_packages

    memory = _free_memory()
    if memory is not None:
        short = memory < LEAST_MEMORY
        state = f"LITTLE  close other programs: {LEAST_MEMORY} GB are needed" if short else "ok"
        print(f"{'memory':24} {memory:7.1f} GB {state}")
    free = shutil.disk_usage(root).free / 1e9
    state = f"LITTLE  free some: {LEAST_DISK} GB are needed" if free < LEAST_DISK else "ok"
    print(f"{'disk':24} {free:7.1f} GB {state}")

    if bad:
        print("Data: not checked before all of the above is there.")
    else:
        bad += [] if _check_data() else ["data"]
        bad += [] if _check_work() else ["work"]
    if bad:
        print(f"You are not ready yet: see above what to do about {', '.join(bad)}.")
        return 1
    print("You are ready.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
