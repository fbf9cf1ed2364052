"""Saliency maps: what in an X-ray moves the network's answer.

Every method has the same signature, ``explain(model, images, label=1) -> maps``, and stands by
its name in :data:`METHODS`. The model ends in one sigmoid, the probability of effusion; what is
explained is its logit, since the sigmoid's slope vanishes where the network is sure. Explaining
the other class, ``label=0`` for "normal", means explaining minus the logit.
"""

import contextlib
import io
import warnings
from collections.abc import Callable
from typing import ClassVar
from unittest import mock

import cv2
import numpy as np
from scipy import ndimage

from helpers.models import keras, tf  # loaded there without their start-up messages

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # about SciPy names that tf-keras-vis still uses
    from tf_keras_vis import gradcam, gradcam_plus_plus, saliency, scorecam
    from tf_keras_vis.utils import model_modifiers

BATCH_SIZE = 32
"""Images explained at a time: more is hardly faster and needs more memory."""


def logit_model(model: keras.Model) -> keras.Model:
    """Let a network end in its logit instead of its sigmoid.

    Parameters
    ----------
    model : keras.Model
        Its last layer is a dense layer with one sigmoid.

    Returns
    -------
    keras.Model
        Output float32 (n, 1): log-odds of effusion. The last layer is a copy; all layers before it
        are those of the network itself.
    """
    last = model.layers[-1]
    end = keras.layers.Dense.from_config(last.get_config() | {"activation": "linear"})
    logit = keras.Model(model.inputs, end(last.input))
    end.set_weights(last.get_weights())
    return logit


class Turnstile(keras.layers.Layer):
    """Let values through unchanged; count the images that pass forwards and backwards."""

    supports_jit = False  # counting happens in Python
    passed: ClassVar = {"forward": 0, "backward": 0}  # shared: methods make copies of a network

    def call(self, values):
        """Count images forwards, and backwards when a gradient comes through."""

        def count(way):
            tf.py_function(lambda images: self.add(way, int(images)), [tf.shape(values)[0]], [])

        @tf.custom_gradient
        def counted(x):
            count("forward")

            def backwards(slope):
                count("backward")
                return slope

            return tf.identity(x), backwards

        return counted(values)

    @classmethod
    def add(cls, way: str, images: int) -> None:
        """Add images that have passed."""
        cls.passed[way] += images


def count_passes(
    method: Callable[..., np.ndarray], model: keras.Model, images: np.ndarray
) -> tuple[np.ndarray, float, float]:
    """Explain images, and count how often the network is run for each of them.

    Parameters
    ----------
    method : function
        One of :data:`METHODS`.
    model : keras.Model
        Ends in a dense layer with one sigmoid.
    images : float32 array (n, height, width, 1)

    Returns
    -------
    maps : float32 array (n, height, width)
    forward, backward : float
        Passes through the network's end, as images and as gradients, for each image explained.
    """
    last = model.layers[-1]
    copy = keras.layers.Dense.from_config(last.get_config() | {"name": "counted"})
    counted = keras.Model(model.inputs, copy(Turnstile()(last.input)))
    copy.set_weights(last.get_weights())
    Turnstile.passed = {"forward": 0, "backward": 0}
    maps = method(counted, images)
    forward, backward = (Turnstile.passed[way] / len(images) for way in ("forward", "backward"))
    return maps, forward, backward


def last_maps_layer(model: keras.Model) -> keras.layers.Layer:
    """Find the last layer that still has maps, before they are pooled or flattened.

    That is the last convolution together with what follows it directly (normalisation, ReLU).

    Raises
    ------
    ValueError
        If the network has no convolution.
    """
    kinds = (keras.layers.Conv2D, keras.layers.BatchNormalization, keras.layers.ReLU)
    for layer in reversed(model.layers):
        if isinstance(layer, (*kinds, keras.layers.Activation)) and len(layer.output.shape) == 4:
            return layer
    raise ValueError(f"The network {model.name!r} has no convolution, so no class activation map.")


