"""Answers to exercises, checked kindly; and the guessing game of episode 2.

``check(name, answer, *given)`` reads a learner's answer and prints one line. What is right is
decided by the functions in ``CHECKS``: each returns None for a right answer, otherwise a hint.
"""

from __future__ import annotations

import base64
import json
import os
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from IPython import get_ipython
from IPython.display import HTML, display

from helpers import data

Check = Callable[..., "str | None"]
CHECKS: dict[str, Check] = {}
SCORE_FILE = "guessing_score.json"


def check(name: str, answer: object = None, *given: object) -> None:
    """Print "Right: …", "Not yet: <hint>" or "No answer yet: …"; never raise.

    Parameters
    ----------
    name
        Which exercise: a key of ``CHECKS``.
    answer
        What the learner found; None or Ellipsis stand for "nothing yet".
    *given
        What the exercise started from, handed on to the check.
    """
    if answer is None or answer is Ellipsis:
        print(f"No answer yet: give {name} a value in the cell above, then run this one again.")
        return
    if name not in CHECKS:
        print(f"Not yet: there is no check called {name!r}; known are {', '.join(sorted(CHECKS))}.")
        return
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            hint = CHECKS[name](answer, *given)
    except (Exception, SystemExit) as error:  # a learner's answer may be anything at all
        hint = f"checking your answer stopped with {_describe(error)}."
    if hint is None:
        print(f"Right: {name} is what the exercise asks for.")
    else:
        print("Not yet:", " ".join(str(hint).split()))  # on one line, whatever is quoted in it


def _describe(error: BaseException) -> str:
    """Name an error and, where it has a readable first line, quote it."""
    try:
        lines = str(error).splitlines()
    except Exception:
        lines = []
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


# --- Hints that several checks share --------------------------------------------------------


def number_hint(answer: object, right: float, tolerance: float = 1e-6) -> str | None:
    """Return None if answer is the number ``right`` within a relative tolerance, else a hint."""
    try:
        value = float(answer)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return f"a single number is expected, and this is a {type(answer).__name__}."
    if not np.isfinite(value):
        return f"the number is {value}; look for a division by zero or a missing value."
    if abs(value - right) <= tolerance * max(abs(right), 1e-12):
        return None
    return "the number is too large." if value > right else "the number is too small."


def array_hint(answer: object, shape: tuple[int, ...], dtype: object = None) -> str | None:
    """Return None if answer is an array of this shape (and dtype) without NaN, else a hint."""
    if not isinstance(answer, np.ndarray):
        return f"a NumPy array is expected, and this is a {type(answer).__name__}."
    if answer.shape != tuple(shape):
        return f"the shape is {answer.shape}; it should be {tuple(shape)}."
    if dtype is not None and answer.dtype != np.dtype(dtype):
        return f"the array holds {answer.dtype}; it should hold {np.dtype(dtype)}."
    if answer.dtype.kind == "f" and not np.isfinite(answer).all():
        return "some values are NaN or infinite; look for a division by zero."
    return None


# --- Episode 1 ------------------------------------------------------------------------------


def _megabytes(answer: object, files: tuple[Path, ...]) -> str | None:
    right = sum(file.stat().st_size for file in files) / 1_000_000
    hint = number_hint(answer, right, tolerance=0.01)
    if hint is None:
        return None
    ratio = float(answer) / right  # type: ignore[arg-type]
    for wrong, explanation in [
        (1_000_000, "this is in bytes; one megabyte is 1,000,000 of them."),
        (1_000, "this is in kilobytes; divide by 1,000 once more."),
        (1_000_000 / 2**20, "this divides by 1024 twice; here one megabyte is 1,000,000 bytes."),
    ]:
        if abs(ratio / wrong - 1) < 0.01:
            return explanation
    return hint + " Add up the sizes of all the files, then divide by 1,000,000."


CHECKS |= {"megabytes": _megabytes}

# --- Episode 2 ------------------------------------------------------------------------------


def _darker(answer: object, image: np.ndarray) -> str | None:
    levels = image.astype(int) - 60
    right = levels.clip(0, 255)
    if isinstance(answer, np.ndarray) and answer.shape == image.shape:
        if np.array_equal(answer, right) and answer.dtype == np.uint8:
            return None
        if np.array_equal(answer, right):
            return f"the values are right, but held as {answer.dtype}; end with .astype(np.uint8)."
        if np.array_equal(answer, levels):
            return "some values are below 0; np.clip(…, 0, 255) keeps them where a picture can be."
        if np.array_equal(answer, levels % 256):
            return (
                "dark pixels have turned bright. An 8-bit number that falls below 0 comes round "
                "again at 255: go to int16 first, subtract, clip, and go back to uint8."
            )
        if np.array_equal(answer, (image.astype(int) + 60).clip(0, 255)):
            return "this one is brighter: large numbers are bright."
    hint = array_hint(answer, image.shape, np.uint8)
    return hint or "every pixel should be 60 grey levels lower, or 0 where that is below 0."


