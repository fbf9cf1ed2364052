"""One simulated X-ray, from patient to picture, with everything that is true about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import body as anatomy
from . import film, pleura
from .devices import CORNERS, KINDS, RATE_EFFUSION, RATE_NORMAL, Rate, add_devices
from .draws import around, between, chance, pick, stream
from .patients import visit

FINDINGS = ("effusion", "enlarged heart")
HEART_RATE = {False: 0.08, True: 0.2}  # enlarged heart, without and with an effusion
HAZE_RATE = {False: 0.15, True: 0.45}  # hazy lungs, the same way
VIEWS = {  # how often, in each hospital; the same for both classes
    "main": {"PA": 0.5, "AP": 0.3, "AP supine": 0.2},
    "other": {"PA": 0.15, "AP": 0.3, "AP supine": 0.55},
}
HOSPITALS = tuple(VIEWS)
MOST_FLUID_ML = 3200


class SimulatorError(ValueError):
    """An option that makes no sense, said in one sentence."""


@dataclass(frozen=True)
class Picture:
    """A simulated X-ray and its truth.

    Attributes
    ----------
    image : uint8 array (size, size)
    fluid : bool array (size, size), True where at least half a centimetre of fluid is crossed
    lungs : uint8 array (size, size), 100 the patient's right lung, 200 the left, 0 elsewhere
    devices : uint8 array (size, size), one bit for each kind: see ``BIT`` in devices.py
    info : dict of the manifest's columns
    stages : dict of float arrays (size, size), the way from body to film: "body" (cm of tissue,
        lungs and fluid included), "bone", "lung" (air-filled), "fluid" (all cm), "devices"
        (nepers), "transmitted", "scatter", "arriving", "detector" (parts of the open beam),
        "film" (grey levels 0 to 255)
    pixel_cm : side of a pixel in the patient, in cm
    """

    image: np.ndarray
    fluid: np.ndarray
    lungs: np.ndarray
    devices: np.ndarray
    info: dict
    stages: dict
    pixel_cm: float


def simulate_one(
    seed: int,
    index: int,
    size: int = 512,
    prevalence: float = 0.5,
    findings: tuple[str, ...] = FINDINGS,
    device_rate_normal: Rate = RATE_NORMAL,
    device_rate_effusion: Rate = RATE_EFFUSION,
    devices: tuple[str, ...] = KINDS,
    marker_corner: str | None = None,
    fluid: bool = True,
    hospital: str = "main",
    most_fluid_ml: float = MOST_FLUID_ML,
) -> Picture:
    """Simulate image number ``index`` of the series ``seed``, in memory.

    Parameters
    ----------
    seed, index : int
        The same two numbers and options give the same image, always.
    size : int
        Pixels a side, a multiple of 8 from 64 to 2048.
    prevalence : float
        Share of images with an effusion.
    findings : tuple of str
        "effusion", and "enlarged heart" if some patients shall have one too.
    device_rate_normal, device_rate_effusion : float or dict
        How often patients of a class wear devices: 0 never to 1 (most of those in bed), or the
        probability for each kind, as in ``{"marker": 1.0, "line": 0.0}``.
    devices : tuple of str
        Kinds that are allowed at all, from ``KINDS``. Leaving one out changes nothing else.
    marker_corner : str, optional
        Put markers and stamps in this corner of the picture, such as "lower left".
    fluid : bool
        False leaves out the fluid and changes nothing else.
    hospital : str
        "main", or "other": more patients lie in bed, the films show more of the body, and they are
        processed in another way.
    most_fluid_ml : float
        The largest amount of fluid that is drawn; small effusions are harder to see.
    """
    check_options(
        seed, index, size, prevalence, findings, device_rate_normal, device_rate_effusion,
        devices, marker_corner, hospital, most_fluid_ml,
    )  # fmt: skip
    who = visit(seed, index, prevalence)
    body = anatomy.make_body(seed, who.person)
    rng = stream("exam", seed, index)
    exam = draw_exam(rng, body, size, VIEWS[hospital])
    technique = film.make_technique(rng, exam.view)
    if hospital == "other":
        exam.field *= 1.2
        technique = film.processed_elsewhere(technique)
    rng = stream("finding", seed, index)
    illness = draw_illness(rng, body, exam, who.effusion, findings, most_fluid_ml)
    exam.enlarged_heart, exam.haze = illness.enlarged_heart, illness.haze

    # The patient: centimetres of everything along each ray.
    x, y = exam.patient()
    heart = anatomy.heart_chord(body, exam, x, y)
    dry, aired, wet = {}, {}, {}
    for side in ("right", "left"):
        space = anatomy.chest(body, exam, x, y, side)
        dry[side], none = pleura.spaces(space, "none", 0, heart)
        aired[side], wet[side] = dry[side], none
        if fluid and who.effusion and illness.side in (side, "both"):
            kind, volume = illness.kind[side], illness.volume[side]
            level = level_for(body, exam, side, kind, volume)
            aired[side], wet[side] = pleura.spaces(space, kind, level, heart)
    fluid_cm, lung_cm = wet["right"] + wet["left"], aired["right"] + aired["left"]
    solid = anatomy.soft_tissue(body, exam, x, y)
    gas = anatomy.air(body, exam, x, y)
    bone = anatomy.bones(body, exam, x, y)
    vessel = anatomy.vessel_tree(body, exam)
    density = anatomy.lung_texture(body, exam, y, (seed, index))
    grain = film.grain(body.numbers, size)

    def nepers(air_map: np.ndarray, fluid_map: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return cm of tissue, and the attenuation of tissue and bone along each ray."""
        squeezed = 0.35 * fluid_map / (fluid_map + 4)  # lung beside fluid is denser
        holes = air_map * (1 - np.minimum(density + squeezed, 0.9))
        water = solid * grain - holes + np.minimum(vessel, 0.5 * holes)
        water = np.maximum(water - np.minimum(gas, 0.6 * solid), 0)
        return water, film.MU_WATER * water + film.MU_BONE * bone

    water, total = nepers(lung_cm, fluid_cm)
    inside = film.frame(technique, size)
    rate = device_rate_effusion if who.effusion else device_rate_normal
    sheets = add_devices(body, exam, (seed, index), rate, devices, marker_corner, inside > 0)

    # The beam, the detector, the film.
    noise = stream("noise", seed, index)
    beam = film.expose(total, water, sheets.dense, technique, exam.scale, noise)
    # The window is set from the patient alone: neither fluid nor devices move it.
    _, plain = nepers(dry["right"] + dry["left"], 0 * fluid_cm)
    chest_area = (solid > 6) & (np.abs(x) < body.cage_width) & (y > 2)
    window = film.window(plain[chest_area], technique)
    grey = film.develop(beam, window, technique, exam.scale)
    grey = np.where(inside > 0, grey * inside, technique.border)
    grey = grey * (1 - sheets.written / 255) + 0.98 * sheets.written / 255
    # Every second grey level: clinical archives leave gaps too, and files stay small.
    image = 2 * np.round(np.clip(grey, 0, 1) * 127).astype(np.uint8)

    lungs = np.zeros((size, size), np.uint8)
    lungs[(aired["right"] > 2) & (inside > 0)] = 100
    lungs[(aired["left"] > 2) & (inside > 0)] = 200
    stages = {
        "body": water, "bone": bone, "lung": lung_cm, "fluid": fluid_cm, "devices": sheets.dense,
        "transmitted": beam["primary"], "scatter": beam["scatter"],
        "arriving": beam["arriving"], "detector": beam["detector"], "film": image.astype(float),
    }  # fmt: skip
    ill = fluid and who.effusion
    area = exam.pixel**2
    ml = {side: round(float(wet[side].sum()) * area) for side in wet}
    findings_here = ["Effusion"] * ill + ["Cardiomegaly"] * exam.enlarged_heart
    label = "effusion" if who.effusion else "normal"
    info = {
        "file": f"chest_xrays/{label}/{who.stem}.png",
        "label": label,
        "patient": who.patient,
        "side": illness.side if ill else "none",
        "view": exam.view,
        "findings": "|".join(findings_here) or "No Finding",
        "fluid_ml": ml["right"] + ml["left"],
        "fluid_right_ml": ml["right"],
        "fluid_left_ml": ml["left"],
        "devices": "|".join(sheets.present) or "none",
        "sex": "F" if body.female else "M",
        "pixel_mm": round(10 * exam.pixel, 4),
        "haze": round(exam.haze, 3),
        "index": index,
    }
    mask = (fluid_cm > pleura.SEEN) & (inside > 0)
    return Picture(image, mask, lungs, sheets.mask, info, stages, exam.pixel)


