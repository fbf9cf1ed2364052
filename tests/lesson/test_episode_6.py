"""Episode 6 measures truth with the boxes of the NIH collection by the same cells."""

import cv2
import numpy as np
import pytest
from cells import cell_with
from support import write_png

from helpers import data
from helpers.paths import BUNDLED_DATA
from tools import nih

EACH = 36  # X-rays of each class
NEEDED = (  # what the cells that are run contain, in their order
    "xrays = data.find_dataset()",
    "from helpers import explain, models",
    "models.load_trained()",
    "images, labels = data.load(",
    "predicted = (probability",
    "saliency = {}",
    "families = [",
    "scored = np.flatnonzero(",
    "inside, measured = {}",
)


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    """Write bundled X-rays as the NIH writes its own: 1024 px, entries, boxes as x, y, w, h."""
    folder = tmp_path_factory.mktemp("nih")
    bundled = data.find_dataset(BUNDLED_DATA)
    entries = [
        "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,"
        "View Position,OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
    ]
    boxes = ["Image Index,Finding Label,Bbox [x,y,w,h],,,"]
    for label, finding in enumerate(("No Finding", "Effusion|Infiltration")):
        for number in np.flatnonzero(np.array(bundled.labels) == label)[:EACH]:
            name = f"{number + 1:08d}_000.png"
            image = cv2.resize(data.read_image(bundled.files[number]), (1024, 1024))
            write_png(folder / "images_001" / "images" / name, image)
            entries.append(f"{name},{finding},0,{number + 1},58,M,PA,2500,2048,0.168,0.168")
            if label:
                fluid = cv2.resize(data.read_image(bundled.masks[number]), (1024, 1024))
                x, y, width, height = cv2.boundingRect(fluid)
                boxes.append(f"{name},Effusion,{x}.25,{y}.5,{width}.0,{height}.0")
    (folder / "Data_Entry_2017.csv").write_text("\n".join([*entries, ""]))
    (folder / "BBox_List_2017.csv").write_text("\n".join([*boxes, ""]))
    return nih.choose(
        folder,
        folder / "Data_Entry_2017.csv",
        folder / "chosen",
        boxes=folder / "BBox_List_2017.csv",
        count=EACH,
    )


def run(parts, space=None):
    """Run the cells that contain these texts, and return their variables."""
    space = {} if space is None else space
    for part in parts:
        exec(compile(cell_with("06", part), part, "exec"), space)
    return space


def test_the_cells_that_measure_run_unchanged_on_boxes_of_the_nih(collection, monkeypatch, capsys):
    from helpers import explain, plots

    slow = dict.fromkeys(("SmoothGrad", "Score-CAM"), explain.METHODS["Vanilla gradient"])
    monkeypatch.setattr(explain, "METHODS", explain.METHODS | slow)
    shown = []
    monkeypatch.setattr(plots, "show_intervals", lambda panels, **_: shown.append(panels))
    monkeypatch.setenv("CHEST_XRAYS", str(collection))
    space = run(NEEDED)

    assert "Data: chest X-rays in chosen" in capsys.readouterr().out
    assert len(space["scored"]) >= 3, "too few effusions with a box that the network gets right"
    for box in space["masks"][space["scored"]]:
        # A rectangle, all of it but a corner that is covered by less than half
        rows, columns = np.flatnonzero(box.any(axis=1)), np.flatnonzero(box.any(axis=0))
        assert len(rows) * len(columns) - 4 <= box.sum() > 0
    (measured,) = shown
    (rows,) = measured.values()
    assert list(rows) == space["compared"]
    assert {*explain.CONTROLS} < {*rows}
    for mean, low, high in rows.values():
        assert 0 <= low <= mean <= high <= 1  # an interval for each


def test_without_mistakes_and_without_masks_the_cells_run(monkeypatch):
    """The network may get all X-rays right, and many data sets have no masks."""
    from helpers import plots

    shown = []
    monkeypatch.setattr(plots, "show_images", lambda images, *_, **__: shown.append(len(images)))
    monkeypatch.setattr(plots, "show_intervals", lambda *_, **__: shown.append("intervals"))
    labels = np.array([0, 0, 1, 1])
    pictures, masks = np.zeros((4, 8, 8)), np.zeros((4, 8, 8), bool)
    space = {"np": np, "labels": labels, "pictures": pictures, "masks": masks}
    space |= {"probability": np.array([0.1, 0.2, 0.8, 0.9]), "right": labels == labels}
    space |= {"sure_effusion": 3, "sure_normal": 0, "show_images": plots.show_images}
    run(["mistakes = np.flatnonzero(", "chosen = np.concatenate(", "scored = np.flat"], space)
    run(["inside, measured = {}"], space)
    assert shown == [2]  # the two that are right and sure; no mistakes, no intervals
