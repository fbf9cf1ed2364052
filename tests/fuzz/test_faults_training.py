"""Slow faults of saving and loading a network: damaged files, kills, a full disk, two at once."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from support import ROOT, lazily

models = lazily("helpers.models")
pytestmark = pytest.mark.slow

# A training of half a second; the argument says at which write it kills itself.
TRAINING = """
import os, signal, sys
from pathlib import Path
import numpy as np
from helpers import models

path, moment, seed = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
def kill(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
def half(self, part, **_):
    Path(part).write_bytes(b"half")
    kill()
class AtEpoch(models.keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        if moment == "begin": kill()
    def on_train_batch_end(self, batch, logs=None):
        if moment == "first batch": kill()
    def on_epoch_begin(self, epoch, logs=None):
        if moment == f"epoch {epoch}": kill()
if moment == "half": models.keras.Model.save = half
if moment == "before the move": os.replace = kill
real = os.replace
if moment == "after the move": os.replace = lambda *both: (real(*both), kill())
rng = np.random.default_rng(0)
labels = np.arange(80) % 2
images = rng.normal(size=(80, 16, 16, 1)).astype("float32")
images[labels == 1, 8:] += 1
images[labels == 0, :8] += 1
models.set_seeds(seed)
inputs = models.keras.Input((16, 16, 1))
x = models.layers.Flatten()(models.layers.AveragePooling2D(4)(inputs))
model = models.keras.Model(inputs, models.layers.Dense(1, activation="sigmoid")(x))
fit = model.fit
model.fit = lambda *a, callbacks, **k: fit(*a, callbacks=[*callbacks, AtEpoch()], **k)
models.train(model, images[:60], labels[:60], (images[60:], labels[60:]),
             epochs=int(sys.argv[4]), path=path, about=f"seed {seed}")
print("loss on disk", models.loss_of_file(path, images[60:], labels[60:]))
"""
MOMENTS = [
    "begin",
    "first batch",
    "epoch 1",
    "epoch 4",
    "half",
    "before the move",
    "after the move",
]


def training(path, moment="never", seed=0, epochs=6):
    command = [sys.executable, "-c", TRAINING, str(path), moment, str(seed), str(epochs)]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def small_model(seed=0):
    models.set_seeds(seed)
    inputs = models.keras.Input((16, 16, 1))
    x = models.layers.Flatten()(inputs)
    return models.keras.Model(inputs, models.layers.Dense(1, activation="sigmoid")(x))


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_training_leaves_the_old_network_or_a_better_one(moment, tmp_path):
    path = tmp_path / "best_model.keras"
    first = training(path, seed=2, epochs=1)
    assert first.wait() == 0, first.stderr.read()
    before, loss = path.read_bytes(), float(first.stdout.read().split()[-1])
    killed = training(path, moment, seed=1, epochs=30)  # has half the loss after one epoch
    assert killed.wait() == -signal.SIGKILL, killed.stderr.read()
    if moment in ("begin", "first batch", "half", "before the move"):
        assert path.read_bytes() == before
    # No note is better than one about the other network.
    about = {before: "seed 2"}.get(path.read_bytes(), "seed 1")
    assert models.load(path)[1] in (about, "X-rays of which nothing is noted")
    again = training(path, seed=1, epochs=30)
    assert again.wait() == 0
    assert float(again.stdout.read().split()[-1]) <= loss
    assert not list(tmp_path.glob(".*.keras"))


def test_kills_at_any_time_of_the_clock_leave_a_whole_network(tmp_path):
    path = tmp_path / "best_model.keras"
    assert training(path, epochs=1).wait() == 0
    losses = []
    for wait in np.linspace(0.0, 1.0, 6):
        runs = training(path, seed=int(10 * wait), epochs=200)
        while runs.poll() is None and "epoch 1 " not in runs.stdout.read(60):
            pass
        time.sleep(wait)
        runs.kill()
        runs.communicate()
        models.load(path)
        losses.append(path.stat().st_mtime_ns)
    assert losses == sorted(losses)


def test_two_trainings_at_once_leave_one_whole_network_and_the_better_one(tmp_path):
    for seeds in ((1, 2), (3, 4)):
        path = tmp_path / f"{seeds[0]}" / "best_model.keras"
        alone = []
        for seed in seeds:
            run = training(tmp_path / f"alone {seed}" / "best_model.keras", seed=seed, epochs=20)
            assert run.wait() == 0
            alone.append(float(run.stdout.read().split()[-1]))
        both = [training(path, seed=seed, epochs=20) for seed in seeds]
        assert [run.wait() for run in both] == [0, 0]
        last = min(float(run.stdout.read().split()[-1]) for run in both)
        assert last == pytest.approx(min(alone), abs=1e-4)
        models.load(path)
        assert not list(path.parent.glob(".*.keras"))


@pytest.mark.skipif(sys.platform != "linux" or os.getuid() != 0, reason="needs to mount")
@pytest.mark.parametrize("options", ["size=64k", "ro"])
def test_training_on_a_full_or_read_only_disk_ends_in_one_sentence(options, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", disk]).returncode:
        pytest.skip("cannot mount here")
    try:
        if options != "ro":
            Path(disk / "filling").write_bytes(bytes(60_000))
        run = training(disk / "best_model.keras")
        out, err = run.communicate()
        assert run.returncode == 0, err
        assert "best_model.keras cannot be saved (" in out and "loss on disk inf" in out
        assert not list(disk.glob("*.keras")) and not list(disk.glob(".*.keras"))
        print(out)
    finally:
        subprocess.run(["umount", disk], check=True)