def rescale(maps: np.ndarray, size: tuple[int, int] | None = None) -> np.ndarray:
    """Bring maps to image size and each one to the range 0 to 1.

    Parameters
    ----------
    maps : array (n, rows, columns)
    size : (height, width), optional
        Enlarged by bilinear interpolation.

    Returns
    -------
    float32 array (n, height, width)
        A constant map becomes all 0.
    """
    maps = np.asarray(maps, dtype=np.float32)
    if size is not None:
        maps = np.stack(
            [cv2.resize(one, size[::-1], interpolation=cv2.INTER_LINEAR) for one in maps]
        )
    low = maps.min(axis=(1, 2), keepdims=True)
    span = maps.max(axis=(1, 2), keepdims=True) - low
    return np.where(span > 0, (maps - low) / np.where(span > 0, span, 1), 0).astype(np.float32)


def input_gradient(model: keras.Model, images: np.ndarray, label: int = 1) -> np.ndarray:
    """Differentiate the logit with respect to every pixel.

    Returns
    -------
    float32 array (n, height, width, 1)
    """
    return _derivative(model, label)(images)


def _derivative(model: keras.Model, label: int) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function that differentiates the logit with respect to the pixels, in batches."""
    logit = logit_model(model)

    @tf.function(reduce_retracing=True)  # four times as fast as step by step
    def slopes(pixels: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(pixels)
            score = (1 if label else -1) * logit(pixels, training=False)
        return tape.gradient(score, pixels)

    def in_batches(images: np.ndarray) -> np.ndarray:
        batches = range(0, len(images), BATCH_SIZE)
        parts = [slopes(tf.constant(images[k : k + BATCH_SIZE], tf.float32)) for k in batches]
        return np.concatenate(parts)

    return in_batches


def vanilla_gradient(model: keras.Model, images: np.ndarray, label: int = 1) -> np.ndarray:
    """Take the size of the gradient at every pixel (Simonyan et al., 2014, equation 3)."""
    return rescale(np.abs(input_gradient(model, images, label)).max(axis=-1))


def smooth_grad(
    model: keras.Model, images: np.ndarray, label: int = 1, samples: int = 30, noise: float = 0.1
) -> np.ndarray:
    """Average the gradients of noisy copies (SmoothGrad, Smilkov et al., 2017).

    ``noise`` is the standard deviation as a share of each image's range of values.
    """
    slopes, rng = _derivative(model, label), np.random.default_rng(0)
    spread = noise * np.ptp(images, axis=(1, 2, 3), keepdims=True)
    total = 0
    for _ in range(samples):
        copies = images + spread * rng.normal(size=images.shape[1:])  # the same for all images
        total = total + np.abs(slopes(copies))
    return rescale(total.max(axis=-1))


def integrated_gradients(
    model: keras.Model, images: np.ndarray, label: int = 1, steps: int = 32
) -> np.ndarray:
    """Add up gradients on the way from a grey image to the X-ray (Sundararajan et al., ICML 2017).

    The grey image is 0 everywhere, the mean of every standardised X-ray. Before its size is taken,
    the map's sum is the difference of the two logits (their "completeness"), up to ``steps``.
    """
    slopes, middles = _derivative(model, label), (np.arange(steps) + 0.5) / steps
    total = sum(slopes(k * images) for k in middles)
    return rescale(np.abs(images * total / steps).max(axis=-1))


class RectifiedBackpropagation(model_modifiers.GuidedBackpropagation):
    """Let only positive gradients pass a ReLU backwards (Zeiler and Fergus, ECCV 2014)."""

    def _get_guided_activation(self, activation):
        @tf.custom_gradient
        def rectified_activation(x):
            return activation(x), lambda slope: tf.nn.relu(slope)

        return rectified_activation


def guided_backpropagation(model: keras.Model, images: np.ndarray, label: int = 1) -> np.ndarray:
    """Let positive gradients pass where the ReLU was open (Springenberg et al., ICLR-W 2015)."""
    return _in_batches(
        saliency.Saliency(logit_model(model), model_modifiers.GuidedBackpropagation()),
        images,
        label,
    )


def rectified_backpropagation(model: keras.Model, images: np.ndarray, label: int = 1) -> np.ndarray:
    """Let positive gradients pass every ReLU (the "deconvnet", Zeiler and Fergus, ECCV 2014)."""
    return _in_batches(
        saliency.Saliency(logit_model(model), RectifiedBackpropagation()), images, label
    )


def _in_batches(visualiser, images: np.ndarray, label: int, **options) -> np.ndarray:
    """Run a method of tf-keras-vis in batches, without its chatter."""
    maps = []
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # about the nesting of inputs: nothing to act on
        for start in range(0, len(images), BATCH_SIZE):
            batch = visualiser(
                lambda outputs: (1 if label else -1) * outputs[:, -1],
                tf.convert_to_tensor(images[start : start + BATCH_SIZE]),
                **options,
            )
            maps.append(np.asarray(batch))
    return np.concatenate(maps)


def _class_activation(method: type, model: keras.Model, images: np.ndarray, label: int, **options):
    """Run a class-activation method of tf-keras-vis on the last maps."""
    maps = _in_batches(
        method(model, clone=False),
        images,
        label,
        penultimate_layer=last_maps_layer(model),
        seek_penultimate_conv_layer=False,
        expand_cam=False,  # enlarged here, since the library moves the centres of the cells
        **options,
    )
    return rescale(maps, images.shape[1:3])


def grad_cam(model: keras.Model, images: np.ndarray, label: int = 1) -> np.ndarray:
    """Weight the last maps by their mean gradient (Grad-CAM, Selvaraju et al., ICCV 2017)."""
    return _class_activation(gradcam.Gradcam, logit_model(model), images, label)


def grad_cam_plus_plus(model: keras.Model, images: np.ndarray, label: int = 1) -> np.ndarray:
    """Weight each place of the last maps (Grad-CAM++, Chattopadhay et al., WACV 2018)."""
    return _class_activation(gradcam_plus_plus.GradcamPlusPlus, logit_model(model), images, label)


def score_cam(model: keras.Model, images: np.ndarray, label: int = 1) -> np.ndarray:
    """Weight the last maps by answers, not gradients (Score-CAM, Wang et al., CVPR-W 2020).

    Each map masks the image, and the network's answer to what is left is the map's weight.

    tf-keras-vis takes the softmax over the outputs. Over a single output that is always 1, and the
    network's answer would not count at all; so the network is given a second output first.
    """
    both = two_outputs(model) if label else two_outputs(model, swap=True)
    return _class_activation(scorecam.Scorecam, both, images, 1, batch_size=128)


def two_outputs(model: keras.Model, swap: bool = False) -> keras.Model:
    """Give the logit z a companion that is always 0: the softmax of (0, z) is the sigmoid of z.

    Parameters
    ----------
    model : keras.Model
        Ends in one sigmoid.
    swap : bool
        Use -z, the logit of "normal", in place of z.

    Returns
    -------
    keras.Model
        Output float32 (n, 2).
    """
    last = model.layers[-1]
    pair = keras.layers.Dense(2, name="pair")
    outputs = pair(last.input)
    kernel, bias = (-value if swap else value for value in last.get_weights())
    pair.set_weights([np.hstack([0 * kernel, kernel]), np.hstack([0 * bias, bias])])
    return keras.Model(model.inputs, outputs)


def occlusion(
    model: keras.Model, images: np.ndarray, label: int = 1, patch: float = 0.2, step: float = 0.1
) -> np.ndarray:
    """Cover a square at a time with grey; how far does the logit fall? (Zeiler and Fergus, 2014).

    ``patch`` and ``step`` are the side of the square and the way it moves, as shares of the width.
    """
    height, width = images.shape[1:3]
    side, move = max(round(patch * width), 1), max(round(step * width), 1)
    squares = [
        (slice(max(top, 0), top + side), slice(max(left, 0), left + side))
        for top in range(move - side, height, move)
        for left in range(move - side, width, move)
    ]
    model = logit_model(model)
    maps = []
    for image in images:
        covered = np.repeat(image[np.newaxis], len(squares) + 1, axis=0)
        for one, (rows, columns) in zip(covered[1:], squares, strict=True):
            one[rows, columns] = 0  # the mean of every standardised X-ray
        answers = (1 if label else -1) * model.predict_on_batch(covered)[:, 0]
        fall, times = np.zeros((height, width)), np.zeros((height, width))
        for (rows, columns), answer in zip(squares, answers[1:], strict=True):
            fall[rows, columns] += answers[0] - answer
            times[rows, columns] += 1
        maps.append(np.maximum(fall / times, 0))
    return rescale(maps)


def lime(model: keras.Model, images: np.ndarray, label: int = 1, samples: int = 150) -> np.ndarray:
    """Grey out superpixels at random; fit a linear model (LIME, Ribeiro et al., KDD 2016).

    What is fitted is the logit. A superpixel's saliency is its weight in the linear model, where
    it speaks for the class.
    """
    from lime.lime_image import LimeImageExplainer
    from skimage.segmentation import slic

    logit = logit_model(model)

    def answer(colour: np.ndarray) -> np.ndarray:
        logits = logit.predict_on_batch(colour[..., :1].astype("float32"))
        return logits if label else -logits

    maps = np.zeros(images.shape[:3])
    explainer = LimeImageExplainer(random_state=0)
    for one, image in zip(maps, images, strict=True):
        with mock.patch("lime.lime_image.tqdm", iter):  # a progress bar for each image
            explanation = explainer.explain_instance(
                np.repeat(image, 3, axis=-1).astype(float),
                answer,
                labels=(0,),
                top_labels=None,
                hide_color=0,
                num_samples=samples,
                batch_size=75,
                segmentation_fn=lambda colour: slic(colour[..., 0], 60, 0.3, channel_axis=None),
                random_seed=0,
            )
        for segment, weight in explanation.local_exp[0]:
            one[explanation.segments == segment] = max(weight, 0)
    return rescale(maps)


def shap_gradients(
    model: keras.Model, images: np.ndarray, label: int = 1, samples: int = 32
) -> np.ndarray:
    """Average gradients on the way from other X-rays (SHAP, Lundberg and Lee, NeurIPS 2017).

    This is its gradient explainer, "expected gradients" (Erion et al., 2021). The other X-rays
    are those given, mirrored left to right, so that nothing else is needed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import shap

        explainer = shap.GradientExplainer(logit_model(model), images[:50, :, ::-1])
        values = explainer.shap_values(images, nsamples=samples, rseed=0)
    values = np.asarray(values).reshape(images.shape)
    return rescale(np.maximum((1 if label else -1) * values, 0).max(axis=-1))


