"""Arrays of numbers as .npz: without pickled objects, uncompressed, and the same bytes for the same arrays."""

import io
import zipfile
from collections.abc import Mapping

import numpy as np

from acrcast.arrays import Floats
from acrcast.errors import ArtefactError


def to_npz(arrays: Mapping[str, Floats]) -> bytes:
    """Bytes that depend on the arrays alone: no time stamps."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(arrays):
            content = io.BytesIO()
            np.lib.format.write_array(content, np.ascontiguousarray(arrays[name]), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), content.getvalue())
    return buffer.getvalue()


def from_npz(content: bytes, name: str) -> dict[str, Floats]:
    """Arrays as `to_npz` writes them: uncompressed, so that a small file cannot become a huge one, and without objects. Raises ArtefactError."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return {member.filename.removesuffix(".npy"): _array(archive, member) for member in archive.infolist()}
    except (
        ValueError,
        TypeError,
        OSError,
        EOFError,
        RuntimeError,
        MemoryError,
        OverflowError,
        zipfile.BadZipFile,
    ) as error:
        raise ArtefactError(f"{name}: not plain arrays of numbers; pickled objects are never loaded") from error


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Floats:
    if member.compress_type != zipfile.ZIP_STORED:
        raise ValueError("compressed")
    array = np.lib.format.read_array(io.BytesIO(archive.read(member)), allow_pickle=False)
    if array.dtype != np.float64:
        raise ValueError("not numbers")
    return np.asarray(array, dtype=np.float64)
