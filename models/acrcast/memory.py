"""What is freed goes back to the system."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_MMAP_THRESHOLD = -3  # its number in glibc's malloc.h
WHILE_READING, OTHERWISE = 256 * 2**10, 3 * 2**20


@contextmanager
def given_back() -> Iterator[None]:
    """Inside, memory of more than 256 kB is the system's again as soon as it is freed; afterwards, of more than 3 MB.

    glibc by itself keeps up to 32 MB for later arrays, which hardly ever fit into the gaps: after the files of a million patients
    were read it held several hundred MB of nothing. In arithmetic, whose blocks have 2 MB, giving these back as well would take
    a third more time. Does nothing where there is no glibc.
    """
    _set(WHILE_READING)
    try:
        yield
    finally:
        _set(OTHERWISE)


def give_back() -> None:
    """What was freed between arrays that are still held goes back too: to be called where much was. Takes some milliseconds."""
    _call("malloc_trim", 0)


def _set(threshold: int) -> None:
    _call("mallopt", _MMAP_THRESHOLD, threshold)


def _call(name: str, *values: int) -> None:
    with suppress(AttributeError, OSError, TypeError):
        getattr(ctypes.CDLL(None), name)(*values)
