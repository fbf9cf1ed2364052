"""Any image file: its pixels, or one sentence that names the file."""

import sys
from io import BytesIO

import cv2
import numpy as np
import pytest
from damage import damaged, memory
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from support import is_one_sentence, make_image

from helpers.images import DataError, read_image, resize

GREY = make_image(1, 40, 48)


def packed(image, **how):
    """Return the bytes of an image file as Pillow writes it."""
    file = BytesIO()
    image.save(file, **how)
    return file.getvalue()


GREY_IMAGE = Image.fromarray(GREY)
WHOLE = {
    "PNG": packed(GREY_IMAGE, format="PNG"),
    "PNG of 16 bits": cv2.imencode(".png", GREY.astype(np.uint16) * 16)[1].tobytes(),
    "PNG in colour": packed(GREY_IMAGE.convert("RGB"), format="PNG"),
    "PNG with transparency": packed(GREY_IMAGE.convert("RGBA"), format="PNG"),
    "PNG with a palette": packed(GREY_IMAGE.convert("P"), format="PNG"),
    "PNG in black and white": packed(GREY_IMAGE.convert("1"), format="PNG"),
    "JPEG": packed(GREY_IMAGE, format="JPEG", quality=90),
    "progressive JPEG": packed(GREY_IMAGE.convert("RGB"), format="JPEG", progressive=True),
    "JPEG for printing": packed(GREY_IMAGE.convert("CMYK"), format="JPEG"),
}


@pytest.mark.parametrize("kind", WHOLE)
def test_a_whole_image_is_read(kind, tmp_path):
    path = tmp_path / "normal.png"
    path.write_bytes(WHOLE[kind])
    image = read_image(path)
    assert image.shape == GREY.shape and image.dtype == np.uint8
    if kind in ("PNG", "PNG in colour", "PNG with transparency"):
        assert np.abs(image.astype(int) - GREY).max() <= 1


@given(content=st.sampled_from(sorted(WHOLE)).flatmap(lambda kind: damaged(WHOLE[kind])))
def test_a_damaged_image_is_read_or_refused_in_one_sentence(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "effusion" / "x.png"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    before = memory()
    try:
        image = read_image(path)
    except DataError as error:
        assert is_one_sentence(error) and "effusion/x.png" in str(error)
    else:
        assert image.dtype == np.uint8 and image.ndim == 2 and min(image.shape) >= 32
        assert resize(image, 32).shape == (32, 32)
    assert path.read_bytes() == content
    if sys.platform == "linux":
        assert memory() - before < 1.5e9
