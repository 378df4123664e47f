"""Where a retraining is done: one at a time for each registered model, and finished or not there at all."""

import fcntl
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from acrcast.errors import AcrcastError

MODEL, PAGE = "model", "change.html"


@contextmanager
def alone(name: str, folder: Path) -> Iterator[None]:
    """While it holds, nobody else retrains the registered model of this name in this folder.

    The lock is the operating system's: it is gone when the process is, however it ended. Raises AcrcastError when another
    process has it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "lock"
    with path.open("a", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AcrcastError(
                f"{name} is being retrained by another process ({path}): wait until it has ended"
            ) from None
        yield


@dataclass(frozen=True, slots=True)
class Result:
    """A folder that holds the model and the page, both complete. resumed: it was there before."""

    folder: Path
    resumed: bool

    @property
    def model(self) -> Path:
        return self.folder / MODEL

    @property
    def page(self) -> Path:
        return self.folder / PAGE


def key_of(**what: object) -> str:
    """A name for what is asked: the same patients, champion, options and code have the same."""
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:16]


def finished(folder: Path, key: str, make: Callable[[Path], None]) -> Result:
    """What `make` writes into the folder that it is given, which appears under its name at once and whole.

    What an interrupted attempt left is removed; what was finished before is taken as it is.
    """
    target, draft = folder / key, folder / f"{key}.part"
    if target.exists():
        return Result(target, resumed=True)
    if draft.exists():
        shutil.rmtree(draft)
    draft.mkdir(parents=True)
    make(draft)
    draft.rename(target)
    return Result(target, resumed=False)