def _mirrored(answer: object, image: np.ndarray) -> str | None:
    frequent = [
        (image, "the picture is as it was; image[:, ::-1] runs through the columns backwards."),
        (image[::-1], "this one stands on its head: rows come first, columns second."),
        (image[::-1, ::-1], "this is turned by half a circle: leave the rows as they are."),
        (image.T, "rows and columns are exchanged: this is the transpose."),
    ]
    if np.array_equal(answer, image[:, ::-1]):
        return None
    for wrong, hint in frequent:
        if np.array_equal(answer, wrong):
            return hint
    return array_hint(answer, image.shape) or "the values are not those of the mirrored picture."


def _angle(answer: object, image: np.ndarray) -> str | None:
    rows, columns = slice(300, 460), slice(340, 500)
    frequent = [
        (image[columns, rows], "rows and columns are exchanged: it is image[rows, columns]."),
        (image[:, ::-1][rows, columns], "this is cut from the mirrored picture; use the original."),
        (image[300:461, 340:501], "the end of a slice is left out: 300:460 has 160 rows."),
        (image[300:160, 340:160], "the second number of a slice is where it ends, not its length."),
        (image[rows], "the rows are right; the columns, after a comma, are still to be cut."),
    ]
    if np.array_equal(answer, image[rows, columns]):
        return None
    for wrong, hint in frequent:
        if np.array_equal(answer, wrong):
            return hint
    return array_hint(answer, (160, 160)) or "the size is right, the place is not."


def _memory(side: int, bytes_per_value: int, answer: object, count: int) -> str | None:
    right = count * side * side * bytes_per_value / 1_000_000
    hint = number_hint(answer, right, tolerance=0.01)
    if hint is None:
        return None
    ratio = float(answer) / right  # type: ignore[arg-type]
    for wrong, explanation in [
        (1 / bytes_per_value, "one value takes more than one byte: 8 bits make a byte."),
        (8, "8 bits make one byte: a float64 takes 8 bytes, a float32 takes 4."),
        (1 / side, "an image has rows × columns pixels."),
        (1 / count, "this is one image; there are more."),
        (3, "these images have one channel, not three."),
        (8 / bytes_per_value, "a float32 has 32 bits, so it takes 4 bytes."),
        (1_000_000, "this is in bytes; one megabyte is 1,000,000 of them."),
        (1_000, "this is in kilobytes; divide by 1,000 once more."),
        (1_000_000 / 2**20, "this divides by 1024 twice; here one megabyte is 1,000,000 bytes."),
    ]:
        if abs(ratio / wrong - 1) < 0.01:
            return explanation
    return hint + " Images × rows × columns × bytes for each value, divided by 1,000,000."


def _standardise(answer: object, image: np.ndarray) -> str | None:
    if not callable(answer):
        return "the function itself is wanted here, without brackets after its name."
    result = answer(image.copy())
    if result is None:
        return "the function returns nothing; is there a return at its end?"
    hint = array_hint(result, image.shape)
    if hint:
        return "for an ordinary X-ray, " + hint
    if abs(float(result.mean())) > 1e-3 or abs(float(result.std()) - 1) > 1e-3:
        return (
            f"an ordinary X-ray comes out with mean {result.mean():.2f} and standard deviation "
            f"{result.std():.2f} in place of 0 and 1."
        )
    for level in (0, 100):
        try:
            result = answer(np.full((8, 8), level, dtype=np.uint8))
        except ValueError as error:
            if not str(error).strip():
                return "a ValueError it is; now add a sentence that says what is wrong."
            continue
        except Exception as error:
            return f"a constant image ends in {_describe(error)}; raise a ValueError instead."
        if isinstance(result, np.ndarray) and not np.isfinite(result).all():
            return (
                "a constant image still gives NaN: look at the standard deviation before dividing."
            )
        return "a constant image is let through: raise a ValueError that says what is wrong."
    return None


CHECKS |= {
    "darker": _darker,
    "mirrored": _mirrored,
    "angle": _angle,
    "mb_512": partial(_memory, 512, 8),
    "mb_256": partial(_memory, 256, 4),
    "standardise": _standardise,
}


# --- Episode 6 ------------------------------------------------------------------------------


