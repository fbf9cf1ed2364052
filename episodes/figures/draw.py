"""Draw the diagrams of the episodes: ``python episodes/figures/draw.py``.

Everything is drawn from coordinates in this file; no X-ray of anybody is used.
"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle, Ellipse, FancyBboxPatch, PathPatch, Polygon, Rectangle
from matplotlib.path import Path as Curve
from matplotlib.patheffects import withStroke

HERE = Path(__file__).parent
INK, AMBER, FLUID = "#1f2d3a", "#e8a33d", "#7cc4ee"
EDGE = [withStroke(linewidth=3.4, foreground=INK)]  # amber lines stand out on white, too
FILM, BODY, LUNG, HEART, BONE = "#0b0f14", "#6d747b", "#23282e", "#9aa1a7", "#dfe3e6"

# One lung as seen from the front on the viewer's left, in units of 1 % of the width: start, then
# cubic curves (two control points and an end). The corner at (9.5, 20) is the costophrenic angle.
LUNG_START = (36, 97)
LUNG_CURVES = [
    [(24, 97), (15, 78), (12, 55)],
    [(10, 40), (9, 32), (9.5, 19)],
    [(15, 31), (27, 39), (42, 31)],
    [(44, 45), (45, 75), (43, 88)],
    [(42, 94), (40, 97), (36, 97)],
]


def curve(start, curves, mirror=False, closed=False) -> Curve:
    """Return cubic curves as one path, mirrored about the midline on request."""
    points = [start] + [point for piece in curves for point in piece]
    codes = [Curve.MOVETO] + [Curve.CURVE4] * (len(points) - 1)
    points = [(100 - x if mirror else x, y) for x, y in points]
    if closed:
        points, codes = [*points, points[0]], [*codes, Curve.CLOSEPOLY]
    return Curve(points, codes)


def lung(mirror: bool) -> Curve:
    """Return the outline of the lung on the viewer's left (or right, if mirrored)."""
    return curve(LUNG_START, LUNG_CURVES, mirror, closed=True)


def patch(axes: Axes, path: Curve, colour: str, **options) -> PathPatch:
    """Fill a path."""
    return axes.add_patch(PathPatch(path, facecolor=colour, edgecolor="none", **options))


def chest(axes: Axes) -> None:
    """Draw a chest from the front in the greys of an X-ray, 100 wide and 112 high."""
    axes.set_xlim(0, 100)
    axes.set_ylim(0, 112)
    axes.set_aspect("equal")
    axes.axis("off")
    frame = axes.add_patch(Rectangle((0, 0), 100, 112, color=FILM))
    half = [
        [(41, 106), (41, 105), (39, 103)],
        [(30, 100), (12, 101), (5, 95)],
        [(0, 90), (0, 88), (-2, 80)],
        [(1, 50), (4, 30), (4, -2)],
    ]
    left, right = curve((42, 114), half), curve((42, 114), half, mirror=True)
    body = Polygon([*left.to_polygons()[0][:-1], *right.to_polygons()[0][:-1][::-1]], color=BODY)
    axes.add_patch(body).set_clip_path(frame)
    for mirror in (False, True):
        patch(axes, lung(mirror), LUNG)
    axes.add_patch(Ellipse((73, 19), 13, 7, angle=8, color="#4a5057"))  # air in the stomach
    axes.add_patch(Rectangle((47.3, 62), 5.4, 52, color="#565d64"))  # windpipe, filled with air
    for y in np.arange(4, 108, 8):  # spine
        axes.add_patch(
            FancyBboxPatch(
                (46, y), 8, 5.2, boxstyle="round,pad=0,rounding_size=1.5", color=BONE, alpha=0.22
            )
        )
    for mirror in (False, True):
        for k, y in enumerate(np.linspace(92, 22, 9)):  # ribs, from the spine outwards
            reach = 18 if k == 0 else max(8, 15 - 2.5 * k)
            rib = curve((46, y), [[(36, y + 6), (reach + 6, y + 5), (reach - 2, y - 13)]], mirror)
            axes.add_patch(
                PathPatch(rib, fill=False, edgecolor=BONE, alpha=0.2, lw=5, capstyle="round")
            ).set_clip_path(body)
        collar = curve((46, 91), [[(36, 90), (26, 97), (10, 97)]], mirror)
        axes.add_patch(
            PathPatch(collar, fill=False, edgecolor=BONE, alpha=0.55, lw=6, capstyle="round")
        )
    heart = curve(
        (46.5, 92),
        [
            [(46, 80), (45, 70), (43.5, 60)],
            [(38, 56), (35.5, 40), (40, 31)],
            [(50, 28), (60, 28), (69, 30)],
            [(75, 31), (76, 37), (72, 45)],
            [(68, 54), (61, 60), (58.5, 70)],
            [(61, 73), (61.5, 81), (56, 83)],
            [(54, 85), (53.5, 88), (53.5, 92)],
        ],
        closed=True,
    )
    patch(axes, heart, HEART)
    for mirror in (False, True):  # vessels fan out from the middle of each lung
        for dx, dy in [(-14, 16), (-18, 5), (-17, -7), (-12, -15), (-8, 22)]:
            x, y = (38, 58) if not mirror else (36, 61)
            vessel = curve(
                (x, y), [[(x - 3, y), (x + dx / 2, y + dy / 2), (x + dx, y + dy)]], mirror
            )
            axes.add_patch(
                PathPatch(vessel, fill=False, edgecolor=HEART, alpha=0.4, lw=1.6, capstyle="round")
            ).set_clip_path(PathPatch(lung(mirror), transform=axes.transData))


