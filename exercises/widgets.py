"""What learners move and press; plain text takes its place where nobody could."""

from __future__ import annotations

from collections.abc import Callable

from IPython import get_ipython
from IPython.display import display


def somebody_is_there() -> bool:
    """Tell a learner's session, which could be asked for input, from a run that nobody watches."""
    shell = get_ipython()
    request = shell.get_parent() if hasattr(shell, "get_parent") else {}
    return bool(request.get("content", {}).get("allow_stdin", True))


def slider(draw: Callable[[int], None], positions: int) -> None:
    """Let the learner move through pictures, where somebody is there to move the slider.

    Parameters
    ----------
    draw
        ``draw(position)`` ends with :func:`helpers.plots.show`, whose pictures are never wider
        than the screen.
    positions
        How many there are, counted from 0.
    """
    if not somebody_is_there():
        print("Run this cell yourself: a slider appears here.")
        return
    import ipywidgets
    from IPython.utils.capture import capture_output

    control = ipywidgets.IntSlider(max=positions - 1, description="position")
    picture = ipywidgets.HTML()

    def move(_: object = None) -> None:
        with capture_output() as captured:
            draw(control.value)
        picture.value = captured.outputs[0].data["text/html"]

    control.observe(move, names="value")
    move()
    display(ipywidgets.VBox([control, picture]))
