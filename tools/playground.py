"""Make the files of the site's playground: ``python -m tools.playground FOLDER``.

The playground runs two networks in the reader's browser, also from a folder without a server.
Browsers let no page read files of a folder, so weights and X-rays become scripts. ``tools.pages``
calls :func:`write`. It takes seconds and needs no TensorFlow: weights are read from the ``.keras``
files, and the network's predictions for its ROC curve are computed here (:func:`logits`).
"""

import argparse
import base64
import json
import re
import shutil
import zipfile
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
from sklearn.metrics import roc_curve

from helpers import data
from helpers.images import resize
from helpers.paths import PRETRAINED
from simulator import CORNERS, KINDS, Picture, shortcut, simulate_one
from tools.shortcut_network import NETWORK

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "site" / "playground"
LIBRARIES = ROOT / "node_modules" / "@tensorflow"
SCRIPTS = [f"tfjs-{part}/dist/tf-{part}.min.js" for part in ("core", "backend-cpu", "backend-wasm")]
WASM = "tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm"
WITHOUT = (
    "The playground is built without TensorFlow.js: "
    "run `npm ci --ignore-scripts` and build the pages again."
)
LAYERS = [  # of the only kind of network that the playground knows, see helpers.models
    "InputLayer",
    *["Conv2D", "BatchNormalization", "Activation", "MaxPooling2D"] * 2,
    *["Conv2D", "BatchNormalization", "Activation"] * 2,
    *["AveragePooling2D", "Flatten", "Dropout", "Dense"],
]
SIZE, SHOWN = 64, 256  # pixels that a network sees, and that a reader sees
MARKER_SEED = 6  # a large letter that stands upright, in a circle
# The X-rays to choose from: place in the bundled series (seed 0), and what the page calls them.
XRAYS = {
    195: "Small effusion, patient's right",
    95: "Large effusion, patient's right",
    79: "Large effusion, patient's left, with electrodes",
    39: "Effusions on both sides",
    37: "Very small effusion, patient's left",
    119: "Small effusion, patient's left, behind the heart",
    57: "Effusion of a patient lying down",
    18: "Normal",
    114: "Normal, high diaphragm, with electrodes",
    22: "Normal, with a pacemaker",
    14: "Normal, enlarged heart",
    174: "Normal, hazy lungs",
}
GAME_SEED, GAME_EACH = 305, 5  # the first five X-rays of each class, of patients of no other set
MOST_FLUID_ML = 800  # as in the second batch, whose test set gives the ROC curve


def read_weights(path: Path) -> list[np.ndarray]:
    """Read the weights from a ``.keras`` file: an archive with a description and an HDF5 file.

    Returns
    -------
    list of numpy.ndarray
        float32, in the order of Keras's ``get_weights()``: kernel, then scale, offset, mean and
        variance of the batch normalisation, four times; kernel and bias of the dense layer.

    Raises
    ------
    SystemExit
        If it is another kind of network than ``build_lesson_model`` of helpers.models makes.
    """
    with zipfile.ZipFile(path) as archive:
        described = json.loads(archive.read("config.json"))["config"]["layers"]
        if [layer["class_name"] for layer in described] != LAYERS:
            raise SystemExit(
                f"{path} is another kind of network than the playground knows: "
                "change tools/playground.py and site/playground/network.js with it."
            )
        with archive.open("model.weights.h5") as inside, h5py.File(inside) as file:
            weights = []
            for ending in ("", "_1", "_2", "_3"):
                weights.append(file[f"layers/conv2d{ending}/vars/0"][()])
                normalisation = file[f"layers/batch_normalization{ending}/vars"]
                weights += [normalisation[str(k)][()] for k in range(4)]
            weights += [file[f"layers/dense/vars/{k}"][()] for k in range(2)]
    return [np.asarray(each, np.float32) for each in weights]


def logits(weights: list[np.ndarray], images: np.ndarray) -> np.ndarray:
    """Predict as Keras does, up to rounding, with NumPy alone.

    Parameters
    ----------
    weights : list of numpy.ndarray
        As :func:`read_weights` returns them.
    images : numpy.ndarray
        float32 (n, 64, 64, 1), each standardised.

    Returns
    -------
    numpy.ndarray
        float32 (n,): log-odds of effusion.
    """
    found = []
    for start in range(0, len(images), 50):  # more at once need much memory
        maps = images[start : start + 50]
        for block in range(4):
            kernel, gamma, beta, mean, variance = weights[5 * block : 5 * block + 5]
            padded = np.pad(maps, ((0, 0), (1, 1), (1, 1), (0, 0)))
            windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
            maps = np.tensordot(windows, kernel.transpose(2, 0, 1, 3), axes=3)
            maps = (maps - mean) * (gamma / np.sqrt(variance + np.float32(1e-3))) + beta
            maps = np.maximum(maps, 0)
            if block < 2:
                maps = cells(maps, 2).max(axis=(2, 4))
        pooled = cells(maps, 4).mean(axis=(2, 4))
        kernel, bias = weights[-2:]
        found.append((pooled.reshape(len(pooled), -1) @ kernel + bias)[:, 0])
    return np.concatenate(found)