def label(axes: Axes, text: str, at, place, colour=INK, ha="left") -> None:
    """Write a label beside the drawing, with a line to what it names."""
    axes.annotate(
        text,
        xy=at,
        xytext=place,
        ha=ha,
        va="center",
        fontsize=12,
        color=colour,
        annotation_clip=False,
        arrowprops={
            "arrowstyle": "-",
            "color": AMBER,
            "lw": 1.6,
            "path_effects": EDGE,
            "shrinkB": 0,
            "relpos": (1 if ha == "right" else 0, 0.5),
        },
    )
    axes.plot(*at, "o", ms=4.5, color=AMBER, mec=INK, mew=0.6, clip_on=False)


def save(figure: plt.Figure, name: str) -> None:
    """Write a diagram next to this script."""
    figure.savefig(HERE / f"{name}.png", dpi=110, bbox_inches="tight", facecolor="white")
    plt.close(figure)
    print(f"{name}.png")


def xray_arises() -> None:
    """Draw six rays through different tissues, and the grey that each leaves."""
    per_cm = {"air": 0.0, "lung": 0.05, "soft tissue": 0.2, "fluid": 0.2, "bone": 0.6}
    colours = {
        "air": "white",
        "lung": "#cfe3d4",
        "soft tissue": "#e3a18c",
        "fluid": FLUID,
        "bone": "#f4ecd0",
    }
    rays = [
        ("beside the body", [("air", 20)]),
        ("lung", [("soft tissue", 2.5), ("lung", 15), ("soft tissue", 2.5)]),
        ("rib and lung", [("soft tissue", 2), ("bone", 1), ("lung", 14.5), ("soft tissue", 2.5)]),
        (
            "fluid below the lung",
            [("soft tissue", 2.5), ("lung", 6), ("fluid", 9), ("soft tissue", 2.5)],
        ),
        ("heart", [("soft tissue", 2.5), ("lung", 4), ("soft tissue", 13.5)]),
        ("spine", [("soft tissue", 4), ("bone", 4), ("lung", 2), ("soft tissue", 10)]),
    ]
    figure, axes = plt.subplots(figsize=(11.5, 5.4))
    axes.set_xlim(-11, 34.5)
    axes.set_ylim(-1.7, 7.1)
    axes.axis("off")
    text = {"va": "center", "fontsize": 12, "color": INK}
    source = (-9, 3)
    for row, (name, pieces) in enumerate(rays):
        y = 5.6 - row * 1.15
        axes.plot([source[0], -0.3], [source[1], y], color=AMBER, lw=5)
        x, passed = 0.0, 0.0
        for tissue, cm in pieces:
            line = "--" if tissue == "air" else "-"
            axes.add_patch(
                Rectangle((x, y - 0.4), cm, 0.8, fc=colours[tissue], ec=INK, lw=0.8, ls=line)
            )
            word = "soft" if tissue == "soft tissue" and cm < 4.5 else tissue
            if cm > 1:
                axes.text(x + cm / 2, y, word, ha="center", **(text | {"fontsize": 12}))
            else:
                axes.text(x + cm / 2, y + 0.57, word, ha="center", va="center", fontsize=12)
            x += cm
            passed += per_cm[tissue] * cm
        share = np.exp(-passed)
        axes.plot([20.3, 22.8], [y, y], color=AMBER, lw=max(1, 6 * share**0.6))
        axes.text(25.6, y, f"{share:.0%}" if share > 0.01 else f"{share:.1%}", ha="right", **text)
        grey = str(min(1.0, passed / 5.3))
        axes.add_patch(
            Rectangle((26.4, y - 0.575), 1.8, 1.15, facecolor=grey, edgecolor=INK, lw=0.8)
        )
        axes.text(28.7, y, name, **text)
    axes.plot(*source, "o", ms=30, color=INK, zorder=5)
    axes.text(*source, "X", ha="center", zorder=6, **(text | {"color": "white", "fontsize": 15}))
    axes.text(source[0], 2.2, "X-ray\ntube", ha="center", **(text | {"va": "top"}))
    heads = text | {"va": "bottom", "ha": "center", "fontsize": 12.5, "weight": "bold"}
    axes.text(10, 6.35, "20 cm on the way through", **heads)
    axes.text(24.2, 6.35, "what\narrives", **heads)
    axes.text(28.2, 6.35, "on the\nX-ray", **heads)
    axes.text(10, -1.2, "soft = soft tissue: skin, muscle, blood", ha="center", **text)
    save(figure, "how-an-xray-arises")