def _sure_normal(answer: object, probability: np.ndarray, labels: np.ndarray) -> str | None:
    if np.ndim(answer) != 0 or not isinstance(answer, int | np.integer):
        return f"the position of one image is a whole number, and this is {answer!r:.60}."
    if not 0 <= answer < len(labels):
        return f"there are {len(labels)} test images, so positions go from 0 to {len(labels) - 1}."
    if labels[answer] == 1:
        return "this X-ray shows an effusion: look only where labels == 0."
    if probability[answer] > 0.5:
        return "the network takes this one for an effusion, so it does not get it right."
    surest = probability[labels == 0].min()
    return None if probability[answer] == surest else "the network is surer of another normal one."


def _heat_normal(answer: object, maps: np.ndarray, weights: np.ndarray) -> str | None:
    maps, weights = np.asarray(maps)[0], np.asarray(weights)[0]
    answer = np.squeeze(np.asarray(answer))
    total = (maps * -weights).sum(axis=-1)
    hint = array_hint(answer, total.shape)
    if hint:
        return hint
    near = 1e-3 * max(float(np.abs(total).max()), 1e-6)
    if np.allclose(answer, total.clip(min=0), atol=near):
        return None
    if np.allclose(answer, total, atol=near):
        return "set the negative values to 0, as the ReLU did before."
    if np.allclose(answer, (-total).clip(min=0), atol=near):
        return "this is what speaks for effusion: change the sign of the weights."
    if np.allclose(answer, -((-total).clip(min=0)), atol=near):
        return "change the sign of the weights before the ReLU, not of the map after it."
    return "add up the maps, each times minus its weight, then set negative values to 0."


def _share_inside(answer: object, saliency: np.ndarray, mask: np.ndarray) -> str | None:
    inside, total = saliency[mask].sum(), saliency.sum()
    hint = number_hint(answer, inside / total)
    if hint is None:
        return None
    for wrong, explanation in [
        (inside, "this is how much lies inside; divide it by how much there is in all."),
        (mask.mean(), "this is the share of the area; count saliency, not pixels."),
        (1 - inside / total, "this is the share outside the mask."),
        (saliency[mask].mean(), "this is the mean inside the mask; use sums."),
    ]:
        if np.isclose(float(answer), wrong):  # type: ignore[arg-type]
            return explanation
    return hint


def _times(answer: object, maps: np.ndarray, masks: np.ndarray) -> str | None:
    share = (maps * masks).sum(axis=(1, 2)) / maps.sum(axis=(1, 2))
    area = masks.mean()
    hint = number_hint(answer, share.mean() / area, tolerance=0.02)
    if hint is None:
        return None
    for wrong, explanation in [
        (share.mean(), "this is the share on the marker; divide it by the marker's share of area."),
        (area / share.mean(), "this is the other way round: share of saliency over share of area."),
        (area, "this is the marker's share of the area; the share of saliency goes above it."),
    ]:
        if np.isclose(float(answer), wrong, rtol=0.02):  # type: ignore[arg-type]
            return explanation
    return hint + " Take the means over the X-rays with effusion first, then divide."


CHECKS |= {
    "times": _times,
    "sure_normal": _sure_normal,
    "heat_normal": _heat_normal,
    "share_inside": _share_inside,
}


