"""Run in each kernel that `make lab` starts: a cell that stops says so in words from the first on.

Kernels run it as their ``PYTHONSTARTUP`` (see tools/jupyter_lab_config.py) among the learner's own
variables, and so it leaves none behind.
"""

import contextlib

with contextlib.suppress(ImportError):  # the kernel of another Python has no lesson
    import exercises

    del exercises
del contextlib