def what_can_be_seen() -> None:
    """Draw a chest X-ray with its anatomy named on one side and devices on the other."""
    figure, axes = plt.subplots(figsize=(11.5, 6.6))
    chest(axes)
    white = {"color": "#f5f7f8", "clip_on": True}
    axes.text(91, 104, "L", fontsize=22, weight="bold", ha="center", va="center", color="white")
    axes.add_patch(
        FancyBboxPatch((77, 76), 8, 6.5, boxstyle="round,pad=0,rounding_size=2.5", **white)
    )  # pacemaker and its wire
    wire = curve((77, 80), [[(66, 90), (52, 92), (49, 74)], [(47, 60), (50, 45), (60, 38)]])
    axes.add_patch(PathPatch(wire, fill=False, edgecolor="#f5f7f8", lw=1.8))
    axes.plot([50, 50.4, 50.6], [112, 90, 70], lw=3.2, **white)  # breathing tube
    for (x, y), bend in {(20, 84): -8, (84, 45): 10, (17, 40): -9}.items():  # electrodes
        axes.add_patch(Circle((x, y), 2, **white))
        lead = curve((x, y), [[(x + bend, y - 10), (x - bend, y - 22), (x + 2 * bend, y - 40)]])
        axes.add_patch(PathPatch(lead, fill=False, edgecolor="#f5f7f8", lw=1.3))
    for x, y in [(79, 61), (80.6, 59), (78.3, 57.6)]:  # clips
        axes.plot([x - 0.7, x + 0.7], [y - 0.8, y + 0.8], lw=2.4, **white)
    for text, at, y in [
        ("collarbone", (24, 95.5), 106),
        ("windpipe: air, so dark", (48.6, 99), 96),
        ("rib", (28.5, 80.5), 84),
        ("right lung: mostly air, so dark", (33, 66), 72),
        ("vessels of the lung", (24.5, 62), 60),
        ("heart", (54, 44), 46),
        ("diaphragm", (28, 34.2), 33),
        ("right costophrenic angle: sharp", (10.6, 22.5), 19),
        ("spine", (50, 14), 7),
    ]:
        label(axes, text, at, (-6, y), ha="right")
    for text, at, y in [
        ("side marker: the patient’s left", (94.2, 104), 104),
        ("breathing tube", (50.2, 108), 95),
        ("pacemaker and its wire", (83, 79), 80),
        ("surgical clips", (80.8, 59.4), 62),
        ("electrode of an ECG and its lead", (84.5, 45), 45),
        ("left costophrenic angle: sharp", (89.6, 22.5), 27),
        ("air in the stomach", (73, 19), 12),
    ]:
        label(axes, text, at, (106, y))
    axes.text(50, 115, "the right lung is on your left", ha="center", fontsize=12, color=INK)
    save(figure, "what-can-be-seen")


