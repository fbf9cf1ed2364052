"""Saliency maps: what in an X-ray moves the network's prediction.

Every method has the same signature, ``explain(model, images, target=1) -> saliency``, and stands
by its name in :data:`METHODS`. The model ends in one sigmoid, the probability of effusion; what is
explained is its logit, since the sigmoid's slope vanishes where the network is sure. Explaining
the other class, ``target=0`` for "normal", means explaining minus the logit.

Images are float32 (n, height, width, 1), standardised. Saliency is float32 (n, height, width), in
the method's own units: nothing is scaled here. Methods in :data:`SIGNED` also say what speaks
against the target (below 0), the others only how much a pixel matters (0 or more). The map of an
image does not depend on the images beside it, nor on what was explained before.
"""

import contextlib
import functools
import io
import warnings
import zlib
from collections.abc import Callable

import cv2
import numpy as np
from scipy import ndimage

from helpers import data
from helpers.models import keras, tf  # loaded there without their start-up messages
from helpers.paths import BUNDLED_DATA

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # about SciPy names that tf-keras-vis still uses
    from tf_keras_vis import gradcam, gradcam_plus_plus, saliency, scorecam
    from tf_keras_vis.utils import model_modifiers

BATCH_SIZE = 32
"""Images explained at a time: more is hardly faster and needs more memory."""

METHODS: dict[str, Callable[..., np.ndarray]] = {}
"""Name of a method -> ``explain(model, images, target=1)``."""

CONTROLS: dict[str, Callable[..., np.ndarray]] = {}
"""What looks like a method and ignores the network: a method has to do better than these."""

FAMILIES: dict[str, str] = {}
"""Name of a method or control -> its family, which has a colour in ``helpers.plots.STYLES``."""

PASSES: dict[str, tuple[int, int]] = {}
"""Name -> passes for each image through the lesson's network, forwards and backwards."""

SIGNED = ("Integrated gradients", "Occlusion", "LIME", "SHAP")
"""Methods whose maps also have negative values: what speaks against the target."""


