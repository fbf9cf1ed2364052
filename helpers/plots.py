"""Pictures: every figure of the lesson ends with one of these functions."""

import base64
import html
import io
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import HTML, display
from matplotlib.image import AxesImage

plt.style.use(Path(__file__).with_name("lesson.mplstyle"))

STYLES = {  # colour, marker, line: the same in every figure; each stands out on white and in grey
    "normal": ("#0072b2", "o", "-"),
    "effusion": ("#b8470b", "s", "--"),
    "training": ("#333333", "o", "-"),
    "validation": ("#9b2d86", "D", "--"),
    "gradient": ("#5b3fa6", "o", "-"),
    "class activation": ("#00735c", "s", "--"),
    "perturbation": ("#8a5a00", "^", "-."),
    "control": ("#6b6b6b", "X", ":"),
}
NAMES = ("gradient", "class activation", "perturbation", "normal", "effusion", "validation")
OTHERS = [STYLES[name] for name in NAMES]  # for what has no style of its own


def show(alt: str, figure: plt.Figure | None = None) -> None:
    """Show a figure with alternative text, then close it.

    Takes the place of ``plt.show()``: JupyterLab drops the alternative text of ordinary figures,
    so the picture is displayed as an HTML image that carries it.

    Parameters
    ----------
    alt : str
        What is seen in the figure, in one or two sentences, for readers who cannot see it.
    figure : matplotlib Figure, optional
        The current figure if not given.
    """
    if not alt.strip():
        raise ValueError("show() needs a sentence that says what is seen in the figure.")
    figure = figure or plt.gcf()
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    width = int.from_bytes(picture.getvalue()[16:20], "big")  # from the header of the PNG
    plt.close(figure)
    data = base64.b64encode(picture.getvalue()).decode("ascii")
    alt = html.escape(" ".join(alt.split()))
    size = f'width="{width}" style="max-width: 100%; height: auto"'  # never wider than the screen
    display(HTML(f'<img alt="{alt}" {size} src="data:image/png;base64,{data}">'))


def draw_xray(axis: plt.Axes, image: np.ndarray, title: str = "") -> None:
    """Draw one X-ray in grey on hidden axes.

    Parameters
    ----------
    axis : matplotlib Axes
    image : array (height, width) or (height, width, 1)
        Grey levels of any dtype; the darkest is drawn black, the brightest white.
    title : str
    """
    axis.imshow(np.squeeze(image), cmap="gray")
    axis.set_title(title)
    axis.set_axis_off()


