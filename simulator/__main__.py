"""Command line: python -m simulator --out DIR --count N --seed S."""

from __future__ import annotations

import argparse
import sys

from .devices import CORNERS, KINDS, RATE_EFFUSION, RATE_NORMAL, Rate
from .picture import FINDINGS, SimulatorError
from .series import simulate


def names(text: str) -> tuple[str, ...]:
    """Read a list such as ``marker,line``; ``none`` stands for an empty one."""
    return tuple(part.strip() for part in text.split(",") if part.strip() not in ("", "none"))


def rate(text: str) -> Rate:
    """Read ``0.4`` or a rate for each kind such as ``marker=1,line=0.2``."""
    if "=" not in text:
        return float(text)
    pairs = [part.split("=") for part in text.split(",")]
    return {kind.strip(): float(value) for kind, value in pairs}


def main(arguments: list[str] | None = None) -> int:
    """Read the options, make the folder, and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m simulator",
        description="Make simulated chest X-rays, with and without pleural effusion.",
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="new folder for the X-rays")
    parser.add_argument("--count", type=int, required=True, metavar="N", help="number of images")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="which series (0)")
    parser.add_argument("--size", type=int, default=512, help="pixels a side (512)")
    parser.add_argument("--prevalence", type=float, default=0.5, help="fraction of effusions (0.5)")
    parser.add_argument(
        "--findings", type=names, default=FINDINGS, help=f"some of: {', '.join(FINDINGS)}"
    )
    rates = "0 (nobody) to 1, or by kind: marker=1,line=0.2"
    parser.add_argument("--device-rate-normal", type=rate, default=RATE_NORMAL, help=rates)
    parser.add_argument("--device-rate-effusion", type=rate, default=RATE_EFFUSION, help=rates)
    parser.add_argument(
        "--devices", type=names, default=KINDS, help=f"none, or some of: {', '.join(KINDS)}"
    )
    parser.add_argument("--marker-corner", choices=CORNERS, help="where markers and stamps lie")
    parser.add_argument("--processes", type=int, help="default: all cores")
    options = vars(parser.parse_args(arguments))
    try:
        folder = simulate(**options)
    except SimulatorError as error:
        print(f"python -m simulator: {error}", file=sys.stderr)
        return 2
    print(f"Written to {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