class GuessingGame:
    """Effusion or not? Ten X-rays, each of a class that a fair coin decides.

    ``play()`` shows two buttons; ``look()`` and ``guess(…)`` do the same in plain cells. After the
    last round the score is kept in the work folder, where :func:`human_score` finds it.

    Parameters
    ----------
    dataset : helpers.data.Dataset
    seed : int
        The same seed gives the same X-rays in the same order.
    rounds : int
    """

    def __init__(self, dataset: data.Dataset, seed: int = 1, rounds: int = 10) -> None:
        rng = np.random.default_rng(seed)
        labels = np.array(dataset.labels)
        shuffled = [list(rng.permutation(np.flatnonzero(labels == label))) for label in (0, 1)]
        self.dataset, self.rounds = dataset, rounds
        self.drawn: list[int] = []
        for side_of_the_coin in rng.integers(2, size=rounds):
            number = shuffled[side_of_the_coin].pop(0)
            shuffled[side_of_the_coin].append(number)  # comes again only if a class is very small
            self.drawn.append(int(number))
        self.correct = 0
        self.total = 0
        self._verdict = ""
        self._widgets: dict = {}

    @property
    def over(self) -> bool:
        """Whether all rounds are played."""
        return self.total >= self.rounds

    def answer(self, effusion: bool) -> str:
        """Take one guess, keep the score after the last, and say how it went."""
        if self.over:
            return self._verdict  # a click too many changes nothing
        truth = self.dataset.labels[self.drawn[self.total]]
        right = bool(effusion) == bool(truth)
        self.correct += right
        self.total += 1
        was = "an effusion" if truth else "no effusion"
        self._verdict = (
            f"{'Right' if right else 'Wrong'}: it was {was}. "
            f"Score: {self.correct} right of {self.total}"
        )
        if self.over:
            low, high = _interval(self.correct, self.total)
            self._verdict += f" (95 % interval {low:.2f} to {high:.2f}). {self._keep_score()}"
        return self._verdict

    def _keep_score(self) -> str:
        """Write the final score in one step, so that nobody ever reads half a file."""
        score = {"correct": self.correct, "total": self.total, "data": self.dataset.name}
        try:
            file = data.work_folder() / SCORE_FILE
            file.parent.mkdir(parents=True, exist_ok=True)
            part = file.with_name(f"{SCORE_FILE}.{os.getpid()}.part")
            part.write_text(json.dumps(score), encoding="utf-8")
            os.replace(part, file)
        except (OSError, data.DataError) as error:
            return f"It could not be kept ({_describe(error)}): note it down for episode 5."
        return "That was the last one; episode 5 compares the network with you."

    def look(self) -> None:
        """Show the X-ray to guess next."""
        if self.over:
            print(self._verdict)
        else:
            display(HTML(self._picture()))

    def guess(self, answer: object = None) -> None:
        """Guess "effusion" or "no effusion", print how it went and show the next X-ray."""
        if answer is None or answer is Ellipsis:
            print('No guess yet: write "effusion" or "no effusion" between the brackets.')
            return
        words = " ".join(str(answer).lower().split())
        if words not in ("effusion", "no effusion"):
            print('Not counted: the answer is either "effusion" or "no effusion".')
            return
        verdict = self.answer(effusion=words == "effusion")
        print(verdict)
        self._update(verdict)
        if not self.over:
            self.look()

    def play(self) -> None:
        """Show the game with two buttons, where somebody is there to press them."""
        if not _somebody_is_there():
            print("Run this cell yourself: an X-ray and two buttons appear here.")
            return
        import ipywidgets

        layout = ipywidgets.Layout(width="180px", height="44px")
        effusion = ipywidgets.Button(description="Effusion", layout=layout)
        normal = ipywidgets.Button(description="No effusion", layout=layout)
        effusion.on_click(lambda _: self._update(self.answer(effusion=True)))
        normal.on_click(lambda _: self._update(self.answer(effusion=False)))
        self._widgets = {
            "picture": ipywidgets.HTML(),
            "buttons": ipywidgets.HBox([effusion, normal]),
            "verdict": ipywidgets.HTML(),
        }
        self._update("Press a button. With the keyboard: Tab to reach it, Space to press it.")
        display(ipywidgets.VBox(list(self._widgets.values())))

    def _update(self, verdict: str) -> None:
        """Bring the widgets, if there are any, up to date with the game."""
        if not self._widgets:
            return
        self._widgets["picture"].value = "" if self.over else self._picture()
        self._widgets["verdict"].value = f'<p role="status" style="font-size:120%">{verdict}</p>'
        for button in self._widgets["buttons"].children:
            button.disabled = self.over

    def _picture(self) -> str:
        """Return the X-ray to guess as an HTML image, whose text does not give the answer away."""
        image = data.read_image(self.dataset.files[self.drawn[self.total]])
        image = cv2.resize(image, (400, 400), interpolation=cv2.INTER_AREA)
        png = base64.b64encode(cv2.imencode(".png", image)[1]).decode("ascii")
        alt = f"Chest X-ray {self.total + 1} of {self.rounds}: effusion or no effusion?"
        return f'<img alt="{alt}" width="400" src="data:image/png;base64,{png}">'


def _interval(right: int, total: int) -> tuple[float, float]:
    """Return the 95 % Wilson interval of a share; importing SciPy's would delay the last click."""
    z = 1.96
    middle = (right + z**2 / 2) / (total + z**2)
    half = z / (total + z**2) * (right * (total - right) / total + z**2 / 4) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)


def _somebody_is_there() -> bool:
    """Tell a learner's session, which could be asked for input, from a run that nobody watches."""
    shell = get_ipython()
    request = shell.get_parent() if hasattr(shell, "get_parent") else {}
    return bool(request.get("content", {}).get("allow_stdin", True))


