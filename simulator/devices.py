"""Things on an X-ray that are not the patient: markers, stamps, electrodes, lines, tubes.

Each device draws on two 8-bit sheets: metal or plastic in the beam (``dense``), and writing
that the system burns into the finished picture (``written``). What it covers is its mask.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from .body import Body, Exam, fill, lines
from .draws import around, between, chance, pick, stream

# The bit of each kind in the device masks: marker 1, stamp 2, electrode 4, line 8, ...
KINDS = ("marker", "stamp", "electrode", "line", "tube", "pacemaker", "clip", "port")
BIT = {kind: 1 << k for k, kind in enumerate(KINDS)}
# How often each kind is there when the device rate is 1 (patients in bed; upright patients).
IN_BED = {"electrode": 0.75, "line": 0.6, "tube": 0.4, "pacemaker": 0.15, "clip": 0.2, "port": 0.1}
UPRIGHT = {"electrode": 0.3, "line": 0.2, "tube": 0.1, "pacemaker": 0.15, "clip": 0.2, "port": 0.1}
Rate = float | dict[str, float]
RATE_NORMAL, RATE_EFFUSION = 0.25, 0.45  # in the real collection, the sick wear more
METAL = 4.0  # nepers that full brightness on the dense sheet stands for
CORNERS = ("upper left", "upper right", "lower left", "lower right")


@dataclass
class Sheets:
    """What the devices of one image add to it; maps of (size, size)."""

    dense: np.ndarray  # nepers of attenuation
    written: np.ndarray  # uint8, 255 where the picture is overwritten in white
    mask: np.ndarray  # uint8, one bit for each kind
    present: list[str] = field(default_factory=list)


def text(canvas: np.ndarray, words: str, x: float, y: float, height: float, angle: float = 0):
    """Write with the upper left corner at pixel (x, y), letters ``height`` pixels high."""
    scale = height / 22.0
    thick = max(1, round(height / 9))
    (w, h), _ = cv2.getTextSize(words, cv2.FONT_HERSHEY_SIMPLEX, scale, thick)
    at = (int(x), int(y + h))
    if not angle:
        cv2.putText(canvas, words, at, cv2.FONT_HERSHEY_SIMPLEX, scale, 255, thick, cv2.LINE_AA)
        return
    side = int(max(w, h) * 1.6) + 4
    tile: np.ndarray = np.zeros((side, side), np.uint8)
    cv2.putText(tile, words, ((side - w) // 2, (side + h) // 2), cv2.FONT_HERSHEY_SIMPLEX,
                scale, 255, thick, cv2.LINE_AA)  # fmt: skip
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), angle, 1)
    tile = cv2.warpAffine(tile, turn, (side, side))
    top, left = int(y + h / 2 - side / 2), int(x + w / 2 - side / 2)
    y0, x0 = max(top, 0), max(left, 0)
    y1, x1 = min(top + side, canvas.shape[0]), min(left + side, canvas.shape[1])
    if y1 > y0 and x1 > x0:
        part = tile[y0 - top : y1 - top, x0 - left : x1 - left]
        canvas[y0:y1, x0:x1] = np.maximum(canvas[y0:y1, x0:x1], part)


def corner(rng, size: int, name: str | None, high: float = 0.9) -> tuple[float, float]:
    """Choose a place for a marker, in pixels; by default near the patient's left shoulder."""
    x, y = between(rng, 0.86, 0.95), between(rng, 0.02, 0.14)
    if chance(rng, 0.12):
        x = between(rng, 0.02, 0.1)
    if chance(rng, 0.1):
        y = between(rng, 0.8, high)
    if name is not None:
        x = 0.90 if "right" in name else 0.04
        y = 0.04 if "upper" in name else 0.88
    return x * size, y * size