def _grid(
    count: int, bar: float = 0, columns: int = 5, size: float = 2.6, heading: str = ""
) -> tuple[plt.Figure, np.ndarray]:
    """Lay out hidden axes for so many images, with room for a bar of so many inches."""
    columns = min(columns, count)
    rows = -(-count // columns)
    inches = (size * columns + bar, (size + 0.4) * rows)
    figure, axes = plt.subplots(rows, columns, figsize=inches, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    figure.suptitle(heading)
    return figure, axes


def show_images(
    images: Sequence[np.ndarray], titles: Sequence[str] | None = None, *, alt: str, **layout
) -> None:
    """Show X-rays side by side, row after row.

    Parameters
    ----------
    images : sequence of arrays (height, width) or (height, width, 1)
    titles : sequence of str, optional
        One for each image.
    alt : str
        Alternative text, see :func:`show`.
    **layout
        ``columns`` (5): images in a row. ``size`` (2.6): width and height of one image in inches.
        ``heading`` (""): title of the whole figure.
    """
    titles = [""] * len(images) if titles is None else titles
    figure, axes = _grid(len(images), **layout)
    for axis, image, title in zip(axes.flat, images, titles, strict=False):
        draw_xray(axis, image, title)
    show(alt, figure)


def draw_map(
    axis: plt.Axes,
    image: np.ndarray,
    saliency: np.ndarray,
    title: str = "",
    opacity: float = 0.5,
    mask: np.ndarray | None = None,
    top: float | None = None,
) -> AxesImage:
    """Lay a saliency map over an X-ray.

    What speaks for the target is drawn, from 0 up; what speaks against it, below 0, is drawn as 0.

    Parameters
    ----------
    axis : matplotlib Axes
    image : array (height, width) or (height, width, 1)
    saliency : float array (rows, columns)
        Stretched over the image, whatever its own size.
    title : str
    opacity : float in [0, 1]
        0 shows the X-ray alone, 1 the map alone.
    mask : bool array (height, width), optional
        Its outline is a dashed white line on a black one, so that it is seen on any background.
    top : float, optional
        The value that gets the brightest colour; the largest of the map if not given.

    Returns
    -------
    AxesImage
        For a colour bar: ``figure.colorbar(drawn, ax=axis)``.
    """
    height, width = np.squeeze(image).shape
    draw_xray(axis, image, title)
    positive = np.maximum(saliency, 0)
    scaled = positive / max(positive.max() if top is None else top, 1e-12)
    edges = (-0.5, width - 0.5, height - 0.5, -0.5)
    drawn = axis.imshow(scaled, cmap="inferno", alpha=opacity, vmin=0, vmax=1, extent=edges)
    if mask is not None and mask.any():
        axis.contour(mask, levels=[0.5], colors="black", linewidths=3.5)
        axis.contour(mask, levels=[0.5], colors="white", linewidths=2, linestyles="dashed")
    return drawn


def show_maps(
    images: Sequence[np.ndarray],
    maps: Sequence[np.ndarray],
    titles: Sequence[str],
    *,
    alt: str,
    masks: Sequence[np.ndarray] | None = None,
    common_scale: bool = False,
    opacity: float = 0.5,
    **layout,
) -> None:
    """Show saliency maps over their X-rays, row after row, with one colour bar.

    Parameters
    ----------
    images : sequence of arrays (height, width) or (height, width, 1)
    maps : sequence of float arrays (rows, columns)
    titles : sequence of str
    alt : str
        Alternative text, see :func:`show`.
    masks : sequence of bool arrays (height, width), optional
        Ground-truth masks; their outlines are drawn as dashed lines.
    common_scale : bool
        True draws all maps on one scale, up to the largest value of all, as suits maps of one
        method. False draws each up to its own largest value, as suits maps of different methods.
    opacity : float in [0, 1]
        As in :func:`draw_map`.
    **layout
        As in :func:`show_images`.
    """
    outlined = [None] * len(images) if masks is None else masks
    top = max(float(np.max(one)) for one in maps) if common_scale else None
    figure, axes = _grid(len(images), bar=1, **layout)
    each = zip(axes.flat, images, maps, titles, outlined, strict=False)
    for axis, image, one, title, mask in each:
        draw_map(axis, image, one, title, opacity, mask, top)
    scale = "largest of all maps" if common_scale else "largest of each map"
    colours = plt.cm.ScalarMappable(cmap="inferno")  # from 0 to 1, and not transparent
    figure.colorbar(colours, ax=axes, shrink=0.8, label=f"saliency (1 = {scale})")
    show(alt, figure)


def show_lines(
    lines: dict[str, tuple[Sequence[float], Sequence[float]]],
    *,
    alt: str,
    size: tuple[float, float] = (8, 4.4),
    **settings,
) -> None:
    """Show up to six lines, each named beside its end; a line of one value is a single point.

    Parameters
    ----------
    lines : dict
        Name -> x and y values. Names in :data:`STYLES` have their own style; "chance" and other
        names that begin so are thin and grey.
    alt : str
        Alternative text, see :func:`show`.
    size : tuple of float
        Width and height in inches.
    **settings
        What matplotlib's ``axis.set`` takes: ``xlabel``, ``ylabel``, ``title``, ``ylim`` …
    """
    figure, axis = plt.subplots(figsize=size)
    others, ends = iter(OTHERS * 2), []
    for name, (x, y) in lines.items():
        chance = name.startswith("chance")
        colour, marker, line = STYLES["control"] if chance else STYLES.get(name) or next(others)
        marker = marker if len(x) < 30 and not chance else ""
        width = 1.2 if chance else 2.2
        axis.plot(x, y, line, color=colour, marker=marker, lw=width, ms=11 if len(x) == 1 else 7)
        if len(x) == 1:
            axis.annotate(f"   {name}", (x[0], y[0]), color=colour, va="center")
        else:
            ends.append((x[-1], y[-1], name, colour))
    axis.set(**settings)
    axis.autoscale_view()
    _name_ends(axis, ends)
    show(alt, figure)


def _name_ends(axis: plt.Axes, ends: list[tuple[float, float, str, str]]) -> None:
    """Write each name to the right of the axes, at the height of its line's end or next to that."""
    to_axes = axis.transData + axis.transAxes.inverted()
    heights = [to_axes.transform((x, y))[1] for x, y, *_ in ends]
    free = -1.0
    for height, (*_, name, colour) in sorted(zip(heights, ends, strict=True)):
        free = max(height, free)
        axis.text(1.02, free, name, color=colour, va="center", transform=axis.transAxes)
        free += 0.08


def show_intervals(
    panels: dict[str, dict[str, tuple[float, float, float]]],
    *,
    alt: str,
    styles: dict[str, str] | None = None,
    chance: dict[str, float] | None = None,
    heading: str = "",
) -> None:
    """Show numbers with their intervals: a row for each name, a panel for each quantity.

    Parameters
    ----------
    panels : dict
        What is measured -> name -> value, lower and upper end of the interval.
    alt : str
        Alternative text, see :func:`show`.
    styles : dict, optional
        Name -> a key of :data:`STYLES`, such as the family of a method.
    chance : dict, optional
        What is measured -> the value that chance gives, drawn as a dotted line.
    heading : str
        Title of the whole figure.
    """
    rows = list(next(iter(panels.values())))
    inches = (2.6 + 3.4 * len(panels), 1.3 + 0.42 * len(rows))
    figure, axes = plt.subplots(1, len(panels), figsize=inches, sharey=True, squeeze=False)
    for axis, (title, values) in zip(axes.flat, panels.items(), strict=True):
        for row, name in enumerate(rows):
            value, low, high = values[name]
            colour, marker, _ = STYLES[(styles or {}).get(name, "training")]
            axis.plot([low, high], [row, row], color=colour, lw=2.2)
            axis.plot(value, row, marker, color=colour, ms=8)
        if title in (chance or {}):
            axis.axvline((chance or {})[title], color=STYLES["control"][0], ls=":", lw=2)
        axis.set(xlabel=title, yticks=range(len(rows)), yticklabels=rows)
    axes[0, 0].set_ylim(len(rows) - 0.5, -0.5)  # the first on top
    figure.suptitle(heading)
    show(alt, figure)


def show_histograms(groups: dict[str, np.ndarray], *, alt: str, bins: int = 20, **settings) -> None:
    """Show how values are distributed, one panel below the other for each group, on one x axis.

    Parameters
    ----------
    groups : dict
        Name, such as "normal", -> values of any shape.
    alt : str
        Alternative text, see :func:`show`.
    bins : int
        How many, over the range of all values.
    **settings
        What ``axis.set`` takes, for every panel.
    """
    together = np.concatenate([np.ravel(values) for values in groups.values()])
    edges = np.histogram_bin_edges(together, bins)
    rows = len(groups)
    size = (8, 1.2 + 1.5 * rows)
    figure, axes = plt.subplots(rows, figsize=size, sharex=True, sharey=True, squeeze=False)
    for axis, (name, values), other in zip(axes.flat, groups.items(), OTHERS * 2, strict=False):
        axis.hist(np.ravel(values), edges, color=STYLES.get(name, other)[0], edgecolor="white")
        axis.set(**{"ylabel": "count"} | settings)
        axis.set_title(name, loc="left")
        axis.label_outer()
    show(alt, figure)


def show_matrix(
    values: np.ndarray, rows: Sequence[str], columns: Sequence[str], *, alt: str, **settings
) -> None:
    """Show a small table as coloured squares with the numbers in them, such as a confusion matrix.

    Parameters
    ----------
    values : array (n, m)
        Numbers of 0 or more.
    rows, columns : sequence of str
        Their names.
    alt : str
        Alternative text, see :func:`show`.
    **settings
        What ``axis.set`` takes: ``xlabel``, ``ylabel``, ``title`` …
    """
    inches = (2.6 + 1.1 * len(columns), 1.4 + 0.8 * len(rows))
    figure, axis = plt.subplots(figsize=inches)
    axis.imshow(values, cmap="cividis", vmin=0)
    for (row, column), value in np.ndenumerate(values):
        colour = "black" if value > values.max() / 2 else "white"
        axis.text(column, row, f"{value:g}", ha="center", va="center", color=colour)
    axis.set_xticks(range(len(columns)), columns)
    axis.set_yticks(range(len(rows)), rows)
    axis.set(**settings)
    show(alt, figure)
