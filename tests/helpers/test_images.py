"""Reading images of every kind, good and bad."""

import io
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from support import ROOT, is_one_sentence, make_image, write_png

from helpers import images
from helpers.images import DataError, read_image


def encoded(image, ending=".png"):
    return cv2.imencode(ending, image)[1].tobytes()


def with_pillow(image, mode):
    file = io.BytesIO()
    Image.fromarray(image).convert(mode).save(file, "PNG")
    return file.getvalue()


def chunk(kind, content):
    body = kind + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))


def png_head(width, height):
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + pixels + chunk(b"IEND", b"")


GREY = make_image(1, 64)
PNG, JPEG = encoded(GREY), encoded(GREY, ".jpg")
KINDS = {
    "grey": PNG,
    "colour": encoded(np.dstack([GREY] * 3)),
    "opaque": encoded(np.dstack([GREY] * 3 + [np.full_like(GREY, 255)])),
    "transparent": encoded(np.dstack([GREY] * 3 + [np.zeros_like(GREY)])),
    "palette": with_pillow(GREY, "P"),
    "grey with transparency": with_pillow(GREY, "LA"),
    "16 bit": encoded(GREY.astype(np.uint16) * 257),
    "12 bits in 16": encoded(np.round(GREY * (4095 / 255)).astype(np.uint16)),
    "8 bits in 16": encoded(GREY.astype(np.uint16)),
}
TOO_WIDE_JPEG = bytearray(JPEG)
START = JPEG.index(b"\xff\xc0")  # the frame header: height and width follow 5 bytes later
TOO_WIDE_JPEG[START + 5 : START + 9] = struct.pack(">HH", 60000, 60000)
HUGE_PART = struct.pack(">I", 0x7FFFFFFF) + b"IDAT" + bytes(100)  # claims 2 GB
BOMB = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(100_000_000)))
BAD = {
    "text": (b"hello, this is no image", "not a PNG or JPEG"),
    "empty": (b"", "not a PNG or JPEG"),
    "bitmap": (encoded(GREY, ".bmp"), "not a PNG or JPEG"),
    "half a PNG": (PNG[: len(PNG) // 2], "damaged or incomplete"),
    "PNG without its last byte": (PNG[:-1], "damaged or incomplete"),
    "PNG without its end": (PNG[:-12], "damaged or incomplete"),
    "half a JPEG": (JPEG[: len(JPEG) // 2], "damaged or incomplete"),
    "changed bytes": (PNG[:800] + b"\0\0\0\0" + PNG[804:], "damaged or incomplete"),
    "1 x 1": (encoded(GREY[:1, :1]), "only 1 x 1 pixels"),
    "a strip": (encoded(make_image(1, 16, 200)), "only 200 x 16 pixels"),
    "huge PNG": (png_head(100_000, 100_000), r"too large \(100000 x 100000 pixels\)"),
    "large PNG": (png_head(9_000, 9_001), r"too large \(9000 x 9001 pixels\)"),
    "huge JPEG": (bytes(TOO_WIDE_JPEG), r"too large \(60000 x 60000 pixels\)"),
    "long PNG": (encoded(np.zeros((10_001, 32), np.uint8)), r"too large \(32 x 10001 pixels\)"),
    "huge part": (PNG[:33] + HUGE_PART + PNG[33:], "damaged or incomplete"),
    "huge part at the end": (PNG[:-12] + HUGE_PART + PNG[-12:], "damaged or incomplete"),
    "bomb of text": (PNG[:33] + BOMB + PNG[33:], "damaged or incomplete"),
    "two heads": (png_head(64, 64)[:33] + PNG[8:], "damaged or incomplete"),
    "no pixels": (PNG[:33] + PNG[-12:], "damaged or incomplete"),
}


def test_every_kind_of_image_gives_the_same_grey(tmp_path):
    path = tmp_path / "Röntgen Ærø 胸部 1.png"  # as a learner may call it
    for kind, content in KINDS.items():
        path.write_bytes(content)
        image = read_image(path)
        assert image.dtype == np.uint8, kind
        np.testing.assert_array_equal(image, GREY, kind)
    path.write_bytes(JPEG)  # its content counts, not the ending of its name
    assert np.abs(read_image(path).astype(float) - GREY).mean() < 2


def test_bad_files_are_refused_by_name_without_the_noise_of_libraries(tmp_path, capfd):
    path = tmp_path / "normal" / "bad one.png"
    path.parent.mkdir()
    for kind, (content, problem) in BAD.items():
        path.write_bytes(content)
        with pytest.raises(DataError, match=problem) as error:
            read_image(path)
        assert str(error.value).startswith("normal/bad one.png "), kind
        assert is_one_sentence(error), kind
        assert path.read_bytes() == content, kind
        if kind == "half a PNG":  # what an interrupted copy leaves
            assert capfd.readouterr() == ("", "")


def test_what_is_too_large_is_not_unpacked(tmp_path, monkeypatch):
    path = tmp_path / "x.png"
    monkeypatch.setattr(images.cv2, "imdecode", lambda *_: pytest.fail("was unpacked"))
    for kind in ("huge PNG", "large PNG", "huge JPEG", "long PNG"):
        path.write_bytes(BAD[kind][0])
        with pytest.raises(DataError, match="too large"):
            read_image(path)
    os.truncate(path, 3_000_000_000)
    monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail("was read"))
    with pytest.raises(DataError, match=r"too large \(its file\)"):
        read_image(path)


MEASURE = """
import sys
from helpers import images


def peak():
    status = open("/proc/self/status").read()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024


images.read_image(sys.argv[1])
before = peak()
for path in sys.argv[2:]:
    try:
        images.resize(images.read_image(path), 64)
    except images.DataError:
        pass
    print(peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this system counts otherwise")
def test_memory_is_bounded_whatever_a_file_claims(tmp_path):
    deep = np.full((5000, 5000), 4000, np.uint16)
    files = {
        "usual": PNG,
        "bomb": BAD["bomb of text"][0],
        "bomb at the end": PNG[:-12] + BOMB + PNG[-12:],
        "deep": encoded(deep),  # its pixels take 50 MB
        "part": BAD["huge part"][0],
        "long": encoded(np.zeros((20_000, 32), np.uint8)),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    command = [sys.executable, "-c", MEASURE, *(tmp_path / name for name in files)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    peaks = dict(zip([*files][1:], map(int, run.stdout.split()), strict=True))
    assert max(peaks.values()) < 150, peaks  # MB


def test_missing_and_unreadable_files_are_named(tmp_path, monkeypatch):
    with pytest.raises(
        DataError, match=r"^The mask .*gone\.png cannot be read \(no such file"
    ) as error:
        read_image(tmp_path / "gone.png", "The mask ")
    assert is_one_sentence(error)
    path = write_png(tmp_path / "secret.png", GREY)
    if os.name == "posix" and os.geteuid() != 0:
        path.chmod(0)
    else:  # for root every file is readable

        def refuse(path):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(DataError, match=r"secret\.png cannot be read \(permission") as error:
        read_image(path)
    assert is_one_sentence(error)


def test_resize_takes_the_mean_of_areas_and_adds_black_edges_rather_than_squeezing():
    image = np.kron(np.array([[0, 100], [200, 40]], np.uint8), np.ones((32, 32), np.uint8))
    np.testing.assert_array_equal(images.resize(image, 2), [[0, 100], [200, 40]])
    np.testing.assert_array_equal(images.resize(image, 1), [[85]])
    np.testing.assert_array_equal(images.resize(GREY, 64), GREY)
    means = GREY.reshape(16, 4, 16, 4).mean(axis=(1, 3))
    assert np.abs(images.resize(GREY, 16) - means).max() <= 0.5
    tall = np.full((80, 40), 200, np.uint8)
    expected = np.zeros((40, 40), np.uint8)
    expected[:, 10:30] = 200
    np.testing.assert_array_equal(images.resize(tall, 40), expected)
    np.testing.assert_array_equal(images.resize(tall.T, 40), expected.T)


def test_standardise_gives_mean_0_and_deviation_1_and_never_nan():
    result = images.standardise(GREY)
    assert (result.shape, result.dtype) == (GREY.shape, np.float32)
    assert abs(result.mean()) < 1e-5
    assert abs(result.std() - 1) < 1e-5
    np.testing.assert_allclose(result, (GREY - GREY.mean()) / GREY.std(), rtol=1e-5, atol=1e-6)
    for image, problem in [
        (np.full((4, 4), 7, np.uint8), "constant"),
        (np.array([[1.0, np.nan]]), "not finite"),
    ]:
        with pytest.raises(DataError, match=problem) as error:
            images.standardise(image)
        assert is_one_sentence(error)
