"""Hints to the exercises of episode 1, the introduction."""

from __future__ import annotations

from pathlib import Path

from exercises.hints import Check, Hint, Wrong, number


def megabytes(answer: object, files: tuple[Path, ...]) -> Hint | None:
    """Check how many megabytes all image files take on disk."""
    right = sum(file.stat().st_size for file in files) / 1_000_000
    return number(
        answer,
        right,
        wrong=in_other_units(right),
        advice="Add up the sizes of all the files, then divide by 1,000,000.",
        tolerance=0.01,
    )


def in_other_units(megabytes: float) -> list[Wrong]:
    """Return what a number of megabytes becomes where the unit is mistaken."""
    mebibytes = "this divides by 1024 twice; here one megabyte is 1,000,000 bytes."
    return [
        Wrong(
            megabytes * 1_000_000, "unit", "this is in bytes; one megabyte is 1,000,000 of them."
        ),
        Wrong(megabytes * 1_000, "unit", "this is in kilobytes; divide by 1,000 once more."),
        Wrong(megabytes * 1_000_000 / 2**20, "unit", mebibytes),
    ]


CHECKS: dict[str, Check] = {"megabytes": megabytes}
