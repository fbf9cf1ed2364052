"""What answers learners: ``check(name, answer, *given)`` reads an answer and prints one line.

The exercises of each episode have a module of their own, with the hints for their frequent wrong
answers; :mod:`exercises.hints` holds what they share. :mod:`exercises.game` is the guessing game of
episode 2, :mod:`exercises.widgets` the sliders. On a server for a class, :mod:`exercises.board`
tells the instructor's board which exercises were tried. None of them loads TensorFlow.
"""

import warnings

import numpy as np

from exercises import (
    board,
    episode_1,
    episode_2,
    episode_3,
    episode_4,
    episode_5,
    episode_6,
    episode_7,
    episode_8,
    episode_9,
    extras,
)
from exercises.hints import Check, Hint
from exercises.stops import in_words

__all__ = ["CHECKS", "check", "diagnose", "verify"]

MODULES = (
    episode_1,
    episode_2,
    episode_3,
    episode_4,
    episode_5,
    episode_6,
    episode_7,
    episode_8,
    episode_9,
    extras,
)
CHECKS: dict[str, Check] = {name: it for module in MODULES for name, it in module.CHECKS.items()}
VARIABLES = episode_6.VARIABLES
"""What learners call their answer, where that is not the name of the exercise."""


def check(name: str, answer: object = None, *given: object) -> None:
    """Print "Right: …", "Not yet: <hint>" or "No answer yet: …"; never raise.

    Parameters
    ----------
    name
        Which exercise: a key of ``CHECKS``.
    answer
        What the learner found; None or Ellipsis stand for "nothing yet".
    *given
        What the exercise started from, handed on to its check.
    """
    hint = diagnose(name, answer, *given)
    if hint is None:
        print(f"Right: {VARIABLES.get(name, name)} is what the exercise asks for.")
    else:
        begin = "No answer yet:" if hint.kind == "empty" else "Not yet:"
        print(begin, hint.text)
    board.report(name, hint)


def verify(name: str, answer: object = None, *given: object) -> None:
    """Say nothing if the lesson's own solution is right, so that it gives no verdict away.

    Parameters
    ----------
    name, answer, *given
        As in :func:`check`.

    Raises
    ------
    AssertionError
        If the answer is not right, with the hint.
    """
    hint = diagnose(name, answer, *given)
    if hint is not None:
        raise AssertionError(hint.text)


def diagnose(name: str, answer: object = None, *given: object) -> Hint | None:
    """Return None for the right answer, else what is wrong with it; never raise.

    Parameters
    ----------
    name, answer, *given
        As in :func:`check`.
    """
    if answer is None or answer is Ellipsis:
        variable = VARIABLES.get(name, name)
        return Hint("empty", f"give {variable} a value in the cell above, then run this one again.")
    if name not in CHECKS:
        known = ", ".join(sorted(CHECKS))
        return Hint("unknown", f"there is no check called {name!r}; known are {known}.")
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return CHECKS[name](answer, *given)
    except (Exception, SystemExit):  # a learner's answer, and what is given, may be anything
        return Hint(
            "given",
            "this answer cannot be compared with the expected one: run the cells above again, in "
            "their order, and look at the type and the shape of your answer.",
        )


in_words({VARIABLES.get(name, name) for name in CHECKS})
board.start()