@dataclass
class Illness:
    """What is wrong with the patient on the day of one image."""

    enlarged_heart: bool
    haze: float  # water or collapse in the lungs, g/ml
    side: str  # left, right, both: where the fluid would be
    kind: dict[str, str]  # for each side: upright, supine, subpulmonic
    volume: dict[str, float]  # ml


def draw_exam(
    rng: np.random.Generator, body: anatomy.Body, size: int, views: dict[str, float]
) -> anatomy.Exam:
    """Draw how the patient is placed. Mobile images are less well placed, and less deep in."""
    view = pick(rng, views)
    mobile = view != "PA"
    return anatomy.Exam(
        view=view, field=body.cage_width * between(rng, 2.35, 3.0),
        angle=around(rng, 0, 2.5 if mobile else 1.2), turn=around(rng, 0, 5 if mobile else 2.5),
        x=around(rng, 0, 0.8), y=around(rng, 14.0, 1.5),
        inspiration=max(0.0, around(rng, 2.8 if mobile else 0.8, 1.5)),
        enlarged_heart=False, haze=0.0, arms=between(rng, 0, 6), size=size,
        head_x=around(rng, 0, 1.5), head_y=between(rng, -16, -10) if mobile else -18,
    )  # fmt: skip


def draw_illness(
    rng: np.random.Generator, body: anatomy.Body, exam: anatomy.Exam, sick: bool,
    findings: tuple[str, ...], most_fluid_ml: float,
) -> Illness:  # fmt: skip
    """Draw findings. A big heart and hazy lungs are more frequent beside an effusion."""
    big = chance(rng, HEART_RATE[sick]) and "enlarged heart" in findings
    haze = between(rng, 0.03, 0.3) if chance(rng, HAZE_RATE[sick]) else 0.0
    today = pick(rng, {"left": 0.35, "right": 0.35, "both": 0.3})
    side = body.side if chance(rng, 0.75) else today
    most = np.log(min(1400, most_fluid_ml / 2) if side == "both" else most_fluid_ml)
    volume = {s: float(np.exp(between(rng, np.log(180), most))) for s in ("right", "left")}
    upright = "supine" if exam.view == "AP supine" else "upright"
    low = chance(rng, 0.1) and upright == "upright"
    kind = {s: "subpulmonic" if low and volume[s] < 900 else upright for s in volume}
    return Illness(big, haze, side, kind, volume)


