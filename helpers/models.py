"""The networks of the lesson: build them, train them, load them, predict with them.

Importing this module imports TensorFlow, which takes seconds: only the episodes
that train or explain a network do so.
"""

import gc
import json
import math
import os
import re
import time
import zipfile
from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np
from filelock import FileLock

from helpers.images import DataError
from helpers.paths import PRETRAINED, work_folder

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # must stand before the import below
kept = os.dup(2)
with open(os.devnull, "w") as nowhere:  # TensorFlow 2.20 and later greet in spite of that level
    os.dup2(nowhere.fileno(), 2)
try:
    import keras
    import tensorflow as tf
    from keras import layers
finally:
    os.dup2(kept, 2)
    os.close(kept)
gc.freeze()  # what was just loaded stays: looking for garbage in it takes a tenth of a training
tf.get_logger().setLevel("ERROR")  # a notebook that trains many networks on purpose is no warning

INPUT_SIZE = 64
"""Width and height in pixels of what the lesson's network looks at."""
# Numbers of five digits in the description of a layer, which would take gigabytes to make.
GIANT = re.compile(rb'"(units|filters|kernel_size|batch_shape|input_shape)": [\[\dnul, ]*\d{5}')


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
        Fraction of the 128 values that dropout sets to zero while training.

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
    input_shape: tuple[int, int, int] = (INPUT_SIZE, INPUT_SIZE, 1),
    dropout_rate: float = 0.3,
    normalise: bool = True,
    flatten: bool = True,
) -> keras.Model:
    """Build the lesson's network, where episode 5 arrives: small maps, batch normalisation.

    Parameters
    ----------
    input_shape : tuple of int
        Height, width and channels of one image.
    dropout_rate : float
        Fraction of the values before the last layer that dropout sets to zero while training.
    normalise, flatten : bool
        False leaves out batch normalisation, or takes the mean of each map in place of keeping
        spatial information: the network as it was before these steps of episode 5.

    Returns
    -------
    keras.Model
        Not compiled. The last layer is one sigmoid; the last maps are a quarter of the image's
        width, fine enough for Grad-CAM to point into a mask.
    """
    x = inputs = keras.Input(input_shape)
    for filters, pool in [(16, True), (32, True), (48, False), (64, False)]:
        x = layers.Conv2D(filters, 3, padding="same", use_bias=not normalise)(x)
        if normalise:
            x = layers.BatchNormalization(momentum=0.8)(x)
        x = layers.Activation("relu")(x)
        if pool:
            x = layers.MaxPooling2D(2)(x)
    if flatten:
        x = layers.Flatten()(layers.AveragePooling2D(4)(x))
    else:
        x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(dropout_rate)(x)
    outputs = layers.Dense(1, activation="sigmoid")(x)
    return keras.Model(inputs, outputs, name="lesson")


def augmentation() -> keras.Sequential:
    """Return the augmentation that training uses: a mirror image half of the time, a small shift.

    Returns
    -------
    keras.Sequential
        Keras's random layers, as in episode 3. An image moves by at most 6 % of its height and
        width; what a shift uncovers repeats the edge.
    """
    flip = layers.RandomFlip("horizontal")
    return keras.Sequential([flip, layers.RandomTranslation(0.06, 0.06, fill_mode="nearest")])


def pipeline(
    images: np.ndarray, labels: np.ndarray, batch_size: int = 32, augmented: bool = True
) -> tf.data.Dataset:
    """Make the input pipeline of episode 3: shuffle, batch, augment, prefetch.

    Parameters
    ----------
    images : numpy.ndarray
        float32 (n, height, width, 1).
    labels : numpy.ndarray
        (n,) of 0 and 1.
    batch_size : int
        Images in a batch.
    augmented : bool
        Whether images are mirrored and shifted at random.

    Returns
    -------
    tf.data.Dataset
        Of pairs: images float32 (batch, height, width, 1), labels (batch,).
    """
    batches = tf.data.Dataset.from_tensor_slices((images, labels))
    batches = batches.shuffle(len(images)).batch(batch_size)
    if augmented:
        augment = augmentation()
        batches = batches.map(lambda batch, its: (augment(batch, training=True), its))
    return batches.prefetch(tf.data.AUTOTUNE)


