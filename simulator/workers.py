"""Work for all cores: processes that leave Ctrl+C to the one that started them and end with it."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from types import FrameType
from typing import Any

from .picture import SimulatorError

# Ctrl+C, a request to end, a closed terminal
ENDS = [getattr(signal, n) for n in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, n)]
MOST = 61  # Windows waits for no more than that many at once


def spread(work: Callable, jobs: list[tuple], processes: int, at_once: int) -> Iterator[Any]:
    """Do the jobs in new processes and yield what they return, in the order of the jobs.

    Parameters
    ----------
    work : function
        Called with one job; defined at the top of a module, where the processes find it.
    jobs : list
    processes : int
        How many processes, at most ``MOST``.
    at_once : int
        How many jobs a process is given at a time.

    Raises
    ------
    SimulatorError
        If a process ends before its work is done.
    """
    # "spawn" starts clean processes: a kernel runs threads, which "fork" would not survive.
    context = multiprocessing.get_context("spawn")
    # Closing an end of this pipe, which also happens when this process is killed, ends the workers.
    their_end, our_end = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(min(processes, MOST), context, attend, (their_end,))
    try:
        yield from start(pool, work, jobs, at_once)
        pool.shutdown()
    except BrokenProcessPool as error:
        raise SimulatorError(
            "The simulator stopped because a worker process ended; try fewer processes, "
            'and in a script call it under `if __name__ == "__main__":`.'
        ) from error
    finally:
        our_end.close()
        pool.shutdown(cancel_futures=True)
        their_end.close()


def start(
    pool: ProcessPoolExecutor, work: Callable, jobs: list[tuple], at_once: int
) -> Iterator[Any]:
    """Start the processes; none is left half started by Ctrl+C."""
    with held_back():
        return pool.map(work, jobs, chunksize=at_once)


@contextmanager
def held_back() -> Iterator[None]:
    """Hold back Ctrl+C and what else ends a run; what came meanwhile takes effect at the end.

    The new processes inherit that Ctrl+C is blocked, until they ``attend``. Blocking alone does
    not keep it from this process: the system may hand a signal to another thread, of a library.
    """
    came: list[tuple[int, FrameType | None]] = []
    handlers = {}
    if threading.current_thread() is threading.main_thread():  # no other is interrupted
        handlers = {number: signal.getsignal(number) for number in ENDS}
    own = {number: handler for number, handler in handlers.items() if callable(handler)}
    for number in own:
        signal.signal(number, lambda *signalled: came.append(signalled))
    blocks = hasattr(signal, "pthread_sigmask")  # not on Windows
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if blocks else set()
    try:
        yield
    finally:
        if blocks:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        for number, handler in own.items():
            signal.signal(number, handler)
        for number, frame in came[:1]:
            own[number](number, frame)


def attend(pipe: Connection) -> None:
    """Begin a worker: leave Ctrl+C to the process that started it, and end with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def follow() -> None:
        with suppress(EOFError, OSError):
            pipe.recv()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
