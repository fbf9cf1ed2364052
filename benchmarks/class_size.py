"""How many learners fit a machine or a node, from what the notebooks were measured to need.

``python -m benchmarks.class_size`` prints the tables of ``deploy/kubernetes/README.md``. What is
measured stands in ``KERNEL`` and ``SERVER``; ``python -m benchmarks.notebooks`` measures it again.
``LEARNER`` and ``HUB`` come from ``python -m benchmarks.classroom``: a whole class works at once.
"""

import math

# Peak of a kernel's private memory in MB, on the 700 real X-rays, and what a server takes besides
KERNEL = {
    "01-introduction": 178,
    "02-visualisation": 464,
    "03-data-preparation": 536,
    "04-neural-networks": 737,
    "05-training": 642,
    "06-explainability": 655,
    "07-evaluation": 500,
    "08-testing-explanations": 674,
    "09-shortcuts": 587,
}
SERVER = 73
# With a class of twenty at work (benchmarks/README.md, "A class on one server"): the largest PSS in
# MB of a learner's server and kernel, and of hub, proxy and services together
LEARNER = {"02-visualisation": 337, "06-explainability": 778}
HUB = 270
PEAK = max(KERNEL.values()) + SERVER
MEMORY = 1.0  # GB that are kept free for each learner: the peak, with room for what is tried out
LIMIT = 2 * MEMORY  # GB at which a kernel ends: a second notebook may be open
PROCESSORS = 0.25  # that are kept free: four learners share one, and rarely compute at once
SYSTEM = 1.0  # GB for the system, and for hub and proxy on one server
SHARE = 0.06  # of a machine's memory that the system needs besides
NODES = ((2, 8), (4, 16), (8, 32), (16, 64), (32, 128))  # processors, GB


def learners_on(processors: float, memory: float) -> int:
    """Return how many learners fit a machine.

    Parameters
    ----------
    processors
        Of the machine; half a one is left to the system.
    memory
        In GB.
    """
    by_memory = (memory * (1 - SHARE) - SYSTEM) / MEMORY
    by_processors = (processors - 0.5) / PROCESSORS
    return max(0, math.floor(min(by_memory, by_processors)))


def needed_for(learners: int) -> tuple[int, int]:
    """Return the processors and the GB of memory that a class of this size needs."""
    processors = math.ceil(learners * PROCESSORS + 0.5)
    memory = math.ceil((learners * MEMORY + SYSTEM) / (1 - SHARE))
    return processors, memory


def tables() -> str:
    """Write both as Markdown."""
    lines = ["| node: processors, memory | learners |", "|---|---|"]
    lines += [f"| {cores}, {memory} GB | {learners_on(cores, memory)} |" for cores, memory in NODES]
    lines += ["", "| class of | processors | memory |", "|---|---|---|"]
    for learners in (10, 20, 40):
        processors, memory = needed_for(learners)
        lines.append(f"| {learners} | {processors} | {memory} GB |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(tables())
