"""The same convolution three times, as episode 4 shows it: NumPy, OpenCV and Keras agree."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from cells import inline
from jupyter_client.manager import start_new_kernel

from helpers import quiz

ROOT = Path(__file__).resolve().parents[1]
KERNELS = {
    "edges": np.array([[-1, 0, 1]] * 3, np.float32),
    "blur": np.full((3, 3), 1 / 9, np.float32),
    "lopsided": np.arange(9, dtype=np.float32).reshape(3, 3) - 2,  # a flipped kernel would show
}


@pytest.fixture(scope="module")
def convolve():
    return inline("04", "convolve")[0]


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(3).normal(size=(31, 47)).astype(np.float32)


def keras_convolve(image, kernel):
    from helpers.models import layers

    layer = layers.Conv2D(1, 3, padding="valid", use_bias=False)
    layer.build((None, *image.shape, 1))
    layer.set_weights([kernel.reshape(3, 3, 1, 1)])
    return np.array(layer(image[np.newaxis, :, :, np.newaxis]))[0, :, :, 0]


@pytest.mark.parametrize("name", KERNELS)
def test_numpy_opencv_and_keras_agree(convolve, image, name):
    by_hand = convolve(image, KERNELS[name])
    assert by_hand.shape == (29, 45)
    opencv = cv2.filter2D(image, -1, KERNELS[name])[1:-1, 1:-1]
    np.testing.assert_allclose(opencv, by_hand, atol=1e-4)
    np.testing.assert_allclose(keras_convolve(image, KERNELS[name]), by_hand, atol=1e-4)


def test_the_kernel_of_the_episode_finds_the_edge_and_nothing_on_even_ground(convolve):
    (kernel,) = inline("04", "kernel")
    image = np.zeros((6, 8))
    image[:, 4:] = 10
    edges = convolve(image, kernel)
    assert (edges[:, 2:4] == 30).all()
    assert (np.delete(edges, [2, 3], axis=1) == 0).all()


def test_max_pooling_of_the_episode_is_that_of_keras():
    from helpers.models import layers

    small, pooled = inline("04", "small", "pooled")
    by_keras = layers.MaxPooling2D(2)(small.reshape(1, 4, 4, 1).astype(np.float32))
    assert np.array_equal(np.array(by_keras)[0, :, :, 0], pooled)


def test_receptive_field_counted_by_hand_is_the_one_that_pixels_show():
    """Pixels that change the middle of a convolution's map: as many as episode 4 counts."""
    from helpers.models import build_model, keras, layers, tf

    model = build_model()
    for layer in model.layers:  # with weights of one, every pixel in the field counts
        if isinstance(layer, layers.Conv2D):
            layer.set_weights([np.ones_like(layer.get_weights()[0]), layer.get_weights()[1]])
    convolutions = [layer for layer in model.layers if isinstance(layer, layers.Conv2D)]
    third = keras.Model(model.inputs, convolutions[2].output)
    field = jump = 1
    for size, step in [(3, 1), (2, 2), (3, 1), (2, 2), (3, 1)]:
        field += (size - 1) * jump
        jump *= step
    changed = np.zeros(256, bool)
    base = np.zeros((1, 256, 256, 1), np.float32)
    for column in range(100, 156):
        touched = base.copy()
        touched[0, :, column, 0] = 1
        changed[column] = np.array(third(tf.constant(touched)))[0, 32, 32].max() > 0
    assert changed.sum() == field


IN_A_SESSION = """
from helpers import quiz
from IPython.display import HTML, display

shown = []
quiz.display = shown.append
quiz.slider(lambda position: display(HTML(f"position {position}")), 16)
control, picture = shown[0].children
print(control.min, control.max, picture.value)
control.value = 7
print(picture.value)
"""


def test_slider_shows_another_picture_when_moved():
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
    assert "".join(printed).splitlines() == ["0 15 position 0", "position 7"]


def test_slider_is_one_line_where_nobody_can_move_it(monkeypatch, capsys):
    monkeypatch.setattr(quiz, "_somebody_is_there", lambda: False)
    quiz.slider(lambda position: None, 16)
    assert capsys.readouterr().out == "Run this cell yourself: a slider appears here.\n"