def human_score(dataset: data.Dataset | None = None) -> tuple[int, int] | None:
    """Return (correct, total) of the last finished game, or None if there is none.

    A score from another data set than the one given does not count.
    """
    try:
        text = (data.work_folder() / SCORE_FILE).read_text(encoding="utf-8")
        score = json.loads(text)
        correct, total, name = int(score["correct"]), int(score["total"]), score["data"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not 0 <= correct <= total or total == 0 or (dataset is not None and name != dataset.name):
        return None
    return correct, total


# --- Episode 3 ------------------------------------------------------------------------------


def _batch(answer: object, images: np.ndarray) -> str | None:
    if isinstance(answer, np.ndarray) and answer.shape == images.shape[1:]:
        return "this is still a single image with three axes; a batch has one more, in front."
    hint = array_hint(answer, (1, *images.shape[1:]))
    if hint is None and not np.array_equal(answer[0], images[0]):  # type: ignore[index]
        return "the shape is right, but this is not the first X-ray, images[0]."
    return hint


def _leaked(answer: object, patients: np.ndarray, train: np.ndarray, test: np.ndarray):
    if isinstance(answer, set):
        return "these are the patients themselves; len(…) counts them."
    right = len(set(patients[train]) & set(patients[test]))
    hint = number_hint(answer, right)
    if hint is None:
        return None
    if answer == np.isin(patients[test], patients[train]).sum():
        return "this counts X-rays; a patient with two of them counts once."
    if answer == len(set(patients[train]) | set(patients[test])):
        return "this counts the patients of either part; & finds those of both."
    return hint + " Compare set(patients[train]) with set(patients[test])."


def _brighter(answer: object, images: np.ndarray) -> str | None:
    settings = _layer_settings(answer)
    if settings is None:
        return "a Keras layer is expected, such as layers.RandomBrightness(…)."
    if "value_range" not in settings:
        return "this layer does not change the brightness."
    low, high = settings["value_range"]
    if (low, high) == (0, 255):
        return "the layer still expects 0 to 255; say value_range=grey_range."
    if low > np.percentile(images, 1) or high < np.percentile(images, 99):
        return f"the range from {low:.1f} to {high:.1f} cuts off pixels; ours is grey_range."
    image = images[:1]
    change = np.median(np.asarray(answer(image, training=True)) - image)  # type: ignore[operator]
    if not 0.05 < change / (high - low) < 0.15:
        return "the range is right; the factor should make the image a tenth brighter: (0.1, 0.1)."
    return None


def _strong(answer: object) -> str | None:
    settings = [_layer_settings(layer) for layer in getattr(answer, "layers", [])]
    if len(settings) != 3 or None in settings:
        return "a Sequential with a list of three layers is expected: turn, zoom, flip."
    turn, zoom, flip = settings
    if "factor" not in turn or "height_factor" not in zoom or "mode" not in flip:
        return "the order should be RandomRotation, RandomZoom, RandomFlip."
    angle = np.max(np.abs(turn["factor"])) * 360
    if abs(angle - 20) > 0.5:
        return f"this turns by up to {angle:.0f} degrees: the unit of RandomRotation is the turn."
    if np.ndim(turn["factor"]) and turn["factor"][0] == turn["factor"][1]:
        return "this always turns by the same angle; one number turns to either side."
    if abs(np.max(np.abs(zoom["height_factor"])) - 0.2) > 1e-6:
        return "the zoom should be 0.2."
    if flip["mode"] != "horizontal":
        return 'this may stand the patient on the head: RandomFlip("horizontal") keeps feet down.'
    return None


def _layer_settings(layer: object) -> dict | None:
    return layer.get_config() if hasattr(layer, "get_config") and callable(layer) else None


def _validation_belt(answer: object, images: np.ndarray, labels: np.ndarray) -> str | None:
    if not hasattr(answer, "as_numpy_iterator"):
        return "a tf.data pipeline is expected: it starts with tf.data.Dataset."
    items = list(answer.as_numpy_iterator())
    if not all(isinstance(item, tuple) and len(item) == 2 for item in items):
        return "each item should be a pair of images and labels: from_tensor_slices((…, …))."
    if not items or np.ndim(items[0][0]) != 4 or len(items[0][0]) != min(32, len(images)):
        return "the X-rays should come in batches of 32: .batch(32)."
    got, answers = (np.concatenate([np.asarray(item[k]) for item in items]) for k in (0, 1))
    if len(got) != len(images):
        return f"{len(got)} X-rays came off the belt; the validation part holds {len(images)}."
    if not np.array_equal(answers, labels):
        return "the answers are not in the order of the part: leave out the shuffle."
    if not np.array_equal(got, images):
        return "the X-rays have changed on their way: leave out shuffle and augmentation."
    return None


CHECKS |= {
    "batch": _batch,
    "leaked": _leaked,
    "brighter": _brighter,
    "strong": _strong,
    "validation_belt": _validation_belt,
}

# --- Episode 4 ------------------------------------------------------------------------------


def _bias(answer: object, weights: np.ndarray, inputs: np.ndarray) -> str | None:
    hint = number_hint(answer, -float(weights @ inputs), tolerance=0.01)
    if hint is not None and number_hint(answer, float(weights @ inputs), tolerance=0.01) is None:
        return "the size is right, the sign is not."
    return hint and hint + " The sigmoid is 0.5 where its input is 0."


def _kernel(answer: object) -> str | None:
    answer = np.asarray(answer, dtype=float)
    hint = array_hint(answer, (3, 3))
    if hint:
        return hint
    if abs(answer.sum()) > 1e-6:
        return "on an even grey area the answer should be 0, so the nine weights should sum to 0."
    up_down = abs(float((answer * [[0], [0], [1]]).sum()))  # a step from dark to bright, downwards
    left_right = abs(float((answer * [0, 0, 1]).sum()))
    if up_down < 1e-6:
        return "it does not answer where dark lies above bright: let the rows differ."
    if left_right > 1e-6:
        return "it also answers to edges that run up and down: make the columns equal."
    return None


def _parameters(answer: object, kernel: int, channels: int, filters: int) -> str | None:
    weights = kernel * kernel * channels * filters
    for wrong, hint in [
        (weights, "those are the weights; each filter also has a bias."),
        (weights + 1, "each filter has a bias of its own, not one for all."),
        (kernel * kernel * filters + filters, "each filter looks at all channels that arrive."),
        (kernel * kernel * channels + 1, "this is one filter; the layer has more."),
        (kernel * channels * filters + filters, "the kernel has a height and a width."),
    ]:
        if number_hint(answer, wrong) is None:
            return hint
    return number_hint(answer, weights + filters)


def _field(answer: object, stack: list[tuple[int, int]]) -> str | None:
    field = jump = 1
    without_jumps = 1
    for size, stride in stack:
        field += (size - 1) * jump
        without_jumps += size - 1
        jump *= stride
    if number_hint(answer, field) is None:
        return None
    if number_hint(answer, without_jumps) is None:
        return "after a pooling, one step in the small image is two steps in the X-ray."
    return number_hint(answer, field)


CHECKS |= {"new_bias": _bias, "horizontal": _kernel, "count": _parameters, "field": _field}


def slider(draw: Callable[[int], None], positions: int) -> None:
    """Let the learner move through pictures, where somebody is there to move the slider.

    Parameters
    ----------
    draw : function
        ``draw(position)`` ends with :func:`helpers.plots.show`.
    positions : int
        How many there are, counted from 0.
    """
    if not _somebody_is_there():
        print("Run this cell yourself: a slider appears here.")
        return
    import ipywidgets
    from IPython.utils.capture import capture_output

    control = ipywidgets.IntSlider(max=positions - 1, description="position")
    picture = ipywidgets.HTML()

    def move(_: object = None) -> None:
        with capture_output() as captured:
            draw(control.value)
        picture.value = captured.outputs[0].data["text/html"]

    control.observe(move, names="value")
    move()
    display(ipywidgets.VBox([control, picture]))


# --- Episode 5 ------------------------------------------------------------------------------


def _know_nothing(answer: object) -> str | None:
    hint = number_hint(answer, np.log(2), tolerance=0.01)
    if hint is None:
        return None
    value = float(answer)  # type: ignore[arg-type]
    if abs(value + np.log(2)) < 0.01:
        return "the loss is *minus* the logarithm."
    if abs(value - np.log10(2)) < 0.01 or abs(value - 1) < 0.01:
        return "the natural logarithm is meant: np.log."
    if abs(value - 2 * np.log(2)) < 0.01:
        return "only the probability given to the truth counts, not that of the other class too."
    return hint


def _screening(answer: object, chance: np.ndarray, sick: np.ndarray) -> str | None:
    hint = number_hint(answer, float(answer))  # type: ignore[arg-type]
    if hint:
        return hint
    found = float((chance[sick] >= float(answer)).mean())  # type: ignore[arg-type]
    if found < 0.9:
        return f"at this threshold only {found:.0%} of the effusions are found: go lower."
    highest = np.sort(chance[sick])[sick.sum() // 10]
    if float(answer) < highest - 0.005:  # type: ignore[arg-type]
        return "enough effusions are found, but a higher threshold would do, with fewer alarms."
    return None


def _fixed(answer: object, patients: np.ndarray) -> str | None:
    if not isinstance(answer, tuple | list) or len(answer) != 2:
        return "a pair is expected: (learn, exam)."
    learn, exam = (np.asarray(part) for part in answer)
    if len(learn) == 0 or len(exam) == 0:
        return "both parts need some images."
    if len(np.union1d(learn, exam)) < len(patients):
        return "some images are in neither part."
    shared = np.intersect1d(patients[learn], patients[exam])
    if len(shared):
        return f"{len(shared)} patients are on both sides."
    if not 0.1 <= len(exam) / len(patients) <= 0.4:
        return "keep about a quarter for the exam."
    return None


CHECKS |= {"know_nothing": _know_nothing, "screening": _screening, "fixed": _fixed}

# --- Extra: an everyday photograph ------------------------------------------------------------


def _top5(answer: object, scores: np.ndarray) -> str | None:
    answer, right = np.asarray(answer), np.argsort(scores)[::-1][:5]
    if answer.shape == scores.shape:
        return "these are all classes: keep the first five, after turning the order round."
    if answer.shape != (5,):
        return f"five numbers are expected; this has the shape {answer.shape}."
    if np.array_equal(answer, right):
        return None
    if np.array_equal(answer, right[::-1]):
        return "the right five, but the highest score should come first."
    if np.array_equal(answer, np.argsort(scores)[:5]):
        return "these have the lowest scores: turn the order round before you take five."
    if np.allclose(answer, scores[right]):
        return "these are the scores themselves; the numbers of the classes are asked for."
    return "these are not the classes with the five highest scores."


def _per_pixel(answer: object, gradient: np.ndarray) -> str | None:
    hint = array_hint(answer, gradient.shape[:2])
    if hint:
        return hint
    for wrong, explanation in [
        (np.abs(gradient).max(axis=-1), None),
        (gradient.max(axis=-1), "take the size first: a large negative slope counts as well."),
        (np.abs(gradient.max(axis=-1)), "take the size before the maximum, not after it."),
        (np.abs(gradient).mean(axis=-1), "this is the mean of the channels; take the largest."),
        (np.abs(gradient).sum(axis=-1), "this is the sum of the channels; take the largest."),
        (np.abs(gradient)[..., 0], "this is the first channel alone."),
    ]:
        if np.allclose(answer, wrong, rtol=1e-4, atol=1e-12):
            return explanation
    return "take np.abs of the gradient, then the maximum along its last axis."


CHECKS |= {"top5": _top5, "per_pixel": _per_pixel}


# --- Extra: an everyday photograph, in PyTorch ------------------------------------------------


def _first(answer: object, picture: np.ndarray) -> str | None:
    rows, columns, channels = picture.shape
    right = np.moveaxis(picture, -1, 0)
    answer = np.asarray(answer)
    if np.array_equal(answer, right):
        return None
    if np.array_equal(answer, picture.reshape(channels, rows, columns)):
        return "the shape is right, the numbers are mixed up: reshape moves no axis."
    if np.array_equal(answer, picture.T):
        return "the channels are first, but rows and columns are exchanged."
    if np.array_equal(answer, right[::-1]):
        return "the channels come in reverse order: the first should be the red one."
    return array_hint(answer, right.shape) or "first[0] should be picture[:, :, 0]."


def _slopes(answer: object) -> str | None:
    values = np.asarray(answer, dtype=float)
    if values.shape != (3, 2):
        return f"three gradients of two numbers are expected; this has the shape {values.shape}."
    if np.array_equal(values, [[2, -6]] * 3):
        return None
    steps = np.diff(values, axis=0)
    if np.array_equal(steps, [[2, -6]] * 2):
        return "the gradients still pile up: forget the old one before each backward()."
    if np.array_equal(values, values[[0, 0, 0]]):
        return "all alike, but not [2, -6]: set x.grad = None in the loop, before backward()."
    return "each round should find [2, -6], the gradient of x squared at 1 and -3."


CHECKS |= {"first": _first, "slopes": _slopes}


# --- Extra: the same model in PyTorch ---------------------------------------------------------


def _map_weights(answer: object, slopes: np.ndarray) -> str | None:
    if "torch" in type(answer).__module__:
        answer = answer.detach().numpy()  # type: ignore[attr-defined]
    answer = np.squeeze(np.asarray(answer))
    for wrong, explanation in [
        (slopes[0].mean(axis=(0, 1)), None),
        (slopes[0].mean(axis=(1, 2)), "this mean leaves one number for each row, not channel."),
        (slopes[0].sum(axis=(0, 1)), "this is the sum over all places; take the mean."),
        (np.abs(slopes[0]).mean(axis=(0, 1)), "keep the signs: a weight may be negative."),
        (slopes[0].max(axis=(0, 1)), "this is the largest value of each channel; take the mean."),
        (slopes[0].mean(axis=2), "this is the mean over the channels, one for each place."),
        (slopes.mean(), "this is one number for everything; each channel has its own weight."),
    ]:
        if answer.shape == np.shape(wrong) and np.allclose(answer, wrong, rtol=1e-3, atol=1e-9):
            return explanation
    return array_hint(answer, slopes.shape[-1:]) or "take the mean over rows and columns."


CHECKS |= {"map_weights": _map_weights}


# --- Extra: explaining by perturbing ----------------------------------------------------------


def _fall_black(
    answer: object, image: np.ndarray, ask: Callable[[np.ndarray], np.ndarray]
) -> str | None:
    def logit(colour: float, rows: slice = slice(40, 56), columns: slice = slice(8, 24)) -> float:
        covered = image.copy()
        covered[rows, columns] = colour
        return float(ask(covered[np.newaxis])[0])

    before = float(ask(image[np.newaxis])[0])
    black = float(image.min())
    right = before - logit(black)
    hint = number_hint(answer, right, tolerance=0.01)
    if hint is None:
        return None
    for wrong, explanation in [
        (-right, "the size is right, the sign is not: before minus after."),
        (before - logit(0.0), "this square is grey: fill it with image.min() in place of 0."),
        (before - logit(black, slice(8, 24), slice(40, 56)), "rows come first, then columns."),
        (logit(black), "this is the logit of the covered X-ray; by how much has it fallen?"),
        (before, "this is the logit before; take off the logit of the covered X-ray."),
    ]:
        if number_hint(answer, wrong, tolerance=0.01) is None:
            return explanation
    return hint


def _share_left(
    answer: object, nothing: float, left: float, right: float, both: float
) -> str | None:
    nothing, left, right, both = (float(value) for value in (nothing, left, right, both))
    share = ((left - nothing) + (both - right)) / 2
    hint = number_hint(answer, share, tolerance=0.01)
    if hint is None:
        return None
    for wrong, explanation in [
        (left - nothing, "this is the order in which left comes first; there is another one."),
        (both - right, "this is the order in which right comes first; there is another one."),
        (2 * share, "these are both growths together; take their mean."),
        (both - nothing - share, "this is the share of the right half."),
        ((left + both) / 2, "take growths: subtract what the logit was before left came in."),
    ]:
        if number_hint(answer, wrong, tolerance=0.01) is None:
            return explanation
    return hint


CHECKS |= {"fall_black": _fall_black, "share_left": _share_left}

# --- Extra: more than two classes -------------------------------------------------------------


def _mirrored_sides(answer: object, sides: np.ndarray) -> str | None:
    answer = np.asarray(answer)
    hint = array_hint(answer, sides.shape)
    if hint:
        return hint
    right = np.array([0, 2, 1, 3])[sides]
    if np.array_equal(answer, right):
        return None
    if np.array_equal(answer, sides):
        return "the pictures are mirrored, but their sides are as they were."
    if np.array_equal(answer, sides[::-1]):
        return "this turns the order of the patients round; the sides should change places."
    ones = (sides == 0) | (sides == 3)
    if not np.array_equal(answer[ones], sides[ones]):
        return "a mirrored normal X-ray is normal, and both sides stay both: 0 and 3 do not change."
    if (answer[sides == 1] == answer[sides == 2][0]).all():
        return "all of them are on one side now: look at the old array while you fill the new one."
    return "where the old array has 1 (right), the new one has 2 (left), and the other way round."


def _surest(answer: object, probability: np.ndarray, truth: np.ndarray) -> str | None:
    count = probability.shape[1]
    answer = np.asarray(answer)
    if answer.shape != (count,) or answer.dtype.kind not in "iu":
        return f"{count} positions are expected, one for each class, as whole numbers."
    if answer.min() < 0 or answer.max() >= len(truth):
        return f"there are {len(truth)} X-rays: positions go from 0 to {len(truth) - 1}."
    for label, place in enumerate(answer):
        if truth[place] != label:
            return f"the X-ray for class {label} belongs to class {truth[place]}."
        if probability[place].argmax() != label:
            return f"the network gets the X-ray for class {label} wrong."
        right = (truth == label) & (probability.argmax(axis=1) == label)
        if probability[place, label] < probability[right, label].max():
            return f"for class {label}, the network is surer of another correct X-ray."
    return None


CHECKS |= {"mirrored_sides": _mirrored_sides, "surest": _surest}
