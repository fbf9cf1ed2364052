"""Check the set-up of this computer: ``python -m helpers.check``.

Only Python's own library is imported here, so that it runs where everything else is missing.
"""

from __future__ import annotations  # so that an older Python reaches the line that names it

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
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


def _applies(marker: str) -> bool:
    """Tell if a requirement is for this computer, such as ``sys_platform == 'win32'``."""
    names = {
        "implementation_name": sys.implementation.name,
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        "platform_system": platform.system(),
        "python_full_version": platform.python_version(),
        "python_version": ".".join(platform.python_version_tuple()[:2]),
        "sys_platform": sys.platform,
    }
    # A marker is written like Python, and these come from the lesson's own files.
    return not marker or bool(eval(marker, {"__builtins__": {}}, names))


def _requirements(lines: list[str]) -> dict[str, str]:
    """Read what is asked for on this computer: package name to version."""
    wanted = {}
    for line in lines:
        requirement, _, marker = line.split(" #")[0].partition(";")
        match = re.match(r"\s*([A-Za-z0-9._-]+)\s*(?:==\s*([^\s,]+))?", requirement)
        if match and not line.lstrip().startswith(("#", "-")) and _applies(marker.strip()):
            wanted[re.sub(r"[-_.]+", "-", match[1]).lower()] = match[2] or ""
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
    pins = _requirements(text.splitlines())
    direct = _requirements(project["dependencies"])
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


def check_packages(wanted: dict[str, str]) -> tuple[list[str], bool]:
    """Compare what is installed with what the lesson needs.

    Parameters
    ----------
    wanted
        Package name to pinned version.

    Returns
    -------
    lines : list of str
        One line a package.
    good : bool
        False if one is missing, does not import, or differs in more than the last number.
    """
    versions = {name: _installed(name) for name in wanted}
    failing = _failing_imports([name for name, version in versions.items() if version])
    lines, good = [], True
    for name, pin in wanted.items():
        version = versions[name]
        exact = f"{name}=={pin}" if pin else name
        mend = f'"{sys.executable}" -m pip install "{exact}"'
        if not version:
            state, bad = f"MISSING    run: {mend}", True
        elif name in failing:
            mend = mend.replace(" install ", " install --force-reinstall ")
            state, bad = f"BROKEN     ({failing[name]}) run: {mend}", True
        elif pin and version != pin:
            bad = version.split(".")[:2] != pin.split(".")[:2]
            state = f"{'OTHER' if bad else 'ok'}  the lesson is tested with {pin}; run: {mend}"
        else:
            state, bad = "ok", False
        lines.append(f"{name:24} {version or '-':10} {state}")
        good = good and not bad
    return lines, good


def _free_memory() -> float | None:
    """Return the free memory in GB, or all memory where free memory is not told, or None."""
    try:
        text = Path("/proc/meminfo").read_text(encoding="ascii")
        return int(re.search(r"MemAvailable:\s+(\d+)", text)[1]) / 1e6
    except (OSError, TypeError):
        try:
            return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
        except (AttributeError, OSError, ValueError):
            return None


def main(root: Path = ROOT) -> int:
    """Print one line for each thing checked; return 0 if the lesson will run, else 1."""
    good = OLDEST <= sys.version_info[:2] <= NEWEST
    fits = f"{OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]}"
    mend = f"OTHER  install Python {fits} from python.org or conda and make .venv with it"
    print(f"{'python':24} {platform.python_version():10} {'ok' if good else mend}")
    if sys.version_info[:2] < OLDEST:
        return 1  # the files that say what else is needed cannot be read

    print("importing all packages takes some seconds ...", flush=True)
    lines, packages_good = check_packages(wanted_packages(root))
    print("\n".join(lines))

    memory = _free_memory()
    if memory is not None:
        short = memory < LEAST_MEMORY
        state = f"LITTLE  close other programs: {LEAST_MEMORY} GB are needed" if short else "ok"
        print(f"{'memory':24} {memory:7.1f} GB {state}")
    free = shutil.disk_usage(root).free / 1e9
    state = f"LITTLE  free some: {LEAST_DISK} GB are needed" if free < LEAST_DISK else "ok"
    print(f"{'disk':24} {free:7.1f} GB {state}")

    try:
        from helpers import data

        print(data.find())
        data_good = True
    except ImportError as error:
        print(f"Data: not checked before {error.name} is there")
        data_good = False
    except ValueError as error:  # data.DataError, which cannot be named if the import failed
        print(f"Data: {error}")
        data_good = False
    return 0 if good and packages_good and data_good else 1


if __name__ == "__main__":
    sys.exit(main())