class SafeCheckpoint(keras.callbacks.Callback):
    """Saves a network that is better than all before it and than the file, whoever wrote that."""

    def __init__(self, path: Path | str, about: str, validation: tuple[np.ndarray, np.ndarray]):
        super().__init__()
        self.path, self.about, self.validation = Path(path), about, validation
        self.written, self.to_beat, self.best = 0.0, math.inf, math.inf

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """Save if this epoch has the lowest validation loss, and lower than the file's."""
        written = os.path.getmtime(self.path) if os.path.exists(self.path) else 0.0
        if written != self.written:  # by an earlier training, or by another one meanwhile
            self.written, self.to_beat = written, loss_of_file(self.path, *self.validation)
        if logs["val_loss"] < min(self.best, self.to_beat):
            self.best = logs["val_loss"]
            save(self.model, self.path, self.about)
            self.written = os.path.getmtime(self.path)


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
    cosine_decay: bool = True,
    patience: int | None = 12,
    path: Path | str | None = None,
    about: str = "",
    verbose: bool = True,
) -> dict[str, list[float]]:
    """Train a network, and leave it with its best weights by validation loss, or with its last.

    An interrupt (the stop button) ends the training, not the notebook: the network goes back to
    its best weights so far. A file that lies at ``path`` is replaced only by a network that has a
    lower loss on the same validation set. If it cannot be saved, one sentence says so and the
    training ends in the same way.

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
        How far a step goes, or where it starts if it falls.
    batch_size : int
        Images in a step.
    augmented : bool
        Mirror and shift the training images at random.
    cosine_decay : bool
        Let the learning rate fall to zero along a cosine (Loshchilov and Hutter, ICLR 2017).
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
        ``loss``, ``accuracy``, ``val_loss``, ``val_accuracy``: one number an epoch; a single NaN
        each if the first epoch was not finished.
    """

    def progress(epoch: int, logs: dict[str, float]) -> None:
        text = f"epoch {epoch + 1} of {epochs}: validation loss {logs['val_loss']:.2f}"
        print(f"\r{text:50}", end="", flush=True)  # always on the same line

    start = time.perf_counter()
    steps = epochs * math.ceil(len(images) / batch_size)
    decay = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
    optimizer = keras.optimizers.AdamW(decay if cosine_decay else learning_rate)
    accuracy = keras.metrics.BinaryAccuracy(name="accuracy")  # by name, it is traced twice
    # Compiling with XLA would take longer than training does here.
    model.compile(optimizer, "binary_crossentropy", metrics=[accuracy], jit_compile=False)
    optimizer.build(model.trainable_variables)  # else Keras prepares the first step twice
    history, last = keras.callbacks.History(), []
    best = keras.callbacks.EarlyStopping(patience=patience or epochs, restore_best_weights=True)
    keeper = SafeCheckpoint(path, about, validation) if path else None
    each = keras.callbacks.LambdaCallback
    at_end = each(on_train_end=lambda logs: last.extend(model.get_weights()))
    line = verbose and each(on_epoch_end=progress)
    callbacks = [part for part in (history, at_end, best, keeper, line) if part]
    ended = "trained"
    try:
        batches = pipeline(images, labels, batch_size, augmented)
        options = {"epochs": epochs, "callbacks": callbacks, "shuffle": False, "verbose": 0}
        model.fit(batches, validation_data=validation, **options)  # the pipeline shuffles
        if patience is None:
            model.set_weights(last)
            if keeper and history.history["val_loss"][-1] < keeper.to_beat:
                save(model, keeper.path, about)
    except (KeyboardInterrupt, DataError) as reason:  # the stop button, or a full disk
        best.on_train_end()  # goes back to the best weights
        if isinstance(reason, DataError):
            print(f"\r{reason}")
        ended = f"stopped; the best weights so far, of epoch {best.best_epoch + 1}, are kept,"
    if not history.history:
        print("\rStopped before the first epoch was over: nothing is learnt, nothing is saved.")
        return {name: [math.nan] for name in ("loss", "accuracy", "val_loss", "val_accuracy")}
    if verbose:
        print(f"\r{f'{ended} in {time.perf_counter() - start:.1f} s':50}")
    if keeper and best.best >= keeper.to_beat:
        print(f"{keeper.path.name} stays as it is: that network has the lower validation loss.")
    return history.history


