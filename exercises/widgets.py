"""What learners move and press; a picture and a line take its place where nobody could."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from IPython import get_ipython
from IPython.display import HTML, display

LOST = """<style>
.widget-lost { border-left: 4px solid; padding-left: 0.8em }
.jp-OutputArea-child:has(.widget-vbox:not(.jupyter-widgets-disconnected))
+ .jp-OutputArea-child .widget-lost { display: none }
</style>
<p class="widget-lost">If nothing can be moved or pressed above, the kernel is a new one:
choose Run &gt; Run All Above Selected Cell, then run this cell again.</p>"""
"""Seen where a widget has lost its kernel, and in programs that cannot tell."""


def somebody_is_there() -> bool:
    """Tell a learner's session, which could be asked for input, from a run that nobody watches."""
    shell = get_ipython()
    request = shell.get_parent() if hasattr(shell, "get_parent") else {}
    return bool(request.get("content", {}).get("allow_stdin", True))


def show_widgets(*widgets: Any) -> None:
    """Show widgets below each other, and what to do once their kernel has gone.

    A restart, or opening the notebook again, leaves widgets that nothing answers, or none.
    """
    import ipywidgets

    display(ipywidgets.VBox(widgets))
    display(HTML(LOST))


def slider(
    draw: Callable[[int], None],
    positions: int,
    start: int = 0,
    description: str = "position",
) -> None:
    """Let the learner move through pictures, where somebody is there to move the slider.

    Where nobody is, the picture at the start stands in, with a line that says so.

    Parameters
    ----------
    draw
        ``draw(position)`` ends with :func:`helpers.plots.show`, whose pictures are never wider
        than the screen; what it prints stands below the picture.
    positions
        How many there are, counted from 0.
    start
        The position that is shown first.
    description
        What stands beside the slider.

    Raises
    ------
    ValueError
        If there is no such start.
    """
    if not 0 <= start < positions:
        raise ValueError(f"The slider has positions 0 to {positions - 1}, and {start} is none.")
    if not somebody_is_there():
        print("When you run this cell, a slider appears here. The picture shows where it starts.")
        draw(start)
        return
    import ipywidgets
    from IPython.utils.capture import capture_output

    control = ipywidgets.IntSlider(
        value=start,
        max=positions - 1,
        description=description,
        style={"description_width": "initial"},
        layout=ipywidgets.Layout(width="32em", max_width="95%"),
    )
    picture = ipywidgets.HTML()

    def move(_: object = None) -> None:
        with capture_output() as captured:
            draw(control.value)
        shown = [output.data.get("text/html", "") for output in captured.outputs]
        if captured.stdout:
            shown.append(f"<pre>{html.escape(captured.stdout)}</pre>")
        picture.value = "".join(shown)

    control.observe(move, names="value")
    move()
    show_widgets(control, picture)


