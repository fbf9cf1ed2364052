"""Draw the everyday scene of the extra "An everyday photograph".

Run ``python episodes/figures/draw_photograph.py`` to make photograph-scene.png again. A cat peeks
over the edge of a table at a mug of coffee. Everything is drawn from coordinates in this file;
nobody's photograph is used.
"""

from pathlib import Path

import cv2
import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import Arc, Ellipse, Polygon, Rectangle

HERE = Path(__file__).parent
FUR, STRIPE, CREAM, DARK = "#e0913f", "#b5651f", "#f8e3c4", "#3a2416"


def shade(axes: Axes, box: tuple, colours: list[str], clip=None, sideways=False, z=1.0) -> None:
    """Fill a box (left, right, bottom, top), or a shape in it, with colours that melt together."""
    ramp = np.linspace(0, 1, 256)
    ramp = ramp[np.newaxis] if sideways else ramp[:, np.newaxis]
    colour_map = LinearSegmentedColormap.from_list("shade", colours)
    drawn = axes.imshow(
        ramp, cmap=colour_map, extent=box, origin="lower", aspect="auto", zorder=z,
        interpolation="bilinear",
    )  # fmt: skip
    if clip is not None:
        drawn.set_clip_path(clip)


def room(axes: Axes, rng: np.random.Generator) -> None:
    """Draw a wall, a window with hills behind it, and a wooden table."""
    shade(axes, (0, 100, 0, 100), ["#d9b98c", "#f1dfc0"])
    axes.add_patch(Rectangle((54, 50), 40, 46, color="#fbf6ea", zorder=2))
    sky = Rectangle((57, 53), 34, 40, transform=axes.transData)
    shade(axes, (57, 91, 53, 93), ["#fbe9c9", "#9fd0ea", "#5aa7dc"], sky, z=3)
    axes.add_patch(Ellipse((83, 84), 7, 7, color="#fff3b0", zorder=4))
    for centre, width, height, colour in [(64, 40, 30, "#8bb477"), (88, 36, 22, "#5f9660")]:
        hill = Ellipse((centre, 53), width, height, color=colour, zorder=4)
        axes.add_patch(hill)
        hill.set_clip_path(sky)
    for left, bottom, width, height in [(73, 53, 2, 40), (57, 72, 34, 2)]:
        axes.add_patch(Rectangle((left, bottom), width, height, color="#fbf6ea", zorder=5))
    shade(axes, (52, 96, 46.5, 50), ["#cdbb97", "#fffaf0"], z=5)
    shade(axes, (0, 100, 0, 31), ["#6f4322", "#a86c3a"], z=8)
    for height in np.linspace(1, 29, 18):  # the grain of the wood
        x = np.linspace(0, 100, 200)
        wave = np.sin(x / rng.uniform(9, 20) + rng.uniform(0, 6)) * rng.uniform(0.2, 0.7)
        axes.plot(x, height + wave, color="#5b3519", alpha=0.35, linewidth=1.2, zorder=8.5)
    shade(axes, (0, 100, 30, 32), ["#8c5628", "#d29a5c"], z=8.6)


def cat(axes: Axes, rng: np.random.Generator) -> None:
    """Draw a ginger cat that looks at the mug, both paws on the edge of the table."""
    for left, tip, right in [((11, 62), (10, 84), (24, 73)), ((49, 62), (52, 84), (36, 73))]:
        axes.add_patch(Polygon([left, tip, right], color=FUR, zorder=6, joinstyle="round", lw=6))
        inner = np.array([left, tip, right]) * 0.6 + np.mean([left, tip, right], axis=0) * 0.4
        axes.add_patch(Polygon(inner, color="#efb6a0", zorder=6.1))
    body = Ellipse((30, 28), 42, 40, transform=axes.transData)
    shade(axes, (5, 55, 8, 48), ["#a85c1c", "#cf7f30"], body, z=6)
    head = Ellipse((30, 52), 47, 42, transform=axes.transData)
    shade(axes, (4, 56, 30, 74), ["#cf7f30", "#eda758"], head, z=6.5)
    for x, top in [(30, 73), (24.5, 72), (35.5, 72)]:  # stripes on the forehead
        axes.add_patch(Polygon([(x - 1.3, top), (x + 1.3, top), (x, 62)], color=STRIPE, zorder=7))
    for side in (-1, 1):
        for y, reach in [(56, 14), (51, 12), (46, 13)]:  # stripes on the cheeks
            edge = 30 + side * 23.5 * np.sqrt(max(1 - ((y - 52) / 21) ** 2, 0))
            ends = [(edge, y + 1.2), (edge, y - 1.2), (edge - side * reach * 0.6, y)]
            axes.add_patch(Polygon(ends, color=STRIPE, zorder=7))
        eye = (30 + side * 9.5, 55)
        axes.add_patch(Ellipse(eye, 10.5, 10, color="#fdfbe8", zorder=7.1))
        axes.add_patch(Ellipse((eye[0] + 0.8, eye[1] - 0.4), 8.6, 8.8, color="#7fae3c", zorder=7.2))
        axes.add_patch(Ellipse((eye[0] + 1.9, eye[1] - 1), 4.6, 7.4, color="#16130f", zorder=7.3))
        axes.add_patch(Ellipse((eye[0] + 0.8, eye[1] + 1.4), 1.7, 1.9, color="white", zorder=7.4))
    for side in (-1, 1):
        axes.add_patch(Ellipse((30 + side * 4.2, 42), 11, 8.5, color=CREAM, zorder=7.1))
        for angle in (-7, 3, 13):  # whiskers
            x = 30 + side * np.array([8, 27])
            y = 42.5 + np.array([0, 19 * np.tan(np.radians(angle))])
            axes.plot(x, y, color="#fffdf5", linewidth=2, zorder=7.6)
        axes.add_patch(Arc((30 + side * 2.4, 42.4), 4.8, 4, theta1=180, theta2=360, lw=3,
                           color=DARK, zorder=7.5))  # fmt: skip
    axes.add_patch(Polygon([(27.2, 47), (32.8, 47), (30, 43.6)], color="#c9716a", zorder=7.5))
    for _ in range(700):  # single hairs
        angle, radius = rng.uniform(0, 2 * np.pi), np.sqrt(rng.uniform(0, 1))
        x, y = 30 + 23 * radius * np.cos(angle), 52 + 20.5 * radius * np.sin(angle)
        bend = np.array([0, 1.1 * np.cos(angle)]), np.array([0, 1.1 * np.sin(angle)])
        colour = "#f6c688" if rng.uniform() < 0.5 else "#a9601f"
        axes.plot(x + bend[0], y + bend[1], color=colour, alpha=0.45, lw=1.2, zorder=6.9)
    for x in (17, 41):
        paw = Ellipse((x, 31), 13, 9.5, transform=axes.transData)
        shade(axes, (x - 7, x + 7, 26, 36), ["#cf7f30", "#f2b56b"], paw, z=9)
        for toe in (-2.2, 2.2):
            axes.plot([x + toe, x + toe * 1.1], [27.6, 30.6], color=STRIPE, linewidth=3, zorder=9.1)


