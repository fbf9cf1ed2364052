"""What several tests share: small sets of X-rays, and a place of their own for each test."""

import os
from pathlib import Path

import numpy as np
import pytest
from support import ROOT, make_image, write_png


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


@pytest.fixture
def make_data(tmp_path):
    """Return a function that writes a small data folder in the lesson's format."""

    def make(name="set", images=6, per_patient=1, size=64, manifest=True, masks=True):
        folder = tmp_path / name
        rows = ["file,label,patient,side,view,findings"]
        for label, cls in enumerate(("normal", "effusion")):
            for index in range(images):
                patient = f"{cls[0]}{index // per_patient:03d}"
                stem = f"{patient}_{index % per_patient}"
                image = make_image(1000 * label + index, size)
                write_png(folder / "chest_xrays" / cls / f"{stem}.png", image)
                rows.append(f"chest_xrays/{cls}/{stem}.png,{cls},{patient},none,PA,")
                if masks and label:
                    mask = np.zeros((size, size), np.uint8)
                    mask[size // 2 :, : size // 4] = 255
                    write_png(folder / "outlines" / f"{stem}.png", mask)
        if manifest:
            (folder / "manifest.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
        return folder

    return make
