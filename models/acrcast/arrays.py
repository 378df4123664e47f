"""Names of the array types that the packages pass around, and rows that are alike."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]
Floats32 = npt.NDArray[np.float32]


def alike(masks: Bools) -> list[Integers]:
    """Positions of the rows that are the same, for each different row of masks (n, w)."""
    if len(masks) == 1:
        return [np.zeros(1, dtype=np.int64)]
    packed = np.packbits(masks, axis=1)
    if (packed == packed[:1]).all():
        return [np.arange(len(masks))] if len(masks) else []
    # rows as bytes: NumPy finds the different ones several times as fast as rows of numbers
    rows = np.ascontiguousarray(packed).view(np.dtype((np.void, packed.shape[1])))[:, 0]
    _, pattern = np.unique(rows, return_inverse=True)
    order = np.argsort(pattern, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(pattern[order])) + 1)
