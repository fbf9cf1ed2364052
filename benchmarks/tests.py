"""How long ``make test`` takes, and which tests take longest.

``python -m benchmarks.tests`` runs it once, and prints how many tests there are and its time as a
multiple of TFI: the seconds of ``python -c "import tensorflow"``, the median of six imports, three
before the tests and three after. It ends with the status of ``make test``.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def import_seconds(times: int = 3) -> list[float]:
    """Measure how long a fresh Python takes to import TensorFlow, in seconds."""
    measured = []
    for _ in range(times):
        start = time.perf_counter()
        command = [sys.executable, "-c", "import tensorflow"]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        measured.append(time.perf_counter() - start)
    return measured


def read_report(report: Path) -> tuple[dict[str, float], dict[str, float]]:
    """Read the seconds of each test and of each file from pytest's JUnit report.

    Parameters
    ----------
    report
        As pytest writes it with ``--junitxml`` and ``junit_family=xunit1``.

    Returns
    -------
    tests, files
        Seconds by name; a file's are the sum of its tests'.
    """
    tests: dict[str, float] = defaultdict(float)
    files: dict[str, float] = defaultdict(float)
    for case in ET.parse(report).iter("testcase"):
        file, seconds = case.attrib["file"], float(case.attrib["time"])
        tests[f"{file}::{case.attrib['name']}"] += seconds
        files[file] += seconds
    return tests, files


def summary(seconds: float, tfi: float, tests: dict[str, float], files: dict[str, float]) -> str:
    """Write the result as Markdown: the ratio, the count, the ten slowest tests and files."""
    lines = [
        f"`make test` took {seconds / tfi:.1f} TFI ({seconds:.0f} s, TFI {tfi:.1f} s) "
        f"with {len(tests)} tests on {os.cpu_count()} cores; lint is part of it."
    ]
    for title, times in (("test", tests), ("file", files)):
        lines += ["", f"| slowest {title}s | TFI |", "|---|---|"]
        slowest = sorted(times, key=lambda name: -times[name])[:10]
        lines += [f"| {name} | {times[name] / tfi:.2f} |" for name in slowest]
    return "\n".join(lines)


def main() -> None:
    """Run and print."""
    if not shutil.which("make"):
        raise SystemExit("This measures `make test`, and make is not installed: install make.")
    tfi = import_seconds()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        options = f"--junitxml={report} --override-ini=junit_family=xunit1"
        start = time.perf_counter()
        made = subprocess.run(
            ["make", "test"], cwd=ROOT, env=os.environ | {"PYTEST_ADDOPTS": options}
        )
        seconds = time.perf_counter() - start
        tfi += import_seconds()
        if not report.exists():
            raise SystemExit("`make test` stopped before the tests: see above.")
        print(summary(seconds, statistics.median(tfi), *read_report(report)))
    sys.exit(made.returncode)


if __name__ == "__main__":
    main()
