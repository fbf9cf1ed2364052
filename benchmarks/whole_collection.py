"""Train on the whole NIH collection, 112,120 X-rays, which does not fit into memory.

python -m benchmarks.whole_collection records FOLDER OUT [--size 256]
python -m benchmarks.whole_collection train DATA OUT [--network lesson] [--epochs 10]
python -m benchmarks.whole_collection speed [--images 1000 5000 20000] [--json FILE]
python -m benchmarks.whole_collection plan [--json FILE]

FOLDER has the unpacked archives, the table and the official lists. ``records`` makes record files
from it once; ``train`` reads them, or FOLDER itself. Both go on where they were stopped. ``speed``
measures both on simulated X-rays, and ``plan`` computes from that what the collection would take.
The guide has a page on it: guide/whole-collection.md.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import filelock
import numpy as np

from benchmarks.whole_collection_data import (
    Source,
    batches,
    in_place_of,
    open_source,
    whole_batches,
    write_json,
    write_records,
)
from helpers.data import DataError
from helpers.images import unusable

# Networks of keras.applications that take standardised images, without a scaling of their own
NETWORKS = ("lesson", "MobileNetV2", "DenseNet121", "DenseNet169", "ResNet50V2", "Xception")
NOTES = "training.json"
BEST = "best.keras"
DRAWS = 500  # of the bootstrap


def choose_policy(gpus: Sequence[Any]) -> str:
    """Return the name of Keras's precision policy: mixed where there is a GPU, else float32."""
    return "mixed_float16" if gpus else "float32"


def choose_strategy() -> Any:
    """Return Keras's way to use the devices: all GPUs, else all logical processors, or the one."""
    from helpers.models import tf

    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    if len(devices) == 1:
        return tf.distribute.get_strategy()
    return tf.distribute.MirroredStrategy([device.name for device in devices])


def build(network: str, size: int, weights: str | None = None) -> Any:
    """Build a network with augmentation before it and one sigmoid, in float32, at its end.

    Parameters
    ----------
    network
        One of ``NETWORKS``: the lesson's, or one of ``keras.applications``.
    size
        Pixels of each side.
    weights
        ``"imagenet"`` for weights learnt from photographs, which Keras downloads; None for random.

    Returns
    -------
    keras.Model
        From images (n, size, size, 1), each standardised, to probabilities (n, 1). Not compiled.

    Raises
    ------
    DataError
        If there is no such network for this size, or the weights cannot be downloaded.
    """
    from helpers import models

    keras, layers = models.keras, models.layers
    shape = (size, size, 1)
    inputs = keras.Input(shape)
    x = models.augmentation()(inputs)
    try:
        if network == "lesson":
            whole = models.build_lesson_model(shape)
            x = keras.Model(whole.input, whole.layers[-2].output, name="lesson")(x)
        else:
            if weights:
                x = layers.Concatenate()([x, x, x])  # photographs have three colours
            make = getattr(keras.applications, network)
            channels = (size, size, 3 if weights else 1)
            x = make(include_top=False, weights=weights, input_shape=channels, pooling="avg")(x)
    except Exception as error:  # of a download, a plain Exception
        why = "its weights cannot be downloaded" if weights else "the images are too small for it"
        raise DataError(
            f"The network {network} cannot be built ({why}): choose another --size, or leave out "
            "--weights."
        ) from error
    outputs = layers.Dense(1, activation="sigmoid", dtype="float32")(x)
    return keras.Model(inputs, outputs, name=network)