def level_for(
    body: anatomy.Body, exam: anatomy.Exam, side: str, kind: str, volume: float
) -> float:  # fmt: skip
    """Solve for the fluid's level on a coarse grid that holds the whole chest."""
    along = np.linspace(-22, 38, 120)
    gx, gy = np.meshgrid(np.linspace(-18, 18, 120), along)
    coarse = anatomy.chest(body, exam, gx, gy, side)
    heart = anatomy.heart_chord(body, exam, gx, gy)
    area = (36 / 119) * (60 / 119)
    return pleura.solve_level(coarse, kind, volume, heart, area)


def check_options(
    seed: int, index: int, size: int, prevalence: float, findings: tuple[str, ...],
    device_rate_normal: Rate, device_rate_effusion: Rate, devices: tuple[str, ...],
    marker_corner: str | None, hospital: str = "main",
    most_fluid_ml: float = MOST_FLUID_ML,
) -> None:  # fmt: skip
    """Refuse nonsense in one sentence (SimulatorError)."""
    for name, whole, low, high in (
        ("seed", seed, 0, 2**63), ("index", index, 0, 10**6), ("size", size, 64, 2048),
    ):  # fmt: skip
        if isinstance(whole, bool) or not isinstance(whole, int | np.integer):
            raise SimulatorError(f"{name} must be a whole number, not {whole!r}.")
        if not low <= whole <= high:
            raise SimulatorError(f"{name} must lie between {low} and {high}, not {whole}.")
    if size % 8:
        raise SimulatorError(f"size must be a multiple of 8, not {size}.")
    shares = {"prevalence": prevalence}
    for name, rate in (
        ("device_rate_normal", device_rate_normal), ("device_rate_effusion", device_rate_effusion),
    ):  # fmt: skip
        rates = rate if isinstance(rate, dict) else {None: rate}
        for kind, value in rates.items():
            if kind is not None and kind not in KINDS:
                raise SimulatorError(f"{name} knows no {kind!r}; choose from {', '.join(KINDS)}.")
            shares[name if kind is None else f"{name} of {kind}"] = value
    for name, value in shares.items():
        if not isinstance(value, int | float | np.number) or not 0 <= value <= 1:
            raise SimulatorError(f"{name} must lie between 0 and 1, not {value!r}.")
    for name, chosen, known in (("findings", findings, FINDINGS), ("devices", devices, KINDS)):
        if not isinstance(chosen, tuple | list):
            raise SimulatorError(f"{name} must be a tuple of names, such as ({known[0]!r},).")
        for word in chosen:
            if word not in known:
                raise SimulatorError(f"{name} knows no {word!r}; choose from {', '.join(known)}.")
    if "effusion" not in findings and prevalence > 0:
        raise SimulatorError('findings must hold "effusion" unless prevalence is 0.')
    if marker_corner is not None and marker_corner not in CORNERS:
        raise SimulatorError(
            f"marker_corner knows no {marker_corner!r}; choose from {', '.join(CORNERS)}."
        )
    if hospital not in HOSPITALS:
        raise SimulatorError(f"hospital knows no {hospital!r}; choose from {', '.join(HOSPITALS)}.")
    if not isinstance(most_fluid_ml, int | float | np.number) or not 400 <= most_fluid_ml <= 3200:
        raise SimulatorError(f"most_fluid_ml must lie between 400 and 3200, not {most_fluid_ml!r}.")