def _listed(family: str, name: str, forward: int, backward: int) -> Callable:
    """List a method by its name, with its family and its passes; hold its maps to the contract."""

    def decorate(method: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
        @functools.wraps(method)
        def explain(model, images, target=1, **options):
            if not np.isfinite(images).all():
                raise ValueError(f"{name} was given images that hold NaN: load them again.")
            maps = np.asarray(method(model, images, target, **options), np.float32)
            if not np.isfinite(maps).all():
                raise ValueError(
                    f"{name} gives NaN: look at its settings and the network's weights."
                )
            return maps

        (CONTROLS if family == "control" else METHODS)[name] = explain
        FAMILIES[name], PASSES[name] = family, (forward, backward)
        return explain

    return decorate


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
    copy = keras.layers.Dense.from_config(last.get_config() | {"activation": "linear"})
    logit = keras.Model(model.inputs, copy(last.input))
    copy.set_weights(last.get_weights())
    return logit


def last_conv_layer(model: keras.Model) -> keras.layers.Layer:
    """Find the last layer that still has feature maps, before they are pooled or flattened.

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


def enlarge(maps: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bring coarse maps to image size by bilinear interpolation, each cell staying in its place.

    Parameters
    ----------
    maps : numpy.ndarray
        float32 (n, rows, columns).
    size : tuple of int
        Height and width in pixels.

    Returns
    -------
    numpy.ndarray
        float32 (n, height, width).
    """
    return np.stack([cv2.resize(one, size[::-1], interpolation=cv2.INTER_LINEAR) for one in maps])


def input_gradient(model: keras.Model, images: np.ndarray, target: int = 1) -> np.ndarray:
    """Differentiate the logit with respect to every pixel.

    Returns
    -------
    numpy.ndarray
        float32 (n, height, width, 1).
    """
    parts = [_gradient_function(model)(batch) for batch in _batches(images)]
    return _sign(target) * np.concatenate(parts)


@functools.lru_cache(maxsize=4)
def _gradient_function(model: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    """Compile the gradient of the logit, once for a network: new weights in it are seen."""
    last = model.layers[-1]
    before_last = keras.Model(model.inputs, last.input)

    @tf.function(reduce_retracing=True)  # four times as fast as step by step
    def gradient(pixels: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(pixels)
            values = before_last(pixels, training=False)
            logit = tf.matmul(values, last.kernel) + last.bias  # not a copy of its weights
        return tape.gradient(logit, pixels)

    return gradient


def _batches(images: np.ndarray) -> list[tf.Tensor]:
    """Cut images into batches for TensorFlow."""
    starts = range(0, len(images), BATCH_SIZE)
    return [tf.constant(images[k : k + BATCH_SIZE], tf.float32) for k in starts]


def _sign(target: int) -> int:
    """Return 1 to explain effusion, and -1 to explain normal: minus the logit."""
    return 1 if target else -1


@_listed("gradient", "Vanilla gradient", 1, 1)
def vanilla_gradient(model: keras.Model, images: np.ndarray, target: int = 1) -> np.ndarray:
    """Take the size of the gradient at every pixel (Simonyan et al., 2014, equation 3)."""
    return np.abs(input_gradient(model, images, target)).max(axis=-1)


@_listed("gradient", "SmoothGrad", 30, 30)
def smooth_grad(
    model: keras.Model, images: np.ndarray, target: int = 1, samples: int = 30, noise: float = 0.1
) -> np.ndarray:
    """Average the size of the gradient over noisy copies (SmoothGrad, Smilkov et al., 2017).

    ``noise`` is the standard deviation as a fraction of each image's range of values.
    """
    spread = noise * np.ptp(images, axis=(1, 2, 3), keepdims=True)
    drawn = np.random.default_rng(0).normal(size=(samples, *images.shape[1:]))  # for all images
    sizes = (np.abs(input_gradient(model, images + spread * one, target)) for one in drawn)
    return (sum(sizes) / samples).max(axis=-1)


@_listed("gradient", "Integrated gradients", 32, 32)
def integrated_gradients(
    model: keras.Model, images: np.ndarray, target: int = 1, steps: int = 32
) -> np.ndarray:
    """Add up gradients on the way from a grey image to the X-ray (Sundararajan et al., ICML 2017).

    The grey image is 0 everywhere, the mean of every standardised X-ray. A map's sum is the
    difference of the two logits (their "completeness"), up to ``steps``.
    """
    middles = (np.arange(steps) + 0.5) / steps
    total = sum(input_gradient(model, k * images, target) for k in middles)
    return (images * total / steps).sum(axis=-1)


class _DeconvNet(model_modifiers.GuidedBackpropagation):
    """Let only positive gradients pass a ReLU backwards, whether it was open or not."""

    def _get_guided_activation(self, activation):
        return tf.custom_gradient(lambda x: (activation(x), tf.nn.relu))


@_listed("gradient", "Guided backpropagation", 1, 1)
def guided_backpropagation(model: keras.Model, images: np.ndarray, target: int = 1) -> np.ndarray:
    """Let positive gradients pass where the ReLU was open (Springenberg et al., ICLR-W 2015)."""
    visualiser = saliency.Saliency(logit_model(model), model_modifiers.GuidedBackpropagation())
    return _in_batches(visualiser, images, target, normalize_map=False)


@_listed("gradient", "DeconvNet", 1, 1)
def deconvnet(model: keras.Model, images: np.ndarray, target: int = 1) -> np.ndarray:
    """Let positive gradients pass every ReLU (DeconvNet, Zeiler and Fergus, ECCV 2014)."""
    visualiser = saliency.Saliency(logit_model(model), _DeconvNet())
    return _in_batches(visualiser, images, target, normalize_map=False)


def _in_batches(visualiser, images: np.ndarray, target: int, **options) -> np.ndarray:
    """Run a method of tf-keras-vis in batches, without its chatter."""

    def score(outputs: tf.Tensor) -> tf.Tensor:
        return _sign(target) * outputs[:, -1]

    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # about the nesting of inputs: nothing to act on
        maps = [visualiser(score, batch, **options) for batch in _batches(images)]
    return np.concatenate(maps)


def _class_activation(method: type, model: keras.Model, images: np.ndarray, target: int, **options):
    """Run a class-activation method of tf-keras-vis on the last feature maps."""
    cam, layer = method(model, clone=False), last_conv_layer(model)
    # Enlarged here, since the library moves the centres of the cells.
    raw = {"seek_penultimate_conv_layer": False, "normalize_cam": False, "expand_cam": False}
    maps = _in_batches(cam, images, target, penultimate_layer=layer, **raw, **options)
    return enlarge(maps, images.shape[1:3])


@_listed("class activation", "Grad-CAM", 1, 1)
def grad_cam(model: keras.Model, images: np.ndarray, target: int = 1) -> np.ndarray:
    """Weight the last maps by their mean gradient (Grad-CAM, Selvaraju et al., ICCV 2017)."""
    return _class_activation(gradcam.Gradcam, logit_model(model), images, target)


@_listed("class activation", "Grad-CAM++", 1, 1)
def grad_cam_plus_plus(model: keras.Model, images: np.ndarray, target: int = 1) -> np.ndarray:
    """Weight each place of the last maps (Grad-CAM++, Chattopadhay et al., WACV 2018)."""
    return _class_activation(gradcam_plus_plus.GradcamPlusPlus, logit_model(model), images, target)


@_listed("class activation", "Score-CAM", 65, 0)
def score_cam(model: keras.Model, images: np.ndarray, target: int = 1) -> np.ndarray:
    """Weight the last maps by predictions, not gradients (Score-CAM, Wang et al., CVPR-W 2020).

    Each map masks the image, and the prediction for what is left is the map's weight.

    tf-keras-vis takes the softmax over the outputs. Over a single output that is always 1, and the
    prediction would not count at all; so the network is given a second output first.
    """
    both = two_outputs(model, swap=not target)
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


@_listed("perturbation", "Occlusion", 145, 0)
def occlusion(
    model: keras.Model, images: np.ndarray, target: int = 1, patch: float = 0.2, step: float = 0.1
) -> np.ndarray:
    """Cover a square at a time with grey; how far does the logit fall? (Zeiler and Fergus, 2014).

    ``patch`` and ``step`` are the side of the square and the way it moves, as fractions of the
    width. A step longer than the patch is shortened to it, so that every pixel is covered.
    """
    height, width = images.shape[1:3]
    side = max(round(patch * width), 1)
    move = min(max(round(step * width), 1), side)
    rows, columns = range(move - side, height, move), range(move - side, width, move)
    corners = [(top, left) for top in rows for left in columns]
    squares = np.zeros((len(corners), height, width, 1), np.float32)  # 1 where grey covers it
    for square, (top, left) in zip(squares, corners, strict=True):
        square[max(top, 0) : top + side, max(left, 0) : left + side] = 1
    logit, maps = logit_model(model), []
    for image in images:
        # Covered with 0, the mean of every standardised X-ray.
        logits = logit.predict_on_batch(np.concatenate([image[np.newaxis], image * (1 - squares)]))
        fall = _sign(target) * (logits[0] - logits[1:, :, np.newaxis, np.newaxis])
        maps.append((fall * squares).sum(axis=0) / squares.sum(axis=0))
    return np.stack(maps)[..., 0]


@_listed("perturbation", "LIME", 400, 0)
def lime(
    model: keras.Model, images: np.ndarray, target: int = 1, samples: int = 400, seed: int = 0
) -> np.ndarray:
    """Grey out superpixels at random; fit a linear model (LIME, Ribeiro et al., KDD 2016).

    What is fitted is the logit. A superpixel's saliency is its weight in the linear model. With
    400 samples, maps of two seeds have a rank correlation above 0.9.
    """
    from lime import lime_image
    from skimage.segmentation import slic

    lime_image.tqdm = iter  # otherwise a progress bar for each image
    logit = logit_model(model)

    def predict(colour: np.ndarray) -> np.ndarray:
        return _sign(target) * logit.predict_on_batch(colour[..., :1].astype("float32"))

    def superpixels(colour: np.ndarray) -> np.ndarray:
        return slic(colour[..., 0], 30, 0.3, channel_axis=None, start_label=0)

    settings: dict = {"labels": (0,), "top_labels": None, "hide_color": 0, "random_seed": 0}
    settings |= {"num_samples": samples, "segmentation_fn": superpixels, "batch_size": 100}
    maps = []
    for image in images:
        explainer = lime_image.LimeImageExplainer(random_state=seed)  # draws anew for each image
        colour = np.repeat(image, 3, axis=-1).astype(float)
        explanation = explainer.explain_instance(colour, predict, **settings)
        weights = dict(explanation.local_exp[0])
        maps.append(np.vectorize(weights.get)(explanation.segments))
    return np.stack(maps)


@_listed("gradient", "SHAP", 80, 80)
def deep_shap(
    model: keras.Model, images: np.ndarray, target: int = 1, background: np.ndarray | None = None
) -> np.ndarray:
    """Send the difference from other X-rays back through the layers (Deep SHAP).

    SHAP's deep explainer (Lundberg and Lee, NeurIPS 2017), which takes the mean of DeepLIFT
    (Shrikumar et al., ICML 2017) over a background. It draws nothing at random. A map's sum is the
    logit minus the mean logit of the background.

    ``background`` are other X-rays, float32 (m, height, width, 1), such as some that the network
    was trained on; without it :func:`bundled_background`, whichever network is explained.
    """
    background = bundled_background(images.shape[1]) if background is None else background
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import shap

        explainer = shap.DeepExplainer(logit_model(model), background)
        values = explainer.shap_values(images, check_additivity=False)
    return _sign(target) * np.reshape(values, images.shape).sum(axis=-1)


@functools.cache
def bundled_background(size: int) -> np.ndarray:
    """Load 20 normal X-rays and 20 with effusion, of the bundled set's training part.

    Returns
    -------
    numpy.ndarray
        float32 (40, size, size, 1).
    """
    bundled = data.find_dataset(BUNDLED_DATA)
    images, labels = data.load(bundled, size)
    train, _, _ = data.split(bundled)
    chosen = [train[labels[train] == label][:20] for label in (0, 1)]
    return images[np.concatenate(chosen)]


@_listed("control", "Edge filter", 0, 0)
def edge_filter(model: keras.Model, images: np.ndarray, target: int = 1) -> np.ndarray:
    """Find edges without looking at the network: a control (Sobel's filter)."""
    edges = [np.hypot(ndimage.sobel(one, 0), ndimage.sobel(one, 1)) for one in images[..., 0]]
    return np.stack(edges)


@_listed("control", "Random noise", 0, 0)
def random_noise(model: keras.Model, images: np.ndarray, target: int = 1) -> np.ndarray:
    """Draw at random without looking at the network: a control, the same for the same image."""
    seeds = [zlib.crc32(np.ascontiguousarray(image).tobytes()) for image in images]
    return np.stack([np.random.default_rng(seed).random(images.shape[1:3]) for seed in seeds])