def predict(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Predict the probability of effusion, as ``model.predict`` does, in one column.

    Parameters
    ----------
    model : keras.Model
        Ends in one sigmoid.
    images : numpy.ndarray
        float32 (n, height, width, 1), each standardised.

    Returns
    -------
    numpy.ndarray
        float32 (n,), in [0, 1].
    """
    batches = [images[start : start + 64] for start in range(0, len(images), 64)]
    return np.concatenate([np.array(model(batch, training=False))[:, 0] for batch in batches])


def loss_of_file(path: Path | str, images: np.ndarray, labels: np.ndarray) -> float:
    """Return the loss of a saved network on these images; infinity if there is none of use."""
    try:
        probability = predict(load(path)[0], images)
    except Exception:  # no such file, another input size, and what else TensorFlow says to that
        return math.inf
    loss = keras.losses.binary_crossentropy(labels.astype("float32"), probability)
    return float(np.fmin(loss, math.inf))  # infinity in place of NaN


def save(model: keras.Model, path: Path | str, about: str = "") -> None:
    """Save a network in one step, so that there is never half a file, and what it was trained on.

    Parameters
    ----------
    model : keras.Model
    path : Path or str
        Ends in ``.keras``; the text goes beside it, into ``.json``.
    about : str
        What it was trained on, e.g. ``"505 simulated chest X-rays"``.

    Raises
    ------
    DataError
        If that fails; the file that was there before stays.
    """
    path = Path(path)
    part = path.with_name(f".{path.stem}.part.keras")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f".{path.stem}.lock")):  # two at once take turns
            model.save(part)
            path.with_suffix(".json").unlink(missing_ok=True)  # no note is better than a wrong one
            os.replace(part, path)
            note = json.dumps({"trained_on": about})
            path.with_suffix(".json").write_text(f"{note}\n", encoding="utf-8")
    except Exception as error:  # a full disk is an OSError, or whatever HDF5 makes of it
        with suppress(OSError):
            part.unlink()
        raise DataError(
            f"{path} cannot be saved ({getattr(error, 'strerror', None) or type(error).__name__}): "
            "make room there, or set CHEST_XRAYS_WORK to another folder, and train again."
        ) from error


def load(path: Path | str) -> tuple[keras.Model, str]:
    """Load a network and what it was trained on, as :func:`save` left them.

    Raises
    ------
    DataError
        If the file is not a whole network from images to one number.
    """
    try:
        with zipfile.ZipFile(path) as archive:  # Keras leaves some of this to us
            sizes = [member.file_size for member in archive.infolist()]
            if sum(sizes) < 1e8:  # bytes; but what HDF5 unpacks may have any shape
                with h5py.File(archive.open("model.weights.h5")) as file:
                    file.visititems(lambda _, item: sizes.append(getattr(item, "nbytes", 0)))
            if sum(sizes) > 1e8 or archive.testzip() or GIANT.search(archive.read("config.json")):
                raise ValueError("too large, or damaged")
        model = keras.models.load_model(path, compile=False)  # runs no code from the file
        kind = len(model.input_shape), model.output_shape, model.layers[-1].activation.__name__
        finite = all(np.isfinite(weights).all() for weights in model.get_weights())
        if kind != (4, (None, 1), "sigmoid") or not finite:
            raise ValueError("another kind of network")
    except Exception as error:  # there is no end to what damaged files raise in zipfile and HDF5
        raise DataError(
            f"{path} cannot be used as a network: if it is your own, run episode 5 again, "
            "else download the lesson again."
        ) from error
    about = "X-rays of which nothing is noted"
    with suppress(Exception), open(Path(path).with_suffix(".json"), encoding="utf-8") as file:
        noted = json.loads(file.read(10_000))["trained_on"]
        about = noted if noted.isprintable() else about
    return model, about


def load_pretrained() -> tuple[keras.Model, str]:
    """Load the pre-trained network that comes with the lesson, from simulated X-rays only.

    Returns
    -------
    keras.Model
    str
        One sentence: what it was trained on.
    """
    model, about = load(PRETRAINED)
    return model, f"The bundled network, trained on {about}."


def load_trained() -> tuple[keras.Model, str]:
    """Load the learner's own network from episode 5, else the pre-trained one.

    Returns
    -------
    keras.Model
        With its weights.
    str
        One sentence: which network it is, why, and what it was trained on.
    """
    try:
        model, about = load(work_folder() / "best_model.keras")
    except DataError as error:
        model, about = load_pretrained()
        missing = isinstance(error.__cause__, FileNotFoundError)
        return model, about if missing else f"{about[:-1]}, since {error}"
    return model, f"Your own network from episode 5, trained on {about}."
