"""What all tasks need, as bytes that a worker can read that has never seen the study."""

import hashlib
import pickle
import tempfile
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from acrcast.studies import load_study


@dataclass(frozen=True)
class Shipped:
    """An object and, where its study is a user's own, the file that the study's classes are defined in.

    Between processes of one run, never in a file: whoever may send it to a worker may run code there anyway.
    """

    content: bytes
    study_name: str | None
    study_text: bytes

    @classmethod
    def of(cls, value: object, own_study: Path | None) -> "Shipped":
        """own_study: the file, whose study was loaded by `load_study`."""
        content = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
        if own_study is None:
            return cls(content, None, b"")
        return cls(content, own_study.name, own_study.read_bytes())

    @cached_property
    def digest(self) -> str:
        """Of everything in it."""
        return hashlib.sha256(b"\0".join((self.content, str(self.study_name).encode(), self.study_text))).hexdigest()

    def received(self) -> Any:  # noqa: ANN401  whatever was shipped
        """The object, in this process."""
        if self.study_name is not None:
            _define(self.study_name, self.study_text)
        return pickle.loads(self.content)  # noqa: S301  made by this program in another process


@lru_cache(maxsize=1)
def _define(name: str, text: bytes) -> None:
    """Let this process have the classes of the file, by the name that they have in the process that shipped them."""
    with tempfile.TemporaryDirectory(prefix="acrcast-study-") as folder:
        file = Path(folder) / name
        file.write_bytes(text)
        load_study(str(file))
