"""What is freed goes back to the system."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_MMAP_THRESHOLD = -3  # its number in glibc's malloc.h
WHILE_READING, OTHERWISE = 256 * 2**10, 32 * 2**20


@contextmanager
def given_back() -> Iterator[None]:
    """Inside, memory of more than 256 kB is the system's again as soon as it is freed. Does nothing where there is no glibc.

    Columns grow cell by cell and leave gaps, which glibc keeps for later arrays that hardly ever fit: after the files of a
    million patients it held several hundred MB of nothing. In arithmetic, giving back costs a third of the time.
    """
    _set(WHILE_READING)
    try:
        yield
    finally:
        _set(OTHERWISE)


def _set(threshold: int) -> None:
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, threshold)