def keeper(out: Path, notes: dict[str, Any]) -> Any:
    """Return the callback that keeps a training on the disk after each round.

    Keras's ``BackupAndRestore`` writes weights and epoch into two files in place, and forgets the
    best value and the random state: after a kill they may not fit each other. Here a round's
    weights, with the optimizer's, appear in one step under the number of the round, and the
    random layers draw in each round what its number says.
    """
    from helpers.models import keras

    batch, seed = notes["settings"]["batch"], notes["settings"]["seed"]

    class Keeper(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            for place, variable in enumerate(self.model.non_trainable_variables):
                if variable.name == "seed_generator_state":
                    variable.assign([seed + 1000 * place, epoch * 1_000_000])
            self.start = self.first = self.last = time.perf_counter()

        def on_train_batch_end(self, step: int, logs: Any = None) -> None:
            self.last, self.steps = time.perf_counter(), step
            if step == 0:  # TensorFlow has prepared the step meanwhile
                self.first = self.last

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            logs = {name: float(value) for name, value in logs.items()}
            before = [each["val_auc"] for each in notes["rounds"]]
            if logs["val_auc"] > max(before, default=-1):
                with in_place_of(out / BEST) as part:
                    self.model.save(part)
            seconds = self.last - self.first
            logs["images_per_second"] = self.steps * batch / seconds if seconds else None
            logs["seconds"] = time.perf_counter() - self.start
            notes["rounds"].append(logs)
            write_json(out / NOTES, notes)
            with in_place_of(backup_of(out, epoch + 1)) as part:
                self.model.save_weights(part)
            backup_of(out, epoch).unlink(missing_ok=True)
            print(
                f"Round {epoch + 1} of {self.params['epochs']}: loss {logs['loss']:.3f}, AUC of "
                f"the validation set {logs['val_auc']:.3f}, {logs['seconds']:.0f} s",
                flush=True,
            )

    return Keeper()


def backup_of(out: Path, finished: int) -> Path:
    """Return the file that keeps a training after so many rounds."""
    return out / f"round-{finished:05d}.weights.h5"


def resume(out: Path, settings: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Return the notes of a training, and how many of its rounds are kept."""
    kept = sorted(out.glob("round-*.weights.h5"))
    if not (out / NOTES).exists():
        return {"settings": settings, "rounds": []}, 0
    try:
        notes = json.loads((out / NOTES).read_text("utf-8"))
        noted, _ = notes["settings"], notes["rounds"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{out / NOTES} is damaged: name a new folder.") from error
    for key, value in settings.items():
        if noted.get(key) != value:
            raise DataError(
                f"{out} has a training with {key} {noted.get(key)}, not {value}: name a new "
                "folder, or give the same settings."
            )
    if "test" in notes:
        return notes, len(notes["rounds"])
    finished = int(kept[-1].name[6:11]) if kept else 0
    notes["rounds"] = notes["rounds"][:finished]  # of one that was killed, nothing counts
    return notes, finished


def train(
    data: str | Path,
    out: str | Path,
    network: str = "lesson",
    weights: str | None = None,
    size: int | None = None,
    batch: int = 64,
    epochs: int = 10,
    steps: int | None = None,
    rate: float = 1e-3,
    seed: int = 42,
    skip: int = 100,
    callbacks: Sequence[Any] = (),
) -> dict[str, Any]:
    """Train a network, or go on with a training that was stopped, and test the best weights.

    After each round the network is validated and kept. A training that is killed goes on at its
    last round, and ends with the weights that it would have had.

    Parameters
    ----------
    data
        Folder of records, or of the collection.
    out
        Folder for the training: ``best.keras``, the network with the highest AUC on the
        validation set, ``training.json``, and what is needed to go on.
    network, weights
        As for ``build``.
    size
        Pixels of each side; None for that of the records, or 256.
    batch
        Images in a step, on all devices together.
    epochs
        How often each training image is used.
    steps
        Batches in a round; None for all of the training set.
    rate
        Learning rate at the start; it falls to 0 along a cosine.
    seed
        Decides order, weights and augmentation.
    skip
        How many images may be left out.
    callbacks
        More of Keras's.

    Returns
    -------
    dict
        ``settings``, ``rounds`` and ``test``: AUC with its interval, and the number of images.

    Raises
    ------
    DataError
        If data, folder or settings are of no use.
    """
    out, source = Path(out), open_source(data, size, seed, skip)
    settings = {
        "network": network, "weights": weights, "size": source.size, "batch": batch,
        "epochs": epochs, "steps": steps, "rate": rate, "seed": seed,
        "images": {which: list(counts) for which, counts in source.counts.items()},
    }  # fmt: skip
    try:
        out.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(out / ".lock").acquire(timeout=0):
            notes, finished = resume(out, settings)
            if "test" not in notes:
                fit(source, out, notes, finished, callbacks)
                notes["test"] = evaluate(out / BEST, source, batch)
                notes["left_out"] = sorted(source.left_out.reasons)
                write_json(out / NOTES, notes)
                backup_of(out, len(notes["rounds"])).unlink(missing_ok=True)
    except filelock.Timeout as error:
        raise DataError(f"Another run is training in {out}: wait until it has ended.") from error
    except OSError as error:
        raise unusable(out, error) from error
    return notes


def fit(
    source: Source, out: Path, notes: dict[str, Any], finished: int, callbacks: Sequence[Any]
) -> None:
    """Build the network that the notes describe, and train the rounds that are left."""
    from helpers import models

    keras, tf = models.keras, models.tf
    settings, (count, effusions) = notes["settings"], source.counts["training"]
    batch, seed = settings["batch"], settings["seed"]
    strategy, gpus = choose_strategy(), tf.config.list_logical_devices("GPU")
    devices = strategy.num_replicas_in_sync
    total = settings["epochs"] * (count // batch)
    if total < 1 or batch % devices:
        raise DataError(
            f"A batch of {batch} does not fit {count} training images on {devices} devices: "
            "choose another --batch."
        )
    steps = min(settings["steps"] or count // batch, total)
    keras.utils.set_random_seed(seed)
    if not gpus:  # there, some operations have no form that gives the same result twice
        tf.config.experimental.enable_op_determinism()
    keras.mixed_precision.set_global_policy(choose_policy(gpus))
    try:
        with strategy.scope():
            model = build(settings["network"], source.size, settings["weights"])
            rates = keras.optimizers.schedules.CosineDecay(settings["rate"], total)
            area = keras.metrics.AUC(name="auc", num_thresholds=1000)
            made = keras.optimizers.AdamW(rates)
            model.compile(made, "binary_crossentropy", weighted_metrics=[area])
            model.optimizer.build(model.trainable_variables)
        if finished:
            model.load_weights(backup_of(out, finished))
            print(f"Going on after round {finished}.", flush=True)
        images = batches(source, "training", finished * steps * batch, batch)
        model.fit(
            images.map(lambda image, label, _: (image, label)),
            validation_data=whole_batches(source, "validation", batch),
            initial_epoch=finished,
            epochs=math.ceil(total / steps),
            steps_per_epoch=steps,
            class_weight={0: count / 2 / (count - effusions), 1: count / 2 / effusions},
            callbacks=[*callbacks, keeper(out, notes)],
            shuffle=False,  # the stream does
            verbose=int(sys.stdout.isatty()),
        )
    except tf.errors.OpError as error:
        if source.left_out.problem:
            raise source.left_out.problem from error
        if isinstance(error, tf.errors.DataLossError):
            raise DataError("A record file is damaged: make the records again.") from error
        if isinstance(error, tf.errors.ResourceExhaustedError):
            raise DataError(f"A batch of {batch} is too large: lower --batch.") from error
        raise
    finally:
        keras.mixed_precision.set_global_policy("float32")


def evaluate(path: Path, source: Source, batch: int) -> dict[str, Any]:
    """Test a saved network on the test set: its AUC with a 95 % interval, and the number of images.

    ``helpers.metrics`` compares all pairs of images, for which 25,596 of them are too many, and
    takes each image for a patient of its own.
    """
    from helpers.models import keras

    if not path.exists():
        raise DataError("The network has learnt nothing (NaN): lower --rate, in a new folder.")
    model = keras.saving.load_model(path)
    labels, probabilities, patients = [], [], []
    for images, label, patient in batches(source, "test", None, batch):
        probabilities.append(model.predict_on_batch(images)[:, 0])
        labels.append(np.array(label)[:, 0])
        patients.append(np.array(patient))
    columns = [np.concatenate(each) for each in (labels, probabilities, patients)]
    auc, low, high = auc_by_patient(*columns)
    return {"auc": auc, "low": low, "high": high, "images": len(columns[0])}


def auc_by_patient(
    labels: np.ndarray, probabilities: np.ndarray, patients: np.ndarray
) -> tuple[float, float, float]:
    """Return the AUC and its 95 % interval by a bootstrap that draws whole patients.

    Images of one patient resemble each other, so drawing images would give too narrow an interval.

    Parameters
    ----------
    labels, probabilities, patients
        (n,) each; labels are 0 and 1.
    """
    from sklearn.metrics import roc_auc_score

    _, whose = np.unique(patients, return_inverse=True)
    random, people, values = np.random.default_rng(0), whose.max() + 1, []
    for _ in range(DRAWS):
        drawn = np.bincount(random.integers(people, size=people), minlength=people)[whose]
        if len(np.unique(labels[drawn > 0])) == 2:
            values.append(roc_auc_score(labels, probabilities, sample_weight=drawn))
    low, high = np.quantile(values, [0.025, 0.975])
    return float(roc_auc_score(labels, probabilities)), float(low), float(high)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.whole_collection",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    records = commands.add_parser("records", help="make record files once")
    records.add_argument("folder", type=Path, help="the unpacked archives, table and lists")
    records.add_argument("out", type=Path, help="folder for the records")
    records.add_argument("--size", type=int, default=256, help="pixels of each side (256)")
    records.add_argument("--shard", type=int, default=1000, help="images in a file (1000)")
    training = commands.add_parser("train", help="train, or go on with a training")
    training.add_argument("data", type=Path, help="folder of records, or of the collection")
    training.add_argument("out", type=Path, help="folder for the training")
    training.add_argument("--network", choices=NETWORKS, default="lesson", help="(lesson)")
    training.add_argument("--weights", choices=("imagenet",), help="else random ones")
    training.add_argument("--size", type=int, help="pixels; that of the records, or 256")
    training.add_argument("--batch", type=int, default=64, help="images in a step (64)")
    training.add_argument("--epochs", type=int, default=10, help="passes over the images (10)")
    training.add_argument("--steps", type=int, help="batches in a round; else a whole pass")
    training.add_argument("--rate", type=float, default=1e-3, help="learning rate (0.001)")
    for command in (records, training):
        command.add_argument("--seed", type=int, default=42, help="decides split and order (42)")
        command.add_argument("--skip", type=int, default=100, help="images left out at most (100)")
    speed = commands.add_parser("speed", help="measure on simulated X-rays")
    speed.add_argument("--images", type=int, nargs="+", default=[1000, 5000, 20000])
    speed.add_argument("--size", type=int, default=256, help="pixels of each side (256)")
    speed.add_argument("--network", choices=NETWORKS, default="lesson", help="(lesson)")
    speed.add_argument("--folder", type=Path, help="where the simulated X-rays stay; else nowhere")
    speed.add_argument("--json", dest="report", type=Path, help="file for what was measured")
    plan = commands.add_parser("plan", help="print what the whole collection would take")
    plan.add_argument(
        "--json", dest="report", type=Path, help="what `speed` measured; else what is written here"
    )
    given = parser.parse_args(arguments)
    for name in ("size", "shard", "batch", "epochs", "steps"):
        value = getattr(given, name, None)
        least = 32 if name == "size" else 1
        if value is not None and value < least:
            parser.error(f"--{name} must be at least {least}, but is {value}.")
    return given


def main(arguments: list[str] | None = None) -> int:
    """Run what the command line asks for; 1 with a sentence if that fails, 130 after Ctrl+C."""
    given = vars(parse(arguments))
    command = given.pop("command")
    try:
        if command == "records":
            index = write_records(**given)
            left_out = sum(len(each["left_out"]) for each in index["shards"].values())
            for which, (count, effusions) in index["sets"].items():
                print(f"{which}: {count} images, {effusions} with effusion")
            print(f"{left_out} left out. The records are in {given['out']}.")
        elif command == "train":
            tested = train(**given)["test"]
            print(
                f"Test set of {tested['images']} images: AUC {tested['auc']:.3f} "
                f"({tested['low']:.3f}-{tested['high']:.3f}). The network is {given['out'] / BEST}."
            )
        else:
            from benchmarks import whole_collection_speed

            getattr(whole_collection_speed, command)(**given)
    except DataError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted: run this again to go on.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