def pour(axes: Axes, level: float, rise: float, mirror: bool = True) -> None:
    """Fill one side of the chest with fluid up to a level that rises at its outer wall."""
    x = np.linspace(0, 50, 60)
    height = level + rise * np.clip((42 - x) / 32, 0, 1) ** 2.2  # the meniscus
    outline = [(0, 0), *zip(x, height, strict=True), (50, 0)]
    outline = [(100 - a if mirror else a, b) for a, b in outline]
    fluid = Polygon(outline, facecolor="#e4edf2", edgecolor=FLUID, hatch="..", lw=0)
    side = PathPatch(lung(mirror), transform=axes.transData)
    axes.add_patch(fluid).set_clip_path(side)
    edge = [(100 - a if mirror else a, b) for a, b in zip(x, height, strict=True)]
    axes.plot(*np.transpose(edge), color=FLUID, lw=2.6)[0].set_clip_path(side)


def pleural_effusion() -> None:
    """Draw the pleura enlarged, then fluid in growing amounts."""
    figure, all_axes = plt.subplots(1, 4, figsize=(13, 4.9), gridspec_kw={"wspace": 0.08})
    titles = ["no effusion", "a little fluid", "more fluid", "very much fluid"]
    notes = [
        "the angle is sharp",
        "the angle is blunted",
        "the upper edge curves up\nat the wall: the meniscus",
        "“white-out”: hardly\nany air on this side",
    ]
    amounts = [None, (27, 9), (40, 20), (120, 0)]
    spots = [(89.6, 22.5), (87.5, 31), (81, 47), (75, 66)]
    for axes, title, note, amount, spot in zip(
        all_axes, titles, notes, amounts, spots, strict=True
    ):
        chest(axes)
        if amount:
            pour(axes, *amount)
        axes.set_title(title, fontsize=14, color=INK, pad=8)
        axes.annotate(
            note,
            xy=spot,
            xytext=(60, -15),
            ha="center",
            va="center",
            fontsize=12,
            color=INK,
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": AMBER,
                "lw": 1.6,
                "path_effects": EDGE,
                "shrinkB": 0,
            },
        )
        axes.plot(*spot, "o", ms=5, color=AMBER, mec=INK, mew=0.6)
    save(figure, "pleural-effusion")


def pleura() -> None:
    """Draw the two layers of the pleura and the fluid between them, not to scale."""
    figure, all_axes = plt.subplots(1, 2, figsize=(10.5, 4.6), gridspec_kw={"wspace": 0.12})
    text = {"fontsize": 12, "color": INK, "ha": "center", "va": "center"}
    bases = [
        [(0, 37), [[(30, 37), (62, 30), (75, 12)], [(75, 12), (75, 80), (75, 84)]]],
        [(0, 44), [[(42, 42), (72, 40), (75, 72)], [(75, 76), (75, 80), (75, 84)]]],
    ]
    for axes, (start, base) in zip(all_axes, bases, strict=True):
        axes.set_xlim(0, 100)
        axes.set_ylim(0, 80)
        axes.axis("off")
        axes.add_patch(Rectangle((0, 0), 100, 80, color="#e3a18c"))  # the chest wall
        within = curve(
            (0, 33),
            [
                [(30, 33), (66, 26), (78, 4)],
                [(78, 4), (78, 80), (78, 84)],
                [(78, 84), (0, 84), (0, 84)],
            ],
            closed=True,
        )
        below = curve((0, 33), [[(30, 33), (66, 26), (78, 4)], [(78, 4), (78, -4), (78, -4)]])
        below = Curve([*below.vertices, (0, -4)], [*below.codes, Curve.LINETO])
        patch(axes, below, "#c98873")
        axes.add_patch(PathPatch(within, facecolor=FLUID, edgecolor="#2f7fb3", hatch="..", lw=0))
        axes.add_patch(PathPatch(within, fill=False, edgecolor="#7a2e1d", lw=3))
        tissue = curve(start, [*base, [(75, 84), (0, 84), (-3, 84)]], closed=True)
        axes.add_patch(PathPatch(tissue, facecolor="#cfe3d4", edgecolor="#4f7a5c", lw=3))
        for rib in (13, 43, 66):
            axes.add_patch(Ellipse((89, rib), 8, 12, facecolor="#f4ecd0", edgecolor=INK, lw=0.8))
        axes.text(24, 58, "lung", **(text | {"fontsize": 15}))
        axes.text(89, 28, "chest\nwall", **text)
        axes.text(22, 20, "diaphragm", **text)
    all_axes[0].set_title("healthy: a thin film of fluid", fontsize=14, color=INK, pad=10)
    all_axes[1].set_title("effusion: fluid pushes the lung up", fontsize=14, color=INK, pad=10)
    label(all_axes[0], "pleura on the lung", (75, 72), (64, 72), ha="right")
    label(all_axes[0], "film of fluid", (76.5, 60), (64, 60), ha="right")
    label(all_axes[0], "pleura on the wall", (78, 48), (64, 48), ha="right")
    label(all_axes[0], "costophrenic\nangle", (77.4, 6.5), (60, 6), ha="right")
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 2}
    all_axes[1].text(62, 33, "fluid", bbox=box, **(text | {"fontsize": 15}))
    label(all_axes[1], "meniscus", (67.5, 48), (58, 62), ha="right")
    save(figure, "pleura")


