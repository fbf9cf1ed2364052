"""Any tables of the NIH collection: a data folder, or one sentence; nothing left half done."""

import csv
import io
from pathlib import Path
from tempfile import TemporaryDirectory

from damage import damaged, on_disk
from hypothesis import given
from hypothesis import strategies as st
from support import is_one_sentence, make_image, write_png

from helpers.data import DataError, find_dataset, load, load_masks
from tools import nih

NAMES = [f"{patient:08}_000.png" for patient in range(1, 7)]
numbers = st.floats(width=32) | st.sampled_from(["", "x", "1e999", "-5", "nan", 0, 100, 900, 1e9])


@st.composite
def tables(draw):
    """Return the tables of images and of boxes, as their bytes."""
    entries, boxes = io.StringIO(), io.StringIO()
    writer = csv.writer(entries)
    writer.writerow(["Image Index", "Finding Labels", "Patient ID", "View Position"])
    for name in draw(st.lists(st.sampled_from(NAMES), min_size=2, max_size=8)):
        findings = ["No Finding", "Effusion", "Effusion|Mass", "Mass", ""]
        patients = st.sampled_from([str(int(name[:8])), "1", "", " "])
        view = draw(st.sampled_from(["PA", "PA", "PA", "AP", "pa", ""]))
        writer.writerow([name, draw(st.sampled_from(findings)), draw(patients), view])
    writer = csv.writer(boxes)
    writer.writerow(["Image Index", "Finding Label", "Bbox [x", "y", "w", "h]"])
    for name in draw(st.lists(st.sampled_from(NAMES), max_size=3)):
        writer.writerow([name, "Effusion", *(draw(numbers) for _ in range(4))])
    return entries.getvalue().encode(), boxes.getvalue().encode()


@given(
    both=tables(),
    spoil=st.data(),
    which=st.sampled_from([None, None, 0, 1]),
    out=st.sampled_from(["out", "images/out", ".", "new/er"]),
)
def test_any_tables_give_a_data_folder_or_one_sentence(both, spoil, which, out):
    contents = list(both)
    if which is not None:
        contents[which] = spoil.draw(damaged(contents[which], least=1))
    with TemporaryDirectory() as folder:
        root = Path(folder)
        for seed, name in enumerate(NAMES):
            write_png(root / "images" / "images_001" / name, make_image(seed, 40))
        entries, boxes = root / "entries.csv", root / "boxes.csv"
        entries.write_bytes(contents[0])
        boxes.write_bytes(contents[1])
        before = on_disk(root)
        try:
            made = nih.choose(root / "images", entries, root / out, boxes, count=1, size=32)
        except DataError as error:
            assert is_one_sentence(error)
            left = set(on_disk(root)) - set(before)
            assert left <= {"new"}  # an empty folder above does no harm
        else:
            dataset = find_dataset(made)
            assert len(dataset) == 2 and len(set(dataset.patients)) == 2
            images, _ = load(dataset, 32)
            drawn = load_masks(dataset, 32)
            assert images.shape == (2, 32, 32, 1) and not drawn[0].any()
            after = on_disk(root)
            assert {name: after[name] for name in before} == before
