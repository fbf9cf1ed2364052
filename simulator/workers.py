"""Work for all cores: processes that leave Ctrl+C to the one that started them and end with it."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from .picture import SimulatorError

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
    """Start the processes with Ctrl+C held back, which they inherit until they ``attend``."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        return pool.map(work, jobs, chunksize=at_once)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return pool.map(work, jobs, chunksize=at_once)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def attend(pipe: Connection) -> None:
    """Begin a worker: leave Ctrl+C to the process that started it, and end with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def follow() -> None:
        with suppress(EOFError, OSError):
            pipe.recv()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
