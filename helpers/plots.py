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


def _grid(count: int, columns: int, size: float, bar: float = 0) -> tuple[plt.Figure, np.ndarray]:
    """Lay out hidden axes for so many images of this size in inches, with room for a bar."""
    columns = min(columns, count)
    rows = -(-count // columns)
    inches = (size * columns + bar, (size + 0.4) * rows)
    figure, axes = plt.subplots(rows, columns, figsize=inches, squeeze=False, layout="constrained")
    for axis in axes.flat:
        axis.set_axis_off()
    return figure, axes


def show_images(
    images: Sequence[np.ndarray],
    titles: Sequence[str] | None = None,
    *,
    alt: str,
    columns: int = 5,
    size: float = 2.6,
    heading: str = "",
) -> None:
    """Show X-rays side by side, row after row.

    Parameters
    ----------
    images : sequence of arrays (height, width) or (height, width, 1)
    titles : sequence of str, optional
        One for each image.
    alt : str
        Alternative text, see :func:`show`.
    columns : int
        Images in a row.
    size : float
        Width and height of one image in inches.
    heading : str
        Title of the whole figure.
    """
    titles = [""] * len(images) if titles is None else titles
    figure, axes = _grid(len(images), columns, size)
    for axis, image, title in zip(axes.flat, images, titles, strict=False):
        draw_xray(axis, image, title)
    figure.suptitle(heading)
    show(alt, figure)


def draw_table(
    axis: plt.Axes, values: np.ndarray, rows: Sequence[str], columns: Sequence[str], title: str = ""
) -> AxesImage:
    """Draw a table as coloured squares with the numbers written in them.

    Parameters
    ----------
    axis : matplotlib Axes
    values : array (n, m)
        Numbers of 0 or more; smaller ones get the colour of 0.
    rows, columns : sequence of str
        Their names.
    title : str

    Returns
    -------
    AxesImage
        For a colour bar.
    """
    drawn = axis.imshow(values, cmap="cividis", vmin=0)
    for (row, column), value in np.ndenumerate(values):
        colour = "black" if value > values.max() / 2 else "white"
        axis.text(column, row, f"{value:g}", ha="center", va="center", color=colour)
    axis.set_xticks(range(len(columns)), columns)
    axis.set_yticks(range(len(rows)), rows)
    axis.set_title(title)
    return drawn


def draw_map(
    axis: plt.Axes,
    image: np.ndarray,
    saliency: np.ndarray,
    title: str = "",
    opacity: float = 0.5,
    mask: np.ndarray | None = None,
) -> AxesImage:
    """Lay a saliency map over an X-ray.

    What speaks for the target is drawn, from 0 to the largest value of the map; what speaks
    against it, below 0, is drawn as 0.

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

    Returns
    -------
    AxesImage
        For a colour bar: ``figure.colorbar(drawn, ax=axis)``.
    """
    height, width = np.squeeze(image).shape
    draw_xray(axis, image, title)
    positive = np.maximum(saliency, 0)
    drawn = axis.imshow(
        positive / max(positive.max(), 1e-12),
        cmap="inferno",
        alpha=opacity,
        vmin=0,
        vmax=1,
        extent=(-0.5, width - 0.5, height - 0.5, -0.5),
    )
    if mask is not None and mask.any():
        axis.contour(mask, levels=[0.5], colors="black", linewidths=2.5)
        axis.contour(mask, levels=[0.5], colors="white", linewidths=1.2, linestyles="dashed")
    return drawn


def show_maps(
    images: Sequence[np.ndarray],
    maps: Sequence[np.ndarray],
    titles: Sequence[str],
    *,
    alt: str,
    masks: Sequence[np.ndarray] | None = None,
    opacity: float = 0.5,
    columns: int = 5,
    size: float = 2.4,
    heading: str = "",
) -> None:
    """Show saliency maps over their X-rays, row after row, with one colour bar.

    Parameters
    ----------
    images : sequence of arrays (height, width) or (height, width, 1)
    maps : sequence of float arrays (rows, columns)
        Each is drawn on its own scale, see :func:`draw_map`.
    titles : sequence of str
    alt : str
        Alternative text, see :func:`show`.
    masks : sequence of bool arrays (height, width), optional
        Ground-truth masks; their outlines are drawn as dashed lines.
    opacity, columns, size, heading
        As in :func:`draw_map` and :func:`show_images`.
    """
    outlined = [None] * len(images) if masks is None else list(masks)
    figure, axes = _grid(len(images), columns, size, bar=1)
    each = zip(axes.flat, images, maps, titles, outlined, strict=False)
    for axis, image, one, title, mask in each:
        drawn = draw_map(axis, image, one, title, opacity, mask)
    bar = figure.colorbar(drawn, ax=axes, shrink=0.8, label="saliency (0 none, 1 most)")
    if bar.solids is not None:
        bar.solids.set_alpha(1)
    figure.suptitle(heading)
    show(alt, figure)
