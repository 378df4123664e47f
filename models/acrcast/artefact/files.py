"""The files of a model's folder: their names, their bytes, and that they are what the manifest lists."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from acrcast.errors import ArtefactError, TamperedError

MANIFEST, CARD, EVIDENCE = "manifest.json", "card.json", "evidence.json"
# Made later, and by somebody else: the manifest cannot list it.
SIGNATURE = "manifest.sig"
ARRAYS, SELF_TEST, BOOSTER = "arrays.npz", "self_test.npz", "booster.ubj"
LARGEST_FILE = 200 * 1024 * 1024


def checked_files(folder: Path, listed: Mapping[str, str]) -> dict[str, bytes]:
    """The content of every file but the manifest. listed: their SHA-256 by name. Raises ArtefactError, TamperedError."""
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    present -= {MANIFEST, SIGNATURE}
    unlisted, lost = sorted(present - listed.keys()), sorted(listed.keys() - present)
    if lost:
        raise ArtefactError(f"{folder}: {lost[0]} is missing")
    if unlisted:
        raise TamperedError(f"{folder}: {unlisted[0]} does not belong to the model")
    contents = {}
    for name, digest in listed.items():
        contents[name] = content_of(folder / name, folder)
        if hashlib.sha256(contents[name]).hexdigest() != digest:
            raise TamperedError(f"{folder / name}: its content differs from the digest in {MANIFEST}")
    if not {ARRAYS, CARD, EVIDENCE, SELF_TEST} <= contents.keys():
        raise ArtefactError(f"{folder}: {MANIFEST} does not list {ARRAYS}, {CARD}, {EVIDENCE} and {SELF_TEST}")
    return contents


def content_of(path: Path, folder: Path) -> bytes:
    """A file's bytes. Raises TamperedError for what is no plain file of the folder, ArtefactError for one too large."""
    if not path.resolve().is_relative_to(folder.resolve()):
        raise TamperedError(f"{path}: a link that leaves the model's folder")
    if not path.is_file():
        raise TamperedError(f"{path}: not a plain file")
    if path.stat().st_size > LARGEST_FILE:
        raise ArtefactError(f"{path}: larger than {LARGEST_FILE // 1024**2} MiB")
    return path.read_bytes()


def to_json(data: object) -> bytes:
    """JSON for people to read, too. Raises ValueError for what JSON has not, such as NaN."""
    return (json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def from_json(content: bytes, name: str) -> dict[str, Any]:
    """The object in the file of this name. Raises ArtefactError."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ArtefactError(f"{name}: not JSON") from error
    if not isinstance(found, dict):
        raise ArtefactError(f"{name}: not an object")
    return found
