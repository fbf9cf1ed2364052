"""The slider shows another picture when it is moved; where nobody could, one stands in for all."""

import pytest
from jupyter_client.manager import start_new_kernel
from support import ROOT, is_one_sentence

from exercises import widgets

IN_A_SESSION = """
import matplotlib.pyplot as plt
from exercises import widgets
from helpers.plots import show


def draw(position):
    plt.figure(figsize=(30, 1))
    show(f"A wide picture at position {position}.")
    print("1 < 2")


shown = []
widgets.display = shown.append
widgets.slider(draw, 16, start=3, description="image")
control, picture = shown[0].children
print(control.min, control.max, control.value, control.description)
for position in (3, 7):
    control.value = position
    print(picture.value.partition(" src=")[0], "<pre>1 &lt; 2" in picture.value)
"""


def test_slider_shows_another_picture_when_moved_never_wider_than_the_screen():
    """In a kernel, because only there pictures are displayed; asked like a learner asks it."""
    manager, client = start_new_kernel(kernel_name="python3", cwd=str(ROOT))
    printed = []
    try:
        client.execute_interactive(
            IN_A_SESSION,
            allow_stdin=True,
            timeout=120,
            output_hook=lambda message: printed.append(message["content"].get("text", "")),
        )
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    ends, first, second = "".join(printed).splitlines()
    assert ends == "0 15 3 image"
    assert 'alt="A wide picture at position 3."' in first
    assert 'alt="A wide picture at position 7."' in second
    assert "max-width: 100%" in first
    assert first.endswith("True")


def test_one_picture_and_a_line_stand_in_where_nobody_can_move_the_slider(monkeypatch, capsys):
    monkeypatch.setattr(widgets, "somebody_is_there", lambda: False)
    drawn = []
    widgets.slider(drawn.append, 16, start=5)
    assert capsys.readouterr().out == (
        "When you run this cell, a slider appears here. The picture shows where it starts.\n"
    )
    assert drawn == [5]


@pytest.mark.parametrize("start", [-1, 16])
def test_a_start_that_the_slider_does_not_have_is_refused(start):
    with pytest.raises(ValueError, match="positions 0 to 15") as error:
        widgets.slider(print, 16, start=start)
    assert is_one_sentence(error)
