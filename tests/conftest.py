"""What several tests share: small sets of X-rays, and a place of their own for each test."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def own_place(tmp_path, monkeypatch):
    """Keep a test away from the learner's own data and work folder, and from proxies."""
    monkeypatch.delenv("CHEST_XRAYS", raising=False)
    monkeypatch.setenv("CHEST_XRAYS_WORK", str(tmp_path / "work"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path


@pytest.fixture(scope="session")
def real_xrays():
    """Return the folder of real X-rays, where there is one."""
    folder = Path(os.environ.get("REAL_XRAYS") or ROOT / "../shared/real_xrays").resolve()
    if not folder.is_dir():
        pytest.skip("needs real X-rays: set REAL_XRAYS to their folder")
    return folder


def make_image(seed, height=64, width=None):
    """Draw soft random shapes, uint8 (height, width), the same for the same seed."""
    noise = np.random.default_rng(seed).random((height, width or height), np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 3)
    return cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


def write_png(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", image)[1].tobytes())
    return path


@pytest.fixture
def make_data(tmp_path):
    """Return a function that writes a small data folder in the lesson's format."""

    def make(name="set", images=6, per_patient=1, size=64, manifest=True, outlines=True):
        folder = tmp_path / name
        rows = ["file,label,patient,side,view,findings"]
        for label, cls in enumerate(("normal", "effusion")):
            for index in range(images):
                patient = f"{cls[0]}{index // per_patient:03d}"
                stem = f"{patient}_{index % per_patient}"
                image = make_image(1000 * label + index, size)
                write_png(folder / "chest_xrays" / cls / f"{stem}.png", image)
                rows.append(f"chest_xrays/{cls}/{stem}.png,{cls},{patient},none,PA,")
                if outlines and label:
                    mask = np.zeros((size, size), np.uint8)
                    mask[size // 2 :, : size // 4] = 255
                    write_png(folder / "outlines" / f"{stem}.png", mask)
        if manifest:
            (folder / "manifest.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
        return folder

    return make


def is_one_sentence(error):
    """Tell if a message is one sentence on one line."""
    text = str(error.value if hasattr(error, "value") else error).strip()
    return text.endswith(".") and ". " not in text and "\n" not in text
