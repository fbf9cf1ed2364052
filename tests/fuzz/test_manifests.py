"""Any manifest: the patients that it states, or one sentence; never silence."""

import csv
import io
import unicodedata
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from damage import damaged, on_disk
from hypothesis import given
from hypothesis import strategies as st
from support import is_one_sentence, make_image, write_png

from helpers.data import DataError, find_dataset

NAMES = {
    "normal": ["a.png", "größe 1.png", "b_000.png"],
    "effusion": ["c.png", "Å.png", "d;e.png"],
}
PATIENTS = ["7", "8", "7", "9", "10", "9"]
FILES = [(label, name) for label, names in NAMES.items() for name in names]


def write_images(folder):
    """Write the six images, under names as macOS or as others write them."""
    for seed, (label, name) in enumerate(FILES):
        write_png(folder / "chest_xrays" / label / name, make_image(seed, 32))


def spelt(draw, label, name):
    """Write a file's path in one of the ways that people and programs do."""
    form = draw(st.sampled_from(["NFC", "NFD"]))
    return unicodedata.normalize(
        form,
        draw(
            st.sampled_from(
                [
                    f"chest_xrays/{label}/{name}",
                    f"{label}/{name}",
                    f"./{label}/{name}",
                    f"{label.upper()}/{name}",
                    f"C:\\data\\chest_xrays\\{label}\\{name}",
                    f" {label}/{name} ",
                    name,
                ]
            )
        ),
    )


@st.composite
def manifests(draw):
    """Return the bytes of a manifest that states all that there is to say, in some dialect."""
    table = io.StringIO()
    delimiter = draw(st.sampled_from([",", ";", "\t"]))
    if draw(st.booleans()):
        table.write(f"sep={delimiter}\n")
    columns = draw(st.permutations(["file", "label", "patient", "remark"]))
    how = draw(st.sampled_from([str.lower, str.title, str.upper, lambda name: f" {name} "]))
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    ending = draw(st.sampled_from(["\n", "\r\n"]))
    writer = csv.writer(table, delimiter=delimiter, quoting=quoting, lineterminator=ending)
    writer.writerow([how(column) for column in columns])
    rows = draw(st.permutations(list(zip(FILES, PATIENTS, strict=True))))
    for (label, name), patient in rows:
        row = {"file": spelt(draw, label, name), "label": label, "patient": patient}
        row["remark"] = draw(st.text("ab ,;\"'é", max_size=5))
        writer.writerow([row[column] for column in columns])
    return table.getvalue().encode(draw(st.sampled_from(["utf-8", "utf-8-sig"])))


def patients_of(content):
    """Lay out the images with this manifest; return the data set, and check that all is left."""
    with TemporaryDirectory() as folder:
        write_images(Path(folder))
        Path(folder, "manifest.csv").write_bytes(content)
        before = on_disk(Path(folder))
        try:
            return find_dataset(folder)
        finally:
            assert on_disk(Path(folder)) == before


@given(content=manifests())
def test_a_manifest_in_any_dialect_gives_its_patients(content):
    dataset = patients_of(content)
    stated = dict(zip(FILES, PATIENTS, strict=True))
    found = [(path.parent.name, path.name) for path in dataset.files]
    assert dataset.patients == tuple(stated[file] for file in found)


@given(content=manifests().flatmap(lambda content: damaged(content)))
def test_a_damaged_manifest_gives_patients_or_one_sentence_but_never_silence(content):
    try:
        dataset = patients_of(content)
    except DataError as error:
        assert is_one_sentence(error)
        assert "manifest.csv" in str(error) or any(name in str(error) for _, name in FILES)
    else:
        assert dataset.patients and len(dataset.patients) == len(FILES)


@pytest.mark.parametrize("column", ["label", "patient"])
def test_a_file_that_is_listed_twice_with_different_things_is_refused(column):
    rows = [f"{label}/{name},{label},{n}" for n, (label, name) in enumerate(FILES)]
    label, name = FILES[0]
    rows.append(f"{label}/{name},{'effusion' if column == 'label' else label},77")
    with pytest.raises(DataError, match="has 2 rows"):
        patients_of("\n".join(["file,label,patient", *rows]).encode())
