"""What a cell says that stops: for frequent reasons a sentence in place of a traceback.

A name that is not defined is the usual end of a check after an attempt that failed, and of a cell
in the middle of a notebook whose beginning has not been run. A cell after an exercise that was left
out meets None in place of the answer. The last reason is the stop button.
"""

from __future__ import annotations

import builtins
import difflib
import linecache
import re
import sys
from collections.abc import Collection
from functools import partial
from types import TracebackType
from typing import Any

STOPPED = "Stopped. The cells below can be run."
ABOVE = (
    "If a cell above defines it, that cell has not been run, or it has stopped with an error: "
    "choose Run > Run All Above Selected Cell, then run this cell again."
)
LEFT_OUT = (
    "Do that exercise, or open its solution and run the hidden cell below it. "
    "Then run this cell again."
)
UNDONE = (TypeError, IndexError, ValueError, AttributeError)  # what None leads to


def in_words(answers: Collection[str]) -> None:
    """Have IPython show these sentences; outside of IPython nothing happens.

    Parameters
    ----------
    answers
        The names that learners give to their answers; until then they are None.
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is not None and not shell.custom_exceptions:
        shell.set_custom_exc((NameError, KeyboardInterrupt, *UNDONE), partial(_show, answers))


def _show(
    answers: Collection[str],
    shell: Any,
    kind: type[BaseException],
    error: BaseException,
    traceback: TracebackType | None,
    tb_offset: int | None = None,
) -> None:
    """Show a cell's error as IPython would, with other words; it stays an error."""
    sys.last_type, sys.last_value, sys.last_traceback = kind, error, traceback  # for %debug
    if kind is KeyboardInterrupt:
        lines = [STOPPED]
    elif isinstance(error, NameError):
        lines = _undefined(shell, error, traceback)
    else:
        lines = _left_out(answers, shell, error, traceback)
    if lines:
        shell._showtraceback(kind, error, lines)
    else:
        shell.showtraceback((kind, error, traceback), tb_offset=tb_offset)


def _undefined(shell: Any, error: BaseException, traceback: TracebackType | None) -> list[str]:
    """Say which name is not defined and where; nothing if that is in no cell but in a library."""
    name = getattr(error, "name", None)
    if traceback is None or not name or isinstance(error, UnboundLocalError):
        return []
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback.tb_frame.f_globals is not shell.user_ns:
        return []
    frame, number = traceback.tb_frame, traceback.tb_lineno
    line = linecache.getline(frame.f_code.co_filename, number).strip()
    known = {*shell.user_ns, *frame.f_locals, *vars(builtins)}
    similar = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
    question = f" Did you mean {similar[0]}?" if similar else ""
    return [f"NameError: {name} is not defined.{question}", f"    line {number}: {line}", ABOVE]


def _left_out(
    answers: Collection[str], shell: Any, error: BaseException, traceback: TracebackType | None
) -> list[str]:
    """Say which answer in the cell is still None; nothing if there is none."""
    while traceback is not None and traceback.tb_frame.f_globals is not shell.user_ns:
        traceback = traceback.tb_next
    if traceback is None:
        return []
    file, number = traceback.tb_frame.f_code.co_filename, traceback.tb_lineno
    words = re.findall(r"\w+", "".join(linecache.getlines(file)))
    empty = [name for name in words if name in answers and shell.user_ns.get(name, 0) is None]
    if not empty:
        return []
    line = linecache.getline(file, number).strip()
    said = f"{type(error).__name__}: {empty[0]} is None, since its exercise is not done."
    return [said, f"    line {number}: {line}", LEFT_OUT]
