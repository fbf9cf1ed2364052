"""Pictures: every figure of the lesson ends with one of these functions."""

import base64
import html
import io
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import HTML, display
from matplotlib.image import AxesImage

DPI = 90


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
    figure.savefig(picture, format="png", dpi=DPI, bbox_inches="tight", facecolor="white")
    width = int.from_bytes(picture.getvalue()[16:20], "big")  # from the header of the PNG
    plt.close(figure)
    data = base64.b64encode(picture.getvalue()).decode("ascii")
    alt = html.escape(" ".join(alt.split()))
    display(HTML(f'<img alt="{alt}" width="{width}" src="data:image/png;base64,{data}">'))


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
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(size * columns, (size + 0.4) * rows),
        squeeze=False,
        layout="constrained",
    )
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, image, title in zip(axes.flat, images, titles, strict=False):
        draw_xray(axis, image, title)
    figure.suptitle(heading)
    show(alt, figure)


def draw_map(
    axis: plt.Axes,
    image: np.ndarray,
    saliency: np.ndarray,
    title: str = "",
    opacity: float = 0.5,
    outline: np.ndarray | None = None,
) -> AxesImage:
    """Lay a saliency map over an X-ray.

    Parameters
    ----------
    axis : matplotlib Axes
    image : array (height, width) or (height, width, 1)
    saliency : float array in [0, 1]
        Stretched over the image, whatever its own size.
    title : str
    opacity : float in [0, 1]
        0 shows the X-ray alone, 1 the map alone.
    outline : bool array (height, width), optional
        Drawn as a dashed white line on a black one, so that it is seen on any background.

    Returns
    -------
    AxesImage
        For a colour bar: ``figure.colorbar(drawn, ax=axis)``.
    """
    height, width = np.squeeze(image).shape
    draw_xray(axis, image, title)
    drawn = axis.imshow(
        saliency,
        cmap="inferno",
        alpha=opacity,
        vmin=0,
        vmax=1,
        extent=(-0.5, width - 0.5, height - 0.5, -0.5),
    )
    if outline is not None and outline.any():
        axis.contour(outline, levels=[0.5], colors="black", linewidths=2.5)
        axis.contour(outline, levels=[0.5], colors="white", linewidths=1.2, linestyles="dashed")
    return drawn


def show_maps(
    images: Sequence[np.ndarray],
    maps: Sequence[np.ndarray],
    titles: Sequence[str],
    *,
    alt: str,
    outlines: Sequence[np.ndarray] | None = None,
    opacity: float = 0.5,
    columns: int = 5,
    size: float = 2.4,
    heading: str = "",
) -> None:
    """Show saliency maps over their X-rays, row after row, with one colour bar.

    Parameters
    ----------
    images : sequence of arrays (height, width) or (height, width, 1)
    maps : sequence of float arrays in [0, 1]
    titles : sequence of str
    alt : str
        Alternative text, see :func:`show`.
    outlines : sequence of bool arrays (height, width), optional
        True outlines, drawn as dashed lines.
    opacity, columns, size, heading
        As in :func:`draw_map` and :func:`show_images`.
    """
    outlines = [None] * len(images) if outlines is None else outlines
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(size * columns + 1, (size + 0.4) * rows),
        squeeze=False,
        layout="constrained",
    )
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, image, one, title, outline in zip(
        axes.flat, images, maps, titles, outlines, strict=False
    ):
        drawn = draw_map(axis, image, one, title, opacity, outline)
    bar = figure.colorbar(drawn, ax=axes, shrink=0.8, label="saliency (0 none, 1 most)")
    bar.solids.set_alpha(1)
    figure.suptitle(heading)
    show(alt, figure)