def marker(rng, body, exam, dense, written, place):
    """Lead letter that says which side is which: L on the patient's left."""
    size = exam.size
    x, y = corner(rng, size, place)
    letter = "L" if x > size / 2 else "R"
    height = between(rng, 0.022, 0.045) * size
    initials = "".join(chr(65 + int(k)) for k in rng.integers(0, 26, 3))
    angle = pick(rng, {"0": 3, "90": 1, "tilt": 2})
    degrees = {"0": 0.0, "90": 90.0, "tilt": between(rng, -35, 35)}[angle]
    round_one, small = chance(rng, 0.25), chance(rng, 0.4)
    text(written, letter, x, y, height, degrees)
    if round_one:
        middle = (int(x + 0.4 * height), int(y + 0.5 * height))
        cv2.circle(written, middle, int(height), 255, max(1, size // 400), cv2.LINE_AA)
    elif small:
        text(written, initials, x - 0.2 * height, y + 1.4 * height, height * 0.5, degrees)


def stamp(rng, body, exam, dense, written, place):
    """Burn in what the mobile unit writes: PORTABLE, AP, an arrow that points up."""
    size = exam.size
    x, y = between(rng, 0.02, 0.65) * size, between(rng, 0.01, 0.06) * size
    if chance(rng, 0.15):
        y = between(rng, 0.85, 0.92) * size
    if place is not None:
        x = (0.70 if "right" in place else 0.03) * size
        y = (0.03 if "upper" in place else 0.92) * size
    height = between(rng, 0.016, 0.026) * size
    word, arrow, ap = chance(rng, 0.85), chance(rng, 0.5), chance(rng, 0.6)
    if word or not (arrow or ap):
        text(written, "PORTABLE", x, y, height)
    if ap:
        text(written, "AP", x + between(rng, 0, 4) * height, y + 1.7 * height, height)
    if arrow:
        ax, ay = int(x + between(rng, 7, 9) * height), int(y + 2 * height)
        cv2.arrowedLine(written, (ax, ay), (ax, int(ay - 2 * height)), 255,
                        max(1, size // 250), cv2.LINE_AA, 0, 0.4)  # fmt: skip


def wander(rng, start, end, bend, n=40):
    """Return x and y of a smooth curve that wanders from one point to another, in cm."""
    s = np.linspace(0, 1, n)
    x = start[0] + (end[0] - start[0]) * s
    y = start[1] + (end[1] - start[1]) * s
    for k in (1, 2, 3):
        x = x + around(rng, 0, bend / k**1.5) * np.sin(k * np.pi * s)
        y = y + around(rng, 0, bend / k**1.5) * np.sin(k * np.pi * s)
    return x, y


def electrode(rng, body, exam, dense, written, place):
    """Stickers of the ECG with a press stud, and their wires."""
    spots = [(-11, 3), (11, 3), (-11, 20), (11, 20), (-3, 7), (4, 9)]
    edge = between(rng, -16, 16), pick(rng, {"28": 2, "-6": 1})
    for sx, sy in spots[: 3 + int(rng.integers(0, 4))]:
        px, py = sx + around(rng, 0, 1.5), sy + around(rng, 0, 1.5)
        ring = between(rng, 0.5, 0.9)
        lines(dense, exam, [px, px + 0.01], [py, py], 2 * ring, 22)
        lines(dense, exam, [px, px + 0.01], [py, py], 0.7 * ring, 95)
        if chance(rng, 0.85):
            end = (edge[0] + around(rng, 0, 3), float(edge[1]))
            xs, ys = wander(rng, (px, py), end, 2.5)
            lines(dense, exam, xs, ys, 0.11, 28)


def line(rng, body, exam, dense, written, place):
    """Central line: from the neck or the collar bone to the upper caval vein."""
    side = -1 if chance(rng, 0.7) else 1
    tip = (-1.8 + around(rng, 0, 0.4), between(rng, 7, 11))
    s = np.linspace(0, 1, 40)
    if chance(rng, 0.5):
        start = (side * between(rng, 2.5, 4), -6.0)
        middle = (side * 2.2, 2.0)
    else:
        start = (side * between(rng, 9, 16), between(rng, 2, 9))
        middle = (side * 4.0, 2.2)
    x = (1 - s) ** 2 * start[0] + 2 * s * (1 - s) * middle[0] + s**2 * tip[0]
    y = (1 - s) ** 2 * start[1] + 2 * s * (1 - s) * middle[1] + s**2 * tip[1]
    lines(dense, exam, x, y, between(rng, 0.13, 0.22), 34)


def tube(rng, body, exam, dense, written, place):
    """Breathing tube, feeding tube or chest drain."""
    kind = pick(rng, {"breathing": 3, "feeding": 3, "drain": 2})
    if kind == "breathing":
        x, y = np.array([0.0, 0.1, 0.0]), [-10, -2, between(rng, 3, 6)]
        lines(dense, exam, x, y, 0.9, 10)
        lines(dense, exam, x + 0.3, y, 0.14, 70)
    elif kind == "feeding":
        end = (between(rng, 3, 8), between(rng, 23, 29))
        s = np.linspace(0, 1, 40)
        x = 0.4 + (end[0] - 0.4) * s**3 + 0.3 * np.sin(6 * s)
        lines(dense, exam, x, -10 + (end[1] + 10) * s, 0.3, 34)
    else:
        side = -1 if chance(rng, 0.5) else 1
        start = (side * (body.cage_width + 4), between(rng, 16, 22))
        end = (side * between(rng, 5, 9), between(rng, 4, 16))
        x, y = wander(rng, start, end, 1.0)
        lines(dense, exam, x, y, 0.8, 18)
        lines(dense, exam, x, y, 0.14, 75)


def pacemaker(rng, body, exam, dense, written, place):
    """Pulse generator below the collar bone, with leads to the heart."""
    side = 1 if chance(rng, 0.8) else -1
    px, py = side * between(rng, 7.5, 10), between(rng, 4, 8)
    s = np.linspace(0, 2 * np.pi, 40)
    w, h = between(rng, 1.8, 2.6), between(rng, 1.6, 2.3)
    across = w * np.sign(np.cos(s)) * np.abs(np.cos(s)) ** 0.6
    down = h * np.sign(np.sin(s)) * np.abs(np.sin(s)) ** 0.6
    fill(dense, exam, px + across, py + down, 150)
    lines(dense, exam, px + 0.9 * across, py + 0.9 * down, 0.12, 215)
    lines(dense, exam, [px - 0.6, px + 0.5], [py - 0.5, py + 0.5], 0.9, 255)
    for _ in range(1 + int(chance(rng, 0.6))):
        s = np.linspace(0, 1, 40)
        end = (between(rng, 1, 5), between(rng, 15, 19))
        x = (1 - s) ** 3 * px + 3 * s * (1 - s) ** 2 * (side * 3) + 3 * s**2 * (1 - s) * -4
        y = (1 - s) ** 3 * py + 3 * s * (1 - s) ** 2 * 0.5 + 3 * s**2 * (1 - s) * 9
        lines(dense, exam, x + s**3 * end[0], y + s**3 * end[1], 0.14, 85)


def clip(rng, body, exam, dense, written, place):
    """Surgical clips, or the wires that close the breast bone."""
    if chance(rng, 0.5):
        for k in range(5):
            y = 4 + 2.6 * k + around(rng, 0, 0.2)
            t = np.linspace(0, 2 * np.pi, 14)
            shift = -0.1 * exam.turn
            lines(dense, exam, shift + 0.45 * np.cos(t), y + 0.3 * np.sin(t), 0.07, 105)
        return
    cx, cy = between(rng, -9, 9), between(rng, 3, 20)
    for _ in range(3 + int(rng.integers(0, 6))):
        x, y, a = cx + around(rng, 0, 1.2), cy + around(rng, 0, 1.2), between(rng, 0, 3.1)
        lines(dense, exam, [x, x + 0.45 * np.cos(a)], [y, y + 0.45 * np.sin(a)], 0.12, 170)


def port(rng, body, exam, dense, written, place):
    """Chamber under the skin of the chest with a line to the heart."""
    side = -1 if chance(rng, 0.7) else 1
    px, py = side * between(rng, 7, 10), between(rng, 6, 10)
    t = np.linspace(0, 2 * np.pi, 30)
    lines(dense, exam, px + 0.9 * np.cos(t), py + 0.9 * np.sin(t), 0.3, 105)
    s = np.linspace(0, 1, 40)
    x = (1 - s) ** 2 * px + 2 * s * (1 - s) * side * 5 + s**2 * -1.8
    y = (1 - s) ** 2 * py + 2 * s * (1 - s) * -3 + s**2 * between(rng, 7, 11)
    lines(dense, exam, x, y, 0.18, 36)


DRAW = {
    "marker": marker, "stamp": stamp, "electrode": electrode, "line": line,
    "tube": tube, "pacemaker": pacemaker, "clip": clip, "port": port,
}  # fmt: skip


def how_often(kind: str, view: str, rate: Rate) -> float:
    """Return the probability of a kind of device on an image.

    A number scales what patients wear: 0 nobody, 1 as often as in IN_BED and UPRIGHT. Marker and
    stamp belong to the exam and do not follow it. A dictionary gives the probability of single
    kinds directly; the others keep their usual rate.
    """
    if isinstance(rate, dict):
        if kind in rate:
            return rate[kind]
        rate = RATE_NORMAL
    if kind == "marker":
        return 0.92
    if kind == "stamp":
        return 0.0 if view == "PA" else 0.65
    return rate * (UPRIGHT if view == "PA" else IN_BED)[kind]


def add_devices(
    body: Body, exam: Exam, numbers: tuple[int, ...], rate: Rate,
    devices: tuple[str, ...] = KINDS, marker_corner: str | None = None,
    inside: np.ndarray | None = None,
) -> Sheets:  # fmt: skip
    """Draw the devices of one image.

    Each kind has its own random stream, so that leaving out one kind leaves the others where
    they were.
    """
    size = exam.size
    sheets = Sheets(np.zeros((size, size)), np.zeros((size, size), np.uint8),
                    np.zeros((size, size), np.uint8))  # fmt: skip
    for k, kind in enumerate(KINDS):
        rng = stream("device", *numbers, k)
        probability = how_often(kind, exam.view, rate)
        if not chance(rng, probability) or kind not in devices:
            continue
        dense, written = np.zeros((size, size), np.uint8), np.zeros((size, size), np.uint8)
        place = marker_corner if kind in ("marker", "stamp") else None
        DRAW[kind](rng, body, exam, dense, written, place)
        covers = dense > 8
        if inside is not None:  # lead keeps the beam off the border, but not the writing
            covers &= inside
        covers |= written > 8
        if covers.any():
            sheets.dense += dense / 255.0 * METAL
            sheets.written = np.maximum(sheets.written, written)
            sheets.mask[covers] |= BIT[kind]
            sheets.present.append(kind)
    return sheets
