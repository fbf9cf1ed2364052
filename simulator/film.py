"""From thickness to picture: X-rays, scatter, detector and the processing of a clinic."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from .draws import around, between, blur, chance, clouds, enlarge, ramp, shrink, stream

MU_WATER = 0.19  # 1/cm, soft tissue at the mean energy of a chest X-ray
MU_BONE = 0.55  # 1/cm, what a centimetre of bone adds


@dataclass
class Technique:
    """How one image is exposed and processed."""

    photons: float  # in a pixel of the open beam, thousands
    scatter: float  # scatter to primary behind 20 cm of tissue
    unsharp: float  # blur of focus, motion and detector, mm
    lung_grey: float  # where the darkest lung lands, 0..1
    belly_grey: float  # where the abdomen lands, 0..1
    gamma: float
    knee: float  # how much flatter the bright end of the curve is
    detail: float  # strength of the local contrast enhancement
    collimation: tuple[float, float, float, float]  # black border: left, top, right, bottom
    tilt: float  # degrees of the collimator
    heel: tuple[float, float]  # uneven beam across and along the film
    border: float  # grey of the border


def make_technique(rng: np.random.Generator, view: str) -> Technique:
    """Draw exposure and processing for one image."""
    mobile = view != "PA"
    edges = [between(rng, 0, 0.05) if chance(rng, 0.14) else 0.0 for _ in range(4)]
    if chance(rng, 0.06):
        edges = [e + between(rng, 0.02, 0.09) for e in edges]
    return Technique(
        photons=float(np.exp(between(rng, 4.6, 6.3))),
        scatter=between(rng, 0.25, 0.8) * (1.8 if mobile else 1.0),
        unsharp=between(rng, 0.2, 0.55) * (1.25 if mobile else 1.0),
        lung_grey=between(rng, 0.10, 0.32) + (between(rng, 0, 0.20) if mobile else 0),
        belly_grey=between(rng, 0.82, 1.02) - (between(rng, 0, 0.12) if mobile else 0),
        gamma=between(rng, 0.85, 1.3),
        knee=between(rng, 0.9, 2.6),
        detail=between(rng, 0.15, 0.9),
        collimation=(edges[0], edges[1], edges[2], edges[3]),
        tilt=around(rng, 0, 0.8),
        heel=(around(rng, 0, 0.10), around(rng, 0, 0.10)),
        border=between(rng, 0, 0.03),
    )


def processed_elsewhere(technique: Technique) -> Technique:
    """Give the same exposure the processing of another maker: paler lungs, harder edges."""
    return replace(
        technique,
        lung_grey=0.5 * technique.lung_grey + 0.25,
        belly_grey=technique.belly_grey - 0.1,
        gamma=0.6 * technique.gamma,
        knee=technique.knee + 2.5,
        detail=technique.detail + 2.0,
    )


def expose(
    nepers: np.ndarray, water: np.ndarray, device: np.ndarray, technique: Technique, scale: float,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Send the beam through: Beer-Lambert, scatter, blur and quantum noise.

    Parameters
    ----------
    nepers : array (size, size)
        Attenuation by the patient, summed along each ray.
    water : array (size, size)
        cm of tissue, which makes the scatter.
    device : array (size, size)
        Attenuation by devices. They are too small to change the scatter.
    """
    size = nepers.shape[0]
    along = np.linspace(-0.5, 0.5, size)
    beam = np.exp(technique.heel[0] * along[None, :] + technique.heel[1] * along[:, None])
    primary = beam * np.exp(-nepers)
    source = shrink(primary * water / 20.0, 8)
    spread = ndimage.gaussian_filter(source, 3.5 * scale / 8, mode="constant", truncate=3)
    scattered = technique.scatter * enlarge(spread, size)
    arriving = primary * np.exp(-device) + scattered
    arriving = ndimage.gaussian_filter(
        arriving, technique.unsharp * scale / 10, mode="nearest", truncate=3
    )
    photons = technique.photons * 1000.0 * (512 / size) ** -2
    noise = rng.standard_normal((size, size))
    counted = arriving + noise * np.sqrt(arriving / photons)
    return {
        "primary": primary, "scatter": scattered, "arriving": arriving,
        "detector": np.maximum(counted, 0.3 / photons),
    }  # fmt: skip


def window(nepers: np.ndarray, technique: Technique) -> tuple[float, float]:
    """Find which attenuation is shown as lung and which as abdomen: -log of the signal."""
    low, high = np.percentile(nepers, [4, 93])
    return low - np.log1p(0.3 * technique.scatter), high - np.log1p(1.2 * technique.scatter)


def develop(
    beam: dict[str, np.ndarray], window: tuple[float, float], technique: Technique, scale: float
) -> np.ndarray:
    """Turn the detector's signal into grey levels, bright where little arrives.

    Parameters
    ----------
    beam : dict of arrays (size, size)
        From ``expose``. Local contrast is enhanced against the signal without devices and noise.
    window : two floats
        From ``window``.
    technique : Technique
    scale : float
        Pixels to a centimetre.

    Returns
    -------
    array (size, size) of grey from 0 (black) to 1 (white).
    """
    lung, belly = window
    span = max(belly - lung, 0.3)
    dense = (-np.log(beam["detector"]) - lung) / span
    plain = (-np.log(beam["primary"] + beam["scatter"]) - lung) / span
    fine, coarse = blur(plain, 0.25 * scale), blur(plain, 1.5 * scale)
    dense = dense + technique.detail * (dense - fine) + 0.5 * technique.detail * (fine - coarse)
    # Steep where the film is dark, flat where it is bright, as in clinical look-up tables.
    k = technique.knee
    bent = np.where(dense > 0, -np.expm1(-k * np.maximum(dense, 0)) / -np.expm1(-k), dense)
    grey = technique.lung_grey + (technique.belly_grey - technique.lung_grey) * bent
    # A soft shoulder and toe, like film and like every clinical look-up table.
    shoulder = np.where(grey > 0.75, 0.75 + 0.25 * np.tanh((grey - 0.75) / 0.25), grey)
    soft = np.where(shoulder < 0.12, 0.12 * np.exp((shoulder - 0.12) / 0.12), shoulder)
    return soft**technique.gamma


def frame(technique: Technique, size: int) -> np.ndarray:
    """Return 1 inside the collimated field and 0 in the black border, (size, size)."""
    left, top, right, bottom = technique.collimation
    along = (np.arange(size) + 0.5) / size
    turn = np.tan(np.radians(technique.tilt))
    u = along[None, :] + turn * (along[:, None] - 0.5)
    v = along[:, None] - turn * (along[None, :] - 0.5)
    soft = 2.0 / size
    inside = np.ones((size, size))
    for edge, value in ((left, u), (top, v), (right, 1 - u), (bottom, 1 - v)):
        if edge > 0:
            inside = inside * ramp(value, edge, edge + soft)
    return inside


def grain(seed_numbers: tuple[int, ...], size: int) -> np.ndarray:
    """Structure of soft tissue: relative differences of thickness, mean 1."""
    rng = stream("texture", *seed_numbers, 9)
    return 1 + 0.012 * clouds(rng, size, 4, 64)
