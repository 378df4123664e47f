"""What was fetched from a registry, on disk: each artefact once, by its digest, and which one last answered for a URI.

    models/<digest>/model                  the artefact's folder, never changed
    models/<digest>/model.promotion.json   how it became champion, when that is known
    models/last/<name>.json                for a URI: the version that last answered, and its folder here

An entry appears whole, by a rename, or not at all.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from acrcast import artefact, promotion
from acrcast.errors import AcrcastError

FOLDER = "model"


class Memory(BaseModel):
    """Which version of a URI last answered. entry: its folder in the cache."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    uri: str
    address: str
    mark: str
    entry: str = Field(pattern=r"^[0-9a-f]{64}(-[0-9a-f]{16})?$")


class Cache:
    """Artefacts below one folder, shared by all servers and workers that use it."""

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()

    def made(self) -> Path:
        """The folder, made when needed. Raises AcrcastError when it cannot be written."""
        try:
            (self._root / "last").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise AcrcastError(
                f"{self._root}: cannot be written ({error.strerror}): set ACRCAST_STATE to a folder where models are kept"
            ) from None
        return self._root

    def folder(self, entry: str) -> Path:
        return self._root / entry / FOLDER

    def add(self, fetched: Path, intact: Callable[[Path], bool]) -> Path:
        """The folder in the cache of an artefact that was fetched below it. What is there already and intact stays."""
        name = _name_of(fetched)
        place = self._root / name
        if place.exists() and not intact(self.folder(name)):
            with tempfile.TemporaryDirectory(dir=self._root, prefix=".old-") as aside:
                place.rename(Path(aside) / name)
        if not place.exists():
            entry = Path(tempfile.mkdtemp(dir=fetched.parent, prefix="entry-"))
            record = promotion.place_of(fetched)
            if record.is_file():
                record.rename(promotion.place_of(entry / FOLDER))
            fetched.rename(entry / FOLDER)
            _move(entry, place)
        return self.folder(name)

    def remember(self, key: str, uri: str, address: str, mark: str, folder: Path) -> None:
        """key: of the registry and the URI; it may hold a password, and only its hash is written."""
        memory = Memory(uri=uri, address=address, mark=mark, entry=folder.parent.name)
        handle, name = tempfile.mkstemp(dir=self.made() / "last")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(memory.model_dump_json())
            file.flush()
            os.fsync(handle)
        Path(name).replace(self._memory_of(key))

    def recall(self, key: str) -> Memory | None:
        """None when nothing is remembered, or not readably."""
        try:
            return Memory.model_validate_json(self._memory_of(key).read_bytes())
        except (OSError, ValidationError):
            return None

    def _memory_of(self, key: str) -> Path:
        return self._root / "last" / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"


def _name_of(fetched: Path) -> str:
    """Of the digest of an artefact, and of the record of its promotion when there is one."""
    name = hashlib.sha256((fetched / artefact.MANIFEST).read_bytes()).hexdigest()
    record = promotion.place_of(fetched)
    return f"{name}-{hashlib.sha256(record.read_bytes()).hexdigest()[:16]}" if record.is_file() else name


def _move(entry: Path, place: Path) -> None:
    try:
        entry.rename(place)
    except OSError:
        # another process of this machine fetched the same meanwhile
        if not place.is_dir():
            raise
        shutil.rmtree(entry, ignore_errors=True)
