"""What a cell says that stops: for two frequent reasons a sentence in place of a traceback.

A name that is not defined is the usual end of a check after an attempt that failed, and of a cell
in the middle of a notebook whose beginning has not been run. The other reason is the stop button.
"""

from __future__ import annotations

import builtins
import difflib
import linecache
import sys
from types import TracebackType
from typing import Any

STOPPED = "Stopped. The cells below can be run."
ABOVE = (
    "If a cell above defines it, that cell has not been run, or it has stopped with an error: "
    "choose Run > Run All Above Selected Cell, then run this cell again."
)


def in_words() -> None:
    """Have IPython show these sentences; outside of IPython nothing happens."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is not None and not shell.custom_exceptions:
        shell.set_custom_exc((NameError, KeyboardInterrupt), _show)


def _show(
    shell: Any,
    kind: type[BaseException],
    error: BaseException,
    traceback: TracebackType | None,
    tb_offset: int | None = None,
) -> None:
    """Show a cell's error as IPython would, with other words; it stays an error."""
    sys.last_type, sys.last_value, sys.last_traceback = kind, error, traceback  # for %debug
    lines = [STOPPED] if kind is KeyboardInterrupt else _undefined(shell, error, traceback)
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