def upright_and_lying() -> None:
    """Draw how a PA image is taken upright and an AP image lying, with where fluid goes."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 5.2), gridspec_kw={"wspace": 0.06})
    skin, bed = "#e3a18c", "#b9c2c9"
    for axes in (left, right):
        axes.set_xlim(0, 110)
        axes.set_ylim(0, 90)
        axes.set_aspect("equal")
        axes.axis("off")

    def tube(axes, x, y):
        axes.add_patch(Circle((x, y), 4.2, color=INK, zorder=4))
        axes.text(x, y, "X", color="white", fontsize=14, ha="center", va="center", zorder=5)

    # Upright, seen from the side; the chest touches the detector.
    axes = left
    axes.add_patch(Polygon([(10, 45), (82, 76), (82, 14)], facecolor=AMBER, alpha=0.35, lw=0))
    tube(axes, 10, 45)
    axes.add_patch(Circle((69, 82), 7, facecolor=skin, edgecolor=INK))
    axes.add_patch(
        FancyBboxPatch(
            (59, 4), 20, 68, boxstyle="round,pad=0,rounding_size=8", facecolor=skin, edgecolor=INK
        )
    )
    inside = FancyBboxPatch(
        (62, 25), 14, 42, boxstyle="round,pad=0,rounding_size=6", facecolor="#f3f7f4", edgecolor=INK
    )
    axes.add_patch(inside)
    pool = axes.add_patch(
        Rectangle((60, 20), 20, 16, facecolor=FLUID, edgecolor="#2f7fb3", hatch="..", lw=0.8)
    )
    pool.set_clip_path(inside)
    axes.add_patch(Rectangle((82, 10), 4, 70, color=INK))
    label(axes, "lung", (69, 58), (91, 66))
    label(axes, "fluid sinks\nto the base", (69, 29), (91, 36))
    axes.text(88, 12, "detector", fontsize=12, color=INK)
    axes.text(
        10, 36, "X-ray tube\nbehind the\npatient", fontsize=12, color=INK, ha="center", va="top"
    )
    axes.set_title("PA, upright: the rays enter at the back", fontsize=14, color=INK)

    # Lying on the back; the detector is under the patient.
    axes = right
    axes.add_patch(Polygon([(50, 82), (22, 20), (78, 20)], facecolor=AMBER, alpha=0.35, lw=0))
    tube(axes, 50, 82)
    axes.add_patch(Circle((8, 33), 7, facecolor=skin, edgecolor=INK))
    axes.add_patch(
        FancyBboxPatch(
            (17, 23), 75, 20, boxstyle="round,pad=0,rounding_size=8", facecolor=skin, edgecolor=INK
        )
    )
    inside = FancyBboxPatch(
        (25, 26), 45, 14, boxstyle="round,pad=0,rounding_size=6", facecolor="#f3f7f4", edgecolor=INK
    )
    axes.add_patch(inside)
    pool = axes.add_patch(
        Rectangle((20, 20), 55, 10.5, facecolor=FLUID, edgecolor="#2f7fb3", hatch="..", lw=0.8)
    )
    pool.set_clip_path(inside)
    axes.add_patch(Rectangle((18, 18), 64, 4, color=INK))
    axes.add_patch(Rectangle((0, 11), 104, 6, color=bed))
    label(axes, "lung", (58, 36), (86, 62))
    label(axes, "fluid spreads\nalong the back", (62, 28), (86, 50))
    axes.text(84, 19, "detector", fontsize=12, color=INK, va="center")
    axes.text(58, 82, "X-ray tube above", fontsize=12, color=INK, va="center")
    axes.text(50, 13.6, "bed", fontsize=12, color=INK, ha="center", va="center")
    axes.set_title("AP, lying: the rays enter at the chest", fontsize=14, color=INK)
    save(figure, "upright-and-lying")


if __name__ == "__main__":
    plt.rcParams["hatch.linewidth"] = 0.6
    for draw in (xray_arises, what_can_be_seen, pleura, pleural_effusion, upright_and_lying):
        draw()
