"""The slider shows another picture when it is moved, and is one line where nobody could move it."""

from jupyter_client.manager import start_new_kernel
from support import ROOT

from exercises import widgets

IN_A_SESSION = """
import matplotlib.pyplot as plt
from exercises import widgets
from helpers.plots import show


def draw(position):
    plt.figure(figsize=(30, 1))
    show(f"A wide picture at position {position}.")


shown = []
widgets.display = shown.append
widgets.slider(draw, 16)
control, picture = shown[0].children
print(control.min, control.max)
for control.value in (0, 7):
    print(picture.value.partition(" src=")[0])
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
    assert ends == "0 15"
    assert 'alt="A wide picture at position 0."' in first
    assert 'alt="A wide picture at position 7."' in second
    assert "max-width: 100%" in first


def test_slider_is_one_line_where_nobody_can_move_it(monkeypatch, capsys):
    monkeypatch.setattr(widgets, "somebody_is_there", lambda: False)
    widgets.slider(lambda position: None, 16)
    assert capsys.readouterr().out == "Run this cell yourself: a slider appears here.\n"
