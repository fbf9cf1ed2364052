"""The patient: sizes in centimetres, and how thick each tissue is along every ray.

Coordinates: x runs to the patient's left, which is the right-hand side of the picture, with 0 at
the midline; y runs downwards, with 0 at the top of the lungs; z runs from front (-) to back (+).
Every map below gives, for each pixel, centimetres of a tissue crossed by the ray. Shapes are
ellipsoids, cylinders and domes whose chords have closed forms, so that the sum over z needs no
loop over slices.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from .draws import around, between, blur, chance, clouds, enlarge, pick, ramp, shrink, stream


@dataclass
class Body:
    """One patient's anatomy; all lengths in cm."""

    female: bool
    cage_width: float  # half width of the rib cage inside
    cage_depth: float  # half depth of the rib cage inside
    cage_shape: float  # how fast the cage widens from the top
    wall: float  # muscle and fat between ribs and skin, at the side
    belly: float  # extra half depth of the abdomen
    dome_right: float  # y of the right diaphragm in full inspiration
    dome_step: float  # how much lower the left one is
    dome_drop: float  # from the dome to the lateral angle
    mediastinum: float  # half width between the lungs
    heart: float  # half the long axis
    heart_x: float
    heart_tilt: float
    aorta: float  # radius of the arch
    lung_density: float  # grams of tissue in a millilitre of lung
    vessels: float
    bone: float
    shoulder_y: float
    shoulder_x: float
    breast: float  # thickness
    breast_x: float
    breast_y: float
    spine_curve: float
    fat_pad: float
    bubble: float
    gas: int
    bowel: float  # low means much gas in the bowel
    lift_right: float  # a diaphragm that stands too high on one side, cm
    lift_left: float
    side: str  # where this patient's effusion is, if there is one
    neck: float
    muscle: float
    collar: float  # bend of the collar bones
    numbers: tuple[int, ...] = field(default=())  # what the textures are drawn from


def make_body(seed: int, person: int) -> Body:
    """Draw one patient."""
    rng = stream("body", seed, person)
    female = chance(rng, 0.48)
    stature = around(rng, 0.94 if female else 1.03, 0.06)
    weight = np.clip(around(rng, 0.45, 0.28), 0, 1.2)  # 0 thin, 1 very heavy
    return Body(
        female=female,
        cage_width=13.2 * stature * around(rng, 1, 0.045),
        cage_depth=9.2 * stature * around(rng, 1, 0.09),
        cage_shape=between(rng, 0.33, 0.48),
        wall=1.2 + 4.0 * weight * between(rng, 0.7, 1.2),
        belly=-1.0 + 5.0 * weight,
        dome_right=21.0 * stature * around(rng, 1, 0.05),
        dome_step=between(rng, 0.4, 2.2),
        dome_drop=between(rng, 3.6, 6.5),
        mediastinum=between(rng, 1.8, 2.7),
        heart=between(rng, 5.0, 7.0) * stature,
        heart_x=between(rng, 1.4, 3.2),
        heart_tilt=between(rng, 22, 52),
        aorta=between(rng, 1.5, 2.6),
        lung_density=between(rng, 0.14, 0.34),
        vessels=between(rng, 0.6, 1.5),
        bone=between(rng, 0.65, 1.2),
        shoulder_y=between(rng, 1.5, 6.0),
        shoulder_x=between(rng, 16.0, 19.0) * stature,
        breast=between(rng, 1.5, 2.6 + 2.0 * weight) if female else between(rng, 0, 1.0),
        breast_x=between(rng, 7.0, 10.0),
        breast_y=between(rng, 15.5, 20.5),
        spine_curve=around(rng, 0, 0.7),
        fat_pad=between(rng, 1.0, 3.2) if chance(rng, 0.3) else 0.0,
        bubble=between(rng, 1.0, 3.0) if chance(rng, 0.75) else 0.0,
        gas=int(between(rng, 0, 5)),
        bowel=between(rng, 0.7, 3.0),
        lift_right=between(rng, 1.5, 4.0) if chance(rng, 0.08) else 0.0,
        lift_left=between(rng, 1.5, 4.0) if chance(rng, 0.08) else 0.0,
        side=pick(rng, {"left": 0.35, "right": 0.35, "both": 0.3}),
        neck=between(rng, 5.0, 6.8),
        muscle=between(rng, 0.3, 1.2) if female else between(rng, 0.6, 1.6),
        collar=between(rng, 0.0, 1.4),
        numbers=(seed, person),
    )


