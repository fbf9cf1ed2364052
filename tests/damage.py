"""Damage to bytes, for the tests in `fuzz`, and what it costs in memory and on the disk."""

import sys

from hypothesis import strategies as st


@st.composite
def damaged(draw, content, least=0, most=4):
    """Return a strategy for these bytes with a few of them changed, cut out, put in or cut off."""
    broken = bytearray(content)
    for _ in range(draw(st.integers(least, most))):
        at = draw(st.integers(0, max(len(broken) - 1, 0)))
        deed = draw(
            st.sampled_from(["flip", "cut off", "cut out", "put in", "repeat", "huge", "zeros"])
        )
        length = draw(st.integers(1, 64))
        if deed == "flip" and broken:
            broken[at] ^= 1 << draw(st.integers(0, 7))
        elif deed == "cut off":
            del broken[at:]
        elif deed == "cut out":
            del broken[at : at + length]
        elif deed == "put in":
            broken[at:at] = draw(st.binary(min_size=1, max_size=length))
        elif deed == "repeat":
            broken[at:at] = broken[at : at + length]
        elif deed == "zeros":
            broken[at : at + length] = bytes(length)
        elif deed == "huge":  # as a length that a file states
            broken[at : at + 4] = b"\x7f\xff\xff\xff"
    return bytes(broken)


def memory():
    """Return the largest amount of memory that this process has used so far, in bytes."""
    if sys.platform != "linux":
        return 0
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def on_disk(folder):
    """Return everything below a folder, with its bytes."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }
