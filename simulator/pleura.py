"""Fluid in the pleural space: where gravity puts it, and how thick it is along every ray."""

from __future__ import annotations

import numpy as np

from .body import Chest, domes, half_chord
from .draws import ramp

MENISCUS = 5.0  # cm that the fluid climbs along the chest wall
SEEN = 0.5  # cm of fluid along the ray from which a pixel counts as fluid in the mask


def spaces(c: Chest, kind: str, level: float, heart: np.ndarray):
    """Split one side of the chest between lung and fluid.

    Parameters
    ----------
    c : Chest
    kind : str
        "none", "upright" (level: y of the surface), "supine" (level: cm of fluid behind the
        lung), or "subpulmonic" (level: cm by which the lung's lower edge is lifted).
    level : float
    heart : array (size, size)
        Thickness of the heart in cm: it leaves no room for lung.

    Returns
    -------
    lung, fluid : arrays (size, size), cm along the ray.
    """
    front, back = domes(c, c.dome)
    near, far = np.minimum(front, c.half), np.minimum(back, c.half)
    room = (c.half - near) + (c.half - far)
    if kind == "upright":
        # The lung floats in a shell of fluid whose thickness grows towards the surface.
        above = np.maximum(level - c.y, 1e-3)
        shell = np.where(c.y < level, 1.3 * np.log(np.maximum(MENISCUS / above, 1)), 1e3)
        shell = np.minimum(shell, c.width)
        inner = half_chord(c.wall_x, c.width - shell, np.maximum(c.depth - shell, 0))
        lung = np.maximum(inner - near, 0) + np.maximum(inner - far, 0)
    elif kind == "supine":
        # The fluid lies behind the lung, a little deeper towards the feet.
        behind = level * (0.5 + 0.5 * ramp(c.y, 2, 22))
        surface = c.depth - behind
        lung = (c.half - near) + np.maximum(np.minimum(c.half, surface) - far, 0)
    elif kind == "subpulmonic":
        lifted = c.dome - level * (1 + 0.25 * ramp(c.wall_x, 4, 10))
        up_front, up_back = domes(c, lifted)
        lung = np.maximum(c.half - np.maximum(up_front, near), 0)
        lung = lung + np.maximum(c.half - np.maximum(up_back, far), 0)
    else:
        lung = room
    fluid = (room - lung) * c.open
    # The heart takes its room from both, so that fluid in front of or behind it still counts.
    free = np.clip(1 - heart / np.maximum(2 * c.half, 1e-3), 0, 1)
    return lung * c.open * free, fluid * free


def solve_level(c: Chest, kind: str, volume: float, heart: np.ndarray, area: float) -> float:
    """Find the level that holds ``volume`` ml, by halving; ``area`` is cm² a pixel."""
    low, high = {"upright": (36.0, -6.0), "supine": (0.0, 22.0), "subpulmonic": (0.0, 9.0)}[kind]
    for _ in range(30):
        middle = (low + high) / 2
        _, fluid = spaces(c, kind, middle, heart)
        low, high = (middle, high) if fluid.sum() * area < volume else (low, middle)
    return (low + high) / 2
