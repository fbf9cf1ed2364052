"""Command line: python -m simulator --out DIR --count N --seed S."""

from __future__ import annotations

import argparse
import signal
import sys
from types import FrameType
from typing import NoReturn

from .devices import CORNERS, KINDS, RATE_EFFUSION, RATE_NORMAL, Rate
from .picture import FINDINGS, HOSPITALS, MOST_FLUID_ML, SimulatorError
from .series import simulate
from .workers import ENDS


def names(text: str) -> tuple[str, ...]:
    """Read a list such as ``marker,line``; ``none`` stands for an empty one."""
    return tuple(part.strip() for part in text.split(",") if part.strip() not in ("", "none"))


def whole(text: str) -> int | str:
    """Read a whole number; what is none is left for ``simulate`` to refuse."""
    try:
        return int(text)
    except ValueError:
        return text


def rate(text: str) -> Rate | str:
    """Read ``0.4`` or a rate for each kind such as ``marker=1,line=0.2``; else as ``whole``."""
    try:
        if "=" not in text:
            return float(text)
        pairs = [part.split("=") for part in text.split(",")]
        return {kind.strip(): float(value) for kind, value in pairs}
    except ValueError:
        return text


class Parser(argparse.ArgumentParser):
    """Options that are refused in one sentence."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the options, and end with exit code 2."""
        self.exit(2, f"{self.prog}: {message}; --help lists the options.\n")


def main(arguments: list[str] | None = None) -> int:
    """Read the options, make the folder, and return the exit status."""
    parser = Parser(
        prog="python -m simulator",
        description="Make simulated chest X-rays, with and without pleural effusion.",
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="new folder for the X-rays")
    parser.add_argument("--count", type=whole, required=True, metavar="N", help="number of images")
    parser.add_argument("--seed", type=whole, default=0, metavar="S", help="which series (0)")
    parser.add_argument("--size", type=whole, default=512, help="pixels a side (512)")
    parser.add_argument("--prevalence", type=rate, default=0.5, help="fraction of effusions (0.5)")
    parser.add_argument(
        "--findings", type=names, default=FINDINGS, help=f"some of: {', '.join(FINDINGS)}"
    )
    rates = "0 (nobody) to 1, or by kind: marker=1,line=0.2"
    parser.add_argument("--device-rate-normal", type=rate, default=RATE_NORMAL, help=rates)
    parser.add_argument("--device-rate-effusion", type=rate, default=RATE_EFFUSION, help=rates)
    parser.add_argument(
        "--devices", type=names, default=KINDS, help=f"none, or some of: {', '.join(KINDS)}"
    )
    parser.add_argument(
        "--marker-corner", metavar="CORNER", help=f"of markers and stamps: {', '.join(CORNERS)}"
    )
    parser.add_argument("--hospital", default="main", help=f"one of: {', '.join(HOSPITALS)} (main)")
    parser.add_argument(
        "--most-fluid-ml", type=rate, default=MOST_FLUID_ML, help="of an effusion (3200)"
    )
    parser.add_argument("--processes", type=whole, help="default: all cores")
    options = vars(parser.parse_args(arguments))
    try:
        folder = simulate(**options)
    except SimulatorError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
    print(f"Written to {folder}")
    return 0


def stop(number: int, frame: FrameType | None) -> None:
    """End as by Ctrl+C, whatever the signal was; no other interrupts the tidying up."""
    for end in ENDS:
        signal.signal(end, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    try:
        for end in ENDS:
            if signal.getsignal(end) != signal.SIG_IGN:  # as under nohup
                signal.signal(end, stop)
        status = main()
    except KeyboardInterrupt:
        print("python -m simulator: stopped before the end.", file=sys.stderr)
        status = 130
    sys.exit(status)