@dataclass
class Exam:
    """How the image was taken."""

    view: str  # PA, AP, AP supine
    field: float  # cm of patient across the film
    angle: float  # degrees, in the plane of the film
    turn: float  # degrees about the patient's long axis
    x: float  # patient position at the film's centre, cm
    y: float
    inspiration: float  # cm by which the domes stand higher than in full inspiration
    enlarged_heart: bool
    head_x: float
    head_y: float  # the chin comes into the picture when the head is low
    haze: float  # extra density of the lungs, g/ml
    arms: float  # how far the arms hang away from the trunk, cm
    size: int

    def patient(self) -> tuple[np.ndarray, np.ndarray]:
        """Return x and y of every pixel in cm, each (size, size)."""
        along = ((np.arange(self.size) + 0.5) / self.size - 0.5) * self.field
        c, s = np.cos(np.radians(self.angle)), np.sin(np.radians(self.angle))
        u, v = along[None, :], along[:, None]
        return u * c + v * s + self.x, -u * s + v * c + self.y

    def pixels(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the pixel positions (n, 2) of points given in cm."""
        c, s = np.cos(np.radians(self.angle)), np.sin(np.radians(self.angle))
        dx, dy = np.asarray(x) - self.x, np.asarray(y) - self.y
        u, v = dx * c - dy * s, dx * s + dy * c
        return (np.stack([u, v], axis=-1) / self.field + 0.5) * self.size - 0.5

    @property
    def scale(self) -> float:
        """Pixels to a centimetre."""
        return self.size / self.field

    @property
    def pixel(self) -> float:
        """Side of a pixel in cm."""
        return self.field / self.size


def lines(canvas, exam, x, y, width, value):
    """Draw a curve through points in cm, ``width`` cm wide, on an 8-bit canvas."""
    points = np.round(exam.pixels(x, y) * 8).astype(np.int32).reshape(-1, 1, 2)
    thick = max(1, round(width * exam.scale))
    cv2.polylines(canvas, [points], False, int(value), thick, cv2.LINE_AA, 3)


def fill(canvas, exam, x, y, value):
    """Fill a polygon given in cm on an 8-bit canvas."""
    points = np.round(exam.pixels(x, y) * 8).astype(np.int32).reshape(-1, 1, 2)
    cv2.fillPoly(canvas, [points], int(value), cv2.LINE_AA, 3)


def ellipsoid(x, y, cx, cy, a, b, depth, tilt=0.0, long_below=1.0):
    """Chord through an ellipsoid with half axes a, b (in the film) and ``depth`` (along z).

    ``long_below`` under 1 stretches its lower half.
    """
    c, s = np.cos(np.radians(tilt)), np.sin(np.radians(tilt))
    u = ((x - cx) * c + (y - cy) * s) / a
    v = (-(x - cx) * s + (y - cy) * c) / b
    if long_below != 1:
        v = np.where(v > 0, long_below * v, v)
    return 2 * depth * np.sqrt(np.maximum(0, 1 - u * u - v * v))


def capsule(x, y, x0, y0, x1, y1, r0, r1, depth):
    """Chord through a rounded limb from one point to another; r0, r1 in the film."""
    dx, dy = x1 - x0, y1 - y0
    t = np.clip(((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy), 0, 1)
    gap = (x - x0 - t * dx) ** 2 + (y - y0 - t * dy) ** 2
    return 2 * depth * np.sqrt(np.maximum(0, 1 - gap / (r0 + t * (r1 - r0)) ** 2))


def cage(body: Body, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Inner half width and half depth of the rib cage at each y."""
    t = np.clip(y / 19.0, 0, 1)
    rise = (1 - (1 - t) ** 2.3) ** body.cage_shape
    flare = 1 - 0.03 * np.clip((y - 19) / 8, 0, 1)
    deepen = 0.16 + 0.84 * (1 - (1 - np.clip(y / 19.0, 0, 1)) ** 1.7)
    return body.cage_width * rise * flare, body.cage_depth * deepen * flare


@dataclass
class Chest:
    """The space for one lung, before any fluid: (size, size) maps in cm."""

    side: str
    half: np.ndarray  # half chord of the rib cage, as seen by the ray
    wall_x: np.ndarray  # |x| from this lung's side of the midline
    width: np.ndarray  # half width of the cage
    depth: np.ndarray
    open: np.ndarray  # 0..1: not mediastinum, not above the apex
    dome: np.ndarray  # y of the diaphragm where it stands highest along z
    front: np.ndarray  # curvature of the dome to the front and the back, 1/cm
    back: np.ndarray
    x: np.ndarray
    y: np.ndarray


def half_chord(x, width, depth):
    """Half the chord through a flattened cylinder (a chest is squarer than an ellipse)."""
    u = np.minimum(np.abs(x) / np.maximum(width, 1e-6), 1)
    return depth * np.sqrt(1 - u**2.6)


def chest(body: Body, exam: Exam, x, y, side: str) -> Chest:
    """Describe the space of one lung."""
    sign = 1 if side == "left" else -1
    spine = midline(body, y)
    sx = sign * (x - spine)
    width, depth = cage(body, y)
    middle = body.mediastinum * (0.85 + 0.35 * ramp(y, 4, 18))
    apex_x = 0.42 * body.cage_width
    apex = 0.10 * (sx - apex_x) ** 2
    opening = ramp(sx, middle - 1.3, middle + 0.5) * ramp(y, apex - 0.1, apex + 1.6) ** 0.5
    rng = stream("texture", *body.numbers, 10 + (side == "left"))
    top = body.dome_right - exam.inspiration + (body.dome_step if side == "left" else 0.0)
    top = top - (body.lift_left if side == "left" else body.lift_right)
    peak = body.cage_width * between(rng, 0.42, 0.56)
    reach = np.maximum(body.cage_width - peak, 1)
    out, into = np.maximum(sx - peak, 0) / reach, np.maximum(peak - sx, 0) / peak
    dome = top + body.dome_drop * out**2.2 + between(rng, 0.2, 1.4) * into**2
    shallow = 1 / (1 + 2.5 * into)  # towards the heart, little lung reaches below the dome
    return Chest(
        side, half_chord(sx, width, depth), sx, width, depth, opening * (sx > 0), dome,
        between(rng, 0.05, 0.10) * shallow, between(rng, 0.07, 0.12) * shallow, x, y,
    )  # fmt: skip


def midline(body: Body, y):
    """Sideways shift of the spine in cm at each y."""
    return body.spine_curve * np.sin(y / 26 * np.pi)


def domes(c: Chest, top: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far the dome with this upper edge reaches to the front and the back at each pixel."""
    below = np.maximum(c.y - top, 0)
    return np.sqrt(below / c.front), np.sqrt(below / c.back)


def heart_chord(body: Body, exam: Exam, x, y) -> np.ndarray:
    """Thickness of heart and great vessels, which take the place of lung."""
    low = body.dome_right - exam.inspiration  # the heart sits on the diaphragm
    big = (1.26 if exam.enlarged_heart else 1.0) * (1.0 if exam.view == "PA" else 1.1)
    shift = -0.11 * exam.turn
    flat = 1 + 0.03 * max(exam.inspiration - 1, 0)  # a high diaphragm lays the heart down
    a, b, deep = body.heart * big * flat, 0.72 * body.heart * big, 0.95 * body.cage_depth
    tilt = body.heart_tilt - 4 * max(exam.inspiration - 1, 0)
    cx, cy = body.heart_x * big + shift, low - 0.60 * body.heart * big + 1.5
    tip_x = cx + 0.55 * a * np.cos(np.radians(tilt))
    tip_y = cy + 0.45 * a * np.sin(np.radians(tilt))
    knob = body.aorta
    parts = [
        ellipsoid(x, y, cx, cy, a, b, deep, tilt, long_below=0.72),
        ellipsoid(x, y, shift - 0.9, cy - 0.6, 0.52 * a + 0.4, 0.75 * a, 0.8 * deep, 0, 0.6),
        # left border: from the pulmonary trunk down to the tip
        capsule(x, y, 1.6 + shift, 9.6, tip_x, tip_y, 2.1 + 0.2 * knob, 0.55 * b, 0.8 * deep),
        ellipsoid(x, y, 1.5 + shift, 6.4, knob + 0.2, knob * 1.15, 0.55 * deep),  # aortic arch
        capsule(x, y, 1.2 + shift / 2, 7, 0.8, 30, 1.7, 1.4, 0.4 * deep),  # descending aorta
        # upper caval vein and ascending aorta
        capsule(x, y, 0.6 * shift - 1.0, 2, shift - 1.1, cy - 2, 1.3, 1.4 + 0.6 * knob, 0.5 * deep),
        capsule(x, y, 0.3 * shift, -2, shift, 9, 1.9, 2.6, 0.5 * deep),  # upper mediastinum
    ]
    if body.fat_pad:
        pad = body.fat_pad
        parts.append(ellipsoid(x, y, cx + 0.75 * a, low + 1.0, pad, 0.9 * pad, 0.3 * deep))
    return np.maximum.reduce(parts)


def soft_tissue(body: Body, exam: Exam, x, y) -> np.ndarray:
    """Thickness of the whole body as if it were solid.

    It is smooth, so half the resolution does.
    """
    size = exam.size
    x, y = shrink(x, 2), shrink(y, 2)
    width, depth = cage(body, y)
    t = ramp(y, -1, 9)
    outer_w = np.where(y > 0, width, 0) * t + body.neck * (1 - t) + body.wall * (0.4 + 0.6 * t)
    outer_w = outer_w + body.belly * 0.25 * ramp(y, 17, 34)
    outer_d = np.maximum((depth + 1.3 + 0.3 * body.wall) * t + 7.6 * (1 - t), 7.6)
    outer_d = outer_d + body.belly * ramp(y, 18, 30)
    muscle = body.muscle * np.exp(-(((y - 6) / 4) ** 2))  # of the upper chest
    trunk = 2 * half_chord(x, outer_w, outer_d + muscle)
    sy, sx = body.shoulder_y, body.shoulder_x
    r = 4.0 + 0.5 * body.wall
    limbs = [ellipsoid(x, y, exam.head_x, exam.head_y, 7.2, 8.5, 8.0)]
    for sign in (-1, 1):
        limbs.append(capsule(x, y, sign * 5, sy - 2.5, sign * sx, sy + 1.0, 4.0, r, 6.6))
        limbs.append(capsule(x, y, sign * 2, -6, sign * 0.8 * sx, sy - 0.5, 4, 3.2, 5.6))
        limbs.append(capsule(x, y, sign * 12, sy + 2, sign * 13.5, 16, 4.2, 2.0, 6.2))
        reach = sign * (sx + 1.5 + exam.arms)
        limbs.append(capsule(x, y, sign * sx, sy + 2, reach, 34, r, 0.9 * r, 0.9 * r))
    total = np.maximum(trunk, np.maximum.reduce(limbs))
    edge = 0.9 if exam.view == "AP supine" else 1.0
    for sign in (-1, 1):  # breasts: round below, running out above
        by = body.breast_y + (0 if exam.view != "AP supine" else -1.5)
        bx = sign * (body.breast_x + (0 if exam.view != "AP supine" else 2.0))
        high = np.where(y < by, 9.0, 4.6)
        u, v = (x - bx) / 6.2, (y - by) / high
        total = total + body.breast * edge * np.maximum(0, 1 - u * u - v * v) ** 0.75
    return enlarge(total, size)


def bones(body: Body, exam: Exam, x, y) -> np.ndarray:
    """Centimetres of dense bone along each ray."""
    rng = stream("texture", *body.numbers, 1)
    size = exam.size
    sheets = [np.zeros((size, size), np.uint8) for _ in range(6)]
    back, front, collar, blade, arm, column = sheets
    slant = around(rng, 9.0, 1.3)
    gap = (body.dome_right + 2.6) / 10.4
    turn = 0.11 * exam.turn
    for number in range(12):
        head = -0.5 + gap * number + around(rng, 0, 0.08)
        arch = min(0.8, 0.15 + 0.2 * number)
        drop = slant * (0.5 + 0.5 * min(number, 6) / 6)
        thick = between(rng, 0.95, 1.3) * (0.85 if number in (0, 11) else 1)
        last = 152 - 3 * max(number - 4, 0) if number < 10 else (75, 50)[number - 10]
        angle = np.radians(np.linspace(2, last, 60))
        for sign in (-1, 1):
            tweak = around(rng, 0, 0.12)
            yy = head + tweak + drop * (1 - np.cos(angle)) / 2 - arch * np.sin(2 * angle)
            w, _ = cage(body, np.maximum(yy, 0.6))
            w = np.maximum(w + 0.3, 4.4 + 1.7 * min(number, 3))
            xx = sign * (1.6 * np.cos(angle) ** 2 * (angle < 1.57) + w * np.sin(angle))
            xx = xx + midline(body, yy)
            n = int(np.searchsorted(angle, np.pi / 2))
            for sheet, part, k in ((back, slice(0, n + 2), 1.0), (front, slice(n, None), 0.75)):
                px, py = xx[part] + (turn if sheet is front else 0), yy[part]
                lines(sheet, exam, px, py, thick, 225 * k)
                lines(sheet, exam, px, py - 0.04, thick * 0.74, 135 * k)
                if sheet is front:  # bone gives way to cartilage
                    lines(sheet, exam, px[-5:], py[-5:], thick, 90 * k)
    for sign in (-1, 1):
        s = np.linspace(0, 1, 30)
        tip = body.shoulder_x - 2.5
        cy = 4.3 + (body.shoulder_y - 5.6) * s - body.collar * np.sin(s * np.pi)
        cy = cy + 0.5 * np.sin(2 * np.pi * s)
        cx = sign * (2.0 + (tip - 2.0) * s) + turn * (1 - s)
        lines(collar, exam, cx, cy, 1.25, 235)
        lines(collar, exam, cx, cy, 0.9, 125)
        lines(collar, exam, cx[:4], cy[:4], 1.5, 190)
        out = between(rng, 0.0, 2.5) - (0.0 if exam.view == "PA" else 1.5)
        bx = sign * (np.array([10.4, 14.0, 16.2, 15.4, 13.6, 12.2, 11.0]) + out)
        by = np.array([4.0, 2.6, 4.0, 6.4, 11.5, 15.5, 13.5]) + body.shoulder_y - 2
        fill(blade, exam, bx, by, 75)
        lines(blade, exam, bx[[2, 3, 4, 5, 6, 0]], by[[2, 3, 4, 5, 6, 0]], 0.45, 170)
        ridge = sign * (np.array([11.0, 14.5, 17.2]) + out)
        lines(blade, exam, ridge, np.array([6.2, 3.2, 1.2]) + body.shoulder_y - 2, 0.9, 175)
        hx = sign * (body.shoulder_x + 0.4)
        hy = body.shoulder_y + 1.0
        ex = sign * (body.shoulder_x + 1.8 + exam.arms)
        lines(arm, exam, [hx, hx + 0.01], [hy, hy + 0.2], 4.6, 180)
        lines(arm, exam, [hx, hx + 0.01], [hy, hy + 0.2], 4.2, 145)
        lines(arm, exam, [hx + sign * 0.5, ex], [hy + 1, 34], 2.4, 235)
        lines(arm, exam, [hx + sign * 0.5, ex], [hy + 1.5, 34], 1.3, 120)
    for level in range(-6, 22):
        wide = 1.3 + 0.045 * (level + 5)
        vy = -1.5 + 2.15 * level
        m = midline(body, vy)
        box = np.array([-1, 1, 0.92, 1, -1, -0.92]) * wide + m
        fill(column, exam, box, vy + np.array([-0.9, -0.9, 0, 0.9, 0.9, 0]), 120)
        lines(column, exam, box[[0, 1]], [vy - 0.9] * 2, 0.2, 170)
        lines(column, exam, box[[3, 4]], [vy + 0.9] * 2, 0.2, 170)
        lines(column, exam, [m - turn, m - turn], [vy + 0.6, vy + 1.5], 0.5, 190)
        for sign in (-1, 1):
            at = m + sign * 0.62 * wide
            lines(column, exam, [at, at], [vy - 0.3, vy + 0.3], 0.55, 190)
    thickness = np.zeros((size, size))
    for sheet, cm in zip(sheets, (0.50, 0.42, 0.75, 0.8, 0.85, 1.0), strict=True):
        thickness += blur(sheet / 255.0, 0.045 * exam.scale) * cm
    trabeculae = 1 + 0.10 * clouds(rng, size, 32, 256)
    return thickness * body.bone * trabeculae


def vessel_tree(body: Body, exam: Exam) -> np.ndarray:
    """Centimetres of blood vessel inside the lungs: branching lines that leave the hila.

    Every branch ends in a fork, so the tree is grown one generation at a time.
    """
    rng = stream("texture", *body.numbers, 2)
    sheets = [np.zeros((exam.size, exam.size), np.uint8) for _ in range(4)]
    low = body.dome_right - exam.inspiration
    trunks = np.radians([-80, -62, -45, -28, -10, 8, 25, 40, 55, 68, 82, 95])
    sign = np.repeat([-1.0, 1.0], len(trunks))
    n = len(sign)
    hilum_x, hilum_y = sign * 2.9 - 0.08 * exam.turn, np.where(sign < 0, 10.4, 9.4)
    for k in (0, 1, 2, 3, 4, 12, 13, 14, 15, 16):  # nodes and vessels seen end on
        px = hilum_x[k] + sign[k] * between(rng, 0, 1.5)
        py = hilum_y[k] + around(rng, 0, 1.3)
        lines(sheets[3], exam, [px, px + 0.2], [py, py + 0.5], between(rng, 0.6, 1.3), 150)
    x = hilum_x + 0.5 * rng.standard_normal(n)
    y = hilum_y + 0.7 * rng.standard_normal(n)
    angle = np.tile(trunks, 2) + 0.14 * rng.standard_normal(n)
    width = (0.4 + 0.35 * rng.random(n)) * np.where(np.tile(trunks, 2) > 0.5, 1.3, 1.0)
    length = 2.0 + 1.4 * rng.random(n)
    while len(x):
        n = len(x)
        turns = angle[:, None] + np.cumsum(0.16 * rng.standard_normal((n, 5)), axis=1)
        step = (length / 5)[:, None]
        start = np.zeros((n, 1))
        xs = np.hstack([start, np.cumsum(np.cos(turns) * step, axis=1)])
        xs = x[:, None] + sign[:, None] * xs
        ys = y[:, None] + np.hstack([start, np.cumsum(np.sin(turns) * step, axis=1)])
        points = np.round(exam.pixels(xs, ys) * 8).astype(np.int32)
        sheet_of = rng.integers(0, 3, n)
        grey = np.minimum(255, 6 + 240 * width).astype(int)
        thick = np.maximum(1, np.round(0.8 * width * exam.scale)).astype(int)
        drawn = zip(sheet_of.tolist(), points, grey.tolist(), thick.tolist(), strict=True)
        for number, curve, shade, wide in drawn:
            cv2.polylines(sheets[number], [curve], False, shade, wide, cv2.LINE_AA, 3)
        fork = np.radians(20 + 25 * rng.random(n))
        shorter = length * (0.68 + 0.24 * rng.random((2, n)))
        x, y, sign = (np.concatenate([v, v]) for v in (xs[:, -1], ys[:, -1], sign))
        angle = np.concatenate([turns[:, -1] + 0.55 * fork, turns[:, -1] - fork])
        width = np.concatenate([0.80 * width, 0.68 * width])
        length = shorter.ravel()
        grows = (width > 0.065) & (length > 0.35) & (np.abs(x) < body.cage_width)
        grows &= (y > 0) & (y < low + 6)
        x, y, sign, angle, width, length = (
            v[grows] for v in (x, y, sign, angle, width, length)
        )  # fmt: skip
    total = np.zeros((exam.size, exam.size))
    for sheet in sheets:
        total += sheet / 255.0
    return blur(total, 0.035 * exam.scale) * 1.7 * body.vessels


def air(body: Body, exam: Exam, x, y) -> np.ndarray:
    """Centimetres of gas outside the lungs: windpipe, stomach bubble, bowel."""
    rng = stream("texture", *body.numbers, 3)
    shift = -0.05 * exam.turn
    pipe = np.maximum.reduce([
        capsule(x, y, shift, -12, shift - 0.2, 7.6, 0.9, 0.85, 0.8),
        capsule(x, y, shift - 0.2, 7.6, shift - 2.9, 10.2, 0.75, 0.5, 0.5),
        capsule(x, y, shift - 0.2, 7.6, shift + 3.6, 10.6, 0.65, 0.45, 0.45),
    ])  # fmt: skip
    low = body.dome_right + body.dome_step - exam.inspiration - body.lift_left
    gas = np.zeros_like(pipe)
    if body.bubble:
        b = body.bubble
        flat = 1.0 if exam.view == "AP supine" else 0.55
        bx, by = between(rng, 4.5, 8), low + 1.2 + b * flat
        gas = ellipsoid(x, y, bx, by, 1.4 * b, b * flat, 1.1 * b, between(rng, -15, 15))
    for _ in range(body.gas):
        gx, gy, r = between(rng, -9, 11), low + between(rng, 5, 14), between(rng, 0.6, 1.8)
        gas = np.maximum(gas, ellipsoid(x, y, gx, gy, 1.5 * r, r, r, between(rng, -40, 40)))
    bowel = np.maximum(0, clouds(rng, exam.size, 8, 32) - body.bowel) * 1.5
    gas = np.maximum(gas, bowel * ramp(y, low + 4, low + 7))
    return pipe + gas * ramp(y, low + 0.6, low + 1.2)


def lung_texture(body: Body, exam: Exam, y, numbers: tuple[int, int]) -> np.ndarray:
    """Grams of tissue in a millilitre of lung, (size, size).

    The patient's own pattern, and patches of this one day (``numbers``): water or collapse in
    the lung, mostly low down.
    """
    rng = stream("texture", *body.numbers, 4)
    own = body.lung_density * (1 + 0.16 * clouds(rng, exam.size, 4, 256))
    rng = stream("texture", *numbers, 5)
    patches = np.maximum(0, clouds(rng, exam.size, 2, 64) + between(rng, -0.5, 0.5))
    return own + exam.haze * (0.15 + patches) * (0.4 + 0.6 * ramp(y, 4, 20))
