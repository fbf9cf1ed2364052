"""Reading images of every kind, good and bad."""

import io
import os
import struct
import time
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from conftest import is_one_sentence, make_image, write_png
from helpers import data, images


def encoded(image, ending=".png"):
    return cv2.imencode(ending, image)[1].tobytes()


def with_pillow(image, mode, **options):
    file = io.BytesIO()
    Image.fromarray(image).convert(mode).save(file, "PNG", **options)
    return file.getvalue()


def png_head(width, height):
    def chunk(kind, content):
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + pixels + chunk(b"IEND", b"")


GREY = make_image(1, 64)
KINDS = {
    "grey": encoded(GREY),
    "colour": encoded(np.dstack([GREY] * 3)),
    "opaque": encoded(np.dstack([GREY] * 3 + [np.full_like(GREY, 255)])),
    "transparent": encoded(np.dstack([GREY] * 3 + [np.zeros_like(GREY)])),
    "palette": with_pillow(GREY, "P"),
    "grey with transparency": with_pillow(GREY, "LA"),
    "16 bit": encoded(GREY.astype(np.uint16) * 257),
    "8 bits in 16": encoded(GREY.astype(np.uint16)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_png_gives_the_same_grey(tmp_path, kind):
    path = tmp_path / "x.png"
    path.write_bytes(KINDS[kind])
    image = data.read_image(path)
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, GREY)


def test_twelve_bits_in_sixteen_use_the_full_range(tmp_path):
    path = tmp_path / "x.png"
    path.write_bytes(encoded(np.round(GREY * (4095 / 255)).astype(np.uint16)))
    np.testing.assert_array_equal(data.read_image(path), GREY)


def test_jpeg_named_png_is_read(tmp_path):
    path = tmp_path / "x.png"
    path.write_bytes(encoded(GREY, ".jpg"))
    difference = data.read_image(path).astype(float) - GREY
    assert np.abs(difference).mean() < 2


def test_names_with_spaces_and_other_letters(tmp_path):
    path = write_png(tmp_path / "Röntgen Ærø 胸部 1.png", GREY)
    np.testing.assert_array_equal(data.read_image(path), GREY)


JPEG = encoded(GREY, ".jpg")
TOO_WIDE_JPEG = bytearray(JPEG)
START = JPEG.index(b"\xff\xc0")  # the frame header: height and width follow 5 bytes later
TOO_WIDE_JPEG[START + 5 : START + 9] = struct.pack(">HH", 60000, 60000)
BAD = {
    "text": (b"hello, this is no image", "not a PNG or JPEG"),
    "empty": (b"", "not a PNG or JPEG"),
    "bitmap": (encoded(GREY, ".bmp"), "not a PNG or JPEG"),
    "half a PNG": (encoded(GREY)[: len(encoded(GREY)) // 2], "damaged or incomplete"),
    "PNG without its last byte": (encoded(GREY)[:-1], "damaged or incomplete"),
    "PNG without its end": (encoded(GREY)[:-12], "damaged or incomplete"),
    "half a JPEG": (JPEG[: len(JPEG) // 2], "damaged or incomplete"),
    "changed byte": (encoded(GREY)[:800] + b"\0\0\0\0" + encoded(GREY)[804:], "damaged"),
    "1 x 1": (encoded(GREY[:1, :1]), "only 1 x 1 pixels"),
    "a strip": (encoded(make_image(1, 16, 200)), "only 200 x 16 pixels"),
    "huge PNG": (png_head(100_000, 100_000), "too large"),
    "large PNG": (png_head(9_000, 9_000), "too large"),
    "huge JPEG": (bytes(TOO_WIDE_JPEG), "too large"),
}


def test_a_cut_png_is_refused_without_the_noise_of_libraries(tmp_path, capfd):
    path = tmp_path / "x.png"
    path.write_bytes(BAD["half a PNG"][0])
    with pytest.raises(data.DataError):
        data.read_image(path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", BAD)
def test_bad_files_are_refused_by_name(tmp_path, kind):
    content, problem = BAD[kind]
    path = tmp_path / "normal" / "bad one.png"
    path.parent.mkdir()
    path.write_bytes(content)
    start = time.perf_counter()
    with pytest.raises(data.DataError, match=problem) as error:
        data.read_image(path)
    assert "normal/bad one.png" in str(error.value)
    assert is_one_sentence(error)
    assert time.perf_counter() - start < 2
    assert path.read_bytes() == content


def test_a_file_of_gigabytes_is_not_read(tmp_path, monkeypatch):
    path = tmp_path / "x.png"
    path.write_bytes(b"")
    os.truncate(path, 3_000_000_000)
    monkeypatch.setattr(images.Path, "read_bytes", lambda path: pytest.fail("was read"))
    with pytest.raises(data.DataError, match="too large"):
        data.read_image(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(data.DataError, match=r"gone\.png cannot be read \(no such file") as error:
        data.read_image(tmp_path / "gone.png")
    assert is_one_sentence(error)


def test_an_unreadable_file_is_named(tmp_path, monkeypatch):
    path = write_png(tmp_path / "secret.png", GREY)
    if os.name == "posix" and os.geteuid() != 0:
        path.chmod(0)
    else:  # for root every file is readable

        def refuse(path):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(images.Path, "read_bytes", refuse)
    with pytest.raises(data.DataError, match=r"secret\.png cannot be read \(permission") as error:
        data.read_image(path)
    assert is_one_sentence(error)


def test_shrink_takes_the_mean_of_areas():
    image = np.kron(np.array([[0, 100], [200, 40]], np.uint8), np.ones((32, 32), np.uint8))
    np.testing.assert_array_equal(images.shrink(image, 2), [[0, 100], [200, 40]])
    np.testing.assert_array_equal(images.shrink(image, 1), [[85]])
    assert images.shrink(GREY, 64) is not None
    np.testing.assert_array_equal(images.shrink(GREY, 64), GREY)


def test_shrink_adds_black_edges_rather_than_squeezing():
    tall = np.full((80, 40), 200, np.uint8)
    expected = np.zeros((40, 40), np.uint8)
    expected[:, 10:30] = 200
    np.testing.assert_array_equal(images.shrink(tall, 40), expected)
    np.testing.assert_array_equal(images.shrink(tall.T, 40), expected.T)


def test_standardise():
    result = data.standardise(GREY)
    assert result.dtype == np.float32
    assert result.shape == GREY.shape
    assert abs(result.mean()) < 1e-5
    assert abs(result.std() - 1) < 1e-5
    np.testing.assert_allclose(result, (GREY - GREY.mean()) / GREY.std(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("image", "problem"),
    [(np.full((4, 4), 7, np.uint8), "constant"), (np.array([[1.0, np.nan]]), "not finite")],
)
def test_standardise_never_gives_nan(image, problem):
    with pytest.raises(data.DataError, match=problem) as error:
        data.standardise(image)
    assert is_one_sentence(error)