def edge_filter(model: keras.Model, images: np.ndarray, label: int = 1) -> np.ndarray:
    """Find edges without looking at the network: a control (Sobel's filter)."""
    return rescale(
        [np.hypot(*(ndimage.sobel(image[..., 0], axis) for axis in (0, 1))) for image in images]
    )


def random_noise(model: keras.Model, images: np.ndarray, label: int = 1) -> np.ndarray:
    """Draw at random without looking at anything: a control, the same each time."""
    return rescale(np.random.default_rng(0).random(images.shape[:3]))


METHODS: dict[str, Callable[..., np.ndarray]] = {
    "Vanilla gradient": vanilla_gradient,
    "SmoothGrad": smooth_grad,
    "Integrated gradients": integrated_gradients,
    "Guided backpropagation": guided_backpropagation,
    "Rectified backpropagation": rectified_backpropagation,
    "Grad-CAM": grad_cam,
    "Grad-CAM++": grad_cam_plus_plus,
    "Score-CAM": score_cam,
    "Occlusion": occlusion,
    "LIME": lime,
    "SHAP": shap_gradients,
}
"""Name of a method -> ``explain(model, images, label=1)``.

Images are float32 (n, height, width, 1); maps are float32 (n, height, width) in [0, 1].
"""

CONTROLS: dict[str, Callable[..., np.ndarray]] = {
    "Edge filter": edge_filter,
    "Random noise": random_noise,
}
"""What looks like a method and explains nothing: a method has to do better than these."""