def mug(axes: Axes) -> None:
    """Draw a striped mug of coffee on a saucer, with steam."""
    axes.add_patch(Ellipse((75, 11), 46, 12, color="#4a2b14", alpha=0.45, zorder=9))
    axes.add_patch(Ellipse((73, 12.5), 42, 11, color="#cfd6da", zorder=9.2))
    axes.add_patch(Ellipse((73, 13.3), 41, 10, color="#f4f6f7", zorder=9.3))
    axes.add_patch(Ellipse((73, 13.3), 25, 6, color="#d5dbdf", zorder=9.4))
    handle = {"zorder": 9.5, "fill": False}
    axes.add_patch(Ellipse((87, 29), 17, 19, lw=18, ec="#1d5d6b", **handle))
    axes.add_patch(Ellipse((87, 29), 17, 19, lw=11, ec="#3f93a3", **handle))
    t = np.linspace(np.pi, 2 * np.pi, 40)
    foot = zip(73 + 12.6 * np.cos(t), 17 + 5 * np.sin(t), strict=True)
    outline = [(59, 44), (60, 22), *foot, (86, 22), (87, 44)]
    body = Polygon(outline, transform=axes.transData)
    sides = ["#1f5a68", "#4aa3b3", "#8fd0d8", "#4aa3b3", "#2a7484", "#184954"]
    shade(axes, (59, 87, 12, 44), sides, body, sideways=True, z=10)
    creams = ["#a89878", "#f1e5c6", "#fffdf2", "#f1e5c6", "#c3b48f", "#94855f"]
    for bottom in (22, 30):  # two bands that follow the curve of the mug
        x = np.linspace(59, 87, 60)
        dip = 2.6 * np.sqrt(np.clip(1 - ((x - 73) / 14) ** 2, 0, 1))
        points = [*zip(x, bottom - dip, strict=True), *zip(x[::-1], bottom + 4 - dip, strict=True)]
        band = Polygon(points, transform=axes.transData)
        shade(axes, (59.5, 86.5, 18, 36), creams, band, sideways=True, z=10.1)
    axes.add_patch(Ellipse((73, 44), 28, 7.4, color="#a9dbe2", zorder=10.5))
    axes.add_patch(Ellipse((73, 43.7), 25, 5.8, color="#3b1e0e", zorder=10.6))
    axes.add_patch(Ellipse((69, 43.3), 12, 2.2, color="#7a4a26", zorder=10.7))
    for x, height in [(67, 17), (73, 22), (79, 16)]:
        t = np.linspace(0, 1, 80)
        way = x + 1.8 * np.sin(5.5 * t + x)
        for width in (5, 9, 14):
            axes.plot(way, 46 + height * t, color="white", alpha=0.13, lw=width, zorder=11,
                      solid_capstyle="round")  # fmt: skip


def draw(path: Path = HERE / "photograph-scene.png") -> None:
    """Draw the scene and save it, 448 pixels wide and high."""
    rng = np.random.default_rng(5)
    figure = plt.figure(figsize=(8.96, 8.96), dpi=100)
    axes = figure.add_axes((0, 0, 1, 1))
    room(axes, rng)
    cat(axes, rng)
    mug(axes)
    axes.set(xlim=(0, 100), ylim=(0, 100))
    axes.set_axis_off()
    figure.canvas.draw()
    large = np.asarray(figure.canvas.buffer_rgba())[:, :, :3]
    plt.close(figure)
    small = cv2.resize(large, (448, 448), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(path), small[:, :, ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])


if __name__ == "__main__":
    draw()
