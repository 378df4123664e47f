"""What is freed goes back to the system."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_MMAP_THRESHOLD = -3  # its number in glibc's malloc.h
WHILE_READING, OTHERWISE = 256 * 2**10, 6 * 2**20


@contextmanager
def given_back() -> Iterator[None]:
    """Inside, memory of more than 256 kB is the system's again as soon as it is freed; afterwards, of more than 6 MB.

    glibc by itself keeps up to 32 MB for later arrays, which hardly ever fit into the gaps: after the files of a million patients
    were read it held several hundred MB of nothing. In arithmetic, whose blocks have 2 MB, giving these back as well would take
    a third more time. Does nothing where there is no glibc.
    """
    _set(WHILE_READING)
    try:
        yield
    finally:
        _set(OTHERWISE)


def _set(threshold: int) -> None:
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, threshold)
