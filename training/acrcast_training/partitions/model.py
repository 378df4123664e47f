"""A model as the bytes of its files, for whoever scores: it is checked wherever it is opened, and no folder has to be shared."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from acrcast import artefact
from acrcast.response_model import ResponseModel
from acrcast.studies import Study


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """Two are the same when their digests are."""

    digest: str
    study: Study = field(compare=False, repr=False)
    files: Mapping[str, bytes] = field(compare=False, repr=False)

    @classmethod
    def of(cls, folder: Path, model: ResponseModel) -> "ModelFiles":
        """model: what was loaded from the folder."""
        files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        return cls(model.identity.digest, model.study, files)


@lru_cache(maxsize=1)
def open_files(model: ModelFiles) -> ResponseModel:
    """The model, opened once in this process. Raises what `artefact.load` raises."""
    with tempfile.TemporaryDirectory(prefix="acrcast-model-") as made:
        folder = Path(made)
        for name, content in model.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        return artefact.load(folder, model.study)
