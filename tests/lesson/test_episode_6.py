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
    "from helpers import explain, metrics",
    "models.load_trained()",
    "picture_masks = data.load_masks(",
    "mistakes = np.flatnonzero(",
    "methods = explain.METHODS",
    "maps_of, costs = {}, {}",
    "scored = np.flatnonzero(",
    "scores = {}",
    "axis.barh(list(scores)",
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


def test_the_cells_that_score_run_unchanged_on_boxes_of_the_nih(collection, monkeypatch, capsys):
    from helpers import explain

    quick = ("Vanilla gradient", "Grad-CAM++")
    monkeypatch.setattr(explain, "METHODS", {name: explain.METHODS[name] for name in quick})
    monkeypatch.setenv("CHEST_XRAYS", str(collection))
    space = {}
    for part in NEEDED:
        exec(compile(cell_with("06", part), part, "exec"), space)

    shown = capsys.readouterr().out
    assert "Data: chest X-rays in chosen" in shown
    assert len(space["scored"]) >= 3, "too few effusions with a box that the network gets right"
    assert set(space["scores"]) == {*quick, *explain.CONTROLS}
    boxes = space["masks"][space["few"]][space["scored"]]
    for box in boxes:  # a rectangle, all of it but a corner that is covered by less than half
        rows, columns = np.flatnonzero(box.any(axis=1)), np.flatnonzero(box.any(axis=0))
        assert len(rows) * len(columns) - 4 <= box.sum() > 0
    for row in space["scores"].values():
        for mean, low, high in row.values():
            assert 0 <= low <= mean <= high <= 1
    assert shown.count("–") >= 3 * len(space["scores"])  # an interval for each score