def fade(image: np.ndarray, saliency: np.ndarray, title: str = "", steps: int = 10) -> None:
    """Let the learner fade from an X-ray to the saliency map that lies over it, and back.

    Parameters
    ----------
    image
        (height, width) or (height, width, 1).
    saliency
        Float (rows, columns), drawn up to its own largest value.
    title
        The method's name, such as "Grad-CAM".
    steps
        From the X-ray alone to the map alone; the slider starts in the middle.
    """
    import matplotlib.pyplot as plt

    from helpers.plots import draw_map, show

    def draw(step: int) -> None:
        _, axis = plt.subplots(figsize=(4.5, 4.5), layout="constrained")
        percent = round(100 * step / steps)
        draw_map(axis, image, saliency, f"{title}: {percent} % opaque", opacity=step / steps)
        show(f"An X-ray under its saliency map, {title}, which is {percent} percent opaque.")

    slider(draw, steps + 1, start=steps // 2, description="X-ray to map")


def threshold_on_roc(
    labels: np.ndarray,
    probability: np.ndarray,
    start: int = 50,
    learners: tuple[int, int, int, int] | None = None,
    everybody: Sequence[tuple[int, int, int, int]] = (),
) -> None:
    """Let the learner move the threshold, and see what it does to the counts and on the ROC curve.

    Parameters
    ----------
    labels
        (n,) of 0 normal and 1 effusion, some of each.
    probability
        (n,), in [0, 1]: the predicted probability of effusion.
    start
        The threshold that is shown first, in hundredths.
    learners
        What :func:`exercises.game.last_result` returned, drawn as a point beside the curve.
    everybody
        The same for each learner of a class, from :func:`exercises.board.class_results`: a small
        point each, larger where several learners share it, and one for all of them together.
    """
    import matplotlib.pyplot as plt
    from sklearn.metrics import roc_curve

    from helpers.metrics import wilson_interval
    from helpers.plots import STYLES, show

    normal, effusion = probability[labels == 0], probability[labels == 1]
    false_alarms, found, _ = roc_curve(labels, probability)
    tops = [np.histogram(values, 20, (0, 1))[0].max() for values in (normal, effusion)]

    def cross(axis: Any, hits: int, ill: int, alarms: int, well: int, *look: str) -> None:
        """Draw a point with its Wilson intervals in both directions."""
        x, y = alarms / max(well, 1), hits / max(ill, 1)
        axis.plot(wilson_interval(alarms, well), [y, y], color=look[0])
        axis.plot([x, x], wilson_interval(hits, ill), color=look[0])
        axis.plot(x, y, look[1], color=look[0], ms=10)

    def rates(right: int, ill: int, cleared: int, well: int) -> tuple[float, float]:
        """Return where guesses are on the plot: false alarms and sensitivity."""
        return 1 - cleared / max(well, 1), right / max(ill, 1)

    def draw(hundredths: int) -> None:
        threshold = hundredths / 100
        figure, (bars, curve) = plt.subplots(1, 2, figsize=(11.5, 4.8), layout="constrained")
        for name, values, sign in (("normal", normal, -1), ("effusion", effusion, 1)):
            counts, edges = np.histogram(values, 20, (0, 1))
            colour = STYLES[name][0]
            bars.bar(edges[:-1], sign * counts, 0.05, align="edge", color=colour, edgecolor="white")
            place = (0.5 - 0.2 * sign, sign * 0.85 * max(tops))
            bars.text(*place, name, color=colour, ha="center", va="center", backgroundcolor="white")
        bars.axhline(0, color="black", lw=1)
        bars.axvline(threshold, color="black", ls="--")
        bars.yaxis.set_major_formatter(lambda count, _: f"{abs(count):.0f}")
        limit = 1.05 * max(tops)
        bars.set(xlabel="predicted probability", ylabel="X-rays", ylim=(-limit, limit))
        bars.set_title(f"threshold {threshold:.2f} (dashed line)")

        hits, alarms = int((effusion >= threshold).sum()), int((normal >= threshold).sum())
        curve.plot(false_alarms, found, color=STYLES["gradient"][0])
        curve.plot([0, 1], [0, 1], STYLES["control"][2], color=STYLES["control"][0], lw=1.2)
        cross(curve, hits, len(effusion), alarms, len(normal), "black", "o")
        colour, marker, _ = STYLES["class activation"]
        for place, times in Counter(rates(*counts) for counts in everybody).items():
            curve.plot(*place, marker, color=colour, ms=4 + 2 * times, alpha=0.4)
        if everybody:  # without an interval: all of them judged the same few X-rays
            together = rates(*map(sum, zip(*everybody, strict=True)))
            curve.plot(*together, marker, color=colour, ms=11, mec="white")
            curve.annotate("class", together, (10, 8), textcoords="offset points", color=colour)
        if learners:
            right, ill, cleared, well = learners
            colour, marker, _ = STYLES["validation"]
            cross(curve, right, ill, well - cleared, well, colour, marker)
            place = rates(*learners)
            curve.annotate("you", place, (10, -22), textcoords="offset points", color=colour)
        curve.set(xlabel="false alarms (1 − specificity)", ylabel="sensitivity", aspect="equal")
        found_of, cleared_of = hits / len(effusion), 1 - alarms / len(normal)
        numbers = f"sensitivity {found_of:.2f}, specificity {cleared_of:.2f}"
        curve.set_title(numbers)
        show(
            f"At a threshold of {threshold:.2f}: {numbers}. Left, counts of effusions upwards and "
            "of normal X-rays downwards, with the threshold. Right, its point on the ROC curve, "
            f"with intervals{', and the point of your guesses' * bool(learners)}"
            f"{f', and {len(everybody)} points of a class, with all together' * bool(everybody)}.",
            figure,
        )

    slider(draw, 101, start=start, description="threshold × 100")


def slide_kernel(image: np.ndarray, kernel: np.ndarray, start: int = 0) -> None:
    """Let the learner move a kernel over a small image.

    Parameters
    ----------
    image, kernel
        As in :func:`draw_window`.
    start
        The position that is shown first.
    """
    height, width = np.subtract(image.shape, 2)
    slider(partial(draw_window, image, kernel), height * width, start)


def draw_window(image: np.ndarray, kernel: np.ndarray, position: int) -> None:
    """Draw a kernel at one of its positions on a small image, and the feature map so far.

    Parameters
    ----------
    image
        Numbers (height, width), few enough to be read.
    kernel
        The weights, (3, 3).
    position
        Counted row by row from 0, the place of the window's upper left corner.
    """
    import matplotlib.pyplot as plt

    from helpers.plots import show

    height, width = np.subtract(image.shape, 2)
    row, column = divmod(position, width)
    result = np.full((height, width), np.nan)  # not yet computed
    for place in range(position + 1):
        top, left = divmod(place, width)
        result[top, left] = (image[top : top + 3, left : left + 3] * kernel).sum()
    window = image[row : row + 3, column : column + 3]

    figure, axes = plt.subplots(1, 4, figsize=(15, 4.2), layout="constrained")
    _draw_numbers(axes[0], image, "image and window", signed=False)
    frame: dict[str, Any] = {"fill": False, "edgecolor": "black", "linewidth": 5}
    axes[0].add_patch(plt.Rectangle((column - 0.5, row - 0.5), 3, 3, **frame))
    _draw_numbers(axes[1], kernel, "kernel")
    _draw_numbers(axes[2], window * kernel, f"window × kernel, sum {result[row, column]:g}")
    _draw_numbers(axes[3], result, "feature map so far")
    axes[3].add_patch(plt.Rectangle((column - 0.5, row - 0.5), 1, 1, **frame))
    show(
        f"Position {position}: the window begins at row {row}, column {column} of the image. "
        f"The nine products add up to {result[row, column]:g}, which is written into the feature "
        "map.",
        figure,
    )


def _draw_numbers(axis: Any, numbers: np.ndarray, title: str, signed: bool = True) -> None:
    """Draw an array as pale squares with the numbers in them, white where there is none yet."""
    pale = 2.5 * max(1, float(np.nanmax(np.abs(numbers))))  # so that black text can be read
    axis.imshow(
        numbers, "RdBu_r" if signed else "gray", vmin=-pale, vmax=pale if signed else pale / 2
    )
    for (row, column), number in np.ndenumerate(numbers):
        if np.isfinite(number):
            axis.text(column, row, f"{number:g}", ha="center", va="center", fontsize=15)
    axis.set_title(title)
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(True)


def go_downhill(
    loss_of: Callable[[float], float],
    gradient_of: Callable[[float], float],
    weight: float,
    learning_rates: Sequence[float],
    start: int = 0,
) -> None:
    """Let the learner choose the learning rate with which a neuron goes down its loss.

    Parameters
    ----------
    loss_of, gradient_of
        The loss and its gradient for a weight.
    weight
        Where each descent starts.
    learning_rates
        What the slider chooses from.
    start
        The position of the learning rate that is shown first.
    """

    def draw(position: int) -> None:
        draw_descent(loss_of, gradient_of, weight, learning_rates[position])

    slider(draw, len(learning_rates), start, "learning rate: position")


def draw_descent(
    loss_of: Callable[[float], float],
    gradient_of: Callable[[float], float],
    start: float,
    learning_rate: float,
    steps: int = 10,
) -> None:
    """Draw a neuron with one weight that goes down its loss, and print its last weight and loss.

    Parameters
    ----------
    loss_of, gradient_of
        The loss and its gradient for a weight.
    start
        The first weight.
    learning_rate
        What the gradient is multiplied by in each step.
    steps
        How many times the weight is updated.
    """
    import matplotlib.pyplot as plt

    from helpers.plots import STYLES, show

    weights = [start]
    with np.errstate(all="ignore"):
        for _ in range(steps):
            updated = weights[-1] - learning_rate * gradient_of(weights[-1])
            if not np.isfinite(updated) or abs(updated) > 1000:
                break
            weights.append(updated)
        reach = 1.2 * max(4.0, float(np.abs(weights).max()))
        grid = np.linspace(-reach, reach, 301)
        curve = [loss_of(weight) for weight in grid]
        losses = [loss_of(weight) for weight in weights]
    figure, axis = plt.subplots(figsize=(9, 4.6), layout="constrained")
    axis.plot(grid, curve, color=STYLES["control"][0], lw=2.2)
    colour = STYLES["effusion"][0]
    axis.plot(weights, losses, "--", color=colour, marker="o", ms=9, lw=1.6)
    for step in (0, 1, 2):  # the first ones; later ones may lie on top of each other
        if step < len(weights):
            axis.annotate(
                f"{step}", (weights[step], losses[step]), (0, 11), textcoords="offset points",
                ha="center", color=colour,
            )  # fmt: skip
    axis.set(xlabel="weight", ylabel="loss", title=f"learning rate {learning_rate:g}")
    show(
        "The loss as a function of the weight, a valley. With the learning rate "
        f"{learning_rate:g}, {len(weights) - 1} updates lead from the weight {start:g} to "
        f"{weights[-1]:.2f}.",
        figure,
    )
    print(f"after {len(weights) - 1} updates: weight {weights[-1]:.2f}, loss {losses[-1]:.2f}")


def draw_activations(inputs: np.ndarray, functions: dict[str, np.ndarray]) -> None:
    """Draw up to four activation functions, each above its derivative.

    Parameters
    ----------
    inputs
        Weighted sums, evenly spaced.
    functions
        Name -> the output for each of them.
    """
    import matplotlib.pyplot as plt

    from helpers.plots import STYLES, show

    size = (3.4 * len(functions), 5.8)
    figure, axes = plt.subplots(
        2, len(functions), figsize=size, sharex=True, layout="constrained", squeeze=False
    )
    for (above, below), (name, output) in zip(axes.T, functions.items(), strict=True):
        above.plot(inputs, output, color=STYLES["normal"][0])
        above.set_title(name)
        below.plot(inputs, np.gradient(output, inputs), "--", color=STYLES["effusion"][0])
        below.set(xlabel="weighted sum", ylim=(-0.1, 1.1))
    axes[0, 0].set_ylabel("output")
    axes[1, 0].set_ylabel("derivative")
    names = ", ".join(functions)
    show(f"Activation functions ({names}), each above its derivative.", figure)


def draw_edges(image: np.ndarray, feature_map: np.ndarray) -> None:
    """Draw an X-ray and a feature map with positive and negative values beside it.

    Parameters
    ----------
    image
        (height, width).
    feature_map
        Weighted sums; the strongest half per cent share the strongest colours.
    """
    import matplotlib.pyplot as plt

    from helpers.plots import draw_xray, show

    figure, axes = plt.subplots(1, 2, figsize=(11, 4.8), layout="constrained")
    draw_xray(axes[0], image, "X-ray")
    limit = float(np.percentile(np.abs(feature_map), 99.5))
    drawn = axes[1].imshow(feature_map, cmap="RdBu_r", vmin=-limit, vmax=limit)
    axes[1].set_title("feature map")
    axes[1].set_axis_off()
    figure.colorbar(drawn, label="weighted sum")
    show(
        "An X-ray, and its feature map: positive at one edge of a bright structure, negative at "
        "the other, about zero where nothing changes.",
        figure,
    )


def draw_feature_maps(
    images: np.ndarray,
    maps: dict[str, np.ndarray],
    titles: Sequence[str],
    masks: np.ndarray,
) -> None:
    """Draw X-rays in one row, and below it a row of feature maps for each network.

    Parameters
    ----------
    images
        (n, height, width, 1).
    maps
        Name of a network -> its maps (n, rows, columns), of 0 or more; each row has a scale of its
        own, up to its largest value.
    titles
        One for each X-ray.
    masks
        (n, height, width), True where there is fluid, which gets a dashed line around it.
    """
    import matplotlib.pyplot as plt

    from helpers.plots import draw_map, draw_xray, show

    size = (2.5 * len(images) + 1, 2.6 * (1 + len(maps)) + 0.4)
    figure, axes = plt.subplots(1 + len(maps), len(images), figsize=size, layout="constrained")
    for axis, image, title in zip(axes[0], images, titles, strict=True):
        draw_xray(axis, image, title)
    for row, (name, values) in zip(axes[1:], maps.items(), strict=True):
        for axis, image, one, mask in zip(row, images, values, masks, strict=True):
            drawn = draw_map(axis, image, one, "", 0.6, mask, values.max())
        row[0].text(
            -0.04, 0.5, name, transform=row[0].transAxes, rotation=90, ha="right", va="center"
        )
        bar = figure.colorbar(drawn, ax=row, ticks=[0, 1])
        bar.set_ticklabels(["0", "largest"])
        if bar.solids is not None:
            bar.solids.set_alpha(1)
    show(
        f"A row of X-rays ({', '.join(titles)}), and below each of them one feature map of each "
        f"network ({', '.join(maps)}), with a dashed line around the fluid where it is known.",
        figure,
    )
