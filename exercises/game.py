"""The guessing game of episode 2: effusion or not? Its score is kept for episode 5."""

from __future__ import annotations

import base64
import html
import json
import os
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from IPython.display import HTML, display

from exercises.hints import describe
from exercises.widgets import somebody_is_there
from helpers.images import DataError, read_image, resize
from helpers.paths import work_folder

if TYPE_CHECKING:
    from helpers.data import Dataset

SCORE_FILE = "guessing_score.json"
SIZE = 400  # width and height of an X-ray on the screen, in pixels


class GuessingGame:
    """Effusion or not? Ten X-rays, each of a class that a fair coin decides.

    ``play()`` shows two buttons; ``look()`` and ``guess(…)`` do the same in plain cells. After the
    last round the score is kept in the work folder, where :func:`human_score` finds it.

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
        self.correct = 0
        self.total = 0
        self._verdict = ""
        self._widgets: dict[str, Any] = {}

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
        if self.total == self.rounds:
            from helpers.metrics import wilson_interval

            low, high = wilson_interval(self.correct, self.total)
            self._verdict += f" (95 % interval {low:.2f} to {high:.2f}). {self._keep_score()}"
        return self._verdict

    def _keep_score(self) -> str:
        """Write the final score in one step, so that nobody ever reads half a file."""
        score = {"correct": self.correct, "total": self.total, "data": self.dataset.name}
        try:
            file = work_folder() / SCORE_FILE
            part = file.with_name(f"{SCORE_FILE}.{os.getpid()}.part")
            try:
                part.write_text(json.dumps(score), encoding="utf-8")
                os.replace(part, file)
            finally:
                part.unlink(missing_ok=True)
        except (OSError, DataError) as error:
            return f"It could not be kept ({describe(error)}): note it down for episode 5."
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
        words = " ".join(answer.lower().split()) if isinstance(answer, str) else ""
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
        if not somebody_is_there():
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
        # SciPy takes a second or two to load: while the first X-ray is looked at, and not between
        # the last click and the score.
        import helpers.metrics  # noqa: F401

    def _update(self, verdict: str) -> None:
        """Bring the widgets, if there are any, up to date with the game."""
        if not self._widgets:
            return
        self._widgets["picture"].value = "" if self.over else self._picture()
        words = html.escape(verdict)  # it may quote an error, and so the name of a folder
        self._widgets["verdict"].value = f'<p role="status" style="font-size:120%">{words}</p>'
        for button in self._widgets["buttons"].children:
            button.disabled = self.over

    def _picture(self) -> str:
        """Return the X-ray to guess as an HTML image, whose text does not give the answer away."""
        image = resize(read_image(self.dataset.files[self.drawn[self.total]]), SIZE)
        png = base64.b64encode(cv2.imencode(".png", image)[1].tobytes()).decode("ascii")
        alt = f"Chest X-ray {self.total + 1} of {self.rounds}: effusion or no effusion?"
        size = f'width="{SIZE}" style="max-width: 100%; height: auto"'
        return f'<img alt="{alt}" {size} src="data:image/png;base64,{png}">'


def human_score(dataset: Dataset | None = None) -> tuple[int, int] | None:
    """Return (correct, total) of the last finished game, or None if there is none.

    A score from another data set than the one given does not count.
    """
    try:
        text = (work_folder() / SCORE_FILE).read_text(encoding="utf-8")
        score = json.loads(text)
        correct, total, name = int(score["correct"]), int(score["total"]), score["data"]
    except (OSError, ValueError, KeyError, TypeError):  # DataError is a ValueError
        return None
    if not 0 <= correct <= total or total == 0 or (dataset is not None and name != dataset.name):
        return None
    return correct, total
