"""Read an X-ray from a file, resize it, and standardise it."""

from io import BytesIO
from pathlib import Path

import cv2
import numpy as np

ENDINGS = (".png", ".jpg", ".jpeg")
SMALLEST_SIDE = 32  # pixels; in anything smaller no rib can be seen
LONGEST_SIDE = 10_000  # pixels; what is long and narrow would be padded to a huge square
MOST_PIXELS = 50_000_000  # a detector has about 20 million; more is a mistake or an attack
MOST_BYTES = 4 * MOST_PIXELS


class DataError(ValueError):
    """Something is wrong with the data; the message is one sentence that says what to do."""

    def __init__(self, sentence: str):  # on one line, whatever names of files it holds
        super().__init__(" ".join(sentence.encode(errors="replace").decode().split()))

    def _render_traceback_(self) -> list[str]:
        """Show the sentence alone in a notebook: IPython asks for this in place of a traceback."""
        return [f"{type(self).__name__}: {self}"]


def short_name(path: Path) -> str:
    """Name a file by its class folder and its own name, such as ``normal/sim0001_0.png``."""
    return f"{path.parent.name}/{path.name}"


def unusable(name: str | Path, error: Exception) -> DataError:
    """Put into a sentence why a file or folder cannot be read."""
    why = str(getattr(error, "strerror", None) or error).lower()
    return DataError(f"{name} cannot be read ({why}): put it back, allow reading or name another.")


def read_image(path: str | Path, called: str = "") -> np.ndarray:
    """Read one X-ray in greyscale.

    Colour, palette and transparency are turned into grey. Of 16-bit images the range in use is
    brought to 8 bits: the range is taken as the smallest power of two that holds the brightest
    pixel, since detectors often store 10 or 12 bits in 16.

    Parameters
    ----------
    path
        A PNG or JPEG file; its content counts, not the ending of its name.
    called
        What stands before its name in the sentence of an error, such as ``"The mask "``.

    Returns
    -------
    numpy.ndarray
        uint8 of shape (height, width), 0 black to 255 white.

    Raises
    ------
    DataError
        If the file is missing, unreadable, not an image, damaged, too small or too large.
    """
    path = Path(path)
    name = called + short_name(path)
    try:
        too_long = path.stat().st_size > MOST_BYTES
        # Bytes first, since OpenCV opens no file with a non-ASCII name on Windows.
        content = b"" if too_long else path.read_bytes()
    except OSError as error:
        raise unusable(name, error) from error
    width, height = (0, 0) if too_long else _size(content, name)
    if too_long or width * height > MOST_PIXELS or max(width, height) > LONGEST_SIDE:
        what = "its file" if too_long else f"{width} x {height} pixels"
        raise DataError(f"{name} is too large ({what}): take it out of the folder.")
    if min(width, height) < SMALLEST_SIDE:
        raise DataError(
            f"{name} has only {width} x {height} pixels (at least {SMALLEST_SIDE} x "
            f"{SMALLEST_SIDE} are needed): take it out of the folder."
        )
    try:
        mode = cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH
        image = cv2.imdecode(np.frombuffer(content, np.uint8), mode)
    except cv2.error:
        image = None
    if image is None:
        raise DataError(f"{name} is damaged or incomplete: get it again or take it out.")
    if image.dtype == np.uint16:
        bits = max(8, int(image.max()).bit_length())
        greys = np.round(np.arange(2**bits) * (255 / (2**bits - 1))).astype(np.uint8)
        image = greys[image]  # a table, since the product would take 8 bytes a pixel
    return image


def _size(content: bytes, name: str) -> tuple[int, int]:
    """Read width and height, and check that all parts are whole, before anything is unpacked."""
    from PIL.JpegImagePlugin import JpegImageFile
    from PIL.PngImagePlugin import PngImageFile

    if not content.startswith((b"\x89PNG", b"\xff\xd8\xff")):
        raise DataError(f"{name} is not a PNG or JPEG file: take it out or save it as PNG.")
    try:
        # Not Image.open, which hides the size of an image that is too large.
        file = PngImageFile if content[1:4] == b"PNG" else JpegImageFile
        with file(BytesIO(content)) as head:
            head.verify()  # a PNG may claim gigabytes for one part, and OpenCV would take them
            return head.size
    except Exception as error:  # Pillow stumbles over damage in many ways
        raise DataError(f"{name} is damaged or incomplete: get it again or take it out.") from error


def resize(image: np.ndarray, size: int) -> np.ndarray:
    """Bring an image to ``size`` x ``size`` pixels by area interpolation.

    An image that is not square first gets black edges on both sides of its shorter dimension,
    so that nothing is squeezed and nothing is cut off.

    Parameters
    ----------
    image
        uint8 of shape (height, width).
    size
        Pixels of each side of the result.

    Returns
    -------
    numpy.ndarray
        uint8 of shape (size, size).
    """
    longer = max(image.shape)
    edges = [((longer - side) // 2, (longer - side + 1) // 2) for side in image.shape]
    return cv2.resize(np.pad(image, edges), (size, size), interpolation=cv2.INTER_AREA)


def standardise(image: np.ndarray) -> np.ndarray:
    """Shift and scale an image to mean 0 and standard deviation 1.

    Parameters
    ----------
    image
        Any numbers, of shape (height, width).

    Returns
    -------
    numpy.ndarray
        float32 of the same shape.

    Raises
    ------
    DataError
        If all pixels are equal (there is nothing to scale) or some are not finite.
    """
    deviation = image.std()
    if not np.isfinite(deviation):
        raise DataError("The image holds numbers that are not finite: correct it or leave it out.")
    if deviation == 0:
        raise DataError("The image is constant (all pixels are equal): leave it out.")
    return ((image - image.mean()) / deviation).astype(np.float32)
