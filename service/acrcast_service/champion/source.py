"""Where a model comes from: a folder, or MLflow's registry with what was fetched from it kept on disk."""

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from acrcast import artefact, promotion
from acrcast.errors import ArtefactError
from acrcast_service.champion.cache import Cache
from acrcast_service.champion.registry import REGISTRY_SCHEMES, Registry


@dataclass(frozen=True, slots=True)
class Version:
    """What a source has now. address: where to get it. mark: differs whenever there is something else at that address."""

    address: str
    mark: str


class Source(Protocol):
    """Somewhere that one model at a time comes from."""

    name: str
    may_change: bool

    def ask(self) -> Version:
        """Which version is there now; cheap. Raises UnreachableError, or UsageError when there is none."""

    def fetch(self, version: Version) -> Path:
        """A folder with that version, to be loaded. Raises UnreachableError, or ArtefactError when it is no model."""

    def keep(self, version: Version, folder: Path) -> None:
        """Remember that this version, fetched into this folder, was loaded and answers."""

    def kept(self) -> Path | None:
        """Folder of the version that last answered; None when nothing of it is left here."""

    def stop(self) -> None:
        """End what is under way."""


def source_of(model: str | None, state: Path) -> Source:
    """model: of the settings; None is the released model. state: where what is fetched is kept."""
    if model is not None and model.startswith(REGISTRY_SCHEMES):
        return RegistrySource(model, Registry(state), Cache(state / "models"))
    return FolderSource(artefact.RELEASED if model is None else Path(model), may_change=model is not None)


class FolderSource:
    """A folder that `acrcast train` wrote, or a link to one. It is read where it is."""

    def __init__(self, folder: Path, *, may_change: bool) -> None:
        self.name, self.may_change = str(folder), may_change
        self._folder = folder

    def ask(self) -> Version:
        """Every file's size and time are part of the mark: a folder is seen again when copying into it has ended."""
        folder = self._folder.resolve()
        files = sorted(path for path in (*folder.glob("*"), promotion.place_of(folder)) if path.is_file())
        marks = [(path.name, path.stat().st_mtime_ns, path.stat().st_size) for path in files]
        manifest = folder / artefact.MANIFEST
        written = manifest.read_bytes() if manifest.is_file() else b""
        return Version(str(self._folder), hashlib.sha256(written + repr((folder, marks)).encode()).hexdigest())

    def fetch(self, version: Version) -> Path:
        return Path(version.address)

    def keep(self, version: Version, folder: Path) -> None:
        """It stays where it is."""

    def kept(self) -> Path | None:
        return None

    def stop(self) -> None:
        """Nothing is ever under way."""


class RegistrySource:
    """A model by its MLflow URI. What was fetched is kept by its digest, and used while the registry cannot be reached."""

    def __init__(self, uri: str, registry: Registry, cache: Cache) -> None:
        self.name, self.may_change = uri, registry.moves(uri)
        self._registry, self._cache = registry, cache
        self._key = f"{registry.tracking} {uri}"

    def ask(self) -> Version:
        return Version(*self._registry.ask(self.name))

    def fetch(self, version: Version) -> Path:
        memory = self._cache.recall(self._key)
        if memory is not None and (memory.address, memory.mark) == (version.address, version.mark):
            folder = self._cache.folder(memory.entry)
            if _intact(folder):
                return folder
        with tempfile.TemporaryDirectory(dir=self._cache.made(), prefix=".new-") as target:
            return self._cache.add(self._registry.download(version.address, target), _intact)

    def keep(self, version: Version, folder: Path) -> None:
        self._cache.remember(self._key, self.name, version.address, version.mark, folder)

    def kept(self) -> Path | None:
        memory = self._cache.recall(self._key)
        folder = None if memory is None else self._cache.folder(memory.entry)
        return folder if folder is not None and _intact(folder) else None

    def stop(self) -> None:
        self._registry.stop()


def _intact(folder: Path) -> bool:
    """Whether every file is what the manifest says; a disk that was full or lost power may leave other."""
    try:
        artefact.described(folder)
    except (ArtefactError, OSError):
        return False
    return True
