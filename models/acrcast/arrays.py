"""Names of the array types that the packages pass around, and rows that are alike."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]
Floats32 = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]
FoldNumbers = npt.NDArray[np.int16]


def alike(masks: Bools) -> list[Integers]:
    """Positions of the rows that are the same, for each different row of masks (n, w)."""
    if len(masks) == 1 or (len(masks) and masks.all()):
        return [np.arange(len(masks))]
    packed = np.packbits(masks, axis=1)
    if (packed == packed[:1]).all():
        return [np.arange(len(masks))] if len(masks) else []
    # rows as bytes: NumPy sorts them several times as fast as rows of numbers
    rows = np.ascontiguousarray(packed).view(np.dtype((np.void, packed.shape[1])))[:, 0]
    order = np.argsort(rows, kind="stable")
    ordered = rows[order]
    return np.split(order, np.flatnonzero(ordered[1:] != ordered[:-1]) + 1)
