"""The guessing game of episode 2: effusion or not? Its result is kept for episode 7."""

from __future__ import annotations

import base64
import html
import json
import os
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from IPython.display import HTML, display

from exercises.board import class_results, report_game
from exercises.hints import describe
from exercises.widgets import show_widgets, somebody_is_there
from helpers.images import DataError, read_image, resize
from helpers.paths import work_folder

if TYPE_CHECKING:
    from helpers.data import Dataset

__all__ = ["GuessingGame", "class_results", "human_score", "last_result"]
SCORE_FILE = "guessing_score.json"
COUNTS = ("right_effusions", "effusions", "right_normals", "normals")
SIZE = 400  # width and height of an X-ray on the screen, in pixels


class GuessingGame:
    """Effusion or not? Ten X-rays, each of a class that a fair coin decides.

    ``play()`` shows buttons; ``look()`` and ``guess(…)`` do the same in plain cells. After each
    answer the X-ray stays, with a line around the fluid if there is a mask, until the next one is
    asked for. After the last answer the result is kept in the work folder, where
    :func:`last_result` finds it.

    Parameters
    ----------
    dataset
        What ``helpers.data.find_dataset`` returned.
    seed
        The same seed gives the same X-rays in the same order.
    rounds
        How many X-rays are shown.
    """

    def __init__(self, dataset: Dataset, seed: int = 1, rounds: int = 10) -> None:
        rng = np.random.default_rng(seed)
        labels = np.array(dataset.labels)
        shuffled = [list(rng.permutation(np.flatnonzero(labels == label))) for label in (0, 1)]
        self.dataset, self.rounds = dataset, rounds
        self.drawn: list[int] = []
        for side_of_the_coin in rng.integers(2, size=rounds):
            number = shuffled[side_of_the_coin].pop(0)
            shuffled[side_of_the_coin].append(number)  # comes again only if a class is very small
            self.drawn.append(int(number))
        self.right = [0, 0]  # correct answers to normal X-rays and to effusions
        self.asked = [0, 0]
        self._shown = 0  # X-rays that were shown so far
        self._verdict = ""
        self._widgets: dict[str, Any] = {}

    @property
    def total(self) -> int:
        """How many X-rays are judged."""
        return sum(self.asked)

    @property
    def over(self) -> bool:
        """Whether all rounds are played."""
        return self.total >= self.rounds

    def answer(self, effusion: bool) -> str:
        """Take one guess, keep the result after the last, and say how it went."""
        if self.over:
            return self._verdict  # a click too many changes nothing
        label = self.dataset.labels[self.drawn[self.total]]
        right = bool(effusion) == bool(label)
        self.right[label] += right
        self.asked[label] += 1
        self._shown = max(self._shown, self.total)
        was = "an effusion" if label else "no effusion"
        self._verdict = (
            f"{'Right' if right else 'Wrong'}: it was {was}. "
            f"Score: {sum(self.right)} right of {self.total}"
        )
        if self.total >= self.rounds:
            from helpers.metrics import wilson_interval

            low, high = wilson_interval(sum(self.right), self.total)
            self._verdict += (
                f" (95 % interval {low:.2f} to {high:.2f}). "
                f"You found {self.right[1]} of {self.asked[1]} effusions and judged "
                f"{self.right[0]} of {self.asked[0]} normal X-rays correctly. {self._keep_result()}"
            )
        return self._verdict

    def _keep_result(self) -> str:
        """Write the final result in one step, so that nobody ever reads half a file."""
        counts = (self.right[1], self.asked[1], self.right[0], self.asked[0])
        report_game(counts)
        result = {**dict(zip(COUNTS, counts, strict=True)), "data": self.dataset.name}
        try:
            file = work_folder() / SCORE_FILE
            part = file.with_name(f"{SCORE_FILE}.{os.getpid()}.part")
            try:
                part.write_text(json.dumps(result), encoding="utf-8")
                os.replace(part, file)
            finally:
                part.unlink(missing_ok=True)
        except (OSError, DataError) as error:
            return f"It could not be kept ({describe(error)}): note it down for episode 7."
        return "That was the last one; episode 7 compares the network with you."

    def look(self) -> None:
        """Show the X-ray to guess next."""
        if self.over:
            print(self._verdict)
            return
        self._shown = self.total + 1
        display(HTML(self._picture(self.total)))
        self._update("Judge this X-ray.")

    def guess(self, answer: object = None) -> None:
        """Guess "effusion" or "no effusion", print how it went and show the X-ray once more."""
        if answer is None or answer is Ellipsis:
            print('No guess yet: write "effusion" or "no effusion" between the brackets.')
            return
        words = " ".join(answer.lower().split()) if isinstance(answer, str) else ""
        if words not in ("effusion", "no effusion"):
            print('Not counted: the answer is either "effusion" or "no effusion".')
            return
        if not self.over and self._shown <= self.total:
            print("Not counted: run the cell with game.look() first, it shows the next X-ray.")
            return
        was_over = self.over
        verdict = self.answer(effusion=words == "effusion")
        print(verdict)
        if not was_over:
            display(HTML(self._picture(self.total - 1)))
        self._update(verdict)

    def play(self) -> None:
        """Show the game with buttons, where somebody is there to press them."""
        if not somebody_is_there():
            print("Run this cell yourself: an X-ray and buttons appear here.")
            return
        import ipywidgets

        layout = ipywidgets.Layout(width="180px", height="44px")
        effusion, normal, following = (
            ipywidgets.Button(description=words, layout=layout)
            for words in ("Effusion", "No effusion", "Next X-ray")
        )
        effusion.on_click(lambda _: self._press(effusion=True))
        normal.on_click(lambda _: self._press(effusion=False))
        following.on_click(lambda _: self._next())
        self._widgets = {
            "picture": ipywidgets.HTML(),
            "buttons": ipywidgets.HBox([effusion, normal, following]),
            "verdict": ipywidgets.HTML(),
        }
        self._next()
        show_widgets(*self._widgets.values())
        # SciPy takes a second or two to load: while the first X-ray is looked at, and not between
        # the last click and the score.
        import helpers.metrics  # noqa: F401

    def _press(self, effusion: bool) -> None:
        """Take one guess by button; the keyboard is then on the button for the next X-ray."""
        self._update(self.answer(effusion))
        self._widgets["buttons"].children[-1].focus()

    def _next(self) -> None:
        """Go on to the X-ray to guess next; the keyboard is then on the first button."""
        self._shown = min(self.total + 1, self.rounds)
        start = "Press a button. With the keyboard: Tab to reach it, Space to press it."
        self._update(self._verdict if self.over else "Judge this X-ray." if self.total else start)
        if self.total and not self.over:
            self._widgets["buttons"].children[0].focus()

    def _update(self, verdict: str) -> None:
        """Bring the widgets, if there are any, up to date with the game."""
        if not self._widgets:
            return
        asking = self._shown > self.total
        self._widgets["picture"].value = self._picture(self.total - (not asking))
        words = html.escape(verdict)  # it may quote an error, and so the name of a folder
        self._widgets["verdict"].value = f'<p role="status" style="font-size:120%">{words}</p>'
        *judge, following = self._widgets["buttons"].children
        for button in judge:
            button.disabled = not asking
        following.disabled = asking or self.over

    def _picture(self, place: int) -> str:
        """Return an X-ray as an HTML image; before it is judged, nothing gives the answer away."""
        number = self.drawn[place]
        image = resize(read_image(self.dataset.files[number]), SIZE)
        text = "effusion or no effusion?"
        if place < self.total:
            text = "it was an effusion." if self.dataset.labels[number] else "it was no effusion."
            image = self._outlined(image, number)
        png = base64.b64encode(cv2.imencode(".png", image)[1].tobytes()).decode("ascii")
        alt = f"Chest X-ray {place + 1} of {self.rounds}: {text}"
        size = f'width="{SIZE}" style="max-width: 100%; height: auto"'
        return f'<img alt="{alt}" {size} src="data:image/png;base64,{png}">'

    def _outlined(self, image: np.ndarray, number: int) -> np.ndarray:
        """Draw the edge of the ground-truth mask into an X-ray, where there is a mask."""
        path = self.dataset.masks[number] if self.dataset.masks else None
        if path is None:
            return image
        try:
            mask = resize(read_image(path, "The mask "), SIZE) >= 128
        except DataError:
            return image
        edges, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        colour = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
        for grey_levels, width in (((0, 0, 0), 5), ((0, 255, 255), 2)):  # yellow on black
            cv2.drawContours(colour, edges, -1, grey_levels, width, cv2.LINE_AA)
        return colour


def last_result(dataset: Dataset | None = None) -> tuple[int, int, int, int] | None:
    """Return how the last finished game went, or None if there is none.

    A result from another data set than the one given does not count.

    Returns
    -------
    right_effusions, effusions, right_normals, normals : int
        Correct answers to effusions, effusions shown, and the same for normal X-rays.
    """
    try:
        text = (work_folder() / SCORE_FILE).read_text(encoding="utf-8")
        kept = json.loads(text)
        found, effusions, cleared, normals = (int(kept[name]) for name in COUNTS)
        name = kept["data"]
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None  # nothing kept, or damaged; DataError is a ValueError
    if not (0 <= found <= effusions and 0 <= cleared <= normals and effusions + normals > 0):
        return None
    if dataset is not None and name != dataset.name:
        return None
    return found, effusions, cleared, normals


def human_score(dataset: Dataset | None = None) -> tuple[int, int] | None:
    """Return (correct, total) of the last finished game, or None if there is none.

    A score from another data set than the one given does not count.
    """
    result = last_result(dataset)
    return None if result is None else (result[0] + result[2], result[1] + result[3])
