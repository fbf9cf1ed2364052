"""Any data folder: the right arrays, or one sentence that names a file or a folder."""

from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from damage import on_disk
from hypothesis import given
from hypothesis import strategies as st
from support import is_one_sentence, make_image

from helpers.data import DataError, find_dataset, load, load_masks
from helpers.images import resize, standardise

IMAGES = {f"image {seed}": make_image(seed, 40 + seed) for seed in range(6)}
CONTENTS = {name: cv2.imencode(".png", image)[1].tobytes() for name, image in IMAGES.items()} | {
    "constant": cv2.imencode(".png", np.full((40, 40), 7, np.uint8))[1].tobytes(),
    "too small": cv2.imencode(".png", make_image(1, 8))[1].tobytes(),
    "half": cv2.imencode(".png", make_image(1, 40))[1].tobytes()[:200],
    "empty": b"",
    "text": b"not an image",
}
FOLDERS = ["normal", "effusion", "Normal", "EFFUSION", "Normal ", "pneumonia", ".hidden", "a b"]
FILES = [
    "1.png",
    "2.PNG",
    "3.jpg",
    "ö.png",
    ".DS_Store",
    "Thumbs.db",
    "notes.txt",
    "x.tif",
    "p%.png",
]
ABOVE = ["", "chest_xrays", "deep/er", "one/two/three"]

few_files = st.lists(
    st.tuples(
        st.sampled_from(FILES[:4] * 4 + FILES[4:]),
        st.sampled_from(sorted(IMAGES) * 4 + sorted(CONTENTS)),
    ),
    max_size=5,
)


@given(
    above=st.sampled_from(ABOVE),
    layout=st.dictionaries(st.sampled_from(FOLDERS[:2] * 3 + FOLDERS[2:]), few_files, max_size=4),
    masks=few_files,
)
def test_a_folder_gives_the_right_arrays_or_one_sentence(above, layout, masks):
    with TemporaryDirectory() as folder:
        root = Path(folder)
        written = {}
        for place, files in [*layout.items(), ("outlines", masks)]:
            (root / above / place).mkdir(parents=True, exist_ok=True)
            for name, content in files:
                (root / above / place / name).write_bytes(CONTENTS[content])
                written[(root / above / place / name).resolve()] = content
        before = on_disk(root)
        try:
            dataset = find_dataset(root)
            images, labels = load(dataset, 32)
            drawn = load_masks(dataset, 32)
        except DataError as error:
            assert is_one_sentence(error)
            known = [root.name, *(path.name for path in written), *layout]
            assert any(name.strip() in str(error) for name in known)
        else:
            assert images.shape == (len(dataset), 32, 32, 1) and images.dtype == np.float32
            assert drawn.shape == images.shape[:3] and drawn.dtype == bool
            for path, label, image in zip(dataset.files, labels, images, strict=True):
                assert path.parent.name.lower() == ("normal", "effusion")[label]
                source = IMAGES[written[path.resolve()]]
                np.testing.assert_array_equal(image[..., 0], standardise(resize(source, 32)))
        assert on_disk(root) == before