def cells(maps: np.ndarray, side: int) -> np.ndarray:
    """Cut maps (n, height, width, c) into cells: (n, rows, side, columns, side, c)."""
    count, height, width, channels = maps.shape
    return maps.reshape(count, height // side, side, width // side, side, channels)


def outline(mask: np.ndarray) -> str:
    """Draw the line around a mask, bool (256, 256), as the path of an SVG drawing."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    parts = []
    for contour in contours:
        points = cv2.approxPolyDP(contour, 0.8, True)[:, 0]
        if len(points) > 2:
            parts.append("M" + "L".join(f"{x + 0.5:g} {y + 0.5:g}" for x, y in points) + "Z")
    return "".join(parts)


def to_text(content: bytes) -> str:
    """Write bytes as text that a script can hold."""
    return base64.b64encode(content).decode("ascii")


def describe(picture: Picture, title: str) -> dict[str, Any]:
    """Put together what the page knows of an X-ray.

    Returns
    -------
    dict
        ``title``, ``label`` (0 or 1), ``pixels`` (64 × 64 bytes, what the networks get before it
        is standardised), ``picture`` (a JPEG for the reader), ``mask`` (an SVG path, 256 wide).
    """
    jpeg = cv2.imencode(".jpg", picture.image, [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
    return {
        "title": title,
        "label": int(picture.info["label"] == "effusion"),
        "pixels": to_text(resize(picture.image, SIZE).tobytes()),
        "picture": to_text(jpeg.tobytes()),
        "mask": outline(picture.fluid),
    }


def chosen_xrays() -> list[dict[str, Any]]:
    """Simulate the X-rays to choose from, without a marker: the page draws that."""
    kinds = tuple(kind for kind in KINDS if kind != "marker")
    return [
        describe(simulate_one(0, index, size=SHOWN, devices=kinds), title)
        for index, title in XRAYS.items()
    ]


def game_xrays() -> list[dict[str, Any]]:
    """Simulate the ten X-rays of the game, and put them into an order that gives nothing away."""
    found: list[dict[str, Any]] = []
    count, index = [0, 0], 0
    while min(count) < GAME_EACH:
        picture = simulate_one(GAME_SEED, index, size=SHOWN, most_fluid_ml=MOST_FLUID_ML)
        label = int(picture.info["label"] == "effusion")
        if count[label] < GAME_EACH:
            count[label] += 1
            found.append(describe(picture, ""))
        index += 1
    return [found[k] for k in np.random.default_rng(GAME_SEED).permutation(len(found))]


def markers() -> dict[str, dict[str, str]]:
    """Draw the side marker in each corner.

    Returns
    -------
    dict
        Of each corner: ``opacity``, 64 × 64 bytes, 255 where the marker covers the X-ray, and
        ``picture``, the same for the reader, 256 × 256, as a PNG.
    """
    found = {}
    for corner in CORNERS:
        small, large = (
            np.rint(255 * shortcut.draw_markers([corner], size, MARKER_SEED)[0]).astype(np.uint8)
            for size in (SIZE, SHOWN)
        )
        white = np.dstack([np.full((SHOWN, SHOWN, 3), 255, np.uint8), large])
        png = cv2.imencode(".png", white)[1].tobytes()
        found[corner] = {"opacity": to_text(small.tobytes()), "picture": to_text(png)}
    return found


def roc_of(weights: list[np.ndarray]) -> dict[str, Any]:
    """Compute the ROC curve of a network on the test set of the second batch."""
    _, test, _ = data.load_second_batch()
    alarms, found, _ = roc_curve(test.labels, logits(weights, test.images))
    return {
        "count": len(test.labels),
        "points": np.column_stack([alarms, found]).round(5).tolist(),
    }


def as_script(name: str, value: Any) -> str:
    """Write a value as a script that hands it to the page."""
    return f"playground.{name} = {json.dumps(value, separators=(',', ':'))};\n"


def has_libraries() -> bool:
    """Tell if TensorFlow.js is installed, by ``npm ci``."""
    return all((LIBRARIES / name).is_file() for name in [*SCRIPTS, WASM])


def libraries() -> dict[str, str]:
    """Return the scripts of TensorFlow.js by name; empty ones if it is not installed."""
    if not has_libraries():
        return {"tensorflow.js": f"// {WITHOUT}\n", "wasm.js": as_script("wasm", "")}
    scripts = [(LIBRARIES / name).read_text("utf-8") for name in SCRIPTS]
    joined = re.sub(r"^//# sourceMappingURL=.*\n?", "", "\n".join(scripts), flags=re.MULTILINE)
    wasm = to_text((LIBRARIES / WASM).read_bytes())
    return {"tensorflow.js": joined, "wasm.js": as_script("wasm", wasm)}


def write(folder: Path) -> None:
    """Write all that the page needs beside itself into its folder.

    Parameters
    ----------
    folder
        Is made if need be; what it holds stays.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for path in [*SOURCES.glob("*.js"), *SOURCES.glob("*.css")]:
        shutil.copyfile(path, folder / path.name)
    networks = {"lesson": read_weights(PRETRAINED), "shortcut": read_weights(NETWORK)}
    stored = {
        name: [
            {"shape": each.shape, "values": to_text(each.astype("<f4").tobytes())}
            for each in weights
        ]
        for name, weights in networks.items()
    }
    scripts = {
        **libraries(),
        "weights.js": as_script("stored", stored),
        "xrays.js": "".join(
            [
                as_script("xrays", chosen_xrays()),
                as_script("markers", markers()),
                as_script("game", game_xrays()),
                as_script("roc", roc_of(networks["lesson"])),
            ]
        ),
    }
    for name, text in scripts.items():
        (folder / name).write_text(text, encoding="utf-8")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.playground", description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    write(folder)
    print(f"The files of the playground are in {folder}." if has_libraries() else WITHOUT)


if __name__ == "__main__":
    main()
