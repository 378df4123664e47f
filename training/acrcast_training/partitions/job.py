"""What a folder of predictions was begun for, kept in it, so that nothing else is mixed into it."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

import acrcast
from acrcast.errors import AcrcastError, UsageError
from acrcast.response_model import ResponseModel

# Names by which no reader of Parquet folders takes them for data.
RECORD, LOCK = "_acrcast.json", "_acrcast.lock"


class Job(BaseModel):
    """One model and its options over one folder of patients. All of it has to be the same for a folder to be gone on with.

    source: the folder, as an absolute path. acrcast: its version.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    form: Literal[1] = 1
    source: str
    model: str
    digest: str
    training_data: str
    level: float
    acrcast: str
    cautions: tuple[str, ...]
    intended_use: str

    @classmethod
    def of(cls, model: ResponseModel, source: Path, level: float) -> "Job":
        identity = model.identity
        return cls(
            source=str(source),
            model=f"{identity.name} {identity.version}",
            digest=identity.digest,
            training_data=identity.training_data,
            level=level,
            acrcast=acrcast.__version__,
            cautions=tuple(model.cautions),
            intended_use=model.study.intended_use,
        )


# What a user calls the members.
NAMES = {"form": "format", "source": "--in", "digest": "model", "level": "--level", "acrcast": "version of acrcast"}


@contextmanager
def begun(job: Job, folder: Path) -> Iterator[None]:
    """While it holds, nobody else writes into the folder, and everything in it belongs to the job.

    Raises UsageError for a folder that holds anything else, AcrcastError while another process writes into it.
    """
    record = folder / RECORD
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not record.exists() and any(path.name != LOCK for path in folder.iterdir()):
            raise UsageError(
                f"{folder} is not empty, and acrcast predict did not begin it: give a new folder for --out"
            )
        with (folder / LOCK).open("a", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise AcrcastError(f"{folder}: another process writes into it: wait until it has ended") from None
            if record.exists():
                _require_same(_read(record), job, folder)
            else:
                record.write_text(job.model_dump_json(indent=1) + "\n", encoding="utf-8")
            yield
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise UsageError(f"{folder}: cannot be written: {error.strerror}") from error


def _read(record: Path) -> Job:
    try:
        return Job.model_validate_json(record.read_bytes())
    except ValidationError:
        raise UsageError(f"{record}: not what this acrcast writes: give a new folder for --out") from None


def _require_same(before: Job, now: Job, folder: Path) -> None:
    # cautions and intended use belong to the model: its card, and how it was promoted
    other = [name for member, name in NAMES.items() if getattr(before, member) != getattr(now, member)]
    if other:
        raise UsageError(
            f"{folder} holds predictions of another {' and another '.join(other)}: give a new folder for --out, or what it was begun with"
        )
