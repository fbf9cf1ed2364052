"""Work that is ended at one after the other of its deeds, that is, of what it does with files."""

import os
import signal
import sys

DEEDS = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod", "os.scandir"}
DEEDS |= {"shutil.rmtree"}


def ends(work, folder, step=1, kills=(True,), quiet=2):
    """Do some work again and again, each time in a child of this process (which saves importing).

    The first child counts its deeds in the folder. The others are ended at one of them: killed by
    the system, or else interrupted as by Ctrl+C. ``work`` is given where to work, "0-0" for the
    first child, else such as "1-7" for one that is killed at the seventh deed, "0-7" for one that
    is interrupted. The stream ``quiet``, 1 or 2, is closed.

    Returns
    -------
    How many deeds there are, and for each way to end the set of exit codes seen.
    """

    def run(point, kill):
        count = 0

        def hook(event, given):
            nonlocal count
            if event in DEEDS and folder in str(given[0]):
                count += 1
                if count == point:
                    if kill:
                        os.kill(os.getpid(), signal.SIGKILL)
                    raise KeyboardInterrupt

        sys.addaudithook(hook)
        status = work(f"{folder}/{kill:d}-{point}")
        sys.stderr.flush()
        return (status or 0) if point else count

    def end(point, kill):
        child = os.fork()
        if not child:
            os.dup2(os.open(os.devnull, os.O_WRONLY), quiet)
            os._exit(run(point, kill))
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    deeds = end(0, False)
    points = range(1, deeds + 1, step)
    return deeds, *({end(point, kill) for point in points} for kill in kills)
