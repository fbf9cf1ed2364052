"""The networks of the lesson: build them, train them, find the trained one.

Importing this module imports TensorFlow, which takes seconds: only the episodes
that train or explain a network do so.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from helpers import data


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide what libraries written in C++ print on standard error while they are loaded."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # must stand before the import below
with _quiet():  # TensorFlow 2.20 and later greet in spite of that level
    import keras
    import tensorflow as tf
    from keras import layers
tf.get_logger().setLevel("ERROR")  # a notebook that trains many networks on purpose is no warning

INPUT_SIZE = 64
"""Width and height in pixels of what the lesson's network looks at."""

BUNDLED = Path(__file__).resolve().parent.parent / "data" / "models" / "best_model.keras"


def set_seeds(seed: int) -> None:
    """Make what follows repeatable: the seeds of Python, NumPy and Keras, and every operation.

    Parameters
    ----------
    seed : int
        Any whole number; the same number gives the same run on the same machine.
    """
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def build_model(
    input_shape: tuple[int, int, int] = (256, 256, 1), dropout_rate: float = 0.6
) -> keras.Model:
    """Build the reference network, as episode 4 does: seven convolutions, no normalisation.

    Parameters
    ----------
    input_shape : tuple of int
        Height, width and channels of one image.
    dropout_rate : float
        Share of the 128 values that dropout sets to zero while training.

    Returns
    -------
    keras.Model
        54,627 parameters for one channel; not compiled.
    """
    x = inputs = keras.Input(input_shape)
    for filters, kernel in [(8, 3), (8, 3), (12, 3), (12, 3), (20, 5), (20, 5)]:
        x = layers.Conv2D(filters, kernel, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D(2)(x)
    x = layers.Conv2D(50, 5, padding="same", activation="relu")(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(128, activation="relu")(x)
    x = layers.Dropout(dropout_rate)(x)
    x = layers.Dense(32, activation="relu")(x)
    outputs = layers.Dense(1, activation="sigmoid")(x)
    return keras.Model(inputs, outputs, name="reference")


def build_lesson_model(
    input_shape: tuple[int, int, int] = (INPUT_SIZE, INPUT_SIZE, 1), dropout_rate: float = 0.3
) -> keras.Model:
    """Build the lesson's network, where episode 5 arrives: small maps, batch normalisation.

    Parameters
    ----------
    input_shape : tuple of int
        Height, width and channels of one image.
    dropout_rate : float
        Share of the values before the last layer that dropout sets to zero while training.

    Returns
    -------
    keras.Model
        Not compiled. The last layer is one sigmoid; the last maps are a quarter of the image's
        width, fine enough for Grad-CAM to point into an outline.
    """
    x = inputs = keras.Input(input_shape)
    for filters, pool in [(16, True), (32, True), (48, False), (64, False)]:
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization(momentum=0.8)(x)
        x = layers.Activation("relu")(x)
        if pool:
            x = layers.MaxPooling2D(2)(x)
    x = layers.AveragePooling2D(4)(x)
    x = layers.Flatten()(x)
    x = layers.Dropout(dropout_rate)(x)
    outputs = layers.Dense(1, activation="sigmoid")(x)
    return keras.Model(inputs, outputs, name="lesson")


def shift_and_flip(images: tf.Tensor, seed: tf.Tensor, share: float = 0.06) -> tf.Tensor:
    """Mirror each image with a chance of one half, and move it a little.

    Keras's random layers do the same, but they keep count of what they have drawn. With operations
    made repeatable, TensorFlow would not let such layers work ahead of the network, which would
    then wait for every batch. Here all chance comes from the seed.

    Parameters
    ----------
    images : tf.Tensor
        float32 (n, height, width, 1).
    seed : tf.Tensor
        Two whole numbers; the same seed gives the same images.
    share : float
        How far an image moves at most, as a share of its height. What leaves on one side is gone;
        on the other side the outermost pixels are repeated.
    """
    height, width = images.shape[1:3]
    far = round(share * height)
    images = tf.image.stateless_random_flip_left_right(images, seed)
    count = tf.shape(images)[0]
    by = tf.random.stateless_uniform([2, count, 1], seed + 1, -far, far + 1, tf.int32)
    rows = tf.clip_by_value(tf.range(height) + by[0], 0, height - 1)
    columns = tf.clip_by_value(tf.range(width) + by[1], 0, width - 1)
    images = tf.gather(images, rows, axis=1, batch_dims=1)
    return tf.gather(images, columns, axis=2, batch_dims=1)


def pipeline(
    images: np.ndarray, labels: np.ndarray, batch_size: int = 32, augmented: bool = True
) -> tf.data.Dataset:
    """Make the pipeline of episode 3: shuffled batches, augmented, the next one always ready.

    Parameters
    ----------
    images : numpy.ndarray
        float32 (n, height, width, 1).
    labels : numpy.ndarray
        (n,) of 0 and 1.
    batch_size : int
        Images in a batch.
    augmented : bool
        Flip and shift at random.
    """
    batches = tf.data.Dataset.from_tensor_slices((images, labels.astype("float32")))
    batches = batches.shuffle(len(images)).batch(batch_size)
    if augmented:
        seeds = tf.data.Dataset.random(rerandomize_each_iteration=True).batch(2)
        batches = tf.data.Dataset.zip(batches, seeds)
        batches = batches.map(lambda batch, seed: (shift_and_flip(batch[0], seed), batch[1]))
    return batches.prefetch(tf.data.AUTOTUNE)


class Keeper(keras.callbacks.Callback):
    """Keep the best weights by validation loss, on disk too; show progress; stop early."""

    def __init__(
        self, path: Path | None, epochs: int, patience: int | None, about: str, verbose: bool
    ):
        super().__init__()
        self.path, self.epochs, self.patience = path, epochs, patience
        self.about, self.verbose = about, verbose
        self.best, self.best_epoch, self.weights = np.inf, 0, None
        self.log: dict[str, list[float]] = {}

    def keep(self) -> None:
        """Keep the weights as they are now."""
        self.weights = self.model.get_weights()
        if self.path is not None:
            save(self.model, self.path, self.about)

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Start from a file that belongs to this training, whatever was there before."""
        self.keep()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Note the epoch's figures; keep the weights if the validation loss is a new low."""
        for name, value in (logs or {}).items():
            self.log.setdefault(name, []).append(float(value))
        loss = self.log["val_loss"][-1]
        if loss < self.best:
            self.best, self.best_epoch = loss, epoch + 1
            self.keep()
        if self.verbose:
            text = f"epoch {epoch + 1} of {self.epochs}: validation loss {loss:.2f}"
            print(f"\r{text:50}", end="", flush=True)
        if self.patience is not None and epoch + 1 - self.best_epoch >= self.patience:
            self.model.stop_training = True


def train(
    model: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    validation: tuple[np.ndarray, np.ndarray],
    *,
    epochs: int = 25,
    learning_rate: float = 2e-3,
    batch_size: int = 32,
    augmented: bool = True,
    falling: bool = True,
    patience: int | None = 12,
    path: Path | str | None = None,
    about: str = "",
    verbose: bool = True,
) -> dict[str, list[float]]:
    """Train a network, and leave it with its best weights by validation loss, or with its last.

    An interrupt (the stop button) ends the training, not the notebook: the best weights so far
    are in the network and, if there is a path, on disk.

    Parameters
    ----------
    model : keras.Model
        Ends in one sigmoid.
    images : numpy.ndarray
        float32 (n, height, width, 1), each standardised.
    labels : numpy.ndarray
        (n,) of 0 normal / 1 effusion.
    validation : tuple of numpy.ndarray
        Images and labels that choose the best weights.
    epochs : int
        How often each image is used, at most.
    learning_rate : float
        How far a step goes, or where it starts if it is falling.
    batch_size : int
        Images in a step.
    augmented : bool
        Flip and shift the training images at random.
    falling : bool
        Let the learning rate fall to zero along a cosine.
    patience : int or None
        Stop after so many epochs without a new lowest validation loss, and go back to the weights
        that had it. None: train to the end and keep the last weights, as suits a falling rate.
    path : Path or str, optional
        Where the best network is saved; without it, nowhere.
    about : str
        What it is trained on, saved beside it.
    verbose : bool
        Show the progress in one line.

    Returns
    -------
    dict
        ``loss``, ``accuracy``, ``val_loss``, ``val_accuracy``: one number an epoch.
    """
    start = time.perf_counter()
    rate = learning_rate
    if falling:
        steps = epochs * math.ceil(len(images) / batch_size)
        rate = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
    model.compile(
        keras.optimizers.AdamW(rate),
        "binary_crossentropy",
        metrics=[keras.metrics.BinaryAccuracy(name="accuracy")],
        jit_compile=False,  # compiling takes longer than training does here
    )
    model.optimizer.build(model.trainable_variables)  # else Keras prepares the first step twice
    keeper = Keeper(path and Path(path), epochs, patience, about, verbose)
    try:
        model.fit(
            pipeline(images, labels, batch_size, augmented),
            validation_data=(validation[0], validation[1].astype("float32")),
            epochs=epochs,
            shuffle=False,  # the pipeline does
            verbose=0,
            callbacks=[keeper],
        )
        if patience is None:
            keeper.keep()
        if verbose:
            print(f"\r{f'trained in {time.perf_counter() - start:.1f} s':50}")
    except KeyboardInterrupt:
        print(f"\rInterrupted: the best weights so far, of epoch {keeper.best_epoch}, are kept.")
    if keeper.weights is not None:
        model.set_weights(keeper.weights)
    if keeper.path is not None:
        save(model, keeper.path, about)  # an interrupt may have come while the last was written
    return keeper.log


def predict(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Predict twice, from each X-ray and from its mirror image, and take the mean.

    Parameters
    ----------
    model : keras.Model
    images : numpy.ndarray
        float32 (n, height, width, 1), each standardised.

    Returns
    -------
    numpy.ndarray
        float32 (n,): the probability of effusion.
    """
    answers = []
    for start in range(0, len(images), 64):
        batch = images[start : start + 64]
        twice = [np.array(model(x, training=False)) for x in (batch, batch[:, :, ::-1])]
        answers.append(np.mean(twice, axis=0)[:, 0])
    return np.concatenate(answers)


def save(model: keras.Model, path: Path | str, about: str = "") -> None:
    """Save a network, and what it was trained on, each in one step: never half a file.

    Parameters
    ----------
    model : keras.Model
    path : Path or str
        Ends in ``.keras``; the text goes beside it, into ``.json``.
    about : str
        What it was trained on, e.g. ``"505 simulated chest X-rays"``.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.stem}-{os.getpid()}.keras")
    try:
        model.save(part)
        os.replace(part, path)
        part.write_text(json.dumps({"trained_on": about}) + "\n", encoding="utf-8")
        os.replace(part, path.with_suffix(".json"))
    finally:
        part.unlink(missing_ok=True)


def load(path: Path | str) -> tuple[keras.Model, str]:
    """Load a network and what it was trained on, as :func:`save` left them.

    Raises
    ------
    DataError
        If the file cannot be read as a network.
    """
    path = Path(path)
    try:
        model = keras.models.load_model(path)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise data.DataError(
            f"{path.name} cannot be read as a network: delete it, then run episode 5 again."
        ) from error
    try:
        about = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["trained_on"]
    except (OSError, ValueError, TypeError, KeyError):
        about = "X-rays of which nothing is noted"
    return model, about


def load_bundled() -> tuple[keras.Model, str]:
    """Load the network that comes with the lesson: trained on simulated X-rays only.

    Returns
    -------
    keras.Model
    str
        One sentence: what it was trained on.
    """
    model, about = load(BUNDLED)
    return model, f"The bundled network, trained on {about}."


def load_trained() -> tuple[keras.Model, str]:
    """Load the learner's own network from episode 5, else the bundled one.

    Returns
    -------
    keras.Model
        With its weights.
    str
        One sentence: which network it is and what it was trained on.
    """
    own = data.work_folder() / "best_model.keras"
    if not own.exists():
        return load_bundled()
    model, about = load(own)
    return model, f"Your own network from episode 5, trained on {about}."


def make_bundled(path: Path = BUNDLED, count: int = 1500, seed: int = 2026) -> None:
    """Train the bundled network as episode 5 does, on freshly simulated X-rays.

    Neither training nor validation has an X-ray or a patient of the lesson's bundled set, and
    electrodes, lines and the like are as frequent in healthy patients as in the others.

    Parameters
    ----------
    path : Path
        Where the network goes.
    count : int
        How many X-rays are simulated: a quarter of a second each on two idle cores.
    seed : int
        Of the simulation and of the training.
    """
    from data.simulator import simulate

    with tempfile.TemporaryDirectory() as folder:
        fair = {"device_rate_normal": 0.35, "device_rate_effusion": 0.35}
        xrays = data.find(simulate(Path(folder) / "simulated", count, seed, **fair))
        images, labels = data.load(xrays, INPUT_SIZE)
        rest, validation, more = data.split(xrays)
    chosen = np.concatenate([rest, more])  # nothing is tested here
    set_seeds(seed)
    train(
        build_lesson_model(),
        images[chosen],
        labels[chosen],
        (images[validation], labels[validation]),
        path=path,
        about=f"{len(chosen)} simulated chest X-rays of other patients than the lesson's",
    )


if __name__ == "__main__":
    make_bundled()
